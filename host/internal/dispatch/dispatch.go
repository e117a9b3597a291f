// Package dispatch takes an occurrence through the gate and the journal to the
// runner; owns live runs, concurrency, retries.
//
// A start, whatever made it due, takes these steps:
//
//	resolve   the action to the installed skill
//	gate      judgement, and with it the permit
//	admit     the concurrency policy of the job, then a free slot
//	begin     registered live, then one write: decision, claim, cursor, run
//	run       the runner, with the permit
//	finish    outcome in one write
//	effects   the host is told that there are some
//
// A denial and a skip are runs that end at the second and third step; they are
// written like the others. When the journal refuses a start because the skill was
// withdrawn after the judgement, the run is judged once more and denied. A run that waited, for the end of another, for a slot
// or for its next attempt, is judged again before it starts.
//
// # Concurrency
//
// A run is active from its start until its end is written, between attempts too.
//
//   - forbid: while a run of the job is active or waits, a new one becomes
//     skipped:overlap.
//   - replace: active runs are cancelled and end as cancelled:replaced; the new
//     one waits until they are gone. One that waits already is replaced as well.
//   - queue-one: one waits; a further one becomes skipped:queue_full.
//   - allow: up to its maximum are active or wait for a slot; a further one
//     becomes skipped:queue_full.
//
// A run of a backfill stands back: it starts only where its job has no run (one
// place less than its maximum under allow) and a slot is free, and is never queued
// or skipped. While it is active, what forbid would skip and replace would put in
// its place waits for its end instead.
//
// # Slots
//
// Over all jobs Config.MaxRuns attempts execute at once; of them Config.GroupLimits
// of the jobs of a group, and Config.SkillLimits of a skill. Who finds no slot is
// queued, however long that takes. Of those for whom there is one, the run of the
// job with the greater priority starts first, equal ones start in the order in
// which they came; so it is with those that are fired together. A group or a skill
// that is full holds up no other. Priority is strict: as long as more important
// runs take every slot, the others wait. A run between attempts holds no slot and
// joins the line anew, with the group and priority that its job then has.
//
// # Chains
//
// The end of a run may start runs of other jobs ([Dispatch.Chain]), each once: what
// it starts is written with the outcome, and started from there. Only what
// succeeded or failed (also by a timeout, or by an interruption) starts anything; a
// run that was cancelled or never started does not. The run that is started meets
// gate and concurrency policy like any other; while its job is paused it is
// skipped. A chain of more than [MaxDepth] runs ends as
// skipped:chain_depth. The action is told which run started it.
//
// # Ends
//
// Cancelling ends what waits at once, and stops what executes. A cancellation
// that comes before the start prevents the start. Only errors that say so are
// retried, and only while the job is neither paused nor deleted. An attempt that
// panics in the host fails its run and nothing else.
//
// An attempt lasts up to the timeout of its job, and up to the end of the run
// timeout, if the job has one. That counts from the first start of the run, over
// restarts too; waiting to be started for the first time does not count, waiting
// for the next attempt does. Who reaches it ends as timed_out:run_timeout; an
// attempt that would start after it is not waited for: the run ends at once, as
// the last attempt did. Neither timeout is retried.
//
// # Crashes
//
// [Dispatch.Recover] ends what was executing when the last daemon died as
// interrupted:lost: at most once is the rule. A job may ask for at-least-once
// instead; then another attempt follows, through the gate, after the pause that
// follows a failed one; and so it does after an attempt that the stop of the
// daemon interrupted. Attempts that were lost count like those that failed: a run
// has at most [job.MaxAttempts] in all, and one that then fails is retried only if
// it has attempts left.
//
// # Writes
//
// A write that fails for want of a writable journal stops all starts
// ([ErrTrouble]); the outcome is kept and written again, with a back-off, until
// it is taken.
//
// # Logs
//
// What an attempt logs is kept in memory, up to a size, until its outcome is
// written with it; [Dispatch.Read] reads it from there meanwhile. The bytes do not
// change any more, so a position, attempt and offset, is good in memory and in
// the journal. A log that is cut says so where it is cut, at once. The log of an
// attempt that a crash of the daemon ended is lost.
//
// Gate, Skills and Jobs are asked with a lock held and must not call back.
package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
)

// Errors that callers tell apart.
var (
	ErrTrouble  = errors.New("the journal is not writable, nothing is started until it is")
	ErrDraining = errors.New("the daemon is stopping")
	ErrUnknown  = errors.New("no such live run")
)

// Gate judges whether a run may start.
type Gate interface {
	Judge(policy.Query) policy.Verdict
}

// Journal keeps runs.
type Journal interface {
	// Begin writes claims. It returns one error per claim, nil for those that
	// were taken; or an error if nothing was written. A run that became a part of
	// a row there was has the id of that row afterwards.
	Begin(ctx context.Context, claims []job.Claim) ([]error, error)
	// Advance writes the next attempt of an open run that is about to start, or
	// the end of one without an attempt.
	Advance(ctx context.Context, r *job.Run, by job.Principal) error
	// Finish writes how an attempt ended.
	Finish(ctx context.Context, o job.Outcome) error
}

// Runner performs one attempt.
type Runner interface {
	Run(ctx context.Context, permit policy.Permit, req sdk.Request, host sdk.Host) (sdk.Result, error)
}

// Calls serves the host calls of runs.
type Calls interface {
	Call(ctx context.Context, s *skill.Skill, method string, params json.RawMessage) (json.RawMessage, error)
}

// Config is what a dispatcher needs. Gate, Journal, Runner, Skills and Jobs are
// required.
type Config struct {
	Gate    Gate
	Journal Journal
	Runner  Runner
	Calls   Calls
	Skills  func(id string) *skill.Skill // the installed skill, nil if there is none

	// Jobs returns the job as it is now, nil if it was deleted; an error says that
	// nobody can tell.
	Jobs func(id job.ID) (*job.Job, error)

	// Input builds the input of a run of a system job; nil: the job's own.
	Input func(ctx context.Context, j *job.Job) (json.RawMessage, error)

	// Unwritable reports whether an error of the journal says that it could not
	// write, rather than that it refused. Nil: every error says so.
	Unwritable func(error) bool

	// Distrusted reports whether an error of the journal says that the skill of a
	// run is not active any more. Nil: none does.
	Distrusted func(error) bool

	// Upstream tells of the run whose end started another, nil if it is not known
	// any more. Nil: of none.
	Upstream func(ctx context.Context, run job.RunID) *sdk.Upstream

	// Chain says what the end of a run of a job starts. Nil: the job's own.
	Chain func(*job.Job) job.Chain

	MaxRuns     int            // attempts that execute at once; 64
	GroupLimits map[string]int // of these, those of the jobs of a group; absent: no limit
	SkillLimits map[string]int // and those that a skill executes

	Log     *slog.Logger
	Effects func()         // an outcome that owes something was written
	Started func(*job.Run) // the first attempt of a run starts; must not block, keep the run or call back
	Ended   func(*job.Run) // a run ended and that was written; must not block
	Trouble func(error)    // a write failed; nil when writes succeed again

	// Refused is told of a claim that the journal refused, and how far it went;
	// it must not block or call back.
	Refused func(id job.ID, cursor time.Time)
}

// Dispatch starts runs and sees them to their end.
type Dispatch struct {
	cfg  Config
	door chan struct{} // held while a batch is decided and begun

	mu       sync.Mutex // guards what follows and the fields of live that say so; never held during a write
	runs     map[job.RunID]*live
	lanes    map[job.ID]*lane
	slots    slots // and who waits for nothing but one
	busy     int   // goroutines, and starts that are promised one
	stuck    int   // writes that are being repeated
	draining bool
	idle     chan struct{} // closed when draining and not busy
	abandon  chan struct{} // closed when writes are not repeated any more

	telling sync.Mutex // guards trouble and keeps what is told in order; taken before mu
	trouble bool       // Config.Trouble was told of an error last
}

// New returns a dispatcher without runs.
func New(cfg Config) *Dispatch {
	if cfg.MaxRuns <= 0 {
		cfg.MaxRuns = 64
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Unwritable == nil {
		cfg.Unwritable = func(error) bool { return true }
	}
	if cfg.Distrusted == nil {
		cfg.Distrusted = func(error) bool { return false }
	}
	return &Dispatch{
		cfg:     cfg,
		door:    make(chan struct{}, 1),
		runs:    make(map[job.RunID]*live),
		lanes:   make(map[job.ID]*lane),
		slots:   newSlots(cfg.MaxRuns, cfg.GroupLimits, cfg.SkillLimits),
		idle:    make(chan struct{}),
		abandon: make(chan struct{}),
	}
}

// Live counts the attempts that execute and the runs that wait.
func (d *Dispatch) Live() (running, queued int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.runs {
		if l.phase == parked && l.run.State == job.Queued {
			queued++
		}
	}
	return d.slots.taken, queued
}

// now is the time as the journal keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
