package scheduler

import (
	"math"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

// entry is one job, read and compiled. It does not change; an edit makes another.
type entry struct {
	key      uint32
	job      *job.Job
	schedule *schedule.Schedule
	problem  string // why there is no schedule; else empty
}

// waits reports whether the job counts from the completion of its runs.
func (e *entry) waits() bool { return e.job.Schedule.Kind == schedule.Delay }

func (e *entry) fire(nominal time.Time) time.Time {
	return e.schedule.Fire(string(e.job.ID), nominal)
}

// arms is what the store keeps of when to look at e, whose cursor is there; see
// [job.Arm]. It is never later than it should be: of a delay and of a pause with an
// end, which are more than an instant, it says nothing, nor where the schedule panics.
func (e *entry) arms(cursor time.Time) (at int64) {
	defer func() {
		if recover() != nil {
			at = job.Unarmed
		}
	}()
	switch {
	case e.problem != "" || e.waits():
		return job.Unarmed
	case e.job.Paused && !e.job.PauseUntil.IsZero():
		return job.Unarmed
	}
	at = job.Never
	if next := e.schedule.Next(cursor); !next.IsZero() {
		at = max(e.fire(next).UnixMicro(), job.Unarmed)
	}
	if e.job.Paused {
		return -at
	}
	return at
}

// roll is what is known of every job there is, by its key: the last nominal time
// that is accounted for. That of the store may be behind: of a claim that was
// refused alone, or of a delay.
type roll struct {
	cursors []int64 // microseconds since 1970, or vacant
	free    []uint32
	count   int
	rests   []uint64 // a bit for each key: the job is paused
	paused  int
}

const vacant = math.MinInt64

// maxKey bounds what a damaged store can have the roll grow to.
const maxKey = 1 << 28

func (r *roll) has(key uint32) bool { return int(key) < len(r.cursors) && r.cursors[key] != vacant }

// cursor returns the cursor of a job that is there.
func (r *roll) cursor(key uint32) time.Time { return time.UnixMicro(r.cursors[key]).UTC() }

// move sets the cursor of a job, which joins the roll if it is new.
func (r *roll) move(key uint32, to int64) {
	for int(key) >= len(r.cursors) {
		r.cursors = append(r.cursors, vacant)
	}
	if r.cursors[key] == vacant {
		r.count++
	}
	r.cursors[key] = to
}

// vacate takes a job off the roll.
func (r *roll) vacate(key uint32) {
	if r.has(key) {
		r.rest(key, false)
		r.cursors[key] = vacant
		r.free = append(r.free, key)
		r.count--
	}
}

// rest notes whether a job is paused.
func (r *roll) rest(key uint32, paused bool) {
	for int(key/64) >= len(r.rests) {
		r.rests = append(r.rests, 0)
	}
	word, bit := &r.rests[key/64], uint64(1)<<(key%64)
	switch {
	case paused && *word&bit == 0:
		r.paused++
		*word |= bit
	case !paused && *word&bit != 0:
		r.paused--
		*word &^= bit
	}
}

// vacancy returns a key that no job has. Keys are given again, so that they stay
// dense; 0 is none.
func (r *roll) vacancy() uint32 {
	for n := len(r.free); n > 0; n-- {
		key := r.free[n-1]
		if !r.has(key) {
			return key
		}
		r.free = r.free[:n-1]
	}
	return uint32(max(len(r.cursors), 1))
}

// gaps makes all keys free that no job has.
func (r *roll) gaps() {
	r.free = nil
	for key := len(r.cursors) - 1; key > 0; key-- {
		if r.cursors[key] == vacant {
			r.free = append(r.free, uint32(key))
		}
	}
}
