package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// ErrOccupied says that a run of a backfill would have to wait for others.
var ErrOccupied = errors.New("other runs come first")

// Backfill starts a run of a nominal time of the past, which a backfill asks for:
// through the same gate, for who asked for it. It never waits among others: with
// [ErrOccupied] nothing was written, and it is to be asked for again when a run has
// ended.
func (d *Dispatch) Backfill(ctx context.Context, j *job.Job, of *job.Backfill, due time.Time) (*job.Run, error) {
	d.mu.Lock()
	free := d.leisure(j)
	d.mu.Unlock()
	if !free {
		return nil, ErrOccupied
	}
	b, err := d.begin(ctx, func(b *batch) {
		if !d.leisure(j) {
			return
		}
		run := b.run(j, job.ByBackfill, due, b.now)
		run.Parent, run.Principal = job.RunID(of.ID), of.By
		b.add(job.Claim{Job: j.ID, Generation: j.Generation}, j, run)
	})
	switch {
	case err != nil:
		return nil, err
	case len(b.born) == 0:
		return nil, ErrOccupied
	case b.refused[0] != nil:
		return nil, fmt.Errorf("backfill job %s: %w", j.Name, b.refused[0])
	}
	return &b.born[0], nil
}

// leisure reports whether a run of a backfill may start: a slot is free, and its
// job has no run, or, where several are allowed, leaves a place for the schedule.
// The caller holds mu.
func (d *Dispatch) leisure(j *job.Job) bool {
	places := 1
	if j.Concurrency.Policy == job.Allow {
		places = max(1, j.Concurrency.Max-1)
	}
	if l := d.lanes[j.ID]; l != nil && len(l.active)+len(l.waiting) >= places {
		return false
	}
	return d.slots.room(d.slots.class(j, &job.Run{Action: j.Action}))
}

// fills returns how many active runs are of backfills. Guarded by mu.
func (l *lane) fills() (n int) {
	for _, a := range l.active {
		if a.run.Trigger == job.ByBackfill {
			n++
		}
	}
	return n
}
