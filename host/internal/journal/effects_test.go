package journal

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/palyra-go/palyra/host/internal/job"
)

// owed returns the outbox as effect and target, and empties it.
func owed(t *testing.T, j *Journal) []string {
	t.Helper()
	effects, err := j.Effects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range effects {
		list = append(list, strings.TrimSpace(string(e.Effect)+" "+e.Target))
		if err := j.EffectDone(t.Context(), e, ""); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// The end of a run owes what its chain names for it. A recovery is the first
// success after a failure; what neither succeeded nor failed is not looked at.
func TestOwed(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("a"))
	chain := job.Chain{OnSuccess: []string{"load", "tidy"}, OnFailure: []string{"tell"}, OnRecovery: []string{"tell", "load"}}
	for n, c := range []struct {
		state job.State
		want  []string
	}{
		{job.Succeeded, []string{"chain.success load", "chain.success tidy"}}, // nothing failed before it
		{job.Failed, []string{"chain.failure tell"}},
		{job.Cancelled, nil},
		{job.Skipped, nil},
		{job.Succeeded, []string{"chain.recovery load", "chain.recovery tell", "chain.success load", "chain.success tidy"}},
		{job.Succeeded, []string{"chain.success load", "chain.success tidy"}},
		{job.TimedOut, []string{"chain.failure tell"}},
		{job.Interrupted, []string{"chain.failure tell"}},
		{job.Succeeded, []string{"chain.recovery load", "chain.recovery tell", "chain.success load", "chain.success tidy"}},
	} {
		if c.state == job.Skipped {
			begin(t, j, claim(run(v, n+1, c.state)))
			continue
		}
		r := run(v, n+1, job.Running)
		begin(t, j, claim(r))
		o := outcome(r, c.state)
		o.Chain = chain
		if err := j.Finish(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, owed(t, j)); diff != "" {
			t.Errorf("run %d, %s:\n%s", n+1, c.state, diff)
		}
		r.State, r.Ended = c.state, o.Attempt.Ended
		recovered, err := j.Recovered(t.Context(), r)
		if want := len(c.want) == 4; err != nil || recovered != want {
			t.Errorf("run %d recovered: %t, %v, want %t", n+1, recovered, err, want)
		}
	}
}

// Among runs side by side the one that ended last counts, not the one that was
// due last.
func TestRecoveredByEnd(t *testing.T) {
	j := open(t)
	v := minute("a")
	v.Concurrency = job.Concurrency{Policy: job.Allow, Max: 3}
	put(t, j, v)
	slow, quick, after := run(v, 1, job.Running), run(v, 2, job.Running), run(v, 3, job.Running)
	begin(t, j, claim(slow), claim(quick), claim(after))
	ends := func(r *job.Run, state job.State, at time.Time) []string {
		o := outcome(r, state)
		o.Attempt.Ended, o.Chain = at, job.Chain{OnRecovery: []string{"tell"}}
		if err := j.Finish(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		return owed(t, j)
	}
	if got := ends(quick, job.Succeeded, noon.Add(10*time.Minute)); got != nil {
		t.Errorf("the quick one owes %q", got)
	}
	if got := ends(slow, job.Failed, noon.Add(11*time.Minute)); got != nil {
		t.Errorf("the slow one owes %q", got)
	}
	if got := ends(after, job.Succeeded, noon.Add(12*time.Minute)); len(got) != 1 {
		t.Errorf("the one after owes %q, want its recovery", got)
	}
}

// One effect that is done leaves the others of its run, and an entry says what
// became of it.
func TestEffectDone(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("a"))
	r := run(v, 1, job.Running)
	begin(t, j, claim(r))
	o := outcome(r, job.Failed)
	o.Chain.OnFailure = []string{"gone", "tell"}
	if err := j.Finish(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := j.EffectDone(t.Context(), job.PendingEffect{Run: r.ID, Effect: job.StartOnFailure, Target: "gone"}, "no such job"); err != nil {
		t.Fatal(err)
	}
	entries, err := j.Entries(t.Context(), j.Last()-1, 1)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	want := `{"facts":[{"effect":"chain.failure","error":"no such job","run":"` + string(r.ID) + `","target":"gone"}]}`
	if e := entries[0]; e.Kind != "effect.done" || string(e.Data) != want {
		t.Errorf("entry %s %s, want %s", e.Kind, e.Data, want)
	}
	if diff := cmp.Diff([]string{"chain.failure tell"}, owed(t, j)); diff != "" {
		t.Error(diff)
	}
}

// A run starts one run of a job, however often it is asked to.
func TestChainedOnce(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("b"))
	start := func(n int, parent job.RunID) error {
		r := run(v, n, job.Skipped)
		r.Trigger, r.Parent = job.ByChain, parent
		refused, err := j.Begin(t.Context(), []job.Claim{{Job: v.ID, Generation: v.Generation, Run: r}})
		return errors.Join(append(refused, err)...)
	}
	if err := errors.Join(start(1, "run_x"), start(2, "run_y")); err != nil {
		t.Fatal(err)
	}
	if err := start(3, "run_x"); !errors.Is(err, ErrClaimed) {
		t.Errorf("started twice: %v", err)
	}
	if list, err := j.Chained(t.Context(), "run_x"); err != nil || len(list) != 1 || list[0].Parent != "run_x" {
		t.Errorf("run_x started %v, %v; want one", list, err)
	}
	if list, err := j.Runs(t.Context(), job.Filter{Job: v.ID}); err != nil || len(list) != 2 {
		t.Errorf("%d runs, %v; want 2", len(list), err)
	}
}
