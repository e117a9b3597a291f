package scheduler

import (
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

// times is the part of a schedule that planning needs.
type times interface {
	Next(t time.Time) time.Time
	Prev(t time.Time) time.Time
	Count(after, until time.Time) int64
	Fire(job string, nominal time.Time) time.Time
}

// single is the one nominal time that a delay has until it is known when that
// one is over.
type single struct {
	*schedule.Schedule
	at time.Time // zero: none
}

func (s single) Next(t time.Time) time.Time {
	if t.Before(s.at) {
		return s.at
	}
	return time.Time{}
}

func (s single) Prev(t time.Time) time.Time {
	if t.After(s.at) {
		return s.at
	}
	return time.Time{}
}

func (s single) Count(after, until time.Time) int64 {
	if after.Before(s.at) && !until.Before(s.at) {
		return 1
	}
	return 0
}

// agenda is a schedule as a job follows it: every nominal time of it fires at
// an instant of its own, before the next nominal time. So what has fired by an
// instant is all nominal times up to one.
type agenda struct {
	times
	job string
}

func (a agenda) fire(nominal time.Time) time.Time { return a.Fire(a.job, nominal) }

// fired returns the last nominal time that fires at t or before.
func (a agenda) fired(t time.Time) time.Time {
	last := a.Prev(t.Add(1))
	if !last.IsZero() && a.fire(last).After(t) {
		return a.Prev(last)
	}
	return last
}

// firedBefore returns the last nominal time that fires before t.
func (a agenda) firedBefore(t time.Time) time.Time {
	last := a.Prev(t)
	if !last.IsZero() && !a.fire(last).Before(t) {
		return a.Prev(last)
	}
	return last
}

// stretch is the nominal times after cursor up to and with last, of which there
// is at least one.
func (a agenda) stretch(cursor, last time.Time, state job.State, reason job.Reason) job.Range {
	return job.Range{First: a.Next(cursor), Last: last, Count: a.Count(cursor, last), State: state, Reason: reason}
}

// burst is how many occurrences of one job one plan holds; the rest follows in
// the next one.
const burst = 64

// plan says what becomes at now of every nominal time of j that is after cursor
// and fires not after now. The cursor of the last firing is the last nominal
// time that is accounted for; if more have fired, the burst was full and
// planning from it goes on.
//
// However long the gap, a stretch of nominal times that will not run costs a
// few evaluations of the schedule and not one each.
func plan(j *job.Job, s times, cursor, now time.Time) []job.Firing {
	return planSet(j, s, cursor, now, time.Time{})
}

// planSet is plan for a job that catches up a set of nominal times one after
// another, the last of which is until; zero if it is not at it. What was missed
// after the set is not caught up one by one: else a job whose runs take longer
// than its interval would never be on time again.
func planSet(j *job.Job, s times, cursor, now, until time.Time) []job.Firing {
	if j.PauseOver(now) {
		now = lastPaused(j) // what follows is for the job as it is resumed
	}
	a := agenda{s, string(j.ID)}
	first := a.Next(cursor)
	if first.IsZero() || first.After(now) {
		return nil
	}
	fire := a.fire(first)
	if fire.After(now) {
		return nil
	}
	if j.Paused {
		r := a.stretch(cursor, a.fired(now), job.Skipped, job.ReasonPaused)
		return []job.Firing{{Job: j, Missed: []job.Range{r}, Cursor: r.Last}}
	}
	if each(j) && (until.IsZero() || cursor.Before(until)) {
		if late := a.firedBefore(now.Add(-j.Misfire.Grace)); late.After(cursor) {
			return []job.Firing{a.catchUp(j, cursor, late, now, until)}
		}
	}
	if j.Concurrency.Policy != job.Allow && !a.fire(a.fired(now)).Before(now.Add(-j.Misfire.Grace)) {
		return []job.Firing{a.newest(j, cursor, now)}
	}
	var firings []job.Firing
	if fire.Before(now.Add(-j.Misfire.Grace)) {
		late := a.misfire(j, cursor, now)
		firings, cursor = append(firings, late), late.Cursor
	}
	for len(firings) < burst {
		due := a.Next(cursor)
		if due.IsZero() || due.After(now) {
			break
		}
		fire := a.fire(due)
		if fire.After(now) {
			break
		}
		firings = append(firings, job.Firing{Job: j, Due: due, Fire: fire, Trigger: job.ByTimer, Cursor: due})
		cursor = due
	}
	return firings
}

// newest fires the last nominal time there was, which is on time, and accounts
// for those after cursor that came before it: of a job that runs one at a time,
// the newest stands for a backlog. Without one there is nothing before it.
func (a agenda) newest(j *job.Job, cursor, now time.Time) job.Firing {
	latest := a.fired(now)
	f := job.Firing{Job: j, Due: latest, Fire: a.fire(latest), Trigger: job.ByTimer, Cursor: latest}
	far, reason := j.Misfire.Grace, job.ReasonMisfire
	if j.Misfire.Policy == job.CatchUp {
		far, reason = max(j.Misfire.Window, j.Misfire.Grace), job.ReasonWindow
	}
	if lost := a.firedBefore(now.Add(-far)); lost.After(cursor) {
		f.Missed = append(f.Missed, a.stretch(cursor, lost, job.Missed, reason))
		cursor = lost
	}
	if before := a.Prev(latest); before.After(cursor) {
		f.Missed = append(f.Missed, a.stretch(cursor, before, job.Missed, job.ReasonCoalesced))
	}
	return f
}

// misfire accounts for the nominal times after cursor that are later at now
// than the grace; there is at least one. How late one is counts from when it
// was to fire.
func (a agenda) misfire(j *job.Job, cursor, now time.Time) job.Firing {
	latest := a.firedBefore(now.Add(-j.Misfire.Grace))
	f := job.Firing{Job: j, Cursor: latest}
	if j.Misfire.Policy != job.CatchUp {
		f.Missed = []job.Range{a.stretch(cursor, latest, job.Missed, job.ReasonMisfire)}
		return f
	}
	if out := a.firedBefore(now.Add(-j.Misfire.Window)); out.After(cursor) {
		out = earlier(out, latest)
		f.Missed = append(f.Missed, a.stretch(cursor, out, job.Missed, job.ReasonWindow))
		cursor = out
	}
	if cursor.Equal(latest) {
		return f
	}
	if before := a.Prev(latest); before.After(cursor) {
		f.Missed = append(f.Missed, a.stretch(cursor, before, job.Missed, job.ReasonCoalesced))
	}
	f.Due, f.Fire, f.Trigger = latest, a.fire(latest), job.ByCatchUp
	return f
}

// ahead accounts for the nominal time that has come at now and is still to
// fire, because its schedule is about to end: it fires now, or is skipped if
// there is a reason.
func ahead(j *job.Job, s times, cursor, now time.Time, reason job.Reason) []job.Firing {
	a := agenda{s, string(j.ID)}
	due := a.Next(cursor)
	if due.IsZero() || due.After(now) {
		return nil
	}
	if j.Paused {
		reason = job.ReasonPaused
	}
	f := job.Firing{Job: j, Cursor: due}
	if reason != job.NoReason {
		f.Missed = []job.Range{a.stretch(cursor, due, job.Skipped, reason)}
	} else {
		f.Due, f.Fire, f.Trigger = due, now, job.ByTimer
	}
	return []job.Firing{f}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// lastPaused is the last instant of a pause that ends by itself.
func lastPaused(j *job.Job) time.Time { return j.PauseUntil.Add(-time.Microsecond) }
