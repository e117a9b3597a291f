package dispatch

import (
	"context"
	"errors"
	"time"

	"github.com/palyra-go/palyra/host/internal/failpoint"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/sdk"
)

// Between two tries of a write.
const (
	firstPause = 100 * time.Millisecond
	longPause  = 5 * time.Second
)

// finish writes how an attempt ended, and then lets the run go or has it wait
// for the next one. The caller owns l.
func (d *Dispatch) finish(l *live, o job.Outcome) {
	err := d.write(l.base, func(ctx context.Context) error { return d.cfg.Journal.Finish(ctx, o) })
	if err != nil {
		d.cfg.Log.Error("outcome not written", "run", o.Run, "reason", o.Reason, "err", err)
	}
	failpoint.At("dispatch.finished")
	if !o.State.Terminal() && err == nil {
		d.rearm(l, o.Retry)
		return
	}
	d.release(l)
	if err != nil {
		return
	}
	*l.run = apply(*l.run, o) // nobody else has it any more
	d.ended(l.run)
	d.owes(&o)
}

// over writes the end of a run that comes without an attempt. What a failure
// starts is written by Finish alone.
func (d *Dispatch) over(ctx context.Context, r *job.Run, by job.Principal, chain job.Chain) error {
	if !r.State.Failure() {
		return d.cfg.Journal.Advance(ctx, r, by)
	}
	return d.cfg.Journal.Finish(ctx, job.Outcome{
		Run: r.ID, Job: r.Job, State: r.State, Reason: r.Reason, Error: r.Error, Chain: chain,
		Attempt: job.Attempt{Ended: r.Ended},
	})
}

// owes tells the host that an outcome owes something.
func (d *Dispatch) owes(o *job.Outcome) {
	if (o.Effect != job.NoEffect || len(o.Chain.After(o.State)) > 0) && d.cfg.Effects != nil {
		d.cfg.Effects()
	}
}

// end writes the end of a run that comes without an attempt. The caller owns l.
func (d *Dispatch) end(l *live, why error) {
	run, by := closed(*l.run, why)
	chain := d.chain(l.job)
	err := d.write(l.base, func(ctx context.Context) error { return d.over(ctx, &run, by, chain) })
	d.release(l)
	if err != nil {
		d.cfg.Log.Error("end not written", "run", run.ID, "reason", run.Reason, "err", err)
		return
	}
	d.ended(&run)
	d.owes(&job.Outcome{State: run.State, Chain: chain})
}

// closed returns the run as it ends without an attempt, and who wants it so.
func closed(r job.Run, why error) (job.Run, job.Principal) {
	e := conclude(sdk.Result{}, why)
	r.State, r.Reason, r.Error = e.state, e.reason, cut(e.text, maxError)
	r.Retry, r.Ended = time.Time{}, now()
	if c, ok := errors.AsType[*cause](why); ok && c.by != (job.Principal{}) {
		return r, c.by
	}
	return r, job.Daemon
}

// release lets a run go that has ended.
func (d *Dispatch) release(l *live) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leave(l)
	d.forget(l)
	d.pump()
}

// apply returns the run as its outcome leaves it.
func apply(r job.Run, o job.Outcome) job.Run {
	r.State, r.Reason, r.Output, r.Summary, r.Error = o.State, o.Reason, o.Output, o.Summary, o.Error
	r.Retry = time.Time{}
	if r.Ended = o.Attempt.Ended; r.Ended.IsZero() {
		r.Ended = now()
	}
	return r
}

// leave gives back what a goroutine holds. The caller holds mu.
func (d *Dispatch) leave(l *live) {
	if l.phase == executing {
		d.slots.give(l.class)
	}
	d.rest()
}

// rearm parks a run until its next attempt.
func (d *Dispatch) rearm(l *live, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leave(l)
	l.tape.written(l.run.Attempt)
	l.run.Retry = at
	d.await(l)
	d.pump()
}

// halt stops a run, wherever it is. The caller holds mu.
func (d *Dispatch) halt(l *live, why error) {
	switch l.phase {
	case beginning, executing:
		l.cancel(why)
	case parked:
		if d.draining && d.busy == 0 {
			return // nobody would wait for the write; the journal has the run as waiting
		}
		d.take(l)
		d.busy++
		go func() {
			defer d.guard(l)
			d.end(l, why)
		}()
	case ending:
	}
}

// write performs a write until it is done or refused, with a context that does not
// end. While it is repeated nothing starts.
func (d *Dispatch) write(ctx context.Context, op func(context.Context) error) error {
	err := op(ctx)
	if err == nil || !d.cfg.Unwritable(err) {
		return err
	}
	d.mu.Lock()
	d.stuck++
	d.mu.Unlock()
	d.tell(err)
	for pause := firstPause; err != nil && d.cfg.Unwritable(err); pause = min(2*pause, longPause) {
		if !d.sleep(pause) {
			break
		}
		err = op(ctx)
	}
	d.mu.Lock()
	d.stuck--
	d.pump()
	d.mu.Unlock()
	if err == nil {
		d.tell(nil)
	}
	return err
}

// sleep waits; false if writes are not repeated any more.
func (d *Dispatch) sleep(pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-d.abandon:
		return false
	}
}

// tell passes trouble on, and once that it is over.
func (d *Dispatch) tell(err error) {
	d.telling.Lock()
	defer d.telling.Unlock()
	d.mu.Lock()
	stuck := d.stuck > 0
	d.mu.Unlock()
	if err == nil && (!d.trouble || stuck) {
		return
	}
	d.trouble = err != nil
	if err != nil {
		d.cfg.Log.Error("journal does not take a write, starts stop", "err", err)
	} else {
		d.cfg.Log.Info("journal takes writes again")
	}
	if d.cfg.Trouble != nil {
		d.cfg.Trouble(err)
	}
}

// ended tells the observer of a run.
func (d *Dispatch) ended(r *job.Run) {
	if d.cfg.Ended == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			d.cfg.Log.Error("panic in an observer of runs", "run", r.ID, "err", p)
		}
	}()
	d.cfg.Ended(r)
}
