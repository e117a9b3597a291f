package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
)

// phase says who owns a live run.
type phase int

const (
	beginning phase = iota + 1 // the holder of the door, who writes its claim
	parked                     // nobody: it waits, and who holds mu may take it
	executing                  // its goroutine
	ending                     // who writes its end
)

// live is a run that has not ended.
type live struct {
	run    *job.Run        // owned by the phase; State and Digest are written under mu
	job    *job.Job        // as it was when the run was decided
	base   context.Context // does not end
	ctx    context.Context // of base, ends when the run is stopped
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when its end is written, or its claim refused

	verdict policy.Verdict // of the attempt
	replace bool           // it replaces what was in its lane before

	// Guarded by mu.
	phase phase
	class class       // whose places it takes, or waits for
	rank  int         // in its line: the priority of its job when it came there
	since uint64      // in its line: counts who came there
	place int         // in its line, from 1; 0: it is in none
	leaps bool        // it has a slot, and the journal still has it as queued
	timer *time.Timer // until the next attempt
	limit *time.Timer // until its run timeout, from its first pause on
	tape  tape        // what can be read of it
}

// lane holds the live runs of one job: those that are active and those that
// wait to become so. Guarded by mu.
type lane struct {
	active  []*live
	waiting []*live
}

// count returns how many runs are active and how many wait, as the journal has
// them.
func (l *lane) count() (active, waiting int) {
	active, waiting = len(l.active), len(l.waiting)
	for _, a := range l.active {
		if a.leaps {
			active, waiting = active-1, waiting+1
		}
	}
	return active, waiting
}

func (d *Dispatch) lane(id job.ID) *lane {
	if d.lanes[id] == nil {
		d.lanes[id] = &lane{}
	}
	return d.lanes[id]
}

// register makes a run live, which outlives the request that made it due: base
// does not end. The caller holds mu.
func (d *Dispatch) register(base context.Context, r *job.Run, j *job.Job, p phase) *live {
	l := &live{run: r, job: j, phase: p, done: make(chan struct{}), base: base}
	l.ctx, l.cancel = context.WithCancelCause(base)
	d.runs[r.ID] = l
	lane := d.lane(r.Job)
	if r.State == job.Queued {
		lane.waiting = append(lane.waiting, l)
	} else {
		lane.active = append(lane.active, l)
	}
	return l
}

// forget makes a run not live, and lets the next of its job go. The caller
// holds mu.
func (d *Dispatch) forget(l *live) {
	d.slots.leave(l)
	l.quiet()
	delete(d.runs, l.run.ID)
	lane := d.lane(l.run.Job)
	lane.active, lane.waiting = without(lane.active, l), without(lane.waiting, l)
	if len(lane.active)+len(lane.waiting) == 0 {
		delete(d.lanes, l.run.Job)
	}
	for _, w := range lane.waiting {
		d.enline(w)
	}
	l.cancel(nil)
	close(l.done)
}

// take makes the caller the owner of a parked run, who then writes its end. The
// caller holds mu.
func (d *Dispatch) take(l *live) bool {
	if l.phase != parked {
		return false
	}
	l.phase = ending
	d.slots.leave(l)
	l.quiet()
	return true
}

// clear reports whether nothing of its job stands in the way of a start. The
// caller holds mu.
func (d *Dispatch) clear(l *live) bool {
	active := d.lane(l.run.Job).active
	return l.job.Concurrency.Policy == job.Allow || len(active) == 0 || len(active) == 1 && active[0] == l
}

// enline puts a parked run in line for a slot, unless it waits for more than
// that. The caller holds mu.
func (d *Dispatch) enline(l *live) {
	if l.phase != parked || l.place != 0 || l.timer != nil || !d.clear(l) {
		return
	}
	d.slots.enter(l)
}

// pump starts who is in line while there are slots. The caller holds mu.
func (d *Dispatch) pump() {
	for !d.draining && d.stuck == 0 {
		l := d.slots.next()
		if l == nil {
			return
		}
		if !d.clear(l) {
			continue // another came first; its end puts l in line again
		}
		lane := d.lane(l.run.Job)
		if i := slices.Index(lane.waiting, l); i >= 0 {
			lane.waiting = slices.Delete(lane.waiting, i, i+1)
			lane.active = append(lane.active, l)
			l.leaps = true
		}
		d.slots.take(l.class)
		d.busy++
		l.quiet()
		l.phase = executing
		go d.resume(l)
	}
}

// rest gives a goroutine's place back. The caller holds mu.
func (d *Dispatch) rest() {
	d.busy--
	if d.draining && d.busy == 0 {
		close(d.idle)
	}
}

func without(list []*live, l *live) []*live {
	if i := slices.Index(list, l); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
