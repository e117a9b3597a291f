package dispatch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/palyra-go/palyra/host/internal/failpoint"
	"github.com/palyra-go/palyra/host/internal/job"
)

// Recover settles the runs that the last process left open. It is called once,
// before the first Fire, when the children of that process are gone. What was
// executing is interrupted; what waited for its next attempt goes on waiting
// for it; what was queued stays queued unless it is later now than the misfire
// policy of its job allows. Runs of paused and deleted jobs end.
func (d *Dispatch) Recover(ctx context.Context, open []*job.Run) error {
	at := now()
	open = slices.Clone(open)
	slices.SortStableFunc(open, func(a, b *job.Run) int { return a.Created.Compare(b.Created) })
	var waiting []*live
	for _, r := range open {
		r := *r
		j, why := d.fate(&r, at)
		if why == nil {
			waiting = append(waiting, d.adopt(ctx, &r, j))
			continue
		}
		failpoint.At("dispatch.recover")
		lost := r.State == job.Running && r.Retry.IsZero()
		r, by := closed(r, why)
		var err error
		if lost {
			err = d.cfg.Journal.Finish(ctx, lastAttempt(&r))
		} else {
			err = d.cfg.Journal.Advance(ctx, &r, by)
		}
		if err != nil {
			return fmt.Errorf("recover run %s: %w", r.ID, err)
		}
		failpoint.At("dispatch.recovered")
		d.ended(&r)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range waiting {
		if l.run.State == job.Queued {
			d.park(l)
		} else {
			d.await(l)
		}
	}
	d.pump()
	return nil
}

// lastAttempt is the outcome of an attempt that nobody saw end. When it started
// is known of a first one only.
func lastAttempt(r *job.Run) job.Outcome {
	a := job.Attempt{
		Run: r.ID, Number: r.Attempt, Started: r.Started, Ended: r.Ended,
		State: r.State, Reason: r.Reason, Error: r.Error,
	}
	if r.Attempt > 1 {
		a.Started = time.Time{}
	}
	return job.Outcome{Run: r.ID, Job: r.Job, Attempt: a, State: r.State, Reason: r.Reason, Error: r.Error}
}

func (d *Dispatch) adopt(ctx context.Context, r *job.Run, j *job.Job) *live {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.register(ctx, r, j, beginning)
	l.tape.written(r.Attempt)
	return l
}

// fate says why an open run ends now, or of which job it waits.
func (d *Dispatch) fate(r *job.Run, at time.Time) (*job.Job, error) {
	if r.State == job.Running && r.Retry.IsZero() {
		return nil, errLost
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	j, err := d.current(r)
	if err == nil && r.State == job.Queued && tooLate(j.Misfire, at.Sub(later(r.Due, r.Fire))) {
		err = errLate
	}
	return j, err
}

// later is when a run was to start: runs of old journals have no fire.
func later(due, fire time.Time) time.Time {
	if fire.After(due) {
		return fire
	}
	return due
}

func tooLate(m job.Misfire, late time.Duration) bool {
	if m.Policy == job.CatchUp {
		return late > max(m.Window, m.Grace)
	}
	return late > m.Grace
}
