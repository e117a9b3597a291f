// Package scheduler owns time: sleeps until the next occurrence, fires it,
// accounts for the missed.
//
// It holds all jobs in memory, each armed at its next nominal time in one heap;
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
//     runs, under catch-up the latest within the window runs once.
//   - Nominal times of a paused job are accounted for in one range when the job
//     is next resumed, edited or deleted, and at the start of the daemon.
//   - Nothing fires retroactively because of an edit. What was due before the
//     edit is fired as the job was, then the cursor moves to the time of the edit.
//   - The cursor never goes back, also when the clock does.
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

// Config is what a scheduler needs; zero numbers mean the defaults.
type Config struct {
	Store    Store
	Dispatch Dispatcher
	Log      *slog.Logger
	MaxSleep time.Duration // 15 s
	Batch    int           // firings in one call of Fire, about; 1,000
}

// Scheduler is all jobs, armed.
type Scheduler struct {
	cfg  Config
	wake chan struct{} // holds one token: something changed

	// turn is held while nominal times are planned and fired and while a job is
	// edited, so that neither sees the other half done. It is a channel because
	// the wait may take a write of the journal.
	turn chan struct{}

	mu   sync.Mutex // guards what follows; never held during a write
	byID map[job.ID]*entry
	name map[string]*entry
	due  dues
}

// New returns a scheduler without jobs.
func New(cfg Config) *Scheduler {
	if cfg.MaxSleep <= 0 {
		cfg.MaxSleep = 15 * time.Second
	}
	if cfg.Batch <= 0 {
		cfg.Batch = 1000
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
	}
}

// Load reads the jobs from the store and arms them.
func (s *Scheduler) Load(ctx context.Context) error {
	jobs, err := s.cfg.Store.Jobs(ctx)
	if err != nil {
		return fmt.Errorf("load jobs: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range jobs {
		e := &entry{job: j, cursor: j.Cursor, pos: -1}
		s.byID[j.ID], s.name[j.Name] = e, e
		compiled, err := schedule.Parse(j.Schedule)
		if err != nil {
			s.setAside(e, err.Error())
			continue
		}
		e.schedule = compiled
		s.arm(e)
	}
	return nil
}

// arm sets e to its next nominal time, if there is one. A paused job is armed
// only for what has passed already. The caller holds mu.
func (s *Scheduler) arm(e *entry) {
	if e.aside != "" {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			s.setAside(e, fmt.Sprintf("panic in its schedule: %v", p))
		}
	}()
	next := e.schedule.Next(e.cursor)
	if next.IsZero() || e.job.Paused && next.After(time.Now()) {
		s.due.remove(e)
		return
	}
	s.due.set(e, next)
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
