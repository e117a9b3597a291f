package scheduler

import (
	"container/heap"
	"slices"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Get returns the job of that id or name, nil if there is none.
func (s *Scheduler) Get(nameOrID string) *job.Job {
	e := s.lookup(job.ID(nameOrID))
	if e == nil {
		e = s.holder(nameOrID)
	}
	if e == nil {
		return nil
	}
	return s.snapshot(e)
}

// List returns all jobs by name.
func (s *Scheduler) List() []*job.Job {
	s.mu.Lock()
	jobs := make([]*job.Job, 0, len(s.byID))
	for _, e := range s.byID {
		jobs = append(jobs, e.snapshot())
	}
	s.mu.Unlock()
	slices.SortFunc(jobs, func(a, b *job.Job) int { return strings.Compare(a.Name, b.Name) })
	return jobs
}

// Next returns when a job is due next: the zero time if it is paused, set
// aside, unknown or over.
func (s *Scheduler) Next(id job.ID) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byID[id]; e != nil && e.pos >= 0 && !e.job.Paused {
		return time.UnixMicro(s.due[e.pos].at).UTC()
	}
	return time.Time{}
}

// Aside returns why a job was set aside; empty if it was not.
func (s *Scheduler) Aside(id job.ID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byID[id]; e != nil {
		return e.aside
	}
	return ""
}

// Fire is a job and a time at which it will be due.
type Fire struct {
	Job  *job.Job
	At   time.Time
	Zone string // in which the schedule is read
}

// Upcoming returns the next fires over all jobs, soonest first. The work is
// that of the limit, not of the number of jobs.
func (s *Scheduler) Upcoming(limit int) []Fire {
	s.mu.Lock()
	defer s.mu.Unlock()
	ahead := &ahead{}
	push := func(pos int) {
		if pos < len(s.due) {
			heap.Push(ahead, fire{s.due[pos], pos})
		}
	}
	push(0)
	var fires []Fire
	for ahead.Len() > 0 && len(fires) < limit {
		f := heap.Pop(ahead).(fire)
		if f.pos >= 0 {
			push(2*f.pos + 1)
			push(2*f.pos + 2)
		}
		if f.e.job.Paused {
			continue
		}
		at := time.UnixMicro(f.at).UTC()
		fires = append(fires, Fire{Job: f.e.snapshot(), At: at, Zone: f.e.schedule.Location().String()})
		if next := f.e.schedule.Next(at); !next.IsZero() {
			heap.Push(ahead, fire{slot{next.UnixMicro(), f.e}, -1})
		}
	}
	return fires
}

// fire is a slot and where it came from: its place among the dues, whose
// children follow it, or -1.
type fire struct {
	slot
	pos int
}

type ahead []fire

func (a ahead) Len() int { return len(a) }
func (a ahead) Less(i, j int) bool {
	if a[i].at != a[j].at {
		return a[i].at < a[j].at
	}
	return a[i].e.job.Name < a[j].e.job.Name
}
func (a ahead) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *ahead) Push(f any)   { *a = append(*a, f.(fire)) }
func (a *ahead) Pop() any {
	last := len(*a) - 1
	f := (*a)[last]
	*a = (*a)[:last]
	return f
}

func (s *Scheduler) lookup(id job.ID) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

func (s *Scheduler) holder(name string) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.name[name]
}

func (s *Scheduler) snapshot(e *entry) *job.Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.snapshot()
}

// snapshot returns the job as it is now. The caller holds mu.
func (e *entry) snapshot() *job.Job {
	j := *e.job
	j.Cursor = e.cursor
	return &j
}
