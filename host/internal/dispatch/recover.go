package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/palyra-go/palyra/host/internal/failpoint"
	"github.com/palyra-go/palyra/host/internal/job"
)

// Recover settles the runs that the last process left open. It is called once,
// before the first Fire, when the children of that process are gone. What was
// executing is interrupted, or attempted again; what waited for its next attempt goes on waiting
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
		if err := d.settle(ctx, &r, j, why, at); err != nil {
			return fmt.Errorf("recover run %s: %w", r.ID, err)
		}
		if why == nil {
			waiting = append(waiting, d.adopt(ctx, &r, j))
		} else {
			d.ended(&r)
		}
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

// settle writes what becomes of an open run that does not just go on waiting.
func (d *Dispatch) settle(ctx context.Context, r *job.Run, j *job.Job, why error, at time.Time) error {
	if why == nil && !lost(r) {
		return nil
	}
	failpoint.At("dispatch.recover")
	chain, err := d.chainOf(r.Job)
	if err != nil {
		return fmt.Errorf("read its job: %w", err)
	}
	switch over, by := closed(*r, cmp.Or(why, errLost)); {
	case why == nil:
		o := lastAttempt(&over)
		r.Retry = at.Add(j.Retry.Delay(r.Attempt))
		o.State, o.Reason, o.Retry = job.Running, job.NoReason, r.Retry
		err = d.cfg.Journal.Finish(ctx, o)
	case lost(r):
		o := lastAttempt(&over)
		o.Chain = chain
		*r, err = over, d.cfg.Journal.Finish(ctx, o)
	default:
		*r, err = over, d.over(ctx, &over, by, chain)
	}
	failpoint.At("dispatch.recovered")
	return err
}

// lost reports whether an open run was executing when the daemon died.
func lost(r *job.Run) bool { return r.State == job.Running && r.Retry.IsZero() }

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
	l := d.register(context.WithoutCancel(ctx), r, j, beginning)
	l.tape.written(r.Attempt)
	return l
}

// fate says why an open run ends now, or of which job it waits.
func (d *Dispatch) fate(r *job.Run, at time.Time) (*job.Job, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	j, err := d.current(r)
	switch {
	case lost(r):
		if err != nil || !j.AtLeastOnce || r.Attempt >= job.MaxAttempts || overrun(r, j, at.Add(j.Retry.Delay(r.Attempt))) {
			return nil, errLost
		}
	case err != nil:
	case r.State == job.Queued && tooLate(j.Misfire, at.Sub(later(r.Due, r.Fire))):
		err = errLate
	case overrun(r, j, at):
		err = errOverrun
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
