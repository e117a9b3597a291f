// Package job is the vocabulary of scheduled work.
//
// A [Job] is a schedule, an [Action] and its policies, owned by a [Principal].
// Its schedule names nominal times; a job and a nominal time are an
// [Occurrence], which happens at most once. A [Run] is what became of an
// occurrence or of a manual trigger; each execution of its action is an
// [Attempt].
//
// The states of a run:
//
//	                      ┌──────────────▶ skipped, cancelled
//	             queued ──┤
//	                      └─▶ running ──▶ succeeded, failed, timed_out,
//	                            │ ▲        cancelled, interrupted
//	                            └─┘ next attempt
//	terminal at birth: denied, skipped, missed, expired
//
// Everything here is a value: no I/O, no clock.
package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/schedule"
)

// ID identifies a job for ever, also when it is renamed or gone: "job_" and a
// ULID, or the name of a system job.
type ID string

// Job is what is to be done and when. It is a value: an edit makes a new one
// with the next generation.
type Job struct {
	ID          ID
	Name        string // unique among the jobs there are
	Generation  int64  // counts edits, from 1
	Owner       Principal
	Group       string
	Labels      map[string]string
	Schedule    schedule.Spec
	Action      Action
	Concurrency Concurrency
	Misfire     Misfire
	Retry       Retry
	Timeout     time.Duration // of one attempt
	RunTimeout  time.Duration // of a run with all its attempts; 0: see [Job.Limit]
	Priority    int           // among those that wait for a slot, greater starts first
	PauseAfter  int           // failed runs in a row that pause the job; 0: none do
	AtLeastOnce bool          // what a dead daemon left running is attempted again
	Chain       Chain
	Paused      bool
	PauseReason string
	PauseUntil  time.Time // when a pause ends by itself; zero if it does not
	Effect      Effect    // what the host does with the result; system jobs only
	Created     time.Time
	Updated     time.Time

	// Cursor is the last nominal time that is accounted for. It never goes back.
	Cursor time.Time

	// Key is the number by which the scheduler knows the job while it is there; 0:
	// the journal chooses one. Arms is what the scheduler knows of it; see [Arm].
	Key  uint32
	Arms int64
}

// Resumed returns the job after its pause.
func (j Job) Resumed() Job {
	j.Paused, j.PauseReason, j.PauseUntil = false, "", time.Time{}
	return j
}

// PauseOver reports whether the job is in a pause that has ended at now.
func (j *Job) PauseOver(now time.Time) bool {
	return j.Paused && !j.PauseUntil.IsZero() && !now.Before(j.PauseUntil)
}

// System reports whether the daemon owns the job.
func (j *Job) System() bool { return j.Owner.IsSystem() }

// Limit returns how long a run may take with all its attempts: RunTimeout, or what
// the attempts and the pauses between them may take at most.
func (j *Job) Limit() time.Duration {
	if j.RunTimeout > 0 {
		return j.RunTimeout
	}
	limit := j.Timeout * time.Duration(j.Retry.Attempts)
	for attempt := 1; attempt < j.Retry.Attempts; attempt++ {
		limit += j.Retry.Delay(attempt)
	}
	return limit
}

// Chain names the jobs that the end of a run starts, once for each run.
type Chain struct {
	OnSuccess  []string // after it succeeded
	OnFailure  []string // after it failed, timed out or was interrupted
	OnRecovery []string // after the first success that follows a failure
}

// Empty reports whether nothing is started.
func (c Chain) Empty() bool { return len(c.OnSuccess)+len(c.OnFailure)+len(c.OnRecovery) == 0 }

// After returns the jobs that the end of a run in such a state may start.
func (c Chain) After(s State) []string {
	switch {
	case s.Failure():
		return c.OnFailure
	case s == Succeeded:
		return slices.Concat(c.OnSuccess, c.OnRecovery)
	}
	return nil
}

// Targets returns every job that is named, each once, in order.
func (c Chain) Targets() []string {
	var names []string
	for _, name := range slices.Concat(c.OnSuccess, c.OnFailure, c.OnRecovery) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Action names what to run: an entrypoint of a skill, and its input.
type Action struct {
	Skill      string
	Entrypoint string
	Input      json.RawMessage // one JSON value, or nil
}

func (a Action) String() string { return a.Skill + "/" + a.Entrypoint }

// ParseAction reads "skill/entrypoint".
func ParseAction(s string) (Action, error) {
	skill, entrypoint, ok := strings.Cut(s, "/")
	if !ok || skill == "" || entrypoint == "" || strings.Contains(entrypoint, "/") {
		return Action{}, fmt.Errorf("action %q: want SKILL/ENTRYPOINT, for example palyra.health/summarize", s)
	}
	return Action{Skill: skill, Entrypoint: entrypoint}, nil
}

// Concurrency says what becomes of an occurrence while a run of its job is
// active. A run between two attempts is active.
type Concurrency struct {
	Policy ConcurrencyPolicy
	Max    int // of allow: active runs at once, at least 1
}

// ConcurrencyPolicy is one of the four ways to meet an active run.
type ConcurrencyPolicy string

// The concurrency policies.
const (
	Forbid   ConcurrencyPolicy = "forbid"    // the new one becomes skipped:overlap
	Replace  ConcurrencyPolicy = "replace"   // the active one is cancelled and awaited, then the new one starts
	QueueOne ConcurrencyPolicy = "queue-one" // one waits; a further one becomes skipped:queue_full
	Allow    ConcurrencyPolicy = "allow"     // both run, up to Max
)

// Misfire says what becomes of nominal times that were not met: the daemon was
// down, asleep or late by more than Grace.
type Misfire struct {
	Policy   MisfirePolicy
	Grace    time.Duration // up to this late is on time
	Window   time.Duration // of catch-up: how far back
	Coalesce Coalesce      // of catch-up: which of the missed run
	Max      int           // of catch-up with all: how many at most, the latest of them
}

// MisfirePolicy is one of the two ways to treat a missed nominal time.
type MisfirePolicy string

// The misfire policies.
const (
	Skip    MisfirePolicy = "skip"     // recorded as missed, never run later
	CatchUp MisfirePolicy = "catch-up" // those within the window run later, as Coalesce says
)

// Coalesce says which of several missed nominal times run later.
type Coalesce string

// The ways to coalesce.
const (
	Latest   Coalesce = "latest"   // only the last
	Earliest Coalesce = "earliest" // only the first
	All      Coalesce = "all"      // the last Max of them, one after another
)

// Retry says how often and how soon a failed attempt that may be retried is.
type Retry struct {
	Attempts int           // in all, 1 to 16; 1 means no retry
	Backoff  time.Duration // before the second attempt; doubles each time
	Cap      time.Duration // longest back-off
}

// Delay returns how long to wait after the given failed attempt (from 1).
func (r Retry) Delay(attempt int) time.Duration {
	d := r.Backoff
	for range attempt - 1 {
		if d >= r.Cap/2 {
			return r.Cap
		}
		d *= 2
	}
	return min(d, r.Cap)
}

// Effect names what the host does when a run has ended: with the result of a
// system job, or to start another job.
type Effect string

// The effects.
const (
	NoEffect   Effect = ""
	JudgeAudit Effect = "audit.judge" // the output is a list of audit reports to judge

	StartOnSuccess  Effect = "chain.success"
	StartOnFailure  Effect = "chain.failure"
	StartOnRecovery Effect = "chain.recovery"
)

// The defaults of a job, where neither it nor the configuration says otherwise.
const (
	DefaultTimeout = 5 * time.Minute
	DefaultGrace   = time.Minute
	DefaultWindow  = 24 * time.Hour
	DefaultMax     = 3 // of catch-up
	MaxTimeout     = 24 * time.Hour
	MaxAttempts    = 16
	MaxRunTimeout  = 30 * 24 * time.Hour
	MaxPriority    = 100     // and as much below 0
	MaxChain       = 16      // jobs that one event starts
	MaxInput       = 1 << 20 // bytes
)

// WithDefaults returns the job with every unset policy set.
func (j Job) WithDefaults() Job {
	if j.Concurrency.Policy == "" {
		j.Concurrency.Policy = Forbid
	}
	if j.Concurrency.Max == 0 {
		j.Concurrency.Max = 1
		if j.Concurrency.Policy == Allow {
			j.Concurrency.Max = 16
		}
	}
	if j.Misfire.Policy == "" {
		j.Misfire.Policy = Skip
	}
	if j.Misfire.Grace == 0 {
		j.Misfire.Grace = DefaultGrace
	}
	if j.Misfire.Window == 0 {
		j.Misfire.Window = DefaultWindow
	}
	if j.Misfire.Coalesce == "" {
		j.Misfire.Coalesce = Latest
	}
	if j.Misfire.Max == 0 {
		j.Misfire.Max = DefaultMax
	}
	if j.Retry.Attempts == 0 {
		j.Retry.Attempts = 1
	}
	if j.Retry.Backoff == 0 {
		j.Retry.Backoff = time.Second
	}
	if j.Retry.Cap == 0 {
		j.Retry.Cap = 5 * time.Minute
	}
	if j.Timeout == 0 {
		j.Timeout = DefaultTimeout
	}
	return j
}

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	labelForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$`)
)

// Validate says what is wrong with the job, all of it; nil if nothing is.
// It does not know which skills exist.
func (j Job) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(nameForm.MatchString(j.Name), "name %q: want 1 to 63 of a-z 0-9 . _ -, starting with a letter or digit", j.Name)
	check(j.Group == "" || nameForm.MatchString(j.Group), "group %q: want 1 to 63 of a-z 0-9 . _ -", j.Group)
	check(len(j.Labels) <= 32, "labels: %d of them, at most 32", len(j.Labels))
	for key, value := range j.Labels {
		check(labelForm.MatchString(key) && len(value) <= 128 && !strings.ContainsFunc(value, isControl),
			"label %q: want a short key and at most 128 bytes of text", key)
	}
	if _, err := schedule.Parse(j.Schedule); err != nil {
		errs = append(errs, err)
	}
	check(j.Action.Skill != "" && j.Action.Entrypoint != "", "action: missing, want SKILL/ENTRYPOINT")
	check(j.Action.Input == nil || json.Valid(j.Action.Input), "input: not valid JSON")
	check(len(j.Action.Input) <= MaxInput, "input: %d bytes, at most %d", len(j.Action.Input), MaxInput)
	switch j.Concurrency.Policy {
	case Forbid, Replace, QueueOne, Allow:
	default:
		check(false, "concurrency %q: want forbid, replace, queue-one or allow", j.Concurrency.Policy)
	}
	check(j.Concurrency.Max >= 1 && j.Concurrency.Max <= 1000, "concurrency maximum %d: want 1 to 1000", j.Concurrency.Max)
	switch j.Misfire.Policy {
	case Skip, CatchUp:
	default:
		check(false, "misfire %q: want skip or catch-up", j.Misfire.Policy)
	}
	switch j.Misfire.Coalesce {
	case Latest, Earliest, All:
	default:
		check(false, "coalesce %q: want latest, earliest or all", j.Misfire.Coalesce)
	}
	check(j.Misfire.Max >= 1 && j.Misfire.Max <= 1000, "catch-up maximum %d: want 1 to 1000", j.Misfire.Max)
	check(j.Misfire.Grace > 0 && j.Misfire.Window > 0, "misfire: grace and window must be positive")
	check(j.Retry.Attempts >= 1 && j.Retry.Attempts <= MaxAttempts, "retry attempts %d: want 1 to %d", j.Retry.Attempts, MaxAttempts)
	check(j.Retry.Backoff > 0 && j.Retry.Cap >= j.Retry.Backoff, "retry: back-off must be positive and not above its cap")
	check(j.Timeout > 0 && j.Timeout <= MaxTimeout, "timeout %v: want more than 0 and at most %v", j.Timeout, MaxTimeout)
	check(j.RunTimeout >= 0 && j.RunTimeout <= MaxRunTimeout, "run timeout %v: want 0 or more, at most %v", j.RunTimeout, MaxRunTimeout)
	check(j.Priority >= -MaxPriority && j.Priority <= MaxPriority, "priority %d: want %d to %d", j.Priority, -MaxPriority, MaxPriority)
	check(j.PauseAfter >= 0 && j.PauseAfter <= 1000, "pause after %d failed runs: want 0 (never) to 1000", j.PauseAfter)
	return errors.Join(append(errs, j.Chain.Validate())...)
}

// Validate says what is wrong with the chain; nil if nothing is. It does not know
// which jobs exist.
func (c Chain) Validate() error {
	var errs []error
	for _, started := range [][]string{c.OnSuccess, c.OnFailure, c.OnRecovery} {
		if len(started) > MaxChain {
			errs = append(errs, fmt.Errorf("chain: %d jobs, at most %d", len(started), MaxChain))
		}
		for i, name := range started {
			switch {
			case !nameForm.MatchString(name):
				errs = append(errs, fmt.Errorf("chain: %q is not the name of a job", name))
			case slices.Contains(started[:i], name):
				errs = append(errs, fmt.Errorf("chain: %s is named twice", name))
			}
		}
	}
	return errors.Join(errs...)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
