package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// until returns when a run must have ended with all its attempts; zero if only
// they are limited.
func until(r *job.Run, j *job.Job) time.Time {
	if j.RunTimeout <= 0 || r.Started.IsZero() {
		return time.Time{}
	}
	return r.Started.Add(j.RunTimeout)
}

func overrun(r *job.Run, j *job.Job, at time.Time) bool {
	end := until(r, j)
	return !end.IsZero() && !at.Before(end)
}

func (l *live) overrun(at time.Time) bool { return overrun(l.run, l.job, at) }

// deadline returns when an attempt must have ended, and what it becomes then.
func (l *live) deadline(started time.Time) (time.Time, error) {
	at := l.verdict.Permit.Until() // counts from the judgement
	if at.IsZero() {
		at = started.Add(l.job.Timeout)
	}
	if end := until(l.run, l.job); !end.IsZero() && end.Before(at) {
		return end, errOverrun
	}
	return at, ErrTimeout
}

// further has another attempt follow the outcome of one, if one may.
func (d *Dispatch) further(l *live, e ended, o *job.Outcome) {
	most := 0
	switch {
	case e.retry:
		most = l.job.Retry.Attempts
	case l.job.AtLeastOnce && e.reason == job.ReasonShutdown:
		most = job.MaxAttempts
	}
	if l.run.Attempt >= most || !d.wanted(l.run) {
		return
	}
	next := o.Attempt.Ended.Add(l.job.Retry.Delay(l.run.Attempt))
	if l.overrun(next) {
		o.Error = cut(o.Error+" (not tried again: its run timeout will be over)", maxError)
		return
	}
	o.State, o.Reason, o.Retry = job.Running, job.NoReason, next
}

// wanted reports whether the job of a run still is there and not paused.
func (d *Dispatch) wanted(r *job.Run) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.current(r)
	return err == nil
}

// await parks a run between two attempts. The caller holds mu.
func (d *Dispatch) await(l *live) {
	l.phase = parked
	if l.ctx.Err() != nil && !l.interrupted() {
		d.halt(l, context.Cause(l.ctx))
		return
	}
	if d.draining {
		return // its time is in the journal
	}
	l.timer = time.AfterFunc(time.Until(l.run.Retry), func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		l.timer = nil
		d.enline(l)
		d.pump()
	})
	if end := until(l.run, l.job); !end.IsZero() {
		l.limit = time.AfterFunc(time.Until(end), func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if l.phase == parked {
				d.halt(l, errOverrun)
			}
		})
	}
}

// interrupted reports whether the daemon stops and that is all that stops l.
func (l *live) interrupted() bool { return errors.Is(context.Cause(l.ctx), ErrShutdown) }

// quiet stops the timers of l. The caller holds mu.
func (l *live) quiet() {
	for _, t := range []*time.Timer{l.timer, l.limit} {
		if t != nil {
			t.Stop()
		}
	}
}
