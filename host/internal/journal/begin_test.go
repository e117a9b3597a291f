package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/palyra-go/palyra/host/internal/job"
)

func TestBeginRefuses(t *testing.T) {
	manual := func(v *job.Job, n int) job.Claim {
		r := run(v, n, job.Running)
		r.Trigger, r.ID = job.ByHand, r.ID+"hand"
		return job.Claim{Job: v.ID, Generation: v.Generation, Run: r}
	}
	for _, c := range []struct {
		name   string
		policy job.ConcurrencyPolicy
		before func(*job.Job) []job.Claim
		claim  func(*job.Job) job.Claim
		want   error
	}{
		{"first", job.Forbid, nil, func(v *job.Job) job.Claim { return claim(run(v, 1, job.Running)) }, nil},
		{"at the cursor", job.Forbid, nil, func(v *job.Job) job.Claim { return claim(run(v, 0, job.Running)) }, ErrClaimed},
		{"before the cursor", job.Forbid, nil, func(v *job.Job) job.Claim { return claim(run(v, -5, job.Running)) }, ErrClaimed},
		{
			"twice", job.Allow, func(v *job.Job) []job.Claim { return []job.Claim{claim(run(v, 1, job.Running))} },
			func(v *job.Job) job.Claim { return claim(run(v, 1, job.Running)) }, ErrClaimed,
		},
		{"missed ones before the cursor", job.Forbid, nil, func(v *job.Job) job.Claim {
			c := claim(run(v, 2, job.Running))
			c.Missed = []job.Run{*run(v, -1, job.Missed)}
			return c
		}, ErrClaimed},
		{"manual at the cursor", job.Forbid, nil, func(v *job.Job) job.Claim { return manual(v, 0) }, nil},
		{"older generation", job.Forbid, nil, func(v *job.Job) job.Claim {
			c := claim(run(v, 1, job.Running))
			c.Generation = 0
			return c
		}, ErrGeneration},
		{"newer generation", job.Forbid, nil, func(v *job.Job) job.Claim {
			c := claim(run(v, 1, job.Running))
			c.Generation = 2
			return c
		}, ErrGeneration},
		{"no such job", job.Forbid, nil, func(v *job.Job) job.Claim { return claim(run(minute("gone"), 1, job.Running)) }, ErrGeneration},
		{
			"forbid, one running", job.Forbid, func(v *job.Job) []job.Claim { return []job.Claim{claim(run(v, 1, job.Running))} },
			func(v *job.Job) job.Claim { return claim(run(v, 2, job.Running)) }, ErrBusy,
		},
		{
			"forbid, one running by hand", job.Forbid, func(v *job.Job) []job.Claim { return []job.Claim{manual(v, 1)} },
			func(v *job.Job) job.Claim { return claim(run(v, 2, job.Running)) }, ErrBusy,
		},
		{
			"by hand, one running", job.Forbid, func(v *job.Job) []job.Claim { return []job.Claim{claim(run(v, 1, job.Running))} },
			func(v *job.Job) job.Claim { return manual(v, 2) }, ErrBusy,
		},
		{
			"allow, one running", job.Allow, func(v *job.Job) []job.Claim { return []job.Claim{claim(run(v, 1, job.Running))} },
			func(v *job.Job) job.Claim { return claim(run(v, 2, job.Running)) }, nil,
		},
		{
			"allow, exclusive", job.Allow, func(v *job.Job) []job.Claim { return []job.Claim{claim(run(v, 1, job.Running))} },
			func(v *job.Job) job.Claim {
				c := claim(run(v, 2, job.Running))
				c.Exclusive = true
				return c
			}, ErrBusy,
		},
		{
			"queue-one, one running", job.QueueOne, func(v *job.Job) []job.Claim { return []job.Claim{claim(run(v, 1, job.Running))} },
			func(v *job.Job) job.Claim { return claim(run(v, 2, job.Queued)) }, nil,
		},
		{"queue-one, one queued", job.QueueOne, func(v *job.Job) []job.Claim {
			return []job.Claim{claim(run(v, 1, job.Running)), claim(run(v, 2, job.Queued))}
		}, func(v *job.Job) job.Claim { return claim(run(v, 3, job.Queued)) }, ErrBusy},
		{
			"forbid, skipped beside a running one", job.Forbid, func(v *job.Job) []job.Claim { return []job.Claim{claim(run(v, 1, job.Running))} },
			func(v *job.Job) job.Claim { return claim(run(v, 2, job.Skipped)) }, nil,
		},
		{"out of order", job.Forbid, nil, func(v *job.Job) job.Claim {
			c := claim(run(v, 2, job.Running))
			c.Missed = []job.Run{*run(v, 2, job.Missed)}
			return c
		}, malformed("nominal times out of order")},
		{"run of another job", job.Forbid, nil, func(v *job.Job) job.Claim {
			c := claim(run(minute("other"), 1, job.Running))
			c.Job = v.ID
			return c
		}, malformed(`run of job "job_other" among those of "job_a"`)},
		{"missed one that runs", job.Forbid, nil, func(v *job.Job) job.Claim {
			return job.Claim{Job: v.ID, Generation: 1, Missed: []job.Run{*run(v, 1, job.Running)}}
		}, malformed("a missed run that is not one: running")},
		{"nobody's run", job.Forbid, nil, func(v *job.Job) job.Claim {
			r := run(v, 1, job.Running)
			r.Principal = job.Principal{}
			return claim(r)
		}, malformed(`principal "::\"\"": want Type::"id"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := open(t)
			v := minute("a")
			v.Concurrency = job.Concurrency{Policy: c.policy, Max: 5}
			put(t, j, v)
			bystander := put(t, j, minute("z"))
			if c.before != nil {
				begin(t, j, c.before(v)...)
			}
			entries := count(t, j, "entries")
			refused, err := j.Begin(t.Context(), []job.Claim{c.claim(v), claim(run(bystander, 1, job.Running))})
			if err != nil {
				t.Fatal(err)
			}
			if !errors.Is(refused[0], c.want) {
				t.Errorf("refused with %v, want %v", refused[0], c.want)
			}
			if refused[1] != nil {
				t.Errorf("the claim beside it was refused: %v", refused[1])
			}
			if got := count(t, j, "entries") - entries; got > 2 || got < 1 {
				t.Errorf("%d entries", got)
			}
		})
	}
}

func count(t testing.TB, j *Journal, table string) int {
	t.Helper()
	var n int
	if err := j.readers.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A claim that breaks a constraint nobody foresaw is refused alone.
func TestBeginSurvivesAnomaly(t *testing.T) {
	j := open(t)
	a, b := put(t, j, minute("a")), put(t, j, minute("b"))
	begin(t, j, claim(run(a, 2, job.Skipped)))
	// The row is there, and what would have refused the claims before is not.
	if _, err := j.conn.ExecContext(t.Context(), `UPDATE cursors SET cursor = $1 WHERE job = 'job_a'`, micros(noon)); err != nil {
		t.Fatal(err)
	}
	j.known.forget()
	broken := claim(run(a, 2, job.Running))
	broken.Run.ID += "again"
	broken.Missed = []job.Run{*run(a, 1, job.Missed)}
	refused, err := j.Begin(t.Context(), []job.Claim{broken, claim(run(b, 1, job.Running))})
	if err != nil || refused[0] == nil || refused[1] != nil {
		t.Fatalf("%v, %v", refused, err)
	}
	runs, err := j.Runs(t.Context(), job.Filter{})
	if err != nil || len(runs) != 2 {
		t.Errorf("%d rows, want the ghost and the run of b: %v", len(runs), err)
	}
}

func TestRunRoundTrip(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("a"))
	v.Action.Input = []byte(`{"a": "<b>"}`)
	full := run(v, 1, job.Running)
	full.Due = full.Due.Add(1234567 * time.Nanosecond) // cut to microseconds
	full.Last, full.Fire, full.Created, full.Started = full.Due, full.Due, full.Due, full.Due
	full.Parent = "run_before"
	full.Trigger, full.Decision.Errors, full.Summary = job.ByChain, []string{"x"}, "a\x00b\xff"
	begin(t, j, claim(full))
	got, err := j.Run(t.Context(), string(full.ID))
	if err != nil {
		t.Fatal(err)
	}
	cut := full.Due.Truncate(time.Microsecond)
	full.Due, full.Last, full.Fire, full.Created, full.Started, full.Summary = cut, cut, cut, cut, cut, "a\uFFFDb\uFFFD"
	if diff := cmp.Diff(full, got); diff != "" {
		t.Error(diff)
	}
}

func TestCursor(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("a"))
	cursor := func() int {
		t.Helper()
		jobs, err := j.Jobs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(jobs, func(x *job.Job) bool { return x.ID == v.ID })
		return int(jobs[i].Cursor.Sub(noon) / time.Minute)
	}
	expect := func(what string, want int) {
		t.Helper()
		if got := cursor(); got != want {
			t.Errorf("%s: the cursor is at minute %d, want %d", what, got, want)
		}
	}
	expect("new", 0)
	begin(t, j, claim(run(v, 3, job.Skipped)))
	expect("after an occurrence", 3)

	edited := *v
	edited.Generation, edited.Cursor = 2, noon
	put(t, j, &edited)
	expect("an edit does not move it back", 3)
	edited.Generation, edited.Cursor = 3, noon.Add(5*time.Minute)
	put(t, j, &edited)
	expect("an edit moves it on", 5)

	missed := *run(&edited, 6, job.Missed)
	missed.Last, missed.Count = noon.Add(9*time.Minute), 4
	begin(t, j, job.Claim{Job: v.ID, Generation: 3, Missed: []job.Run{missed}})
	expect("a range without a cursor", 9)
	begin(t, j, job.Claim{Job: v.ID, Generation: 3, Cursor: noon.Add(12 * time.Minute)})
	expect("a cursor alone", 12)

	hand := run(&edited, 20, job.Skipped)
	hand.Trigger, hand.State = job.ByHand, job.Denied
	begin(t, j, job.Claim{Job: v.ID, Generation: 3, Run: hand})
	expect("a manual run", 12)

	begin(t, j, claim(run(&edited, 14, job.Skipped)))
	if err := j.DeleteJob(t.Context(), v.ID, job.Daemon); err != nil {
		t.Fatal(err)
	}
	put(t, j, minute("a"))
	expect("made again under its id", 14)
}

func TestCoalescing(t *testing.T) {
	denied := job.Decision{Policies: []string{"p"}, PolicySet: "1"}
	type step func(*job.Job, *job.Run)
	same := func(*job.Job, *job.Run) {}
	for _, c := range []struct {
		name   string
		second step
		rows   int
	}{
		{"alike", same, 1},
		{"other reason", func(_ *job.Job, r *job.Run) { r.Reason = job.ReasonStale }, 2},
		{"other state", func(_ *job.Job, r *job.Run) { r.State = job.Skipped }, 2},
		{"other decision", func(_ *job.Job, r *job.Run) { r.Decision.PolicySet = "2" }, 2},
		{"other principal", func(_ *job.Job, r *job.Run) { r.Principal = job.User("bob") }, 2},
		{"other digest", func(_ *job.Job, r *job.Run) { r.Digest[1] = 1 }, 2},
		{"other name", func(_ *job.Job, r *job.Run) { r.JobName = "renamed" }, 2},
		{"manual", func(_ *job.Job, r *job.Run) { r.Trigger = job.ByHand }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := open(t)
			v := put(t, j, minute("a"))
			other := put(t, j, minute("b"))
			first, second := run(v, 1, job.Denied), run(v, 2, job.Denied)
			for _, r := range []*job.Run{first, second} {
				r.Reason, r.Decision = job.ReasonPolicy, denied
			}
			c.second(v, second)
			begin(t, j, claim(first))
			begin(t, j, claim(run(other, 1, job.Denied)))
			next := claim(second)
			if second.Trigger == job.ByHand {
				next.Cursor = time.Time{}
			}
			begin(t, j, next)
			runs, err := j.Runs(t.Context(), job.Filter{Job: v.ID})
			if err != nil || len(runs) != c.rows {
				t.Fatalf("%d rows, want %d (%v)", len(runs), c.rows, err)
			}
			if c.rows == 1 && (runs[0].ID != first.ID || runs[0].Count != 2 || !runs[0].Due.Equal(first.Due) ||
				!runs[0].Last.Equal(second.Due) || !runs[0].Ended.Equal(second.Ended)) {
				t.Errorf("range is %+v", runs[0])
			}
		})
	}
}

// A second-job that is down for a while is one row, over ranges and singles, and
// a run between two stretches keeps them apart.
func TestRanges(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("a"))
	missed := *run(v, 1, job.Missed)
	missed.Last, missed.Count, missed.Reason = noon.Add(1000*time.Minute), 1000, job.ReasonMisfire
	later := *run(v, 1001, job.Missed)
	later.Last, later.Count, later.Reason = noon.Add(3000*time.Minute), 2000, job.ReasonMisfire
	begin(t, j, job.Claim{Job: v.ID, Generation: 1, Missed: []job.Run{missed, later}, Run: run(v, 3001, job.Running), Cursor: noon.Add(3001 * time.Minute)})
	after := *run(v, 3002, job.Missed)
	after.Reason = job.ReasonMisfire
	begin(t, j, job.Claim{Job: v.ID, Generation: 1, Missed: []job.Run{after}})
	// Who tells of a run that became a part of a row names that row.
	alone, joined := job.Claim{Job: "job_none"}, job.Claim{Job: v.ID, Generation: 1, Missed: []job.Run{*run(v, 3003, job.Missed)}}
	joined.Missed[0].Reason = job.ReasonMisfire
	if _, err := j.Begin(t.Context(), []job.Claim{alone, joined}); err != nil || joined.Missed[0].ID != after.ID {
		t.Errorf("the run has the id %s, its row %s: %v", joined.Missed[0].ID, after.ID, err)
	}
	runs, err := j.Runs(t.Context(), job.Filter{Job: v.ID})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range runs {
		got = append(got, fmt.Sprintf("%s %d×%d..%d", r.State, r.Count, r.Due.Sub(noon)/time.Minute, r.Last.Sub(noon)/time.Minute))
	}
	want := []string{"missed 2×3002..3003", "running 1×3001..3001", "missed 3000×1..3000"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	tallies, err := j.Tallies(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]job.Tally{{Job: "a", State: job.Missed, Reason: job.ReasonMisfire, Count: 3002}}, tallies); diff != "" {
		t.Error(diff)
	}
}

func TestPutJobRefuses(t *testing.T) {
	j := open(t)
	put(t, j, minute("a"))
	twin := minute("a")
	twin.ID = "job_twin"
	again := minute("a")
	skips := minute("a")
	skips.Generation = 3
	absent := minute("b")
	absent.Generation = 2
	nobody := minute("c")
	nobody.Owner = job.Principal{}
	for name, c := range map[string]struct {
		v    *job.Job
		want error
	}{
		"name taken":                 {twin, ErrExists},
		"made twice":                 {again, ErrConflict},
		"generation does not follow": {skips, ErrConflict},
		"edit of what is not there":  {absent, ErrConflict},
	} {
		if err := j.PutJob(t.Context(), c.v, job.Daemon, "job.update"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := j.PutJob(t.Context(), nobody, job.Daemon, "job.create"); err == nil {
		t.Error("a job of nobody was written")
	}
	if err := j.DeleteJob(t.Context(), "job_none", job.Daemon); !errors.Is(err, ErrNotFound) {
		t.Errorf("delete: %v", err)
	}
	if got := count(t, j, "entries"); got != 1 {
		t.Errorf("%d entries, want 1: refusals leave none", got)
	}
}

func TestJobRoundTrip(t *testing.T) {
	j := openAt(t, filepath.Join(t.TempDir(), "palyra.db"))
	v := minute("full")
	v.Group, v.Labels = "g", map[string]string{"k": "v"}
	v.Schedule.Zone, v.Schedule.Anchor = "Europe/Prague", noon.Add(time.Nanosecond)
	v.Action.Input = []byte("{ \"kept\" : \"as <it> is\" }")
	v.Concurrency = job.Concurrency{Policy: job.Allow, Max: 7}
	v.Misfire = job.Misfire{Policy: job.CatchUp, Grace: time.Second, Window: time.Hour, Coalesce: job.All, Max: 5}
	v.Retry = job.Retry{Attempts: 3, Backoff: time.Second, Cap: time.Minute}
	v.Timeout, v.Paused, v.PauseReason, v.Effect = time.Second, true, "holiday", job.JudgeAudit
	v.PauseUntil, v.Key = noon.Add(time.Hour), 7
	v.RunTimeout, v.Priority, v.PauseAfter, v.AtLeastOnce = time.Minute, -3, 2, true
	v.Chain = job.Chain{OnSuccess: []string{"a"}, OnFailure: []string{"b"}, OnRecovery: []string{"c"}}
	put(t, j, v)
	got, err := j.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*job.Job{v}, got); diff != "" {
		t.Error(diff)
	}
}
