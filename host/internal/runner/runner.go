package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// Runner runs artifacts. Its methods may be called by many at once.
type Runner struct {
	config  Config
	dir     socketDir
	nursery *nursery

	mu     sync.Mutex // guards all below, and the fields of pools and children that say so
	pools  map[poolKey]*pool
	births uint64 // children so far
	closed bool
	runs   sync.WaitGroup
}

var errClosed = errors.New("runner: closed")

// New returns a runner. It must be closed.
func New(config Config) (*Runner, error) {
	if config.Host == "" || config.Artifacts == nil {
		return nil, errors.New("runner: it needs a host id and artifacts")
	}
	if err := config.absolute(); err != nil {
		return nil, fmt.Errorf("runner: %w", err)
	}
	dir, err := openSocketDir(config.Dir, config.Host)
	if err != nil {
		return nil, fmt.Errorf("runner: %w", err)
	}
	r := &Runner{
		config:  config.withDefaults(),
		dir:     dir,
		nursery: newNursery(),
		pools:   map[poolKey]*pool{},
	}
	go r.nursery.run()
	return r, nil
}

// Run runs one attempt and returns when nothing of it is left. host serves it
// until then. Entrypoint, run, deadline and directories are those of the permit,
// whatever req says.
func (r *Runner) Run(ctx context.Context, p policy.Permit, req sdk.Request, host sdk.Host) (sdk.Result, error) {
	if !p.Valid() || p.Audit() {
		return sdk.Result{}, errors.New("runner: no permit to run")
	}
	req.Entrypoint, req.Run = p.Entrypoint(), string(p.Run())
	return r.attempt(ctx, p, req, host)
}

// Audit has a worker look at an artifact, which is none of the kind that runs
// it, and returns what it reports.
func (r *Runner) Audit(ctx context.Context, p policy.Permit) (bundle.Report, error) {
	if !p.Valid() || !p.Audit() {
		return bundle.Report{}, errors.New("runner: no permit to audit")
	}
	input, err := json.Marshal(map[string]bundle.Digest{"digest": p.Digest()})
	if err != nil {
		return bundle.Report{}, err
	}
	result, err := r.attempt(ctx, p, sdk.Request{Entrypoint: auditEntrypoint, Input: input, Attempt: 1}, deaf{})
	if err != nil {
		return bundle.Report{}, err
	}
	var report bundle.Report
	if err := json.Unmarshal(result.Output, &report); err != nil {
		return bundle.Report{}, &skill.Fault{Kind: skill.Crashed, Detail: "the audit answered with no report: " + err.Error()}
	}
	if report.Digest != p.Digest() {
		return bundle.Report{}, &skill.Fault{Kind: skill.Crashed, Detail: "the audit answered for another artifact, " + report.Digest.Short()}
	}
	return report, nil
}

// auditEntrypoint is what an auditing worker serves.
const auditEntrypoint = "audit"

// deaf is the host of an audit.
type deaf struct{}

func (deaf) Call(_ context.Context, method string, _ json.RawMessage) (json.RawMessage, error) {
	return nil, &sdk.Error{Code: "denied", Message: method + ": an audit makes no host calls"}
}
func (deaf) Log(sdk.Level, string)         {}
func (deaf) Progress(int64, int64, string) {}

// attempt runs req on a child that may serve it.
func (r *Runner) attempt(ctx context.Context, p policy.Permit, req sdk.Request, host sdk.Host) (sdk.Result, error) {
	entry, err := r.enter(p)
	if err != nil {
		return sdk.Result{}, err
	}
	defer r.runs.Done()
	parent := ctx
	if until := p.Until(); !until.IsZero() {
		req.Deadline = until
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	c, err := r.acquire(ctx, p, entry)
	if err != nil {
		if ctx.Err() != nil {
			return sdk.Result{}, cause(parent, ctx)
		}
		return sdk.Result{}, err
	}
	defer r.release(entry.pool, c)
	req.Data, req.Artifacts = c.spec.data, c.spec.artifacts
	result, err := c.run(ctx, req, host)
	if err != nil && (ctx.Err() != nil || late(req.Deadline)) {
		err = cause(parent, ctx)
	}
	return result, err
}

// late says whether the deadline has passed: the child may notice that a moment
// before our own timer does.
func late(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

// cause says why ctx, made of parent by adding a deadline, has ended or is about
// to.
func cause(parent, ctx context.Context) error {
	if parent.Err() != nil {
		return context.Cause(parent)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return context.DeadlineExceeded
}

// Stop kills every child of d, and what is being started of it, and returns when
// they are gone. Runs that a child of d serves or should have served fail as
// crashed unless their own context says why they ended. Later permits are
// honoured: not to give any is the gate's business.
func (r *Runner) Stop(d bundle.Digest) {
	r.mu.Lock()
	var doomed []*child
	if pool, ok := r.pools[poolKey{digest: d}]; ok {
		pool.epoch++
		doomed = append(doomed, pool.children...)
	}
	r.mu.Unlock()
	for _, c := range doomed {
		r.doom(c, "its skill was stopped")
	}
	for _, c := range doomed {
		<-c.gone
	}
}

// Close lets idle children go, kills the others and returns when all are gone,
// or, with what is left killed but not awaited, when ctx ends. Nothing runs
// afterwards.
func (r *Runner) Close(ctx context.Context) error {
	r.mu.Lock()
	var idle, busy []*child
	for _, pool := range r.pools {
		for _, c := range pool.children {
			if c.refs == 0 {
				idle = append(idle, c)
			} else {
				busy = append(busy, c)
			}
		}
	}
	r.closed = true
	r.mu.Unlock()
	for _, c := range busy {
		r.doom(c, "the runner was closed")
	}
	for _, c := range idle {
		go r.retire(c)
	}
	if err := r.awaitEnd(ctx, append(idle, busy...)); err != nil {
		return fmt.Errorf("runner: close: %w", err)
	}
	r.nursery.close()
	return r.dir.close()
}

func (r *Runner) awaitEnd(ctx context.Context, children []*child) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.runs.Wait()
		for _, c := range children {
			<-c.gone
		}
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		for _, c := range children {
			c.process.kill()
		}
		return context.Cause(ctx)
	}
}

// dataDir returns the data directory of a skill.
func (r *Runner) dataDir(id string) (string, error) {
	if r.config.Data == "" || filepath.Base(id) != id || id == "." || !filepath.IsLocal(id) {
		return "", fmt.Errorf("%q names no data directory", id)
	}
	return filepath.Join(r.config.Data, id), nil
}
