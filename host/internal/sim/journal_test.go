package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/journal"
)

var (
	errDead = errors.New("the process is dead")
	errFull = errors.New("disk full")
)

// edge is the journal as one life of the daemon sees it: real, until the life
// ends at one of its writes, either before or after that was committed.
type edge struct {
	*journal.Journal
	world *world
	died  chan struct{} // closed when the life ends at a write

	mu      sync.Mutex // guards what follows
	dead    bool
	full    bool
	writes  int // until the life ends at one; negative: it does not
	persist bool
	flaky   int // one in so many writes fails alone and is not kept; 0: none does
	tried   int
}

// write performs one write, unless this is where the life ends.
func (e *edge) write(op func() error) error {
	e.mu.Lock()
	switch {
	case e.dead:
		e.mu.Unlock()
		return errDead
	case e.full:
		e.mu.Unlock()
		return errFull
	}
	if e.tried++; e.flaky > 0 && e.tried%e.flaky == 0 {
		e.mu.Unlock()
		return errFull
	}
	e.writes--
	fatal := e.writes == 0
	if fatal {
		e.dead = true
		close(e.died)
	}
	persist := e.persist
	e.mu.Unlock()
	if fatal && !persist {
		return errDead
	}
	if err := op(); err != nil {
		return err
	}
	if fatal {
		return errDead
	}
	return nil
}

func (e *edge) fill(full bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.full = full
}

// spoil has one in n writes fail alone; none if that is 0.
func (e *edge) spoil(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.flaky = n
}

// kill ends the life between two writes.
func (e *edge) kill() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dead = true
}

func (e *edge) Begin(ctx context.Context, claims []job.Claim) (refused []error, err error) {
	err = e.write(func() error {
		refused, err = e.Journal.Begin(ctx, claims)
		if err != nil {
			return err
		}
		for i, refusal := range refused {
			if errors.Is(refusal, journal.ErrClaimed) && claims[i].Run != nil && claims[i].Run.Trigger == job.ByChain {
				continue // it was started before the daemon died
			}
			if refusal != nil {
				e.world.violation("the journal refused a claim of %s: %v", claims[i].Job, refusal)
				continue
			}
			if r := claims[i].Run; r != nil {
				e.world.wrote(r.ID, r.Job, r.State)
			}
		}
		return nil
	})
	return refused, err
}

func (e *edge) Advance(ctx context.Context, r *job.Run, by job.Principal) error {
	return e.write(func() error {
		if err := e.Journal.Advance(ctx, r, by); err != nil {
			e.world.violation("the journal refused to advance %s: %v", r.ID, err)
			return err
		}
		e.world.wrote(r.ID, r.Job, r.State)
		return nil
	})
}

func (e *edge) Finish(ctx context.Context, o job.Outcome) error {
	return e.write(func() error {
		if err := e.Journal.Finish(ctx, o); err != nil {
			e.world.violation("the journal refused to finish %s: %v", o.Run, err)
			return err
		}
		e.world.wrote(o.Run, o.Job, o.State)
		return nil
	})
}

func (e *edge) PutJob(ctx context.Context, j *job.Job, by job.Principal, kind string) error {
	return e.write(func() error {
		err := e.Journal.PutJob(ctx, j, by, kind)
		if err == nil {
			e.world.knows(j)
		}
		return err
	})
}

func (e *edge) EffectDone(ctx context.Context, p job.PendingEffect, problem string) error {
	return e.write(func() error { return e.Journal.EffectDone(ctx, p, problem) })
}

func (e *edge) DeleteJob(ctx context.Context, id job.ID, by job.Principal) error {
	return e.write(func() error { return e.Journal.DeleteJob(ctx, id, by) })
}

func (e *edge) PutArms(ctx context.Context, arms []job.Arm, by string) error {
	return e.write(func() error { return e.Journal.PutArms(ctx, arms, by) })
}

func (e *edge) Repaired(ctx context.Context, repairs []job.Repair) error {
	for _, r := range repairs {
		e.world.violation("%s was armed for %v instead of %v: %s", r.Job, r.Was, r.Now, r.Reason)
	}
	return e.write(func() error { return e.Journal.Repaired(ctx, repairs) })
}

func unwritable(err error) bool {
	return errors.Is(err, journal.ErrUnwritable) || errors.Is(err, errFull)
}

// wrote notes the state of a run after a commit.
func (w *world) wrote(run job.RunID, id job.ID, state job.State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if state.Terminal() {
		delete(w.open, run)
		return
	}
	w.open[run] = open{id, state}
	queued := 0
	for _, o := range w.open {
		if o.job == id && o.state == job.Queued {
			queued++
		}
	}
	if w.policy[id] == job.QueueOne && queued > 1 {
		w.fail(fmt.Sprintf("%d runs of %s are queued", queued, id))
	}
}
