package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/scheduler"
)

// suspects are jobs a run of which failed, and that were not looked at since.
type suspects struct {
	mu   sync.Mutex // guards jobs
	jobs map[job.ID]bool
	due  chan struct{} // poked when there are some

	asked bool // the journal was asked who there was before; owned by pauses
}

func newSuspects() *suspects {
	return &suspects{jobs: map[job.ID]bool{}, due: make(chan struct{}, 1)}
}

// ended takes a run that has just been written as ended.
func (s *suspects) ended(r *job.Run) {
	if r.State.Failure() {
		s.add(r.Job)
		poke(s.due)
	}
}

func (s *suspects) add(ids ...job.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.jobs[id] = true
	}
}

func (s *suspects) take() []job.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []job.ID
	for id := range s.jobs {
		ids = append(ids, id)
	}
	clear(s.jobs)
	return ids
}

// pauses pauses jobs whose runs fail, one job after another, until ctx is done.
// Whether a job is to be paused is asked of the journal alone, at the start of
// all jobs that ask for it: nothing is lost over a crash, and a job that was
// paused, resumed or edited since is a generation further, of which no run failed
// yet.
func (h *host) pauses(ctx context.Context) error {
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.suspects.due:
		case <-retry.C:
		}
		if err := h.pauseFailing(ctx); err != nil && ctx.Err() == nil {
			h.log.Error("failing jobs not paused, trying again", "err", err)
			retry.Reset(10 * time.Second)
		}
	}
}

// pauseFailing looks at the suspects, the first time at all jobs that can be. What
// an error kept from it stays suspect.
func (h *host) pauseFailing(ctx context.Context) error {
	var errs []error
	if !h.suspects.asked {
		ids, err := h.journal.PausedByFailure(ctx)
		h.suspects.add(ids...)
		h.suspects.asked, errs = err == nil, append(errs, err)
	}
	for _, id := range h.suspects.take() {
		if err := h.pauseIfFailing(ctx, id); err != nil {
			h.suspects.add(id)
			errs = append(errs, fmt.Errorf("job %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// pauseIfFailing pauses a job if as many runs failed in a row as it asks for.
func (h *host) pauseIfFailing(ctx context.Context, id job.ID) error {
	j, err := h.jobByID(id)
	if err != nil || j == nil || j.Paused || j.PauseAfter == 0 {
		return err
	}
	// Runs of the generation before may stand between.
	recent, err := h.journal.Recent(ctx, id, 2*j.PauseAfter)
	if err != nil {
		return err
	}
	failed := failedInARow(recent, j.Generation)
	if len(failed) < j.PauseAfter {
		return nil
	}
	paused := *j
	paused.Paused, paused.PauseReason, paused.PauseUntil = true, pauseReason(j.PauseAfter, failed[0]), time.Time{}
	_, err = edits{h}.Put(ctx, paused, job.Daemon, "job.pause")
	switch {
	case errors.Is(err, scheduler.ErrConflict), errors.Is(err, scheduler.ErrUnknown):
		return nil // somebody was faster, and what failed before that does not count
	case err == nil:
		h.log.Warn("job paused", "job", j.Name, "reason", paused.PauseReason)
	}
	return err
}

// failedInARow returns the runs of a generation that failed since one succeeded,
// of recent ones, the newest first.
func failedInARow(recent []*job.Run, generation int64) (failed []*job.Run) {
	for _, r := range recent {
		if r.Generation != generation {
			continue
		}
		if !r.State.Failure() {
			break
		}
		failed = append(failed, r)
	}
	return failed
}

const maxPauseReason = 300 // bytes, about

func pauseReason(n int, last *job.Run) string {
	why := strings.Join(strings.Fields(last.Error), " ")
	if why == "" {
		why = string(last.State) + ":" + string(last.Reason)
	}
	if len(why) > maxPauseReason {
		why = strings.ToValidUTF8(why[:maxPauseReason], "") + "…"
	}
	return fmt.Sprintf("%d failed %s in a row, the last: %s", n, plural(n, "run"), why)
}

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}
