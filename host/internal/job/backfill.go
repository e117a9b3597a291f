package job

import "time"

// BackfillID identifies a backfill: "bf_" and a ULID. It is the parent of its runs.
type BackfillID string

// BackfillState is where a backfill is.
type BackfillState string

// The states of a backfill. All but Filling are for good.
const (
	Filling  BackfillState = "running"
	Filled   BackfillState = "done"      // every nominal time had its run, and all have ended
	Stopped  BackfillState = "stopped"   // by the daemon: its job is paused or gone, or a run was denied
	Withdrew BackfillState = "cancelled" // by a person
)

// Backfill asks for runs of nominal times of the past, between two instants, one
// after the other. The job is taken as it is when each of them starts.
type Backfill struct {
	ID        BackfillID
	Job       ID
	JobName   string
	From, To  time.Time // nominal times from From up to and with To
	Cursor    time.Time // the last nominal time that was begun; never goes back
	Parallel  int       // runs of it that are open at once, at least 1
	Rate      int       // starts a minute at most, at least 1
	Again     bool      // also what ran already
	By        Principal // who asked, and for whom its runs run
	Total     int64     // nominal times that were to run when it was asked for
	Started   int64     // runs that were begun
	State     BackfillState
	Reason    string // why it was stopped or cancelled, for people
	Created   time.Time
	Ended     time.Time
	Succeeded int64 // runs that did
	Open      int64 // runs that have not ended
}

// The limits of a backfill.
const (
	MaxBackfill     = 100_000 // nominal times
	MaxParallel     = 100
	MaxRate         = 100_000
	DefaultFillRate = 60 // starts a minute
)
