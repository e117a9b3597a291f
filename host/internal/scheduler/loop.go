package scheduler

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// firstBackoff is the wait after the first refused batch.
const firstBackoff = time.Second

// Run fires what becomes due until ctx ends, and then returns nil.
func (s *Scheduler) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	watch := clock{last: time.Now()}
	backoff := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-s.wake:
		}
		if jump := watch.jumped(time.Now()); jump != 0 {
			s.jumps.Add(1)
			s.cfg.Log.Warn("clock jumped", "by", jump)
		}
		sleep, err := s.tick(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			backoff = min(max(2*backoff, firstBackoff), s.cfg.MaxSleep)
			s.cfg.Log.Error("tick refused, will be fired again", "err", err, "after", backoff)
			if !pause(ctx, backoff) {
				return nil
			}
			sleep = 0
		default:
			backoff = 0
		}
		timer.Reset(sleep)
	}
}

// Jumps counts how often the wall clock jumped.
func (s *Scheduler) Jumps() int64 { return s.jumps.Load() }

// pause waits for d; false if ctx ended first. Nothing wakes it, so that a
// store that refuses is not asked more often because users press keys.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// tick fires one batch of what is due and says how long to sleep.
func (s *Scheduler) tick(ctx context.Context) (sleep time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a tick: %v\n%s", p, debug.Stack())
		}
	}()
	if err := s.take(ctx); err != nil {
		return 0, err
	}
	defer s.give()
	batch, firings, rested := s.collect(time.Now())
	if err := errors.Join(s.fire(ctx, batch, firings), s.resume(ctx, rested)); err != nil {
		return 0, err
	}
	return s.untilNext(time.Now()), nil
}

// planned is what a tick made of one job.
type planned struct {
	e      *entry
	cursor time.Time // after its firings
}

// collect plans the jobs that are due at now, soonest first, up to a batch, and
// disarms them; fire arms them again, whatever becomes of the batch. Jobs whose
// pause is over it disarms for resume.
func (s *Scheduler) collect(now time.Time) (batch []planned, firings []job.Firing, rested []*entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.admit(now)
	for len(s.due) > 0 && len(firings)+len(rested) < s.cfg.Batch {
		e := s.due[0].e
		if s.due[0].at > now.UnixMicro() {
			break
		}
		s.due.remove(e)
		if e.job.PauseOver(now) {
			rested = append(rested, e)
			continue
		}
		ready, cursor := s.plan(e, now)
		firings = append(firings, ready...)
		if e.aside == "" {
			batch = append(batch, planned{e, cursor})
		}
	}
	return batch, firings, rested
}

// plan plans one job; a panic sets it aside. The caller holds mu.
func (s *Scheduler) plan(e *entry, now time.Time) (firings []job.Firing, cursor time.Time) {
	defer func() {
		if p := recover(); p != nil {
			s.setAside(e, fmt.Sprintf("panic while it was planned: %v", p))
			firings = nil
		}
	}()
	if !e.awaits.IsZero() {
		return nil, e.cursor
	}
	return e.planned(s.paced(e, now))
}

// planned says where the cursor is after the firings of e. The caller holds mu.
func (e *entry) planned(firings []job.Firing) ([]job.Firing, time.Time) {
	n := len(firings)
	if n == 0 {
		return nil, e.cursor
	}
	if e.waits() {
		e.awaits = firings[n-1].Cursor
	}
	return firings, firings[n-1].Cursor
}

// fire hands the firings over. If they were taken the cursors move; in any case
// the jobs are armed again. The caller holds the turn.
func (s *Scheduler) fire(ctx context.Context, batch []planned, firings []job.Firing) (err error) {
	taken := false
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, p := range batch {
			if taken {
				p.e.cursor = later(p.e.cursor, p.cursor) // a run may have ended meanwhile
			} else {
				p.e.awaits = time.Time{}
				s.unfired(p)
			}
			s.arm(p.e)
		}
	}()
	if len(firings) > 0 {
		if err := s.cfg.Dispatch.Fire(ctx, firings); err != nil {
			return err
		}
	}
	taken = true
	return nil
}

func (s *Scheduler) untilNext(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.catch.until(now, s.cfg.MaxSleep)
	if len(s.due) == 0 {
		return most
	}
	return min(max(time.UnixMicro(s.due[0].at).Sub(now), 0), most)
}

// clock compares the wall clock with the monotonic one. It is owned by the
// goroutine of Run.
type clock struct{ last time.Time }

// jumped returns by how much the wall clock ran ahead of (or, negative, behind)
// the monotonic one since the last call, if that is more than what an adjusted
// clock drifts: a step, or a suspension of the machine.
func (c *clock) jumped(now time.Time) time.Duration {
	wall, steady := now.Round(0).Sub(c.last.Round(0)), now.Sub(c.last)
	c.last = now
	return jump(wall, steady)
}

func jump(wall, steady time.Duration) time.Duration {
	const tolerance = 2 * time.Second
	if d := wall - steady; d > tolerance || d < -tolerance {
		return d
	}
	return 0
}
