package job

import (
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/schedule"
)

func TestWarnings(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	took := func(d time.Duration, s State) *Run {
		return &Run{Trigger: ByTimer, Count: 1, State: s, Started: now.Add(-time.Hour), Ended: now.Add(d - time.Hour), Error: map[bool]string{true: "exit\n status 3"}[s == Failed]}
	}
	not := func(s State, r Reason, n int64) *Run { return &Run{Trigger: ByTimer, Count: n, State: s, Reason: r} }
	busy := &Run{Trigger: ByTimer, Count: 1, State: Running, Started: now.Add(-25 * time.Minute)}
	many := func(n int, r *Run) (list []*Run) {
		for range n {
			list = append(list, r)
		}
		return list
	}
	every := schedule.Spec{Kind: schedule.Every, Expr: "10m", Anchor: now.Add(-24 * time.Hour)}
	for _, c := range []struct {
		name     string
		schedule schedule.Spec
		change   func(*Job)
		runs     []*Run
		older    bool
		skill    string
		want     string // joined by " / "
	}{
		{name: "all is well", runs: many(30, took(time.Minute, Succeeded))},
		{
			name: "outlasts", older: true,
			runs: []*Run{took(14*time.Minute, Succeeded), not(Skipped, ReasonOverlap, 11), took(14*time.Minute, Succeeded), not(Skipped, ReasonOverlap, 30)},
			want: "its runs take 14m on average, longer than its interval of 10m: 18 of the last 20 occurrences were skipped:overlap",
		},
		{
			name: "outlasts by cron", schedule: schedule.Spec{Kind: schedule.Cron, Expr: "*/10 9-17 * * *", Zone: "utc"},
			runs: []*Run{took(14*time.Minute+700*time.Millisecond, Succeeded)},
			want: "its runs take 14m1s on average, longer than its interval of 10m",
		},
		{
			name: "executes for too long", runs: append([]*Run{not(Skipped, ReasonOverlap, 2), busy}, many(3, took(time.Minute, Succeeded))...),
			want: "its run has been executing for 25m, longer than its interval of 10m: 2 of the last 5 occurrences were skipped:overlap",
		},
		{
			name: "crowded now and then", runs: append(many(5, took(9*time.Minute, Succeeded)), not(Skipped, ReasonQueueFull, 3)),
			want: "3 of the last 8 occurrences were skipped:queue_full",
		},
		{name: "crowded once", runs: append(many(5, took(9*time.Minute, Succeeded)), not(Skipped, ReasonOverlap, 1))},
		{name: "side by side", change: func(j *Job) { j.Concurrency.Policy = Allow }, runs: many(4, took(30*time.Minute, Succeeded))},
		{name: "manual runs do not count", runs: append(many(3, &Run{Trigger: ByHand, State: Skipped, Reason: ReasonOverlap}), took(time.Second, Succeeded))},
		{name: "a delay has no interval", schedule: schedule.Spec{Kind: schedule.Delay, Expr: "1m"}, runs: many(4, took(30*time.Minute, Succeeded))},
		{name: "interrupted says nothing of the length", runs: []*Run{took(50*time.Minute, Interrupted), took(time.Minute, Succeeded)}},
		{
			name: "failing", runs: append(append([]*Run{busyFor(now, time.Minute)}, many(4, took(time.Second, Failed))...), took(time.Second, Succeeded)),
			want: "its last 4 runs failed, the latest: exit status 3",
		},
		{name: "failed twice", runs: []*Run{took(time.Second, Failed), took(time.Second, Failed), took(time.Second, Succeeded)}},
		{name: "recovered", runs: append([]*Run{took(time.Second, Succeeded)}, many(9, took(time.Second, Failed))...)},
		{
			name: "denied", runs: []*Run{not(Denied, ReasonPolicy, 7)},
			want: "its last 7 occurrences were denied, the latest: policy",
		},
		{
			name: "never met", runs: []*Run{not(Missed, ReasonMisfire, 4), not(Skipped, ReasonPaused, 2)},
			want: "it has never run: none of its 6 occurrences became a run, the latest is missed:misfire",
		},
		{name: "beyond what is known", older: true, runs: []*Run{not(Missed, ReasonMisfire, 4)}},
		{name: "due and nothing written", want: "it has never run, though it was due at 2026-03-01T11:00:00Z"},
		{name: "due soon", change: func(j *Job) { j.Cursor = now.Add(-time.Minute) }},
		{name: "paused", change: func(j *Job) { j.Paused = true }},
		{name: "by hand only", schedule: schedule.Spec{Kind: schedule.Manual}},
		{
			name: "skill", skill: "its skill a.b is quarantined", runs: []*Run{took(time.Second, Succeeded)},
			want: "its skill a.b is quarantined",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := Job{Name: "j", Schedule: c.schedule, Updated: now.Add(-70 * time.Minute)}.WithDefaults()
			if j.Schedule.Kind == "" {
				j.Schedule = every
			}
			if c.change != nil {
				c.change(&j)
			}
			got := strings.Join(j.Warnings(Health{Now: now, Runs: c.runs, All: !c.older, Skill: c.skill}), " / ")
			if got != c.want {
				t.Errorf("warnings %q\nwant     %q", got, c.want)
			}
		})
	}
}

func busyFor(now time.Time, d time.Duration) *Run {
	return &Run{Trigger: ByTimer, Count: 1, State: Running, Started: now.Add(-d)}
}
