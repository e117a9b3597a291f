package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Load arms the jobs of the store. Of those whose next fire the store knows it
// reads nothing else.
func (s *Scheduler) Load(ctx context.Context) error {
	s.ctx = context.WithoutCancel(ctx)
	now := time.Now()
	unknown, err := s.loadArms(ctx, now)
	if err != nil {
		return fmt.Errorf("load jobs: %w", err)
	}
	if len(unknown) > portion {
		s.cfg.Log.Info("jobs are armed anew, which takes a while", "jobs", len(unknown))
	}
	for rest := unknown; len(rest) > 0; {
		some := rest[:min(portion, len(rest))]
		rest = rest[len(some):]
		by := ""
		if len(rest) == 0 {
			by = s.cfg.Stamp
		}
		if err := s.loadSome(ctx, some, by); err != nil {
			return fmt.Errorf("load jobs: %w", err)
		}
	}
	return nil
}

// loadArms arms the jobs whose next fire is known and returns the others.
func (s *Scheduler) loadArms(ctx context.Context, now time.Time) (unknown []uint32, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due.advance(now.UnixMicro())
	var wrong error
	err = s.cfg.Store.Arms(ctx, s.cfg.Stamp, func(a job.Arm) {
		if a.Key == 0 || a.Key > maxKey {
			wrong = fmt.Errorf("a job has the number %d, which none can have", a.Key)
			return
		}
		s.roll.move(a.Key, a.Cursor)
		s.roll.rest(a.Key, a.At < 0)
		switch {
		case a.At == job.Unarmed:
			unknown = append(unknown, a.Key)
		case a.At == job.Never || a.At < 0 && -a.At > now.UnixMicro(): // what came while it was paused is accounted for now
		default:
			s.due.set(a.Key, max(a.At, -a.At))
		}
	})
	s.roll.gaps()
	return unknown, errors.Join(err, wrong)
}

// loadSome reads jobs and arms them, and has the store keep for when.
func (s *Scheduler) loadSome(ctx context.Context, keys []uint32, by string) error {
	found, unread, err := s.entries(ctx, keys)
	if err != nil {
		return err
	}
	var arms []job.Arm
	for _, key := range keys {
		if why := unread[key]; why != nil {
			s.mu.Lock()
			s.unreadable(key, why)
			s.mu.Unlock()
			continue
		}
		e := found[key]
		if e == nil {
			continue // deleted meanwhile; there is nobody who could
		}
		if err := s.load(ctx, e); err != nil {
			return fmt.Errorf("job %s: %w", e.job.Name, err)
		}
		if at := s.arms(e); at != job.Unarmed {
			arms = append(arms, job.Arm{Key: key, At: at})
		}
	}
	if s.cfg.Stamp == "" || len(arms) == 0 && by == "" {
		return nil
	}
	if err := s.cfg.Store.PutArms(ctx, arms, by); err != nil {
		s.cfg.Log.Warn("for when jobs are armed is not kept, the next start will take longer", "err", err)
	}
	return nil
}

// load arms a job. A delay goes on from the end of its last run, or waits for it.
func (s *Scheduler) load(ctx context.Context, e *entry) error {
	var last *job.Run
	var err error
	if e.waits() && e.problem == "" && s.cfg.Runs != nil {
		if last, err = s.cfg.Runs.LastRun(ctx, e.job.ID); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case last == nil:
	case last.State.Terminal():
		s.advance(e.key, last.Ended)
	default:
		s.awaits[e.job.ID] = await{e.key, last.Due}
	}
	s.roll.rest(e.key, e.job.Paused)
	s.arm(e)
	return nil
}

// arms is what the store is to keep of e.
func (s *Scheduler) arms(e *entry) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.arms(s.cursor(e))
}

// noRead begins the reason why a job was set aside that could not be read.
const noRead = "it cannot be read: "

// unreadable sets a job aside of which nothing but its key is known. The caller
// holds mu.
func (s *Scheduler) unreadable(key uint32, why error) {
	if why == nil {
		why = errors.New("it is not there")
	}
	s.aside[key] = noRead + why.Error()
	s.due.remove(key)
	s.cfg.Log.Error("job set aside", "key", key, "reason", s.aside[key])
}
