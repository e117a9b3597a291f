package journal

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Only what tells how a job does is recent: its runs that succeeded or failed, the
// latest of them.
func TestRecent(t *testing.T) {
	j := open(t)
	v, other := put(t, j, minute("a")), put(t, j, minute("other"))
	for n, end := range []struct {
		state   job.State
		reason  job.Reason
		trigger job.Trigger
	}{
		{job.Failed, job.ReasonError, job.ByTimer}, // beyond the limit
		{job.Succeeded, "", job.ByTimer},
		{job.Skipped, job.ReasonOverlap, job.ByTimer},
		{job.Failed, job.ReasonError, job.ByChain},
		{job.Cancelled, job.ReasonReplaced, job.ByTimer},
		{job.TimedOut, job.ReasonRunTimeout, job.ByHand},
		{job.Denied, job.ReasonPolicy, job.ByTimer},
		{job.Interrupted, job.ReasonShutdown, job.ByTimer},
		{job.Failed, job.ReasonError, job.ByBackfill},
		{job.Interrupted, job.ReasonLost, job.ByTimer},
	} {
		r := run(v, n+1, end.state)
		r.Reason, r.Trigger, r.Error = end.reason, end.trigger, string(end.state)
		begin(t, j, claim(r))
	}
	begin(t, j, claim(run(other, 20, job.Failed)), claim(run(v, 30, job.Running)))
	recent, err := j.Recent(t.Context(), v.ID, 4)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range recent {
		got = append(got, fmt.Sprintf("%s %s:%s %s %d", r.ID, r.State, r.Reason, r.Error, r.Generation))
	}
	want := []string{
		"run_a000010 interrupted:lost interrupted 1", "run_a000006 timed_out:run_timeout timed_out 1",
		"run_a000004 failed:error failed 1", "run_a000002 succeeded: succeeded 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("recent %q\nwant %q", got, want)
	}
}

func TestPausedByFailure(t *testing.T) {
	j := open(t)
	put(t, j, minute("a"))
	wary := minute("wary")
	wary.PauseAfter, wary.Updated = 3, noon.Add(time.Second)
	put(t, j, wary)
	if ids, err := j.PausedByFailure(t.Context()); err != nil || !slices.Equal(ids, []job.ID{wary.ID}) {
		t.Errorf("%v, %v, want the one that asks for it", ids, err)
	}
}
