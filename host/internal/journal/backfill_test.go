package journal

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/palyra-go/palyra/host/internal/job"
)

// fill is a backfill of the ten minutes before noon.
func fill(t *testing.T, j *Journal, v *job.Job) *job.Backfill {
	t.Helper()
	b := &job.Backfill{
		ID: "bf_01", Job: v.ID, JobName: v.Name, From: noon.Add(-10 * time.Minute), To: noon, Cursor: noon.Add(-11 * time.Minute),
		Parallel: 2, Rate: 30, Again: true, By: job.User("alice"), Total: 11, State: job.Filling, Created: noon,
	}
	if err := j.PutBackfill(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return b
}

func filling(v *job.Job, n int, state job.State) job.Claim {
	r := run(v, n, state)
	r.ID, r.Trigger, r.Parent = r.ID+"again", job.ByBackfill, "bf_01"
	return job.Claim{Job: v.ID, Generation: v.Generation, Run: r}
}

// A backfill has one run of a nominal time, in order, until it ends; and its
// cursor moves with them.
func TestBackfillClaims(t *testing.T) {
	j := open(t)
	v := minute("a")
	v.Concurrency = job.Concurrency{Policy: job.Allow, Max: 5}
	v = put(t, j, v)
	b := fill(t, j, v)
	refused, err := j.Begin(t.Context(), []job.Claim{
		filling(v, -10, job.Running), filling(v, -10, job.Running), filling(v, -8, job.Denied), filling(v, -9, job.Running), filling(v, 1, job.Running),
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, ErrClaimed, nil, ErrClaimed, malformed("a nominal time beyond its backfill")} {
		if !errors.Is(refused[i], want) {
			t.Errorf("claim %d: %v, want %v", i, refused[i], want)
		}
	}
	b.Cursor, b.Started, b.Open = noon.Add(-8*time.Minute), 2, 1
	running, err := j.RunningBackfills(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*job.Backfill{b}, running); diff != "" {
		t.Error(diff)
	}
	if err := j.EndBackfill(t.Context(), b.ID, job.Withdrew, "enough", job.User("bob")); err != nil {
		t.Fatal(err)
	}
	if err := j.EndBackfill(t.Context(), b.ID, job.Filled, "", job.Daemon); !errors.Is(err, ErrGone) {
		t.Errorf("ended twice: %v", err)
	}
	refused, err = j.Begin(t.Context(), []job.Claim{filling(v, -7, job.Running), claim(run(v, 1, job.Running))})
	if err != nil || !errors.Is(refused[0], ErrGone) || refused[1] != nil {
		t.Errorf("after its end: %v, %v", refused, err)
	}
	got, err := j.Backfill(t.Context(), "01")
	if err != nil || got.State != job.Withdrew || got.Reason != "enough" || got.Ended.IsZero() {
		t.Errorf("ended as %+v, %v", got, err)
	}
	if all, err := j.Backfills(t.Context(), 5); err != nil || len(all) != 1 {
		t.Errorf("all are %v, %v", all, err)
	}
	if running, err := j.RunningBackfills(t.Context()); err != nil || len(running) != 0 {
		t.Errorf("running are %v, %v", running, err)
	}
	if _, err := j.Backfill(t.Context(), "02"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown one: %v", err)
	}
}

// What ran is what an attempt was made of, by its schedule or by a backfill.
func TestRan(t *testing.T) {
	j := open(t)
	v := minute("a")
	v.Concurrency = job.Concurrency{Policy: job.Allow, Max: 5}
	v = put(t, j, v)
	tried := func(n int) *job.Run { r := run(v, n, job.Running); r.Attempt = 1; return r }
	hand := tried(5)
	hand.ID, hand.Trigger = "run_hand", job.ByHand
	fill(t, j, v)
	begin(t, j, claim(tried(1)), claim(run(v, 2, job.Skipped)), claim(run(v, 3, job.Queued)), claim(tried(4)),
		job.Claim{Job: v.ID, Generation: 1, Run: hand}, filling(v, -10, job.Running), filling(v, -9, job.Denied))
	ran, err := j.Ran(t.Context(), v.ID, noon.Add(-10*time.Minute), noon.Add(4*time.Minute), 100)
	var minutes []int
	for _, t := range ran {
		minutes = append(minutes, int(t.Sub(noon)/time.Minute))
	}
	if got := fmt.Sprint(minutes); err != nil || got != "[-10 1 3 4]" {
		t.Errorf("ran %s, %v; want [-10 1 3 4]", got, err)
	}
	again, err := j.Backfilled(t.Context(), v.ID, noon.Add(-10*time.Minute))
	if err != nil || again == nil || again.Parent != "bf_01" {
		t.Errorf("backfilled %v, %v", again, err)
	}
	if r, err := j.Backfilled(t.Context(), v.ID, noon.Add(time.Minute)); r != nil || err != nil {
		t.Errorf("backfilled %v, %v, want none", r, err)
	}
}

// One that runs may leave non-runs after it, in the same claim.
func TestClaimWithNonRunsAfter(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("a"))
	c := claim(run(v, 2, job.Running))
	c.Missed = []job.Run{*run(v, 1, job.Missed)}
	c.After = []job.Run{*run(v, 3, job.Missed)}
	c.After[0].Last, c.After[0].Count, c.Cursor = noon.Add(5*time.Minute), 3, noon.Add(5*time.Minute)
	wrong := c
	wrong.After = []job.Run{*run(v, 2, job.Missed)}
	refused, err := j.Begin(t.Context(), []job.Claim{wrong, c, claim(run(v, 5, job.Skipped)), claim(run(v, 6, job.Skipped))})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{malformed("nominal times out of order"), nil, ErrClaimed, nil} {
		if !errors.Is(refused[i], want) {
			t.Errorf("claim %d: %v, want %v", i, refused[i], want)
		}
	}
	if n := count(t, j, "runs"); n != 4 {
		t.Errorf("%d rows, want 4", n)
	}
}
