package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

func TestCompare(t *testing.T) {
	before := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ wall, steady, by time.Duration }{
		{15 * time.Second, 15 * time.Second, 0},
		{17 * time.Second, 15 * time.Second, 0}, // a clock that is adjusted drifts
		{time.Hour, 15 * time.Second, time.Hour - 15*time.Second},
		{-time.Hour, 15 * time.Second, -time.Hour - 15*time.Second},
	} {
		jump, jumped := compare(before, before.Add(c.wall), c.steady)
		if jumped != (c.by != 0) || jumped && jump.By() != c.by {
			t.Errorf("after %v in %v: jumped by %v (%v), want %v", c.wall, c.steady, jump.By(), jumped, c.by)
		}
	}
}

// recorder is a Clock that remembers.
type recorder struct {
	jumps []job.ClockJump
	err   error
}

func (r *recorder) ClockJumped(_ context.Context, jump job.ClockJump) error {
	r.jumps = append(r.jumps, jump)
	return r.err
}

func TestAJumpIsRecorded(t *testing.T) {
	var log strings.Builder
	clock := &recorder{}
	s := New(Config{Clock: clock, Log: slog.New(slog.NewTextHandler(&log, nil))})
	jump := job.ClockJump{From: time.Unix(1000, 0), To: time.Unix(5000, 0)}
	s.jumped(t.Context(), jump)
	clock.err = errors.New("disk full")
	s.jumped(t.Context(), jump)
	if len(clock.jumps) != 2 || clock.jumps[0] != jump || s.Jumps() != 2 {
		t.Errorf("recorded %v, counted %d", clock.jumps, s.Jumps())
	}
	if got := log.String(); strings.Count(got, "by=1h6m40s") != 2 || !strings.Contains(got, "disk full") {
		t.Errorf("log:\n%s", got)
	}
}

// However far off the next fire is, the clock is looked at soon.
func TestSleepsAreShort(t *testing.T) {
	r := newRig(t, stored(every("yearly", "8760h"), 1, time.Now()))
	for _, now := range []time.Time{time.Now(), time.Now().Add(100 * time.Hour)} {
		if got := r.untilNext(now); got > 15*time.Second {
			t.Errorf("at %v it sleeps %v", now, got)
		}
	}
}
