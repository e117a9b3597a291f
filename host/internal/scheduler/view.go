package scheduler

import (
	"cmp"
	"container/heap"
	"math"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

// Get returns the job of that id or name, nil if there is none. An error says
// that the store cannot tell.
func (s *Scheduler) Get(nameOrID string) (*job.Job, error) {
	e, err := s.lookup(job.ID(nameOrID))
	if e == nil && err == nil {
		e, err = s.holder(nameOrID)
	}
	if e == nil || err != nil {
		return nil, err
	}
	return s.snapshot(e), nil
}

// List returns jobs by name: those after a name, at most so many.
func (s *Scheduler) List(after string, limit int) ([]*job.Job, error) {
	entries, err := s.read(s.ctx, job.Pick{After: after, Limit: max(limit, 1)})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs := make([]*job.Job, len(entries))
	for i, e := range entries {
		jobs[i] = s.seen(e)
	}
	return jobs, nil
}

// Count is how many jobs there are, and how many of them are paused.
func (s *Scheduler) Count() (all, paused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.roll.count, s.roll.paused
}

// Next returns the next nominal time of a job: the zero time if it is paused,
// unknown, or [Scheduler.Idle].
func (s *Scheduler) Next(id job.ID) time.Time {
	e := s.find(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e != nil && s.awake(e) {
		return s.next(e).UTC()
	}
	return time.Time{}
}

// Aside returns why a job was set aside; empty if it was not.
func (s *Scheduler) Aside(id job.ID) string {
	e := s.find(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e == nil {
		return ""
	}
	return s.why(e)
}

// Idle says why a job that is not paused has no next nominal time; empty if it
// has one.
func (s *Scheduler) Idle(id job.ID) string {
	e := s.find(id)
	if e == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, armed := s.due.armed(e.key)
	switch {
	case s.why(e) != "":
		return "set aside: " + s.why(e)
	case s.awaiting(e):
		return "waits for the end of its run"
	case s.held(e):
		return "waits for the end of the run that it catches up"
	case e.job.Schedule.Kind == schedule.Manual:
		return "starts only on demand"
	case !armed && s.next(e).IsZero():
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
	e := s.find(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e == nil || !s.awake(e) {
		return nil
	}
	var fires []Fire
	for at := s.next(e); !at.IsZero() && len(fires) < limit; at = e.following(at) {
		fires = append(fires, s.at(e, at))
	}
	return fires
}

// awake reports whether e is armed for a nominal time. The caller holds mu.
func (s *Scheduler) awake(e *entry) bool {
	_, armed := s.due.armed(e.key)
	return armed && !e.job.Paused && s.why(e) == ""
}

func (s *Scheduler) at(e *entry, nominal time.Time) Fire {
	return Fire{Job: s.seen(e), At: nominal.UTC(), Fire: e.fire(nominal).UTC(), Zone: e.schedule.Location().String()}
}

// following returns the nominal time after another, if it is known yet.
func (e *entry) following(nominal time.Time) time.Time {
	if e.waits() {
		return time.Time{}
	}
	return e.schedule.Next(nominal)
}

// Upcoming returns the next fires over all jobs, soonest first. Jobs are read for
// as many as it returns, and for those armed that are not to fire, if they come
// before.
func (s *Scheduler) Upcoming(limit int) []Fire {
	for most := limit; ; most *= 4 {
		s.mu.Lock()
		keys := s.due.soonest(most, math.MaxInt64)
		s.mu.Unlock()
		found, _, err := s.entries(s.ctx, keys)
		if err != nil {
			s.cfg.Log.Warn("what fires next is not known", "err", err)
			return nil
		}
		fires := s.merge(keys, found, limit, len(keys) < most)
		if len(fires) == limit || len(keys) < most || most > s.cfg.Cache {
			return fires
		}
	}
}

// merge returns the next fires of the jobs that are due first, up to the last of
// these if there are others.
func (s *Scheduler) merge(keys []uint32, found map[uint32]*entry, limit int, all bool) []Fire {
	s.mu.Lock()
	defer s.mu.Unlock()
	ahead := &soonest{}
	until := int64(math.MinInt64)
	for _, key := range keys {
		if at, armed := s.due.armed(key); armed {
			until = max(until, at)
		}
		if e := found[key]; e != nil && s.awake(e) {
			if next := s.next(e); !next.IsZero() {
				*ahead = append(*ahead, fire{e.fire(next).UnixMicro(), e, next})
			}
		}
	}
	heap.Init(ahead)
	var fires []Fire
	for ahead.Len() > 0 && len(fires) < limit {
		f := heap.Pop(ahead).(fire)
		if f.at > until && !all {
			break
		}
		fires = append(fires, s.at(f.e, f.nominal))
		if next := f.e.following(f.nominal); !next.IsZero() {
			heap.Push(ahead, fire{f.e.fire(next).UnixMicro(), f.e, next})
		}
	}
	return fires
}

// fire is an entry, a nominal time of it, and when it fires.
type fire struct {
	at      int64
	e       *entry
	nominal time.Time
}

type soonest []fire

func (a soonest) Len() int { return len(a) }
func (a soonest) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(a[i].at, a[j].at), strings.Compare(a[i].e.job.Name, a[j].e.job.Name)) < 0
}
func (a soonest) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *soonest) Push(f any)   { *a = append(*a, f.(fire)) }
func (a *soonest) Pop() any {
	last := len(*a) - 1
	f := (*a)[last]
	*a = (*a)[:last]
	return f
}

// find is lookup for who can do nothing about an error.
func (s *Scheduler) find(id job.ID) *entry {
	e, err := s.lookup(id)
	if err != nil {
		s.cfg.Log.Warn("job cannot be read", "job", id, "err", err)
	}
	return e
}

func (s *Scheduler) snapshot(e *entry) *job.Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen(e)
}

// seen returns the job as it is now. The caller holds mu.
func (s *Scheduler) seen(e *entry) *job.Job {
	j := *e.job
	j.Cursor = s.cursor(e)
	return &j
}
