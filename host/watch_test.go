package host

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/palyra-go/palyra/host/internal/job"
)

func TestHubCountsNominalTimes(t *testing.T) {
	h := newHub()
	h.ended(&job.Run{State: job.Missed, Count: 17})
	h.ended(&job.Run{State: job.Succeeded, Count: 1})
	h.ended(&job.Run{State: job.Succeeded}) // a manual run may say 0
	if got := h.count(job.Succeeded); got != 2 {
		t.Errorf("%d succeeded, want 2", got)
	}
	if got := h.count(job.Missed, job.Expired, job.Succeeded); got != 19 {
		t.Errorf("%d in all, want 19", got)
	}
}

func ready() error { return nil }

func TestHubPassesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		ctx, cancel := context.WithCancel(t.Context())
		var seen []job.RunID
		done := make(chan error, 1)
		go func() {
			done <- h.watch(ctx, ready, func(r *job.Run) error {
				seen = append(seen, r.ID)
				return nil
			})
		}()
		synctest.Wait()
		h.ended(&job.Run{ID: "run_1"})
		h.ended(&job.Run{ID: "run_2"})
		synctest.Wait()
		cancel()
		if err := <-done; err != nil || len(seen) != 2 || seen[0] != "run_1" || seen[1] != "run_2" {
			t.Errorf("watch saw %v, %v; want both in order", seen, err)
		}
		h.ended(&job.Run{ID: "run_3"}) // nobody watches any more
	})
}

func TestHubLeavesSlowWatchersBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		hold := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- h.watch(t.Context(), ready, func(*job.Run) error {
				<-hold
				return nil
			})
		}()
		synctest.Wait()
		for range 3000 { // never waits
			h.ended(&job.Run{State: job.Succeeded, Count: 1})
		}
		close(hold)
		if err := <-done; !errors.Is(err, errSlowWatcher) {
			t.Errorf("a slow watcher ended with %v, want that it was too slow", err)
		}
		if got := h.count(job.Succeeded); got != 3000 {
			t.Errorf("%d counted, want 3000", got)
		}
	})
}

// What ends while a watcher is told that it watches is not missed.
func TestWatchMissesNothing(t *testing.T) {
	h, enough := newHub(), errors.New("enough")
	ready := func() error { h.ended(&job.Run{ID: "run_1"}); return nil }
	var got []job.RunID
	err := h.watch(t.Context(), ready, func(r *job.Run) error {
		got = append(got, r.ID)
		return enough
	})
	if !errors.Is(err, enough) || len(got) != 1 || got[0] != "run_1" {
		t.Errorf("watched %v, %v; want run_1", got, err)
	}
	if len(h.watchers) != 0 {
		t.Error("the watcher that failed is still served")
	}
}
