package job

import (
	"encoding/json"
	"time"

	"github.com/palyra-go/palyra/sdk/bundle"
)

// RunID identifies a run: "run_" and a ULID.
type RunID string

// Trigger is what made a run due.
type Trigger string

// The triggers.
const (
	ByTimer    Trigger = "timer"    // its nominal time came
	ByCatchUp  Trigger = "catch-up" // its nominal time had been missed
	ByHand     Trigger = "manual"   // somebody asked for it
	ByChain    Trigger = "chain"    // a run of another job ended
	ByBackfill Trigger = "backfill" // somebody asked for a nominal time again
)

// Scheduled reports whether the run is the occurrence of a nominal time, of which
// there is one; any other has the identity of its own run.
func (t Trigger) Scheduled() bool { return t == ByTimer || t == ByCatchUp }

// State is where a run is.
type State string

// The states.
const (
	Queued  State = "queued"
	Running State = "running"

	Succeeded   State = "succeeded"
	Failed      State = "failed"
	TimedOut    State = "timed_out"
	Cancelled   State = "cancelled"
	Interrupted State = "interrupted"

	Denied  State = "denied"
	Skipped State = "skipped"
	Missed  State = "missed"
	Expired State = "expired"
)

// Terminal reports whether a run in this state has ended.
func (s State) Terminal() bool { return s != Queued && s != Running }

// Failure reports whether the state is a run that started and did not succeed.
func (s State) Failure() bool {
	return s == Failed || s == TimedOut || s == Interrupted
}

// Run is what became of an occurrence, of a manual trigger, or of a range of
// consecutive nominal times that all did not run for the same reason.
type Run struct {
	ID         RunID
	Job        ID
	JobName    string
	Generation int64 // of the job, when the run was decided
	Trigger    Trigger
	Due        time.Time // nominal time, or of a manual run the time it was asked for
	Last       time.Time // of a range, the last nominal time; else Due
	Count      int64     // of a range, how many nominal times; else 1
	Fire       time.Time // when it was to start: Due, plus jitter
	Principal  Principal // for whom it runs: the owner of the job, or who triggered it
	Action     Action
	Parent     RunID         // of a chain, the run whose end started this one; of a backfill, its [BackfillID]
	Digest     bundle.Digest // what was to be executed; zero if it was never resolved
	Decision   Decision
	State      State
	Reason     Reason
	Attempt    int       // attempts made or being made
	Retry      time.Time // when the next attempt starts, between two attempts
	Created    time.Time
	Started    time.Time // of the first attempt
	Ended      time.Time
	Output     json.RawMessage
	Summary    string // one line for people
	Error      string // what went wrong, for people
}

// Occurrence returns the id that is handed to the action as its idempotency
// key. For a scheduled run it is made of the job and the nominal time alone;
// for any other it is the id of the run.
func (r *Run) Occurrence() string {
	if !r.Trigger.Scheduled() {
		return string(r.ID)
	}
	var room [96]byte // spares an allocation
	return string(r.Due.UTC().AppendFormat(append(append(room[:0], r.Job...), '@'), time.RFC3339Nano))
}

// Decision is what judgement answered when it was asked whether a run may
// start. Errors deny.
type Decision struct {
	Allow     bool
	Policies  []string // ids of the policies that decided, sorted
	Errors    []string // what could not be evaluated
	PolicySet string   // digest of the policy set that was asked, 64 hexadecimal digits
}

// Attempt is one execution of a run's action.
type Attempt struct {
	Run     RunID
	Number  int // from 1
	Started time.Time
	Ended   time.Time
	State   State
	Reason  Reason
	Error   string
}

// Range is a stretch of consecutive nominal times of one job that will not run.
type Range struct {
	First, Last time.Time
	Count       int64
	State       State
	Reason      Reason
}

// Firing is what a tick makes of one job: the nominal times that did not run
// (in order, before the occurrence and after it), and at most one that is to run now.
type Firing struct {
	Job     *Job
	Missed  []Range   // before the occurrence
	After   []Range   // after it; it runs in their place
	Due     time.Time // the occurrence to begin; zero if there is none
	Fire    time.Time // when it was to start
	Trigger Trigger
	Cursor  time.Time // the last nominal time this accounts for
	Arms    int64     // the job after it; see [Arm]
}

// Claim is one line of a begin batch: a run with its decision in its first
// state, the non-runs before it, and how far both move the cursor of their job.
// All of it is written, or nothing of it.
type Claim struct {
	Job        ID
	Generation int64     // the claim is refused if the job has moved on
	Missed     []Run     // non-runs, in order; each may be a range
	Run        *Run      // nil if there are only non-runs
	After      []Run     // non-runs whose nominal times are after that of Run
	Exclusive  bool      // refused while another run of the job is running
	Cursor     time.Time // zero for a manual run: the cursor stays
	Arms       int64     // kept where the cursor moves; see [Arm]
}

// Filter selects runs; zero fields select all.
type Filter struct {
	Job   ID
	State State
	Limit int // 0: 20
}

// Tally counts the nominal times of one job that ended in one way.
type Tally struct {
	Job    string // name
	State  State
	Reason Reason
	Count  int64
}

// PendingEffect is something that the end of a run owes, and that the host has
// yet to do.
type PendingEffect struct {
	Run    RunID
	Effect Effect
	Target string          // name of the job to start; empty of other effects
	Output json.RawMessage // of the run, if the effect is about it
}

// Outcome is how one attempt ended.
type Outcome struct {
	Run     RunID
	Job     ID
	Attempt Attempt
	State   State // of the run: terminal, or running if another attempt follows
	Reason  Reason
	Retry   time.Time // when the next attempt starts, if one follows
	Output  json.RawMessage
	Summary string
	Error   string
	Log     string // what this attempt logged, capped
	Effect  Effect // to be done by the host with Output
	Chain   Chain  // what the end of the run starts
}
