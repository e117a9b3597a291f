package runner

import (
	"context"
	"slices"
	"time"

	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

type poolKey struct {
	digest bundle.Digest
	audit  bool
}

// pool is the children of one digest.
type pool struct {
	shared   bool          // one child serves all runs
	once     bool          // a child serves one run and is killed
	gate     chan struct{} // of a shared pool, held to find a child; else, one place for each run
	epoch    int           // how often it was stopped; guarded by Runner.mu
	children []*child      // guarded by Runner.mu
}

// entry is a run that has asked for a child.
type entry struct {
	pool  *pool
	epoch int // of the pool, when the run was permitted
}

// enter counts a run, which must be followed by runs.Done, and returns where it
// finds its child.
func (r *Runner) enter(p policy.Permit) (entry, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return entry{}, errClosed
	}
	key := poolKey{p.Digest(), p.Audit()}
	po, ok := r.pools[key]
	if !ok {
		po = &pool{shared: p.Manifest().Kind == bundle.Native && !p.Audit(), once: p.Audit()}
		places := r.config.MaxWorkers
		if po.shared {
			places = 1
		}
		po.gate = make(chan struct{}, places)
		r.pools[key] = po
	}
	r.runs.Add(1)
	return entry{po, po.epoch}, nil
}

// acquire returns a child that serves a run for p, started if need be; release
// gives it back.
func (r *Runner) acquire(ctx context.Context, p policy.Permit, e entry) (*child, error) {
	select {
	case e.pool.gate <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	c, fresh, err := r.take(p, e)
	if err == nil && fresh {
		err = c.start(ctx)
	}
	if err != nil || e.pool.shared {
		<-e.pool.gate
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// take finds a child or makes one that is yet to be started.
func (r *Runner) take(p policy.Permit, e entry) (c *child, fresh bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, false, errClosed
	}
	if e.pool.epoch != e.epoch {
		return nil, false, &skill.Fault{Kind: skill.Crashed, Detail: "its skill was stopped"}
	}
	for _, c := range e.pool.children {
		if c.reason == "" && !c.process.ended() && (e.pool.shared || c.refs == 0) {
			if c.timer != nil {
				c.timer.Stop()
			}
			c.refs++
			return c, false, nil
		}
	}
	r.births++
	c, err = r.newChild(p, e.pool, r.births)
	if err != nil {
		return nil, false, err
	}
	c.refs = 1
	e.pool.children = append(e.pool.children, c)
	return c, true, nil
}

// Births counts the children that were made, started or not.
func (r *Runner) Births() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(r.births)
}

// endedItself is the reason of a child that nobody killed.
const endedItself = "it ended by itself"

// release gives back a child that acquire returned.
func (r *Runner) release(po *pool, c *child) {
	if po.once {
		r.doom(c, "it has served its run")
		<-c.gone
	}
	r.mu.Lock()
	c.refs--
	if c.refs == 0 && c.reason == "" {
		c.timer = time.AfterFunc(r.config.Idle, func() { r.retire(c) })
	}
	r.mu.Unlock()
	if !po.shared {
		<-po.gate
	}
}

// doom kills c, for a reason. The first reason stays.
func (r *Runner) doom(c *child, reason string) {
	r.mu.Lock()
	if c.reason == "" {
		c.reason = reason
	}
	r.mu.Unlock()
	c.process.kill()
}

// retire lets c go if nobody uses it.
func (r *Runner) retire(c *child) {
	r.mu.Lock()
	unused := c.refs == 0 && c.reason == ""
	if unused {
		c.reason = "it was idle"
	}
	r.mu.Unlock()
	if unused {
		c.letGo()
	}
}

// discard forgets c, which has ended or never started.
func (r *Runner) discard(po *pool, c *child) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.reason == "" {
		c.reason = endedItself
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	po.children = slices.DeleteFunc(po.children, func(other *child) bool { return other == c })
}
