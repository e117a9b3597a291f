package journal

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/palyra-go/palyra/host/internal/job"
)

// The runs of a job are found however far apart they are, and however many those
// of others lie between.
func TestRunsFarApart(t *testing.T) {
	j := open(t)
	rare, busy := put(t, j, minute("rare")), put(t, j, minute("busy"))
	far := []int{1, 7, 60 * 24, 60*24 + 1, 60 * 24 * 300}
	for n, at := range far {
		begin(t, j, claim(run(rare, at, job.Succeeded)))
		for i := range 30 {
			r := run(busy, n*1000+i*10, job.Succeeded)
			if r.Due.After(noon) {
				begin(t, j, claim(r))
			}
		}
	}
	var all []int
	runs, err := j.Runs(t.Context(), job.Filter{Job: rare.ID})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		all = append(all, int(r.Due.Sub(noon)/time.Minute))
	}
	if diff := cmp.Diff([]int{60 * 24 * 300, 60*24 + 1, 60 * 24, 7, 1}, all); diff != "" {
		t.Error(diff)
	}
	if two, err := j.Runs(t.Context(), job.Filter{Job: rare.ID, State: job.Succeeded, Limit: 2}); err != nil || len(two) != 2 || two[1].ID != runs[1].ID {
		t.Errorf("the latest two: %v, %v", two, err)
	}
	before, after, err := j.Around(t.Context(), rare.ID, noon.Add(100*24*time.Hour))
	if err != nil || id(before) != runs[1].ID || id(after) != runs[0].ID {
		t.Errorf("between %s and %s: %v", id(before), id(after), err)
	}
}

// What ended within a time is counted, whenever it was written.
func TestTalliesSince(t *testing.T) {
	j := open(t)
	v := allowing("a")
	put(t, j, v)
	for n, took := range []time.Duration{time.Minute, 3 * time.Hour, 59 * time.Minute, 61 * time.Minute} {
		r := run(v, 1+n*60, job.Running) // an hour apart
		begin(t, j, claim(r))
		o := outcome(r, job.Succeeded)
		o.Reason = job.Reason(fmt.Sprint(n))
		o.Attempt.Ended = r.Due.Add(took)
		if err := j.Finish(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	for since, want := range map[time.Duration][]job.Reason{
		0:                 {"0", "1", "2", "3"},
		time.Hour:         {"1", "2", "3"},
		3 * time.Hour:     {"1", "2", "3"},
		181 * time.Minute: {"1", "3"}, // they ended at 4:01 and 4:02
		242 * time.Minute: {"3"},
		5 * time.Hour:     nil,
	} {
		tallies, err := j.Tallies(t.Context(), noon.Add(since))
		if err != nil {
			t.Fatal(err)
		}
		var got []job.Reason
		for _, tally := range tallies {
			got = append(got, tally.Reason)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("since %v: %s", since, diff)
		}
	}
}

// An attempt that the row of the run tells of is one, and logged nothing.
func TestLastAttemptIsTold(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("a"))
	r := run(v, 1, job.Running)
	begin(t, j, claim(r))
	o := outcome(r, job.Failed)
	o.Reason, o.Error = job.ReasonError, "boom"
	o.Attempt.Reason, o.Attempt.Error, o.Attempt.Started = o.Reason, o.Error, r.Due.Add(time.Millisecond)
	if err := j.Finish(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	attempts, err := j.Attempts(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]job.Attempt{o.Attempt}, attempts); diff != "" {
		t.Error(diff)
	}
	if n := count(t, j, "attempts"); n != 0 {
		t.Errorf("%d rows of attempts", n)
	}
	if log, ended, err := j.AttemptLog(t.Context(), r.ID, 1); log != "" || !ended || err != nil {
		t.Errorf("log %q, %v, %v", log, ended, err)
	}
	if _, ended, err := j.AttemptLog(t.Context(), r.ID, 2); ended || err != nil {
		t.Errorf("a second attempt: %v, %v", ended, err)
	}
}
