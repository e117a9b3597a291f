package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// resume ends the pauses that are over, each by an edit of the daemon. What
// cannot be resumed is armed again, to be tried at the next tick. The caller
// holds the turn.
func (s *Scheduler) resume(ctx context.Context, rested []*entry) error {
	var errs []error
	for _, e := range rested {
		if err := s.resumeOne(ctx, e); err != nil {
			errs = append(errs, fmt.Errorf("resume job %s: %w", e.job.Name, err))
			s.mu.Lock()
			s.arm(e)
			s.mu.Unlock()
		}
	}
	return errors.Join(errs...)
}

func (s *Scheduler) resumeOne(ctx context.Context, e *entry) error {
	next := e.job.Resumed()
	next.Generation, next.Updated = e.job.Generation+1, micros(time.Now())
	var err error
	if next.Cursor, err = s.hand(ctx, e, &next, lastPaused(e.job)); err != nil {
		return err
	}
	if err := s.cfg.Store.PutJob(ctx, &next, job.Daemon, "job.resume"); err != nil {
		return err
	}
	s.cfg.Log.Info("job resumed", "job", next.Name, "reason", "its pause is over")
	s.replace(e, &entry{job: &next, schedule: e.schedule, cursor: next.Cursor, pos: -1})
	return nil
}
