package journal

import (
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

func TestClockJumped(t *testing.T) {
	j := open(t)
	if err := j.ClockJumped(t.Context(), job.ClockJump{From: noon, To: noon.Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	entries, err := j.Entries(t.Context(), 0, 10)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries: %v", len(entries), err)
	}
	if e := entries[0]; e.Kind != "clock.jump" || !strings.Contains(string(e.Data), `"by":"-1h0m0s"`) {
		t.Errorf("%s %s", e.Kind, e.Data)
	}
}
