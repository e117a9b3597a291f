package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

// ErrBackfill says that a backfill cannot be made as it was asked for.
var ErrBackfill = errors.New("backfill")

// BackfillStore keeps backfills.
type BackfillStore interface {
	PutBackfill(ctx context.Context, b *job.Backfill) error
	EndBackfill(ctx context.Context, id job.BackfillID, state job.BackfillState, reason string, by job.Principal) error
	RunningBackfills(ctx context.Context) ([]*job.Backfill, error)
}

// Ran tells which nominal times of a job ran, or are about to.
type Ran interface {
	Ran(ctx context.Context, id job.ID, from, to time.Time, limit int) ([]time.Time, error)
}

// Beginner begins a run of a nominal time of a backfill.
type Beginner interface {
	Backfill(ctx context.Context, j *job.Job, of *job.Backfill, due time.Time) (*job.Run, error)
}

// BackfillConfig is what backfills need; all but Log is required.
type BackfillConfig struct {
	Store    BackfillStore
	Ran      Ran
	Dispatch Beginner
	Jobs     func(job.ID) (*job.Job, error) // the job as it is now, nil if there is none
	Occupied func(error) bool               // a run would have to wait for others
	Stale    func(error) bool               // the store has the backfill ended, or further on
	Log      *slog.Logger
}

// Backfills are the nominal times of the past that somebody asked for again.
//
// Each starts its runs in order, as many at once and in a minute as it says, and
// only where the job has no other run. What ran already is left out, unless it asks
// for that too. The job is taken as it is when a run starts. It stops when the job
// is paused or deleted, and when a run is denied, since all others would be. Its
// cursor moves in the transaction of the claim: a restart goes on with the next.
type Backfills struct {
	cfg    BackfillConfig
	parser schedule.Parser
	wake   chan struct{} // holds one token

	mu    sync.Mutex // guards what follows and the fields of fill that say so
	fills []*fill
}

// fill is a backfill that runs.
type fill struct {
	job.Backfill // Cursor and budget are owned by Run
	budget       budget
	open         int // runs that have not ended; guarded by mu of Backfills
}

// The pauses of the loop when nothing wakes it.
const (
	fillSleep = 15 * time.Second
	fillRetry = 2 * time.Second
)

// NewBackfills returns backfills, none of which runs before Load and Run.
func NewBackfills(cfg BackfillConfig) *Backfills {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Backfills{cfg: cfg, wake: make(chan struct{}, 1)}
}

// Load takes up what a daemon before left. It comes before the runs of that are
// recovered.
func (b *Backfills) Load(ctx context.Context) error {
	running, err := b.cfg.Store.RunningBackfills(ctx)
	if err != nil {
		return fmt.Errorf("load backfills: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range running {
		b.fills = append(b.fills, newFill(*r))
	}
	return nil
}

func newFill(b job.Backfill) *fill {
	return &fill{Backfill: b, open: int(b.Open), budget: budget{rate: b.Rate, level: 1}}
}

// BackfillPlan is what a backfill would do.
type BackfillPlan struct {
	Backfill    job.Backfill
	Nominal     int64       // nominal times between From and To
	First, Last []time.Time // some of those that are to run: the first, and the last of the others
}

// shown is how many nominal times a plan shows at each end.
const shown = 3

// Draft says what a backfill of a job would do, and what of it is refused.
func (b *Backfills) Draft(ctx context.Context, j *job.Job, want job.Backfill) (*BackfillPlan, error) {
	refuse := func(format string, args ...any) (*BackfillPlan, error) {
		return nil, fmt.Errorf("%w: %s", ErrBackfill, fmt.Sprintf(format, args...))
	}
	compiled, err := b.parser.Parse(j.Schedule)
	if err != nil {
		return nil, err
	}
	want.Job, want.JobName, want.State = j.ID, j.Name, job.Filling
	want.From, want.To = micros(want.From), micros(want.To)
	if want.Parallel == 0 {
		want.Parallel = 1
	}
	if want.Rate == 0 {
		want.Rate = job.DefaultFillRate
	}
	asked := want.To
	want.To = earlier(want.To, j.Cursor) // later ones fire by themselves
	switch {
	case j.Schedule.Kind == schedule.Delay || j.Schedule.Kind == schedule.Manual:
		return refuse("a job of kind %s has no nominal times in the past", j.Schedule.Kind)
	case j.Paused:
		return refuse("job %s is paused; resume it first", j.Name)
	case want.Parallel < 1 || want.Parallel > job.MaxParallel:
		return refuse("%d runs at once: want 1 to %d", want.Parallel, job.MaxParallel)
	case want.Rate < 1 || want.Rate > job.MaxRate:
		return refuse("%d starts a minute: want 1 to %d", want.Rate, job.MaxRate)
	case want.From.IsZero() || asked.Before(want.From):
		return refuse("from %s to %s: the end is before the beginning", want.From.Format(time.RFC3339), asked.Format(time.RFC3339))
	case want.To.Before(want.From):
		return refuse("from %s: what is due after %s is not in the past yet, and fires by itself",
			want.From.Format(time.RFC3339), j.Cursor.Format(time.RFC3339))
	}
	plan := &BackfillPlan{Nominal: compiled.Count(want.From.Add(-1), want.To)}
	if plan.Nominal > job.MaxBackfill {
		return refuse("%d nominal times, at most %d; make it in parts", plan.Nominal, job.MaxBackfill)
	}
	want.Cursor = want.From.Add(-time.Microsecond)
	plan.Backfill = want
	return plan, b.look(ctx, plan, compiled)
}

// look finds what of a plan is to run.
func (b *Backfills) look(ctx context.Context, plan *BackfillPlan, compiled *schedule.Schedule) error {
	f := &plan.Backfill
	ran := map[int64]bool{}
	if !f.Again {
		times, err := b.cfg.Ran.Ran(ctx, f.Job, f.From, f.To, 4*job.MaxBackfill)
		if err != nil {
			return err
		}
		for _, t := range times {
			ran[t.UnixMicro()] = true
		}
	}
	for at := compiled.Next(f.From.Add(-1)); !at.IsZero() && !at.After(f.To); at = compiled.Next(at) {
		if ran[at.UnixMicro()] {
			continue
		}
		if f.Total++; f.Total <= shown {
			plan.First = append(plan.First, at)
			continue
		}
		if len(plan.Last) == shown {
			plan.Last = append(plan.Last[:0], plan.Last[1:]...)
		}
		plan.Last = append(plan.Last, at)
	}
	return nil
}

// Start begins what a plan says, for by.
func (b *Backfills) Start(ctx context.Context, plan *BackfillPlan, by job.Principal) (*job.Backfill, error) {
	f := plan.Backfill
	if f.Total == 0 {
		return nil, fmt.Errorf("%w: nothing is left to run", ErrBackfill)
	}
	f.ID, f.By, f.Created = job.BackfillID("bf_"+ulid.Make().String()), by, micros(time.Now())
	if err := b.cfg.Store.PutBackfill(ctx, &f); err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.fills = append(b.fills, newFill(f))
	b.mu.Unlock()
	b.poke()
	return &f, nil
}

// Cancel has a backfill begin no more runs. What it began goes on.
func (b *Backfills) Cancel(ctx context.Context, id job.BackfillID, by job.Principal) error {
	if err := b.cfg.Store.EndBackfill(ctx, id, job.Withdrew, "", by); err != nil {
		return err
	}
	b.drop(id)
	return nil
}

// Ended tells that a run is over.
func (b *Backfills) Ended(r *job.Run) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.fills {
		if r.Trigger == job.ByBackfill && string(f.ID) == string(r.Parent) {
			f.open--
		}
	}
	if len(b.fills) > 0 {
		b.poke()
	}
}

func (b *Backfills) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *Backfills) drop(id job.BackfillID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fills = slices.DeleteFunc(b.fills, func(f *fill) bool { return f.ID == id })
}

// Run starts the runs of backfills until ctx ends, and then returns nil.
func (b *Backfills) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-b.wake:
		}
		timer.Reset(b.round(ctx))
	}
}

// round lets every backfill go on as far as it can, and says when to look again.
func (b *Backfills) round(ctx context.Context) time.Duration {
	b.mu.Lock()
	fills := slices.Clone(b.fills)
	b.mu.Unlock()
	sleep := fillSleep
	for _, f := range fills {
		wait, err := b.step(ctx, f)
		for ; err == nil && wait == 0 && ctx.Err() == nil; wait, err = b.step(ctx, f) {
		}
		if err != nil && ctx.Err() == nil {
			b.cfg.Log.Warn("backfill waits", "job", f.JobName, "backfill", f.ID, "err", err)
			wait = fillRetry
		}
		sleep = min(sleep, wait)
	}
	return sleep
}

// step begins the next run of a backfill, or ends it. It says how long to wait then.
func (b *Backfills) step(ctx context.Context, f *fill) (wait time.Duration, err error) {
	b.mu.Lock()
	open := f.open
	b.mu.Unlock()
	j, err := b.cfg.Jobs(f.Job)
	switch {
	case err != nil:
		return 0, err
	case j == nil:
		return b.end(ctx, f, job.Stopped, "its job was deleted")
	case j.Paused:
		return b.end(ctx, f, job.Stopped, "its job was paused")
	}
	at, err := b.next(ctx, f, j)
	switch {
	case err != nil:
		return 0, err
	case at.IsZero() && open > 0, open >= f.Parallel:
		return fillSleep, nil
	case at.IsZero():
		return b.end(ctx, f, job.Filled, "")
	}
	now := time.Now()
	if !f.budget.take(now) {
		return f.budget.wait(now), nil
	}
	return b.begin(ctx, f, j, at)
}

func (b *Backfills) begin(ctx context.Context, f *fill, j *job.Job, at time.Time) (time.Duration, error) {
	run, err := b.cfg.Dispatch.Backfill(ctx, j, &f.Backfill, at)
	switch {
	case err == nil:
	case b.cfg.Occupied(err):
		f.budget.give()
		return fillSleep, nil
	case b.cfg.Stale(err):
		return fillSleep, b.reload(ctx, f)
	default:
		f.budget.give()
		return 0, err
	}
	f.Cursor = at
	b.mu.Lock()
	f.open++
	b.mu.Unlock()
	if run.State == job.Denied {
		return b.end(ctx, f, job.Stopped, fmt.Sprintf("run %s was denied", run.ID))
	}
	return 0, nil
}

// next returns the nominal time that is to run next; zero if there is none.
func (b *Backfills) next(ctx context.Context, f *fill, j *job.Job) (time.Time, error) {
	compiled, err := b.parser.Parse(j.Schedule)
	if err != nil {
		return time.Time{}, err
	}
	for ctx.Err() == nil {
		at := compiled.Next(f.Cursor)
		if at.IsZero() || at.After(f.To) {
			return time.Time{}, nil
		}
		if f.Again {
			return at, nil
		}
		ran, err := b.cfg.Ran.Ran(ctx, f.Job, at, at, 1)
		if err != nil || len(ran) == 0 {
			return at, err
		}
		f.Cursor = at
	}
	return time.Time{}, context.Cause(ctx)
}

// end ends a backfill; one that has ended meanwhile is let go too.
func (b *Backfills) end(ctx context.Context, f *fill, state job.BackfillState, reason string) (time.Duration, error) {
	err := b.cfg.Store.EndBackfill(ctx, f.ID, state, reason, job.Daemon)
	if err != nil && !b.cfg.Stale(err) {
		return 0, err
	}
	b.drop(f.ID)
	b.cfg.Log.Info("backfill over", "job", f.JobName, "backfill", f.ID, "state", state, "reason", reason)
	return fillSleep, nil
}

// reload takes a backfill as the store has it.
func (b *Backfills) reload(ctx context.Context, f *fill) error {
	running, err := b.cfg.Store.RunningBackfills(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(running, func(r *job.Backfill) bool { return r.ID == f.ID })
	if i < 0 {
		b.drop(f.ID)
		return nil
	}
	if !running[i].Cursor.After(f.Cursor) {
		return errors.New("the journal refuses its next run")
	}
	f.Cursor = running[i].Cursor
	b.poke()
	return nil
}
