package job

import "time"

// Arm says when the scheduler has to look at a job next. It is derived from the
// job, kept so that a start need not read all jobs: one that is missing, or
// earlier than it should be, costs a look and nothing else.
type Arm struct {
	Key    uint32 // of the job
	Cursor int64  // its cursor, in microseconds since 1970
	At     int64  // in microseconds since 1970, Unarmed or Never; negative: as it would be, but the job is paused
}

// What is not an instant in Arm.At.
const (
	Unarmed = 0         // it is not known; the job has to be looked at
	Never   = 1<<63 - 1 // there is nothing to come of it
)

// Pick selects jobs: those with the keys, that of an ID, that of a name, or up to
// Limit in order, after a name or after a key.
type Pick struct {
	Keys  []uint32
	ID    ID
	Name  string
	After string // in order of names
	Above uint32 // in order of keys, if ByKey
	ByKey bool
	Limit int // 0: all
}

// Repair says that a job was not armed as it should have been, and is now.
type Repair struct {
	Job    ID
	Was    time.Time // for when it was armed; zero if it was not
	Now    time.Time // for when it is now; zero if it is not
	Reason string
}
