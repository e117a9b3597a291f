package job

import (
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/schedule"
)

func TestExplainInstant(t *testing.T) {
	clock := func(hour, minute, second int) time.Time {
		return time.Date(2026, 7, 1, hour, minute, second, 0, time.UTC)
	}
	ran := func(at time.Time) *Run {
		return &Run{ID: "run_1", Due: at, Last: at, Count: 1, State: Succeeded, Attempt: 1, Started: at, Ended: at.Add(1200 * time.Millisecond)}
	}
	paused := &Run{ID: "run_2", Due: clock(9, 0, 0), Last: clock(9, 59, 0), Count: 60, State: Skipped, Reason: ReasonPaused}
	for _, c := range []struct {
		name    string
		i       Instant
		verdict Verdict
		want    string
	}{
		{
			"a run",
			Instant{At: clock(10, 0, 0), Nominal: true, Before: ran(clock(10, 0, 0))},
			Recorded,
			"backup, due 2026-07-01 10:00:00 UTC: succeeded (run_1, started 10:00:00, took 1.2s).",
		},
		{
			"backfilled",
			Instant{At: clock(9, 5, 0), Nominal: true, Before: paused, Again: &Run{
				ID: "run_3", Parent: "bf_1", State: Succeeded, Attempt: 1, Started: clock(11, 0, 0), Ended: clock(11, 0, 2),
			}},
			Recorded,
			"backup, due 2026-07-01 09:05:00 UTC: skipped, one of 60 times from 09:00:00 to 09:59:00: the job was paused (run_2)." +
				" A backfill ran it again: succeeded (run_3, started 11:00:00, took 2s, of bf_1).",
		},
		{
			"of a range",
			Instant{At: clock(9, 5, 0), Nominal: true, Before: paused},
			Recorded,
			"backup, due 2026-07-01 09:05:00 UTC: skipped, one of 60 times from 09:00:00 to 09:59:00: the job was paused (run_2).",
		},
		{
			"a schedule of the past",
			Instant{At: clock(10, 0, 7), Before: ran(clock(10, 0, 7))},
			Recorded,
			"backup, due 2026-07-01 10:00:07 UTC: succeeded (run_1, started 10:00:07, took 1.2s).",
		},
		{
			"among a range",
			Instant{At: clock(9, 5, 20), Before: paused, Prev: clock(9, 5, 0), Next: clock(9, 6, 0), After: ran(clock(10, 0, 0))},
			NoFire,
			"2026-07-01 09:05:20 UTC is no fire of backup: it lies among 60 times from 09:00:00 to 09:59:00 that were skipped:paused, run_2, the next is 09:06:00, one of them.",
		},
		{
			"none",
			Instant{At: clock(10, 0, 20), Before: ran(clock(10, 0, 0)), After: ran(clock(10, 1, 0)), Prev: clock(10, 0, 0), Next: clock(10, 1, 0)},
			NoFire,
			"2026-07-01 10:00:20 UTC is no fire of backup: the time before is 10:00:00 (succeeded, run_1), the next is 10:01:00 (succeeded, run_1).",
		},
		{
			"none, to come",
			Instant{At: clock(13, 0, 20), Prev: clock(13, 0, 0), Next: clock(13, 1, 0)},
			NoFire,
			"2026-07-01 13:00:20 UTC is no fire of backup: the time before is 13:00:00 (to come), the next is 13:01:00 (to come).",
		},
		{
			"none, over",
			Instant{At: clock(13, 0, 20), Before: ran(clock(11, 0, 0)), Prev: clock(11, 0, 0), Idle: "over"},
			NoFire,
			"2026-07-01 13:00:20 UTC is no fire of backup: the time before is 11:00:00 (succeeded, run_1), there is none after.",
		},
		{
			"none, a delay",
			Instant{At: clock(13, 0, 20), Before: ran(clock(11, 0, 0)), Idle: "waits for the end of its run"},
			NoFire,
			"2026-07-01 13:00:20 UTC is no fire of backup: the time before is 11:00:00 (succeeded, run_1), the next is not known (waits for the end of its run).",
		},
		{
			"to come",
			Instant{At: clock(13, 0, 0), Nominal: true},
			Future,
			"backup will fire at 2026-07-01 13:00:00 UTC, unless it is paused, edited or deleted before, or judged otherwise then.",
		},
		{
			"jitter",
			Instant{At: clock(11, 59, 59), Fire: clock(12, 0, 8), Nominal: true},
			Future,
			"backup will fire at 2026-07-01 11:59:59 UTC, with its jitter at 12:00:08.000, unless it is paused, edited or deleted before, or judged otherwise then.",
		},
		{
			"paused",
			Instant{At: clock(13, 0, 0), Nominal: true, Job: &Job{Paused: true, PauseReason: "move"}},
			Future,
			"backup, due 2026-07-01 13:00:00 UTC: will be skipped unless it is resumed before, since the job is paused (move).",
		},
		{
			"paused until then",
			Instant{At: clock(13, 0, 0), Nominal: true, Job: &Job{Paused: true, PauseUntil: clock(13, 0, 0)}},
			Future,
			"backup will fire at 2026-07-01 13:00:00 UTC, unless it is paused, edited or deleted before, or judged otherwise then.",
		},
		{
			"paused until later",
			Instant{At: clock(13, 0, 0), Nominal: true, Job: &Job{Paused: true, PauseUntil: clock(13, 0, 1)}},
			Future,
			"backup, due 2026-07-01 13:00:00 UTC: will be skipped unless it is resumed before, since the job is paused until 2026-07-01 13:00:01 UTC.",
		},
		{
			"set aside",
			Instant{At: clock(13, 0, 0), Nominal: true, Idle: "set aside: no zone"},
			Future,
			"backup, due 2026-07-01 13:00:00 UTC: will not fire as things are: set aside: no zone.",
		},
		{"unborn", Instant{At: clock(7, 0, 0), Nominal: true}, Unborn, "At 2026-07-01 07:00:00 UTC there was no backup: it was created 2026-07-01 08:00:00 UTC."},
		{"unborn, none", Instant{At: clock(7, 0, 9)}, Unborn, "At 2026-07-01 07:00:09 UTC there was no backup: it was created 2026-07-01 08:00:00 UTC."},
		{"just now", Instant{At: clock(11, 59, 55), Nominal: true}, Pending, "backup, due 2026-07-01 11:59:55 UTC: no record exists yet, it is being decided or written."},
		{
			"while paused",
			Instant{At: clock(11, 59, 59), Nominal: true, Job: &Job{Paused: true, PauseReason: "move"}},
			Held,
			"backup, due 2026-07-01 11:59:59 UTC: skipped, since the job is paused (move); the journal gets one row for all such times when it is resumed or edited.",
		},
		{
			"overdue",
			Instant{At: clock(11, 59, 59), Nominal: true, Now: clock(12, 1, 0)},
			Pending,
			"backup, due 2026-07-01 11:59:59 UTC: no record exists yet, though it is overdue: the job is accounted for up to 2026-07-01 11:59:58 UTC.",
		},
		{
			"overdue, set aside",
			Instant{At: clock(11, 59, 59), Nominal: true, Now: clock(12, 1, 0), Idle: "set aside: no zone"},
			Pending,
			"backup, due 2026-07-01 11:59:59 UTC: no record exists yet, the job does not fire as things are: set aside: no zone.",
		},
		{
			"none, on demand",
			Instant{At: clock(10, 0, 0), Idle: "starts only on demand", Job: &Job{Generation: 1, Schedule: schedule.Spec{Kind: schedule.Manual}}},
			NoFire,
			"2026-07-01 10:00:00 UTC is no fire of backup, which never fires by itself: it is started by hand or by another job.",
		},
		{
			"edited",
			Instant{At: clock(8, 10, 0), Nominal: true, Job: &Job{Generation: 3}},
			Edited,
			"backup, 2026-07-01 08:10:00 UTC: no record exists; the schedule has this time now, but the job was edited 2026-07-01 08:30:00 UTC (generation 3), " +
				"and an edit makes nothing fire that was before it.",
		},
		{
			"trimmed",
			Instant{At: clock(8, 40, 0), Nominal: true, TrimmedTo: clock(9, 0, 0)},
			Trimmed,
			"backup, due 2026-07-01 08:40:00 UTC: no record is left; runs that ended up to 2026-07-01 09:00:00 UTC are beyond the retention, and were trimmed.",
		},
		{
			"a gap",
			Instant{At: clock(9, 0, 0), Nominal: true, TrimmedTo: clock(8, 50, 0)},
			NoRecord,
			"backup, due 2026-07-01 09:00:00 UTC: no record exists, though the job counts as accounted for up to 2026-07-01 11:59:58 UTC.",
		},
	} {
		j := Job{Generation: 1}
		if c.i.Job != nil {
			j = *c.i.Job
		}
		j.Name, j.Created, j.Updated, j.Cursor = "backup", clock(8, 0, 0), clock(8, 30, 0), clock(11, 59, 58)
		c.i.Job, c.i.Zone = &j, time.UTC
		if c.i.Now.IsZero() {
			c.i.Now = clock(12, 0, 0)
		}
		if c.i.Fire.IsZero() {
			c.i.Fire = c.i.At
		}
		if verdict, got := c.i.Explain(); verdict != c.verdict || got != c.want {
			t.Errorf("%s: %s, %q;\nwant %s, %q", c.name, verdict, got, c.verdict, c.want)
		}
	}
}
