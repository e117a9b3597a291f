package dispatch

import (
	"context"
	"fmt"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// Cancel stops a run. One that waits has ended when Cancel returns; one that
// executes has been told to.
func (d *Dispatch) Cancel(ctx context.Context, id job.RunID, by job.Principal) error {
	d.mu.Lock()
	l := d.runs[id]
	if l == nil {
		d.mu.Unlock()
		return fmt.Errorf("run %s: %w", id, ErrUnknown)
	}
	if d.draining && l.phase == parked {
		d.mu.Unlock()
		return fmt.Errorf("cancel run %s: %w", id, ErrDraining)
	}
	d.halt(l, cancelledBy(by))
	waited := l.phase == ending
	d.mu.Unlock()
	if !waited {
		return nil
	}
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// CancelJob ends the runs of a job that wait, also for their next attempt,
// because the job was paused ([job.ReasonDisabled]) or deleted
// ([job.ReasonDeleted]). What executes goes on to its end and is not retried.
func (d *Dispatch) CancelJob(id job.ID, reason job.Reason) {
	d.mu.Lock()
	defer d.mu.Unlock()
	lane := d.lanes[id]
	if lane == nil {
		return
	}
	why := withdrawnFor(reason)
	for _, l := range append(lane.active[:len(lane.active):len(lane.active)], lane.waiting...) {
		if l.phase == parked || l.phase == beginning && l.run.State == job.Queued {
			d.halt(l, why)
		}
	}
}

// Stop ends every run that executes a digest, or did so in its last attempt. It
// is called after what forbids further starts was committed; runs of the digest
// that never started are judged again before they do.
func (d *Dispatch) Stop(digest bundle.Digest, reason job.Reason) {
	d.mu.Lock()
	defer d.mu.Unlock()
	why := withdrawnFor(reason)
	for _, l := range d.runs {
		if l.run.Digest == digest && l.run.State == job.Running {
			d.halt(l, why)
		}
	}
}

// Drain stops all starts and waits for the attempts that execute. When ctx ends
// they are interrupted, and Drain waits until they are gone; it then says how
// many there were. What waits is left to the next start.
func (d *Dispatch) Drain(ctx context.Context) error {
	d.mu.Lock()
	if !d.draining {
		d.draining = true
		if d.busy == 0 {
			close(d.idle)
		}
	}
	d.mu.Unlock()
	select {
	case <-d.idle:
		return nil
	case <-ctx.Done():
	}
	interrupted := d.interrupt()
	<-d.idle
	if interrupted == 0 {
		return nil
	}
	return fmt.Errorf("drain: %d runs were interrupted: %w", interrupted, context.Cause(ctx))
}

func (d *Dispatch) interrupt() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.abandon:
	default:
		close(d.abandon)
	}
	count := 0
	for _, l := range d.runs {
		if l.phase == executing || l.phase == beginning {
			l.cancel(ErrShutdown)
			count++
		}
	}
	return count
}
