// Package scheduler owns time: sleeps until the next occurrence, fires it,
// accounts for the missed.
//
// It has each job armed at its next fire in one table of instants, some 30 bytes
// for a job; there is one goroutine, the one that calls [Scheduler.Run], and no
// timer or goroutine per job. Run sleeps until the soonest due time, never longer
// than Config.MaxSleep, and wakes early when a job changes.
//
// Jobs themselves are in the store, and are read and compiled when they are asked
// for, or many at once shortly before they are due. The store keeps with a job for
// when it is to be armed, so that a start reads three numbers of each; what was
// computed by another build, or with other time zones, is computed anew
// (Config.Stamp). At leisure all jobs are looked at again, a few at a time: one
// that is not armed as it should be is armed, logged, and recorded as repaired.
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
// that the wall clock jumped, which is logged and recorded ([Clock]). What a jump
// ahead, or a suspension, went over is late like what came while the daemon was
// down; after a jump back nothing fires until the clock is where it was.
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

// Store keeps jobs, and for when they are armed.
type Store interface {
	Jobs
	Arms
}

// Jobs keeps jobs.
type Jobs interface {
	FindJobs(ctx context.Context, p job.Pick) ([]*job.Job, error)
	PutJob(ctx context.Context, j *job.Job, by job.Principal, kind string) error
	DeleteJob(ctx context.Context, id job.ID, by job.Principal) error
}

// Arms keeps for when jobs are armed, as computed by one and the same; PutArms
// says with its last argument, if it is not empty, that now all is of that one.
// Repaired records what was not as it should have been.
type Arms interface {
	Arms(ctx context.Context, by string, f func(job.Arm)) error
	PutArms(ctx context.Context, arms []job.Arm, by string) error
	Repaired(ctx context.Context, repairs []job.Repair) error
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
	Clock    Clock // nil: jumps are only logged
	Log      *slog.Logger
	MaxSleep time.Duration // 15 s
	Batch    int           // firings in one call of Fire, about; 1,000
	Cache    int           // jobs that are kept compiled, up to twice as many; 16,384

	CatchUpRate int // caught-up occurrences that start in a minute, over all jobs; 60

	// Stamp names what computes when jobs fire: this build, and its time zones.
	// What the store keeps of another is not trusted; empty: of anybody.
	Stamp string
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

	ctx      context.Context // of Load, without its end: for reading jobs
	reviewed reviewed

	mu     sync.Mutex // guards what follows; never held while the store is asked
	due    dues
	roll   roll
	awaits map[job.ID]await  // of delays
	aside  map[uint32]string // why a job is not planned any more
	cache  cache
	edits  int // how often a job was replaced
	warmed warmth
	catch  catchups
}

// await is the nominal time of a delay whose run has yet to end.
type await struct {
	key uint32
	due time.Time
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
	if cfg.Cache <= 0 {
		cfg.Cache = 16 << 10
	}
	return &Scheduler{
		cfg:    cfg,
		wake:   make(chan struct{}, 1),
		turn:   make(chan struct{}, 1),
		awaits: make(map[job.ID]await),
		aside:  make(map[uint32]string),
		cache:  cache{limit: cfg.Cache},
		catch:  newCatchups(cfg.CatchUpRate),
	}
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
	key, caught := s.catch.over(r.Job, r.Due)
	if a, ok := s.awaits[r.Job]; ok && a.due.Equal(r.Due) {
		delete(s.awaits, r.Job)
		s.advance(a.key, r.Ended)
		key = a.key
	} else if !caught {
		return
	}
	s.look(key)
	s.poke()
}

// cursor returns the cursor of e. The caller holds mu.
func (s *Scheduler) cursor(e *entry) time.Time {
	if !s.roll.has(e.key) {
		return e.job.Cursor
	}
	return s.roll.cursor(e.key)
}

// advance moves the cursor of a job, unless it is there already. The caller holds
// mu.
func (s *Scheduler) advance(key uint32, to time.Time) {
	if s.roll.has(key) && to.UnixMicro() > s.roll.cursors[key] {
		s.roll.move(key, to.UnixMicro())
	}
}

// awaiting reports whether e waits for the end of a run. The caller holds mu.
func (s *Scheduler) awaiting(e *entry) bool {
	_, waits := s.awaits[e.job.ID]
	return waits
}

// times is what is to be planned of e. The caller holds mu.
func (s *Scheduler) times(e *entry) times {
	if e.waits() {
		return single{e.schedule, e.schedule.Next(s.cursor(e))}
	}
	return e.schedule
}

// why returns why e is not planned; empty if it is. The caller holds mu.
func (s *Scheduler) why(e *entry) string {
	if why := s.aside[e.key]; why != "" {
		return why
	}
	return e.problem
}

// next returns the next nominal time of e, zero if there is none or it is not
// known yet. The caller holds mu.
func (s *Scheduler) next(e *entry) time.Time {
	if s.why(e) != "" || s.awaiting(e) {
		return time.Time{}
	}
	return e.schedule.Next(s.cursor(e))
}

// arm sets e to its next fire, if there is one. The caller holds mu.
func (s *Scheduler) arm(e *entry) {
	if s.aside[e.key] != "" {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			s.setAside(e, fmt.Sprintf("panic in its schedule: %v", p))
		}
	}()
	if e.problem != "" {
		s.setAside(e, e.problem)
		return
	}
	if at := s.instant(e, time.Now()); at.IsZero() {
		s.due.remove(e.key)
	} else {
		s.due.set(e.key, at.UnixMicro())
	}
}

// look arms a job anew, at once if it is compiled, else in the next tick. The
// caller holds mu.
func (s *Scheduler) look(key uint32) {
	if e := s.cache.byKey(key); e != nil {
		s.arm(e)
	} else if s.roll.has(key) && s.aside[key] == "" {
		s.due.set(key, time.Now().UnixMicro())
	}
}

// instant is for when e is to be armed, zero if it is not. A paused job is armed
// for the end of its pause, or only for what has passed already. The caller holds
// mu.
func (s *Scheduler) instant(e *entry, now time.Time) time.Time {
	if e.job.Paused && !e.job.PauseUntil.IsZero() {
		return e.job.PauseUntil
	}
	next := s.comes(e, s.next(e))
	if next.IsZero() {
		return next
	}
	fire := e.fire(next)
	if e.job.Paused && fire.After(now) {
		return time.Time{}
	}
	return fire
}

// setAside takes e out of planning. The caller holds mu.
func (s *Scheduler) setAside(e *entry, why string) {
	s.aside[e.key] = why
	s.due.remove(e.key)
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
