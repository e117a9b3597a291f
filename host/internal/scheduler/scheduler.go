// Package scheduler owns time: sleeps until the next occurrence, fires it,
// accounts for the missed.
//
// It holds all jobs in memory, each armed at its next fire in one heap;
// there is one goroutine, the one that calls [Scheduler.Run], and no timer or
// goroutine per job. Run sleeps until the soonest due time, never longer than
// Config.MaxSleep, and wakes early when a job changes.
//
// # What is promised
//
//   - Every nominal time after the cursor of a job is handed to the [Dispatcher]
//     exactly once as long as the process lives, in order: as an occurrence to
//     begin, or inside a range that says why it will not run. Over a crash the
//     stored cursor decides, which moves in the transaction of the claim.
//   - A nominal time up to the grace of its job late is on time and fires; of
//     several that are found due at once only the newest, unless the job allows
//     several runs at a time. What is later is missed: under skip none of it
//     runs, under catch-up what is within the window, as the job coalesces: the
//     latest of it runs in the place of all, or the earliest, or all of it up to a
//     maximum, of which the older are left out.
//   - What is caught up for its own sake (the earliest, or all) runs one after
//     another, whatever the concurrency policy would make of what comes at once:
//     the next nominal time fires when the run before is over, also what is on
//     time by then. The set is what was missed when it began; of what is missed
//     meanwhile the latest runs, as ever.
//   - Over all jobs no more than Config.CatchUpRate caught-up occurrences start in
//     a minute, after a burst of ten. A job whose turn has not come keeps its cursor,
//     so that nothing is decided of what waits: when its turn comes it is planned
//     anew, and what is too old by then is missed. What is on time waits for
//     nobody else; of a job that catches up the latest alone it takes the place of
//     what waits.
//   - Nominal times of a paused job are accounted for in one range when the job
//     is next resumed, edited or deleted, and at the start of the daemon.
//   - A pause that is to end by itself ends by an edit that the daemon makes: what
//     came before its end is skipped, and what comes then or later is not.
//   - Nothing fires retroactively because of an edit. What was due before the
//     edit is fired as the job was, then the cursor moves to the time of the edit.
//   - The cursor never goes back, also when the clock does.
//   - An occurrence fires at its nominal time plus its jitter; grace and window
//     count from there. What follows is computed from the nominal time, which
//     is what identifies it. If an edit replaces the schedule between the two,
//     the occurrence fires at the edit; if the job is paused or deleted then, it
//     is skipped.
//   - A delay counts from when the run before was over, however it ended; what
//     was not to run is over at once. Over a restart the journal tells when that
//     was ([Runs]), or [Scheduler.Completed] once it is.
//   - A job that cannot be planned (its schedule does not compile, planning it
//     panics) is set aside with a logged reason and disturbs no other. An edit
//     of the job takes it back.
//   - When the dispatcher refuses a batch, the batch is fired again after a
//     back-off that doubles from a second up to Config.MaxSleep.
//
// Due times are compared by the wall clock. The monotonic clock serves to tell
// that the wall clock jumped, which is logged.
package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

// Errors that callers tell apart.
var (
	ErrUnknown  = errors.New("no such job")
	ErrTaken    = errors.New("the name is taken")
	ErrInvalid  = errors.New("the job is not valid")
	ErrConflict = errors.New("the job was changed meanwhile")
)

// Store keeps jobs.
type Store interface {
	Jobs(ctx context.Context) ([]*job.Job, error)
	PutJob(ctx context.Context, j *job.Job, by job.Principal, kind string) error
	DeleteJob(ctx context.Context, id job.ID, by job.Principal) error
}

// Dispatcher takes what a tick makes of the jobs that are due. An error means
// that nothing of it was written and that it is to be fired again later.
type Dispatcher interface {
	Fire(ctx context.Context, firings []job.Firing) error
}

// Runs tells what became of occurrences.
type Runs interface {
	// LastRun returns the run of the latest nominal time of a job, nil if there
	// is none.
	LastRun(ctx context.Context, id job.ID) (*job.Run, error)
}

// Config is what a scheduler needs; zero numbers mean the defaults.
type Config struct {
	Store    Store
	Runs     Runs // nil: none are known
	Dispatch Dispatcher
	Log      *slog.Logger
	MaxSleep time.Duration // 15 s
	Batch    int           // firings in one call of Fire, about; 1,000

	CatchUpRate int // caught-up occurrences that start in a minute, over all jobs; 60
}

// Scheduler is all jobs, armed.
type Scheduler struct {
	cfg    Config
	jumps  atomic.Int64    // of the wall clock
	parser schedule.Parser // shares zones among all jobs
	wake   chan struct{}   // holds one token: something changed

	// turn is held while nominal times are planned and fired and while a job is
	// edited, so that neither sees the other half done. It is a channel because
	// the wait may take a write of the journal.
	turn chan struct{}

	mu   sync.Mutex // guards what follows; never held during a write
	byID map[job.ID]*entry
	name map[string]*entry
	due  dues

	catch catchups
}

// New returns a scheduler without jobs.
func New(cfg Config) *Scheduler {
	if cfg.MaxSleep <= 0 {
		cfg.MaxSleep = 15 * time.Second
	}
	if cfg.Batch <= 0 {
		cfg.Batch = 1000
	}
	if cfg.CatchUpRate <= 0 {
		cfg.CatchUpRate = 60
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Scheduler{
		cfg:  cfg,
		wake: make(chan struct{}, 1),
		turn: make(chan struct{}, 1),
		byID: make(map[job.ID]*entry),
		name: make(map[string]*entry),

		catch: newCatchups(cfg.CatchUpRate),
	}
}

// Load reads the jobs from the store and arms them.
func (s *Scheduler) Load(ctx context.Context) error {
	jobs, err := s.cfg.Store.Jobs(ctx)
	if err != nil {
		return fmt.Errorf("load jobs: %w", err)
	}
	entries := make([]*entry, 0, len(jobs))
	for _, j := range jobs {
		e, err := s.load(ctx, j)
		if err != nil {
			return fmt.Errorf("load job %s: %w", j.Name, err)
		}
		entries = append(entries, e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		s.byID[e.job.ID], s.name[e.job.Name] = e, e
		if e.aside != "" {
			s.setAside(e, e.aside)
		}
		s.arm(e)
	}
	return nil
}

// load makes the entry of a job. A delay goes on from the end of its last run,
// or waits for it.
func (s *Scheduler) load(ctx context.Context, j *job.Job) (*entry, error) {
	e := &entry{job: j, cursor: j.Cursor, pos: -1}
	if e.schedule, e.aside = s.compile(j); e.aside != "" || !e.waits() || s.cfg.Runs == nil {
		return e, nil
	}
	last, err := s.cfg.Runs.LastRun(ctx, j.ID)
	switch {
	case err != nil:
		return nil, err
	case last == nil:
	case last.State.Terminal():
		e.cursor = later(e.cursor, last.Ended)
	default:
		e.awaits = last.Due
	}
	return e, nil
}

// compile returns the schedule of a job, or why it has none.
func (s *Scheduler) compile(j *job.Job) (compiled *schedule.Schedule, problem string) {
	compiled, err := s.parser.Parse(j.Schedule)
	if err != nil {
		return nil, err.Error()
	}
	return compiled, ""
}

// Completed tells that a run is over, or that there will be none of its
// occurrence: a delay counts from then, and what is caught up after it may start.
// It may be called from within Fire.
func (s *Scheduler) Completed(r *job.Run) {
	if !r.Trigger.Scheduled() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[r.Job]
	caught := s.catch.over(r.Job, r.Due)
	waited := e != nil && !e.awaits.IsZero() && e.awaits.Equal(r.Due)
	if e == nil || !caught && !waited {
		return
	}
	if waited {
		e.awaits = time.Time{}
		e.cursor = later(e.cursor, r.Ended)
	}
	s.arm(e)
	s.poke()
}

// waits reports whether the job counts from the completion of its runs.
func (e *entry) waits() bool { return e.job.Schedule.Kind == schedule.Delay }

// times is what is to be planned of e. The caller holds mu.
func (e *entry) times() times {
	if e.waits() {
		return single{e.schedule, e.schedule.Next(e.cursor)}
	}
	return e.schedule
}

// next returns the next nominal time, zero if there is none or it is not known
// yet. The caller holds mu.
func (e *entry) next() time.Time {
	if e.aside != "" || !e.awaits.IsZero() {
		return time.Time{}
	}
	return e.schedule.Next(e.cursor)
}

func (e *entry) fire(nominal time.Time) time.Time {
	return e.schedule.Fire(string(e.job.ID), nominal)
}

// arm sets e to its next fire, if there is one. A paused job is armed for the end
// of its pause, or only for what has passed already. The caller holds mu.
func (s *Scheduler) arm(e *entry) {
	if e.aside != "" {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			s.setAside(e, fmt.Sprintf("panic in its schedule: %v", p))
		}
	}()
	if e.job.Paused && !e.job.PauseUntil.IsZero() {
		s.due.set(e, e.job.PauseUntil)
		return
	}
	next := s.comes(e, e.next())
	if next.IsZero() {
		s.due.remove(e)
		return
	}
	fire := e.fire(next)
	if e.job.Paused && fire.After(time.Now()) {
		s.due.remove(e)
		return
	}
	s.due.set(e, fire)
}

// setAside takes e out of planning. The caller holds mu.
func (s *Scheduler) setAside(e *entry, why string) {
	e.aside = why
	s.due.remove(e)
	s.cfg.Log.Error("job set aside", "job", e.job.Name, "reason", why)
}

// take waits for the turn.
func (s *Scheduler) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Scheduler) give() { <-s.turn }

func (s *Scheduler) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
