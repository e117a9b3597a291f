package scheduler

import (
	"container/heap"
	"slices"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
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

// Next returns the next nominal time of a job: the zero time if it is paused,
// unknown, or [Scheduler.Idle].
func (s *Scheduler) Next(id job.ID) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byID[id]; e != nil && e.pos >= 0 && !e.job.Paused {
		return e.next().UTC()
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

// Idle says why a job that is not paused has no next nominal time; empty if it
// has one.
func (s *Scheduler) Idle(id job.ID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[id]
	switch {
	case e == nil:
	case e.aside != "":
		return "set aside: " + e.aside
	case !e.awaits.IsZero():
		return "waits for the end of its run"
	case s.held(e):
		return "waits for the end of the run that it catches up"
	case e.job.Schedule.Kind == schedule.Manual:
		return "starts only on demand"
	case e.pos < 0 && e.next().IsZero():
		return "over"
	}
	return ""
}

// Fire is a job and a time at which it will be due.
type Fire struct {
	Job  *job.Job
	At   time.Time // nominal
	Fire time.Time // with jitter
	Zone string    // in which the schedule is read
}

// Fires returns the next nominal times of a job: none if it has no next one, and
// of a delay one, since the others depend on its runs.
func (s *Scheduler) Fires(id job.ID, limit int) []Fire {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[id]
	if e == nil || e.pos < 0 || e.job.Paused {
		return nil
	}
	var fires []Fire
	for at := e.next(); !at.IsZero() && len(fires) < limit; at = e.following(at) {
		fires = append(fires, e.at(at))
	}
	return fires
}

func (e *entry) at(nominal time.Time) Fire {
	return Fire{Job: e.snapshot(), At: nominal.UTC(), Fire: e.fire(nominal).UTC(), Zone: e.schedule.Location().String()}
}

// following returns the nominal time after another, if it is known yet.
func (e *entry) following(nominal time.Time) time.Time {
	if e.waits() {
		return time.Time{}
	}
	return e.schedule.Next(nominal)
}

// Upcoming returns the next fires over all jobs, soonest first. The work is
// that of the limit, not of the number of jobs.
func (s *Scheduler) Upcoming(limit int) []Fire {
	s.mu.Lock()
	defer s.mu.Unlock()
	ahead := &soonest{}
	push := func(pos int) {
		if pos < len(s.due) {
			heap.Push(ahead, fire{s.due[pos], s.due[pos].e.next(), pos})
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
		if f.e.job.Paused || f.nominal.IsZero() {
			continue
		}
		fires = append(fires, f.e.at(f.nominal))
		if next := f.e.following(f.nominal); !next.IsZero() {
			heap.Push(ahead, fire{slot{f.e.fire(next).UnixMicro(), f.e}, next, -1})
		}
	}
	return fires
}

// fire is a slot, the nominal time it is for and where it came from: its place
// among the dues, whose children follow it, or -1.
type fire struct {
	slot
	nominal time.Time
	pos     int
}

type soonest []fire

func (a soonest) Len() int { return len(a) }
func (a soonest) Less(i, j int) bool {
	if a[i].at != a[j].at {
		return a[i].at < a[j].at
	}
	return a[i].e.job.Name < a[j].e.job.Name
}
func (a soonest) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *soonest) Push(f any)   { *a = append(*a, f.(fire)) }
func (a *soonest) Pop() any {
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
