package scheduler

import (
	"context"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Clock keeps what the wall clock did.
type Clock interface {
	ClockJumped(ctx context.Context, jump job.ClockJump) error
}

// clock compares the wall clock with the monotonic one, which on Linux stands
// still while the machine is suspended (clock_gettime(2), CLOCK_MONOTONIC): to wake
// up looks as if the wall clock had been set ahead. It is owned by the goroutine of
// Run.
type clock struct{ last time.Time }

// look compares the clocks with how they were at the last look.
func (c *clock) look(now time.Time) (jump job.ClockJump, jumped bool) {
	before := c.last
	c.last = now
	return compare(before.Round(0), now.Round(0), now.Sub(before))
}

// tolerance is how far an adjusted clock drifts at most between two looks.
const tolerance = 2 * time.Second

// compare tells of a jump if the wall clock did not go on by steady.
func compare(before, now time.Time, steady time.Duration) (jump job.ClockJump, jumped bool) {
	jump = job.ClockJump{From: before.Add(steady), To: now}
	return jump, jump.By().Abs() > tolerance
}

// jumped counts, tells and records a jump. What it skipped is a misfire like any
// other: late by the wall clock.
func (s *Scheduler) jumped(ctx context.Context, jump job.ClockJump) {
	s.jumps.Add(1)
	s.cfg.Log.Warn("clock jumped", "by", jump.By(), "from", jump.From, "to", jump.To)
	if s.cfg.Clock == nil {
		return
	}
	if err := s.cfg.Clock.ClockJumped(ctx, jump); err != nil && ctx.Err() == nil {
		s.cfg.Log.Error("jump of the clock not recorded", "err", err)
	}
}

// Jumps counts how often the wall clock jumped.
func (s *Scheduler) Jumps() int64 { return s.jumps.Load() }
