package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/palyra-go/palyra/host/internal/failpoint"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
)

// start performs the first attempt of a run that was begun as running.
func (d *Dispatch) start(l *live) {
	defer d.guard(l)
	d.finish(l, d.attempt(l))
}

// resume performs the next attempt of a run that waited.
func (d *Dispatch) resume(l *live) {
	defer d.guard(l)
	err := d.again(l)
	if err == nil {
		run := *l.run
		err = d.write(l.base, func(ctx context.Context) error { return d.cfg.Journal.Advance(ctx, &run, job.Daemon) })
		if d.cfg.Distrusted(err) {
			err = stop(job.Denied, job.ReasonSkillState, err.Error())
		} else if err != nil {
			err = stop(job.Failed, job.ReasonStart, "the journal refused the start: "+err.Error())
		} else {
			failpoint.At("dispatch.advanced")
			d.landed(l)
		}
	}
	if err != nil {
		d.end(l, err)
		return
	}
	d.finish(l, d.attempt(l))
}

// landed notes that the journal has a run as running that was queued.
func (d *Dispatch) landed(l *live) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.leaps = false
}

// again judges a run that waited, under the lock that cancelling takes. The
// error is why it does not start.
func (d *Dispatch) again(l *live) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	current, err := d.current(l.run)
	if err != nil {
		return err
	}
	l.job = current // an edit keeps the action and input of a run, and nothing else
	at := now()
	if l.overrun(at) {
		return errOverrun
	}
	v := d.judge(l.run, l.job, l.run.Attempt+1, at)
	if v.Reason != job.NoReason {
		return stop(job.Denied, v.Reason, v.Message)
	}
	l.verdict = v
	l.run.State, l.run.Retry = job.Running, time.Time{}
	l.run.Attempt++
	if l.run.Started.IsZero() {
		l.run.Started = at
	}
	return nil
}

// current returns the job of a run as it is now, or why the run may not go on.
// The caller holds mu.
func (d *Dispatch) current(r *job.Run) (*job.Job, error) {
	j, err := d.cfg.Jobs(r.Job)
	switch {
	case err != nil: // it may be paused
		return nil, stop(job.Failed, job.ReasonStart, "its job cannot be read: "+err.Error())
	case j == nil:
		return nil, withdrawnFor(job.ReasonDeleted)
	case j.Paused && (r.Trigger.Scheduled() || r.Trigger == job.ByChain): // what is asked for while it is paused is meant
		return nil, withdrawnFor(job.ReasonDisabled)
	}
	return j, nil
}

// attempt performs one attempt and says how it ended. The caller owns l.
func (d *Dispatch) attempt(l *live) job.Outcome {
	s := &session{number: l.run.Attempt, calls: d.cfg.Calls, skill: l.verdict.Skill}
	d.show(l, s)
	started := now()
	result, err := d.perform(l, s, started)
	failpoint.At("dispatch.answered")
	e := conclude(result, err)
	o := job.Outcome{
		Run: l.run.ID, Job: l.run.Job, State: e.state, Reason: e.reason, Error: cut(e.text, maxError),
		Log: s.end(), Summary: line(result.Summary, maxSummary),
	}
	if e.state == job.Succeeded {
		o.Output, o.Effect = result.Output, l.job.Effect
	}
	o.Chain = d.chain(l.job)
	o.Attempt = job.Attempt{
		Run: l.run.ID, Number: l.run.Attempt, Started: started, Ended: now(),
		State: o.State, Reason: o.Reason, Error: o.Error,
	}
	d.further(l, e, &o)
	return o
}

// perform runs the action. A panic in here is the run's, not the daemon's.
func (d *Dispatch) perform(l *live, s *session, started time.Time) (result sdk.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			d.cfg.Log.Error("panic in an attempt", "run", l.run.ID, "err", p, "stack", string(debug.Stack()))
			err = &skill.Fault{Kind: skill.Crashed, Detail: fmt.Sprintf("panic in the host: %v", p)}
		}
	}()
	deadline, why := l.deadline(started)
	ctx, release := context.WithDeadlineCause(l.ctx, deadline, why)
	defer release()
	input, err := d.input(ctx, l)
	if err == nil && ctx.Err() == nil {
		failpoint.At("dispatch.start")
		result, err = d.cfg.Runner.Run(ctx, l.verdict.Permit, sdk.Request{
			Entrypoint: l.run.Action.Entrypoint, Input: input,
			Run: string(l.run.ID), Occurrence: l.run.Occurrence(), Due: l.run.Due.UTC(),
			Attempt: l.run.Attempt, Deadline: deadline, Upstream: d.upstream(ctx, l.run),
		}, s)
	} else if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return result, err
}

// upstream is the run whose end started another one.
func (d *Dispatch) upstream(ctx context.Context, r *job.Run) *sdk.Upstream {
	if r.Trigger != job.ByChain || d.cfg.Upstream == nil {
		return nil
	}
	return d.cfg.Upstream(ctx, r.Parent)
}

func (d *Dispatch) input(ctx context.Context, l *live) (json.RawMessage, error) {
	if d.cfg.Input == nil || !l.job.System() {
		return l.run.Action.Input, nil
	}
	input, err := d.cfg.Input(ctx, l.job)
	if err != nil {
		return nil, fmt.Errorf("build the input: %w", err)
	}
	if input == nil {
		input = l.run.Action.Input
	}
	return input, nil
}

// guard keeps a panic of a run's goroutine from the daemon. What it leaves in
// the journal as running is settled at the next start.
func (d *Dispatch) guard(l *live) {
	p := recover()
	if p == nil {
		return
	}
	d.cfg.Log.Error("panic around an attempt", "run", l.run.ID, "err", p, "stack", string(debug.Stack()))
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.runs[l.run.ID] == l {
		d.leave(l)
		d.forget(l)
		d.pump()
	}
}
