package scheduler

import (
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

// entry is one job as the scheduler holds it.
type entry struct {
	job      *job.Job // immutable; an edit puts another in its place
	schedule *schedule.Schedule
	cursor   time.Time
	awaits   time.Time // of a delay: the nominal time whose run has yet to end; zero if there is none
	pos      int       // in the heap; -1 if it is not armed
	aside    string    // why it is not planned any more; empty if it is
}

// slot is one armed job: 16 bytes, and the key inline.
type slot struct {
	at int64 // microseconds since 1970
	e  *entry
}

// dues is a binary heap of armed jobs, soonest first.
type dues []slot

// set arms e at t, or moves it there.
func (h *dues) set(e *entry, t time.Time) {
	at := t.UnixMicro()
	if e.pos < 0 {
		e.pos = len(*h)
		*h = append(*h, slot{at, e})
	} else {
		(*h)[e.pos].at = at
	}
	h.fix(e.pos)
}

// remove disarms e.
func (h *dues) remove(e *entry) {
	i, n := e.pos, len(*h)-1
	if i < 0 {
		return
	}
	h.swap(i, n)
	(*h)[n] = slot{}
	*h = (*h)[:n]
	e.pos = -1
	if i < n {
		h.fix(i)
	}
}

func (h *dues) fix(i int) {
	for i > 0 && (*h)[i].at < (*h)[(i-1)/2].at {
		h.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(*h); child++ {
			if (*h)[child].at < (*h)[least].at {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}

func (h *dues) swap(i, j int) {
	s := *h
	s[i], s[j] = s[j], s[i]
	s[i].e.pos, s[j].e.pos = i, j
}
