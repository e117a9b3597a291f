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
	resumed := e.job.Resumed()
	resumed.Generation, resumed.Updated = e.job.Generation+1, micros(time.Now())
	next := &entry{key: e.key, job: &resumed, schedule: e.schedule}
	var err error
	if resumed.Cursor, err = s.hand(ctx, e, &resumed, lastPaused(e.job)); err != nil {
		return err
	}
	if err := s.put(ctx, e, next, job.Daemon, "job.resume"); err != nil {
		return err
	}
	s.cfg.Log.Info("job resumed", "job", resumed.Name, "reason", "its pause is over")
	return nil
}
