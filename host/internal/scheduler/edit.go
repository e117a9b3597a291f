package scheduler

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

// Put makes a new job, or edits the one that has the same ID, and returns it as
// it was stored. A job without ID is new; one with an ID that nobody has is new
// too, unless its Generation says that it was read from here. An edit whose
// Generation is neither 0 nor the current one is refused with [ErrConflict]. An
// edit that changes nothing changes nothing. kind names the act in the journal.
func (s *Scheduler) Put(ctx context.Context, j job.Job, by job.Principal, kind string) (*job.Job, error) {
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer s.give()
	now := micros(time.Now())
	old, next, err := s.draft(j, by, now)
	if err != nil {
		return nil, err
	}
	if old != nil {
		if same(old.job, next.job) {
			return s.snapshot(old), nil
		}
		if next.job.Cursor, err = s.hand(ctx, old, next.job, now); err != nil {
			return nil, fmt.Errorf("account for what is due before the edit: %w", err)
		}
	}
	if err := s.put(ctx, old, next, by, kind); err != nil {
		return nil, err
	}
	s.poke()
	stored := *next.job
	return &stored, nil
}

// put stores next, and puts it in the place of old, if there is one. The caller
// holds the turn.
func (s *Scheduler) put(ctx context.Context, old, next *entry, by job.Principal, kind string) error {
	s.mu.Lock()
	next.key = s.roll.vacancy()
	if old != nil {
		next.key = old.key
	}
	s.mu.Unlock()
	next.job.Key, next.job.Arms = next.key, next.arms(next.job.Cursor)
	if err := s.cfg.Store.PutJob(ctx, next.job, by, kind); err != nil {
		return err
	}
	s.replace(old, next)
	return nil
}

// Check returns the job that Put would store, and stores nothing.
func (s *Scheduler) Check(j job.Job, by job.Principal) (*job.Job, error) {
	_, next, err := s.draft(j, by, micros(time.Now()))
	if err != nil {
		return nil, err
	}
	return next.job, nil
}

// Delete removes a job.
func (s *Scheduler) Delete(ctx context.Context, id job.ID, by job.Principal) error {
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.give()
	e, err := s.lookup(id)
	if err != nil {
		return err
	}
	if e == nil {
		return fmt.Errorf("job %s: %w", id, ErrUnknown)
	}
	now := micros(time.Now())
	if err := s.settle(ctx, e, now); err != nil {
		return fmt.Errorf("account for what is due before the job is deleted: %w", err)
	}
	if err := s.abandon(ctx, e, now); err != nil {
		return fmt.Errorf("account for what was to be caught up before the job is deleted: %w", err)
	}
	if err := s.settleAhead(ctx, e, now, job.ReasonDeleted); err != nil {
		return fmt.Errorf("account for what has come before the job is deleted: %w", err)
	}
	if err := s.cfg.Store.DeleteJob(ctx, id, by); err != nil {
		return err
	}
	s.replace(e, nil)
	return nil
}

// draft completes and checks j as a new job or as an edit of an old one at now.
func (s *Scheduler) draft(j job.Job, by job.Principal, now time.Time) (old, next *entry, err error) {
	if old, err = s.lookup(j.ID); err != nil {
		return nil, nil, err
	}
	if old == nil && j.Generation != 0 {
		return nil, nil, fmt.Errorf("job %s: %w", j.ID, ErrUnknown)
	}
	holder, err := s.holder(j.Name)
	if err != nil {
		return nil, nil, err
	}
	if holder != nil && (old == nil || holder.job.ID != old.job.ID) {
		return nil, nil, fmt.Errorf("job %s: %w, by %s", j.Name, ErrTaken, holder.job.ID)
	}
	j = j.WithDefaults()
	j.Created, j.Updated, j.Cursor = now, now, now
	if j.Owner == (job.Principal{}) {
		j.Owner = by
	}
	if old != nil {
		if j.Generation != 0 && j.Generation != old.job.Generation {
			return nil, nil, fmt.Errorf("job %s: %w: it is at generation %d, the edit was made of %d",
				j.Name, ErrConflict, old.job.Generation, j.Generation)
		}
		j.Created, j.Generation = old.job.Created, old.job.Generation
	}
	if !j.Paused {
		j = j.Resumed()
	}
	j.PauseUntil = micros(j.PauseUntil)
	j.Generation++
	if j.ID == "" {
		j.ID = job.ID("job_" + ulid.Make().String())
	}
	compiled, err := s.anchor(&j, old, now)
	if err == nil {
		err = j.Validate()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	return old, &entry{job: &j, schedule: compiled}, nil
}

// anchor compiles the schedule of j. An interval counts from its anchor, which
// is the creation unless it was given; an edit that leaves the schedule alone
// leaves the anchor alone; and so with the key of H, which is the job's id. A
// new schedule that has passed is refused.
func (s *Scheduler) anchor(j *job.Job, old *entry, now time.Time) (*schedule.Schedule, error) {
	given := j.Schedule
	if given.Kind == schedule.Every && given.Anchor.IsZero() {
		j.Schedule.Anchor = now.Truncate(time.Second)
	}
	if given.Key == "" {
		j.Schedule.Key = string(j.ID)
		if old != nil && old.job.Schedule.Key != "" {
			j.Schedule.Key = old.job.Schedule.Key
		}
	}
	compiled, err := s.parser.Parse(j.Schedule)
	if err != nil {
		return nil, err
	}
	j.Schedule = compiled.Spec()
	if old != nil {
		before, after := old.job.Schedule, j.Schedule
		if given.Anchor.IsZero() {
			after.Anchor = before.Anchor
		}
		if equal(before, after) {
			j.Schedule = before
			return s.parser.Parse(before)
		}
	}
	if compiled.Next(now).IsZero() && given.Kind != schedule.Manual {
		if given.Kind == schedule.At {
			return nil, fmt.Errorf("at %s: that time has passed, it is %s now; give a later one",
				given.Expr, now.Format(time.RFC3339))
		}
		return nil, fmt.Errorf("schedule %s %q: it never fires from now on", given.Kind, given.Expr)
	}
	return compiled, nil
}

func equal(a, b schedule.Spec) bool {
	for _, t := range [][2]*time.Time{{&a.Anchor, &b.Anchor}, {&a.Start, &b.Start}, {&a.End, &b.End}} {
		if !t[0].Equal(*t[1]) {
			return false
		}
		*t[0], *t[1] = time.Time{}, time.Time{}
	}
	return a == b
}

// same reports whether an edit changes nothing but its bookkeeping.
func same(old, next *job.Job) bool {
	a, b := *old, *next
	for _, j := range []*job.Job{&a, &b} {
		j.Generation, j.Created, j.Updated, j.Cursor, j.Key, j.Arms = 0, time.Time{}, time.Time{}, time.Time{}, 0, 0
		if len(j.Labels) == 0 {
			j.Labels = nil
		}
		if len(j.Action.Input) == 0 {
			j.Action.Input = nil
		}
	}
	if !equal(a.Schedule, b.Schedule) {
		return false
	}
	a.Schedule, b.Schedule = schedule.Spec{}, schedule.Spec{}
	return reflect.DeepEqual(a, b)
}

// settle fires what is due of e at now. The caller holds the turn.
func (s *Scheduler) settle(ctx context.Context, e *entry, now time.Time) error {
	for {
		s.mu.Lock()
		if s.why(e) != "" {
			s.mu.Unlock()
			return nil
		}
		firings, cursor := s.plan(e, now)
		s.mu.Unlock()
		if len(firings) == 0 {
			return nil
		}
		if err := s.fire(ctx, []planned{{e, cursor}}, firings); err != nil {
			return err
		}
	}
}

// hand accounts for what is due of old at now, and returns from where next goes
// on. A schedule that stays as it is keeps its cursor: of a nominal time that
// has come its fire may be ahead, and a delay may count from something before.
func (s *Scheduler) hand(ctx context.Context, old *entry, next *job.Job, now time.Time) (time.Time, error) {
	kept := equal(old.job.Schedule, next.Schedule)
	if kept && s.catching(old) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.cursor(old), nil // as the job is now, it goes on
	}
	if err := s.settle(ctx, old, now); err != nil {
		return time.Time{}, err
	}
	if !kept {
		if err := s.abandon(ctx, old, now); err != nil {
			return time.Time{}, err
		}
		reason := job.NoReason
		if next.Paused {
			reason = job.ReasonPaused
		}
		if err := s.settleAhead(ctx, old, now, reason); err != nil {
			return time.Time{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept && s.why(old) == "" {
		return s.cursor(old), nil
	}
	return later(s.cursor(old), now), nil
}

// settleAhead accounts for what has come of e and is still to fire. The caller
// holds the turn.
func (s *Scheduler) settleAhead(ctx context.Context, e *entry, now time.Time, reason job.Reason) error {
	s.mu.Lock()
	if s.why(e) != "" || s.awaiting(e) {
		s.mu.Unlock()
		return nil
	}
	firings, cursor := s.planned(e, ahead(e.job, s.times(e), s.cursor(e), now, reason))
	s.mu.Unlock()
	if len(firings) == 0 {
		return nil
	}
	return s.fire(ctx, []planned{{e, cursor}}, firings)
}

// replace puts next in the place of old; either may be nil. A delay goes on
// waiting for the run that it waited for.
func (s *Scheduler) replace(old, next *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.edits++
	cursor := int64(vacant)
	if old != nil {
		if next != nil && old.waits() && next.waits() {
			cursor = s.roll.cursors[old.key]
		} else {
			delete(s.awaits, old.job.ID)
		}
		s.due.remove(old.key)
		s.cache.drop(old.key)
		delete(s.aside, old.key)
	}
	if old != nil && (next == nil || !equal(old.job.Schedule, next.job.Schedule)) {
		s.catch.forget(old.job.ID)
	}
	switch {
	case next != nil:
		s.roll.move(next.key, max(cursor, next.job.Cursor.UnixMicro()))
		s.roll.rest(next.key, next.job.Paused)
		s.cache.add(next)
		s.arm(next)
	case old != nil:
		s.roll.vacate(old.key)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// micros is t as the journal keeps it.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
