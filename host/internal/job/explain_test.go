package job

import (
	"strings"
	"testing"
	"time"
)

func TestExplain(t *testing.T) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	due := time.Date(2026, 7, 1, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		run  Run
		want string
	}{
		{Run{State: Succeeded, Attempt: 1}, "Succeeded."},
		{Run{State: Succeeded, Attempt: 3}, "Succeeded at attempt 3."},
		{Run{State: Skipped, Reason: ReasonOverlap, Count: 1}, "Skipped: a run was still active (forbid)."},
		{
			Run{State: Missed, Reason: ReasonMisfire, Count: 17, Due: due, Last: due.Add(time.Hour)},
			"Missed 17 times between 2026-07-01 10:00:00 CEST and 2026-07-01 11:00:00 CEST: the daemon was not running or was late, and the job skips missed times.",
		},
		{
			Run{State: Denied, Reason: ReasonPolicy, Decision: Decision{Policies: []string{"50-demo"}}, Error: `denied by policy "50-demo"`},
			"Denied by policy 50-demo.",
		},
		{Run{State: Denied, Reason: ReasonPolicy, Decision: Decision{Policies: []string{"a", "b"}}}, "Denied by policies a, b."},
		{Run{State: Denied, Reason: ReasonStale, Error: "skill a.b was not audited within 6h"}, "Denied: skill a.b was not audited within 6h."},
		{Run{State: Denied, Reason: ReasonPolicy, Principal: User("al")}, `Denied: no policy permits User::"al" to run it.`},
		{
			Run{State: Denied, Reason: ReasonNoSkill, Action: Action{Skill: "a.b"}, Decision: Decision{Policies: []string{"builtin:skill_missing"}}},
			"Denied: skill a.b is not installed.",
		},
		{Run{State: Failed, Reason: ReasonError, Error: "exit status 1"}, "Failed: exit status 1."},
		{Run{State: Interrupted, Reason: ReasonLost, Attempt: 2}, "Interrupted at attempt 2: the daemon died while it ran."},
		{Run{State: Running, Attempt: 1, Retry: due}, "Attempt 1 failed; the next one starts at 2026-07-01 10:00:00 CEST."},
	} {
		if got := c.run.Explain(prague); got != c.want {
			t.Errorf("%s:%s = %q; want %q", c.run.State, c.run.Reason, got, c.want)
		}
	}
}

// TestEveryReasonIsExplained fails for a reason that only shows as its code.
func TestEveryReasonIsExplained(t *testing.T) {
	for state, reasons := range map[State][]Reason{
		Failed:      {ReasonCrashed, ReasonStart, ReasonOutput, ReasonUnsupported},
		TimedOut:    {ReasonTimeout, ReasonRunTimeout},
		Cancelled:   {ReasonCancelled, ReasonReplaced, ReasonQuarantined, ReasonDisabled, ReasonDeleted},
		Interrupted: {ReasonShutdown, ReasonLost},
		Skipped:     {ReasonOverlap, ReasonQueueFull, ReasonPaused},
		Missed:      {ReasonMisfire, ReasonCoalesced, ReasonEarlier, ReasonWindow, ReasonEdited},
		Denied:      {ReasonPolicy, ReasonPolicyError, ReasonNoSkill, ReasonNoEntry, ReasonSkillState, ReasonStale},
		Expired:     {ReasonLate},
	} {
		for _, reason := range reasons {
			r := Run{State: state, Reason: reason}
			text := r.Explain(time.UTC)
			if !strings.Contains(text, ": ") || strings.Contains(text, "_") || !strings.HasSuffix(text, ".") {
				t.Errorf("%s:%s = %q", state, reason, text)
			}
		}
	}
}
