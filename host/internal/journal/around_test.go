package journal

import (
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Whatever covers a nominal time is found: a run, or the range it lies in.
func TestAround(t *testing.T) {
	j := open(t)
	a, b := put(t, j, minute("a")), put(t, j, minute("b"))
	missed := run(a, 2, job.Missed)
	missed.Reason, missed.Last, missed.Count = job.ReasonMisfire, noon.Add(4*time.Minute), 3
	late := claim(run(a, 6, job.Succeeded))
	late.Missed = []job.Run{*missed}
	byHand := run(a, 7, job.Succeeded)
	byHand.Trigger, byHand.ID = job.ByHand, "run_manual"
	hand := claim(byHand)
	hand.Cursor = time.Time{}
	begin(t, j, claim(run(a, 1, job.Succeeded)), claim(run(b, 5, job.Succeeded)))
	begin(t, j, late)
	begin(t, j, hand)
	for _, c := range []struct {
		at                    time.Duration
		covers, before, after job.RunID
	}{
		{0, "", "", "run_a000001"},
		{time.Minute, "run_a000001", "run_a000001", "run_a000002"},
		{time.Minute + time.Second, "", "run_a000001", "run_a000002"},
		{2 * time.Minute, "run_a000002", "run_a000002", "run_a000006"},
		{3 * time.Minute, "run_a000002", "run_a000002", "run_a000006"},
		{4 * time.Minute, "run_a000002", "run_a000002", "run_a000006"},
		{5 * time.Minute, "", "run_a000002", "run_a000006"},
		{7 * time.Minute, "", "run_a000006", ""},
	} {
		covers, err := j.At(t.Context(), a.ID, noon.Add(c.at))
		if err != nil {
			t.Fatal(err)
		}
		before, after, err := j.Around(t.Context(), a.ID, noon.Add(c.at))
		if err != nil {
			t.Fatal(err)
		}
		if id(covers) != c.covers || id(before) != c.before || id(after) != c.after {
			t.Errorf("%v: %q covers, between %q and %q; want %q, %q, %q", c.at, id(covers), id(before), id(after), c.covers, c.before, c.after)
		}
	}
}

func id(r *job.Run) job.RunID {
	if r == nil {
		return ""
	}
	return r.ID
}

// A trim leaves behind up to when its runs had ended, and a later one never less.
func TestTrimmedTo(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("a"))
	for n := range 4 {
		begin(t, j, claim(run(v, n+1, job.Succeeded)))
	}
	for _, c := range []struct {
		keep int64
		want time.Time
	}{{4, time.Time{}}, {3, noon.Add(time.Minute)}, {2, noon.Add(2 * time.Minute)}, {2, noon.Add(2 * time.Minute)}} {
		if _, err := j.Trim(t.Context(), Limits{Runs: c.keep}); err != nil {
			t.Fatal(err)
		}
		if got, err := j.TrimmedTo(t.Context()); err != nil || !got.Equal(c.want) {
			t.Errorf("after a trim to %d runs: %v, %v; want %v", c.keep, got, err, c.want)
		}
	}
}
