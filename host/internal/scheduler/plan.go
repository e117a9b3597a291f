package scheduler

import (
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// times is the part of a schedule that planning needs.
type times interface {
	Next(t time.Time) time.Time
	Prev(t time.Time) time.Time
	Count(after, until time.Time) int64
}

// burst is how many occurrences of one job one plan holds; the rest follows in
// the next one.
const burst = 64

// plan says what becomes at now of every nominal time of j after cursor and not
// after now. The cursor of the last firing is the last nominal time that is
// accounted for; if it lies before the last nominal time there was, the burst
// was full and planning from it goes on.
//
// However long the gap, a stretch of nominal times that will not run costs a
// few evaluations of the schedule and not one each.
func plan(j *job.Job, s times, cursor, now time.Time) []job.Firing {
	first := s.Next(cursor)
	if first.IsZero() || first.After(now) {
		return nil
	}
	if j.Paused {
		r := stretch(s, cursor, last(s, now), job.Skipped, job.ReasonPaused)
		return []job.Firing{{Job: j, Missed: []job.Range{r}, Cursor: r.Last}}
	}
	if j.Concurrency.Policy != job.Allow && !last(s, now).Before(now.Add(-j.Misfire.Grace)) {
		return []job.Firing{newest(j, s, cursor, now)}
	}
	var firings []job.Firing
	if first.Before(now.Add(-j.Misfire.Grace)) {
		late := misfire(j, s, cursor, now)
		firings, cursor = append(firings, late), late.Cursor
	}
	for len(firings) < burst {
		due := s.Next(cursor)
		if due.IsZero() || due.After(now) {
			break
		}
		firings = append(firings, job.Firing{Job: j, Due: due, Fire: due, Trigger: job.ByTimer, Cursor: due})
		cursor = due
	}
	return firings
}

// newest fires the last nominal time there was, which is on time, and accounts
// for those after cursor that came before it: of a job that runs one at a time,
// the newest stands for a backlog. Without one there is nothing before it.
func newest(j *job.Job, s times, cursor, now time.Time) job.Firing {
	latest := last(s, now)
	f := job.Firing{Job: j, Due: latest, Fire: latest, Trigger: job.ByTimer, Cursor: latest}
	far, reason := j.Misfire.Grace, job.ReasonMisfire
	if j.Misfire.Policy == job.CatchUp {
		far, reason = max(j.Misfire.Window, j.Misfire.Grace), job.ReasonWindow
	}
	if lost := s.Prev(now.Add(-far)); lost.After(cursor) {
		f.Missed = append(f.Missed, stretch(s, cursor, lost, job.Missed, reason))
		cursor = lost
	}
	if before := s.Prev(latest); before.After(cursor) {
		f.Missed = append(f.Missed, stretch(s, cursor, before, job.Missed, job.ReasonCoalesced))
	}
	return f
}

// misfire accounts for the nominal times after cursor that are later at now
// than the grace; there is at least one.
func misfire(j *job.Job, s times, cursor, now time.Time) job.Firing {
	latest := s.Prev(now.Add(-j.Misfire.Grace))
	f := job.Firing{Job: j, Cursor: latest}
	if j.Misfire.Policy != job.CatchUp {
		f.Missed = []job.Range{stretch(s, cursor, latest, job.Missed, job.ReasonMisfire)}
		return f
	}
	if out := s.Prev(now.Add(-j.Misfire.Window)); out.After(cursor) {
		out = earlier(out, latest)
		f.Missed = append(f.Missed, stretch(s, cursor, out, job.Missed, job.ReasonWindow))
		cursor = out
	}
	if cursor.Equal(latest) {
		return f
	}
	if before := s.Prev(latest); before.After(cursor) {
		f.Missed = append(f.Missed, stretch(s, cursor, before, job.Missed, job.ReasonCoalesced))
	}
	f.Due, f.Fire, f.Trigger = latest, latest, job.ByCatchUp
	return f
}

// stretch is the nominal times after cursor up to and with last, of which there
// is at least one.
func stretch(s times, cursor, last time.Time, state job.State, reason job.Reason) job.Range {
	return job.Range{First: s.Next(cursor), Last: last, Count: s.Count(cursor, last), State: state, Reason: reason}
}

// last returns the last nominal time that is not after t.
func last(s times, t time.Time) time.Time { return s.Prev(t.Add(1)) }

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
