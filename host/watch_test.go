package host

import (
	"errors"
	"testing"

	"github.com/palyra-go/palyra/host/internal/job"
)

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
