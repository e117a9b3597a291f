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
		if jump, jumped := watch.look(time.Now()); jumped {
			s.jumped(ctx, jump)
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

// tick fires one batch of what is due, reads what will be, and says how long to
// sleep.
func (s *Scheduler) tick(ctx context.Context) (sleep time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a tick: %v\n%s", p, debug.Stack())
		}
	}()
	if err := s.fireDue(ctx); err != nil {
		return 0, err
	}
	s.ahead(ctx)
	s.review(ctx)
	return s.untilNext(time.Now()), nil
}

// fireDue fires one batch of what is due.
func (s *Scheduler) fireDue(ctx context.Context) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.give()
	t, err := s.collect(ctx, time.Now())
	if err != nil {
		return err
	}
	return errors.Join(s.fire(ctx, t.batch, t.firings), s.resume(ctx, t.rested))
}

// planned is what a tick made of one job.
type planned struct {
	e      *entry
	cursor time.Time // after its firings
}

// ticking is what one tick does.
type ticking struct {
	batch   []planned
	firings []job.Firing
	rested  []*entry // whose pause is over
}

// collect plans the jobs that are due at now, soonest first, up to a batch, and
// disarms them; fire arms them again, whatever becomes of the batch. Jobs whose
// pause is over it disarms for resume.
func (s *Scheduler) collect(ctx context.Context, now time.Time) (t ticking, err error) {
	due := s.takeDue(now)
	if len(due) == 0 {
		return t, nil
	}
	keys := make([]uint32, len(due))
	for i, d := range due {
		keys[i] = d.key
	}
	found, unread, err := s.entries(ctx, keys)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range due {
		if err != nil || len(t.firings)+len(t.rested) >= s.cfg.Batch {
			s.giveBack(due[i:])
			break
		}
		if e := found[d.key]; e != nil {
			s.planInto(&t, e, now)
		} else {
			s.unreadable(d.key, unread[d.key])
		}
	}
	return t, err
}

// takeDue disarms the jobs that are due, up to a batch.
func (s *Scheduler) takeDue(now time.Time) (all []due) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.admit(now)
	s.due.advance(now.UnixMicro())
	for len(all) < s.cfg.Batch {
		key, at, ok := s.due.first()
		if !ok || at > now.UnixMicro() {
			break
		}
		s.due.remove(key)
		all = append(all, due{at, key})
	}
	return all
}

// giveBack arms again what was taken and is not planned now. The caller holds mu.
func (s *Scheduler) giveBack(all []due) {
	for _, d := range all {
		if _, again := s.due.armed(d.key); !again && s.roll.has(d.key) {
			s.due.set(d.key, d.at)
		}
	}
}

// planInto plans one job, or notes that its pause is over. The caller holds mu.
func (s *Scheduler) planInto(t *ticking, e *entry, now time.Time) {
	if e.problem != "" {
		s.setAside(e, e.problem)
		return
	}
	if e.job.PauseOver(now) {
		t.rested = append(t.rested, e)
		return
	}
	ready, cursor := s.plan(e, now)
	t.firings = append(t.firings, ready...)
	if s.aside[e.key] == "" {
		t.batch = append(t.batch, planned{e, cursor})
	}
}

// plan plans one job; a panic sets it aside. The caller holds mu.
func (s *Scheduler) plan(e *entry, now time.Time) (firings []job.Firing, cursor time.Time) {
	defer func() {
		if p := recover(); p != nil {
			s.setAside(e, fmt.Sprintf("panic while it was planned: %v", p))
			firings = nil
		}
	}()
	if s.awaiting(e) {
		return nil, s.cursor(e)
	}
	return s.planned(e, s.paced(e, now))
}

// planned says where the cursor is after the firings of e. The caller holds mu.
func (s *Scheduler) planned(e *entry, firings []job.Firing) ([]job.Firing, time.Time) {
	n := len(firings)
	if n == 0 {
		return nil, s.cursor(e)
	}
	for i := range firings {
		firings[i].Arms = e.arms(firings[i].Cursor)
	}
	if e.waits() {
		s.awaits[e.job.ID] = await{e.key, firings[n-1].Cursor}
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
				s.advance(p.e.key, p.cursor) // or a run has ended meanwhile
			} else {
				delete(s.awaits, p.e.job.ID)
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
	at := (s.due.base + 1) << slotBits // nothing else is sooner
	if _, first, ok := s.due.first(); ok {
		at = first
	}
	return min(max(time.UnixMicro(at).Sub(now), 0), s.catch.until(now, s.cfg.MaxSleep))
}
