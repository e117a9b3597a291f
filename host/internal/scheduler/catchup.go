package scheduler

import (
	"context"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// each reports whether the job catches up nominal times for their own sake: a
// later one does not run in their place.
func each(j *job.Job) bool {
	return j.Misfire.Policy == job.CatchUp && (j.Misfire.Coalesce == job.All || j.Misfire.Coalesce == job.Earliest)
}

// catchUp fires the first of the nominal times after cursor that are to be caught
// up, where late is the last of them, and accounts for those that are not to be:
// that are older than the window, that the earliest stands for, or that are beyond
// the maximum. If the job is at a set, it goes no further than that.
func (a agenda) catchUp(j *job.Job, cursor, late, now, until time.Time) job.Firing {
	if !until.IsZero() {
		late = earlier(late, until)
	}
	f := job.Firing{Job: j, Cursor: late}
	if out := a.firedBefore(now.Add(-max(j.Misfire.Window, j.Misfire.Grace))); out.After(cursor) {
		out = earlier(out, late)
		f.Missed = append(f.Missed, a.stretch(cursor, out, job.Missed, job.ReasonWindow))
		cursor = out
	}
	if !late.After(cursor) {
		return f
	}
	if j.Misfire.Coalesce == job.All && until.IsZero() {
		if before := a.beyond(j.Misfire.Max, cursor, late); before.After(cursor) {
			f.Missed = append(f.Missed, a.stretch(cursor, before, job.Missed, job.ReasonCoalesced))
			cursor = before
		}
	}
	f.Due = a.Next(cursor)
	f.Fire, f.Trigger = a.fire(f.Due), job.ByCatchUp
	switch {
	case j.Misfire.Coalesce == job.All:
		f.Cursor = f.Due
	case late.After(f.Due):
		f.After = []job.Range{a.stretch(f.Due, late, job.Missed, job.ReasonEarlier)}
	}
	return f
}

// beyond returns the last nominal time after cursor that is not among the last n up
// to and with late; or one that is not after cursor.
func (a agenda) beyond(n int, cursor, late time.Time) time.Time {
	for ; n > 0 && late.After(cursor); n-- {
		late = a.Prev(late)
	}
	return late
}

// catchups is what is known of the catching up of all jobs: who may start when.
// Only jobs that catch up are in it. Guarded by the scheduler's mu.
type catchups struct {
	budget budget
	line   []job.ID          // who waits for the budget, in order; who is not in lined has left
	lined  map[job.ID]uint32 // who waits for it, by their keys
	grants map[job.ID]bool   // whose turn has come

	set    map[job.ID]time.Time // the last nominal time of the set that a job catches up one by one
	awaits map[job.ID]awaited
}

// awaited is a run of a nominal time that was caught up, which has yet to end.
type awaited struct {
	key  uint32 // of the job
	due  time.Time
	free bool // it came after its set: only what is caught up waits for it
}

func newCatchups(rate int) catchups {
	return catchups{
		budget: budget{rate: rate, level: catchUpBurst},
		lined:  map[job.ID]uint32{}, grants: map[job.ID]bool{},
		set: map[job.ID]time.Time{}, awaits: map[job.ID]awaited{},
	}
}

// admit takes from the line those whose turn has come, n at most.
func (c *catchups) admit(now time.Time, n int) (admitted []uint32) {
	for len(c.line) > 0 && len(admitted) < n {
		id := c.line[0]
		if key, waits := c.lined[id]; waits {
			if !c.budget.take(now) {
				break
			}
			delete(c.lined, id)
			c.grants[id] = true
			admitted = append(admitted, key)
		}
		c.line[0] = ""
		c.line = c.line[1:]
	}
	return admitted
}

// until returns how long it is until somebody's turn comes; no more than most.
func (c *catchups) until(now time.Time, most time.Duration) time.Duration {
	if len(c.lined) == 0 {
		return most
	}
	return min(c.budget.wait(now), most)
}

// pace holds what was planned of a job against the budget, and returns what of it
// is to fire now. A job whose turn has not come is put in line, and nothing of it
// fires; but of one that catches up the latest alone, what is on time fires in the
// place of that.
func (c *catchups) pace(j *job.Job, firings []job.Firing, now time.Time) []job.Firing {
	granted := c.grants[j.ID]
	delete(c.grants, j.ID)
	if len(firings) == 0 || firings[0].Trigger != job.ByCatchUp {
		if granted {
			c.budget.give()
		}
		if len(firings) > 0 {
			delete(c.lined, j.ID) // what it waited for is accounted for
		}
		return firings
	}
	_, waits := c.lined[j.ID]
	if !granted && (waits || len(c.lined) > 0 || !c.budget.take(now)) {
		if len(firings) > 1 && !each(j) {
			delete(c.lined, j.ID)
			return instead(firings)
		}
		if !waits {
			c.lined[j.ID] = j.Key
			c.line = append(c.line, j.ID)
		}
		return nil
	}
	return firings
}

// instead has the first firing not run, because the second does.
func instead(firings []job.Firing) []job.Firing {
	late, next := firings[0], firings[1]
	next.Missed = append(late.Missed[:len(late.Missed):len(late.Missed)],
		job.Range{First: late.Due, Last: late.Due, Count: 1, State: job.Missed, Reason: job.ReasonCoalesced})
	return append([]job.Firing{next}, firings[2:]...)
}

// lines reports whether a job waits for its turn.
func (c *catchups) lines(id job.ID) bool {
	_, waits := c.lined[id]
	return waits
}

// forget notes that what a job was at is not so any more.
func (c *catchups) forget(id job.ID) {
	delete(c.lined, id)
	delete(c.grants, id)
	delete(c.set, id)
	delete(c.awaits, id)
}

// over notes that the run of a nominal time is over, and reports whether its job
// waited for it, and the key of that.
func (c *catchups) over(id job.ID, due time.Time) (key uint32, waited bool) {
	awaited, ok := c.awaits[id]
	if !ok || !due.Equal(awaited.due) {
		return 0, false
	}
	delete(c.awaits, id)
	return awaited.key, true
}

// paced plans e, and holds what it makes of it against the budget. The caller
// holds mu.
func (s *Scheduler) paced(e *entry, now time.Time) []job.Firing {
	c, j := &s.catch, e.job
	if s.held(e) {
		return nil
	}
	until := c.set[j.ID]
	planned := planSet(j, s.times(e), s.cursor(e), now, until)
	catches := len(planned) > 0 && planned[0].Trigger == job.ByCatchUp && each(j)
	if open := c.awaits[j.ID]; catches && open.free {
		c.awaits[j.ID] = awaited{key: e.key, due: open.due}
		return nil
	}
	firings := c.pace(j, planned, now)
	if len(planned) > 0 && len(firings) == 0 {
		return nil
	}
	through := !until.IsZero() && !s.cursor(e).Before(until) // the set has had its turn
	if through {
		delete(c.set, j.ID)
	}
	if catches {
		c.awaits[j.ID] = awaited{key: e.key, due: firings[0].Due, free: through}
		if until.IsZero() {
			c.set[j.ID] = agenda{s.times(e), string(j.ID)}.firedBefore(now.Add(-j.Misfire.Grace))
		}
	}
	return firings
}

// held reports whether e waits for the end of a run that it catches up. The caller
// holds mu.
func (s *Scheduler) held(e *entry) bool {
	open, waits := s.catch.awaits[e.job.ID]
	return waits && !open.free && each(e.job) && !e.job.Paused
}

// catching reports whether e is at catching up, or waits for its turn.
func (s *Scheduler) catching(e *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !e.job.Paused && (s.held(e) || s.catch.lines(e.job.ID))
}

// comes says which nominal time e is to be armed for, given the next one that is
// not accounted for: none while it waits for the end of a run, and one that is on
// time while it waits for its turn. The caller holds mu.
func (s *Scheduler) comes(e *entry, next time.Time) time.Time {
	switch {
	case next.IsZero() || e.job.Paused:
	case s.held(e):
		return time.Time{}
	case s.catch.lines(e.job.ID):
		a := agenda{s.times(e), string(e.job.ID)}
		if last := a.fired(time.Now()); last.After(s.cursor(e)) {
			return a.Next(last)
		}
	}
	return next
}

// admit arms those whose turn to be caught up has come. The caller holds mu.
func (s *Scheduler) admit(now time.Time) {
	for _, key := range s.catch.admit(now, s.cfg.Batch) {
		if s.roll.has(key) && s.aside[key] == "" {
			s.due.set(key, now.UnixMicro())
		}
	}
}

// unfired notes that what was planned was refused: nobody waits for the end of a
// run that there is not. A run of before, which executes, is still waited for. The
// caller holds mu.
func (s *Scheduler) unfired(p planned) {
	if id, at := p.e.job.ID, s.cursor(p.e); p.cursor.After(at) && s.catch.awaits[id].due.After(at) {
		s.catch.forget(id)
		s.catch.budget.give()
	}
}

// abandon accounts for what was to be caught up of e and has not been begun. The
// caller holds the turn.
func (s *Scheduler) abandon(ctx context.Context, e *entry, now time.Time) error {
	s.mu.Lock()
	var firings []job.Firing
	if s.why(e) == "" && !s.awaiting(e) {
		a := agenda{s.times(e), string(e.job.ID)}
		if last := a.fired(now); last.After(s.cursor(e)) {
			r := a.stretch(s.cursor(e), last, job.Missed, job.ReasonEdited)
			firings = []job.Firing{{Job: e.job, Missed: []job.Range{r}, Cursor: last}}
		}
	}
	s.mu.Unlock()
	if len(firings) == 0 {
		return nil
	}
	return s.fire(ctx, []planned{{e, firings[0].Cursor}}, firings)
}

// Refused tells that the claim of what was fired was refused, up to and with the
// nominal time cursor: there is no run that could end. It may be called from within
// Fire.
func (s *Scheduler) Refused(id job.ID, cursor time.Time) {
	s.mu.Lock()
	if awaited, ok := s.catch.awaits[id]; ok && !cursor.Before(awaited.due) {
		delete(s.catch.awaits, id)
		s.look(awaited.key)
		s.poke()
	}
	s.mu.Unlock()
	s.Completed(&job.Run{Job: id, Trigger: job.ByTimer, Due: cursor, Ended: time.Now().UTC()})
}

// Resume tells of the runs that the last process left open: what is caught up
// after one of them waits for its end.
func (s *Scheduler) Resume(open []*job.Run) {
	for _, r := range open {
		if r.Trigger != job.ByCatchUp {
			continue
		}
		if e := s.find(r.Job); e != nil {
			s.mu.Lock()
			s.catch.awaits[r.Job] = awaited{key: e.key, due: later(s.catch.awaits[r.Job].due, r.Due)}
			s.arm(e)
			s.mu.Unlock()
		}
	}
}

// CatchUp says why a missed nominal time of a job that is to run has not run yet;
// empty if there is none.
func (s *Scheduler) CatchUp(id job.ID) string {
	e := s.find(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e == nil:
	case s.held(e):
		return "what was missed runs one after another, and waits for the end of the one before"
	case s.catch.lines(id) && !e.job.Paused:
		return fmt.Sprintf("%d jobs wait to be caught up, and %d a minute start", len(s.catch.lined), s.cfg.CatchUpRate)
	}
	return ""
}
