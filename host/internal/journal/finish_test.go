package journal

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/palyra-go/palyra/host/internal/job"
)

func TestAdvance(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to job.State
		want     string // "" if it is accepted
	}{
		{"starts", job.Queued, job.Running, ""},
		{"is cancelled while it waits", job.Queued, job.Cancelled, ""},
		{"is denied when gated again", job.Queued, job.Denied, ""},
		{"expires", job.Queued, job.Expired, ""},
		{"next attempt", job.Running, job.Running, ""},
		{"is interrupted", job.Running, job.Interrupted, ""},
		{"does not go back", job.Running, job.Queued, "does not become queued"},
		{"does not wait again", job.Queued, job.Queued, "does not become queued"},
		{"has ended", job.Skipped, job.Running, ErrGone.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := open(t)
			v := put(t, j, minute("a"))
			r := run(v, 1, c.from)
			begin(t, j, claim(r))
			r.State, r.Reason, r.Attempt, r.Started = c.to, job.ReasonCancelled, 2, r.Due.Add(time.Second)
			r.Decision, r.Digest[3] = job.Decision{Allow: true, PolicySet: "2"}, 9
			if c.to.Terminal() {
				r.Ended = r.Due.Add(time.Minute)
			}
			err := j.Advance(t.Context(), r, job.User("bob"))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got %v, want %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := j.Run(t.Context(), string(r.ID))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r, got); diff != "" {
				t.Error(diff)
			}
			open, err := j.OpenRuns(t.Context())
			if err != nil || (len(open) == 1) != (c.to == job.Running) {
				t.Errorf("%d open runs, %v", len(open), err)
			}
		})
	}
}

func TestAdvanceOneAtATime(t *testing.T) {
	for policy, want := range map[job.ConcurrencyPolicy]error{job.QueueOne: ErrBusy, job.Replace: ErrBusy, job.Allow: nil} {
		j := open(t)
		v := minute("a")
		v.Concurrency = job.Concurrency{Policy: policy, Max: 3}
		put(t, j, v)
		active, waiting := run(v, 1, job.Running), run(v, 2, job.Queued)
		begin(t, j, claim(active), claim(waiting))
		waiting.State = job.Running
		if err := j.Advance(t.Context(), waiting, job.Daemon); !errors.Is(err, want) {
			t.Errorf("%s beside a running one: %v, want %v", policy, err, want)
		}
		if err := j.Finish(t.Context(), outcome(active, job.Succeeded)); err != nil {
			t.Fatal(err)
		}
		if err := j.Advance(t.Context(), waiting, job.Daemon); err != nil {
			t.Errorf("%s after it: %v", policy, err)
		}
	}
}

func TestFinish(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("a"))
	r := run(v, 1, job.Running)
	begin(t, j, claim(r))
	retry := outcome(r, job.Running)
	retry.Attempt.State, retry.Attempt.Reason, retry.Attempt.Error = job.Failed, job.ReasonError, "boom"
	retry.Reason, retry.Error, retry.Retry, retry.Log = job.NoReason, "boom", r.Due.Add(time.Minute), "one\n"
	retry.Effect = job.JudgeAudit // not owed yet
	if err := j.Finish(t.Context(), retry); err != nil {
		t.Fatal(err)
	}
	open, err := j.OpenRuns(t.Context())
	if err != nil || len(open) != 1 || !open[0].Retry.Equal(retry.Retry) {
		t.Fatalf("between attempts: %+v, %v", open, err)
	}
	again := *open[0]
	again.Attempt, again.Retry = 2, time.Time{}
	if err := j.Advance(t.Context(), &again, job.Daemon); err != nil {
		t.Fatal(err)
	}
	last := outcome(r, job.Succeeded)
	last.Attempt.Number, last.Log, last.Output, last.Summary, last.Effect = 2, "two\n", []byte(`{"n":1}`), "fine", job.JudgeAudit
	if err := j.Finish(t.Context(), last); err != nil {
		t.Fatal(err)
	}

	want := *r
	want.State, want.Attempt, want.Ended = job.Succeeded, 2, last.Attempt.Ended
	want.Output, want.Summary = last.Output, "fine"
	got, err := j.Run(t.Context(), string(r.ID))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	attempts, err := j.Attempts(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]job.Attempt{retry.Attempt, last.Attempt}, attempts); diff != "" {
		t.Error(diff)
	}
	for i, want := range []string{"one\n", "two\n", ""} {
		if log, ended, err := j.AttemptLog(t.Context(), r.ID, i+1); err != nil || log != want || ended != (want != "") {
			t.Errorf("log of attempt %d: %q, %v, %v", i+1, log, ended, err)
		}
	}
	effects, err := j.Effects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]job.PendingEffect{{Run: r.ID, Effect: job.JudgeAudit, Output: last.Output}}, effects); diff != "" {
		t.Error(diff)
	}
	for range 2 { // idempotent
		if err := j.EffectDone(t.Context(), effects[0], ""); err != nil {
			t.Fatal(err)
		}
	}
	if effects, err := j.Effects(t.Context()); err != nil || len(effects) != 0 {
		t.Errorf("outbox %v, %v", effects, err)
	}
	if err := j.Finish(t.Context(), last); !errors.Is(err, ErrGone) {
		t.Errorf("finished twice: %v", err)
	}
	unknown := last
	unknown.Run = "run_none"
	if err := j.Finish(t.Context(), unknown); !errors.Is(err, ErrGone) {
		t.Errorf("finished an unknown run: %v", err)
	}
	if n := count(t, j, "attempts"); n != 2 {
		t.Errorf("%d attempts, want 2: refusals leave none", n)
	}
}

func TestCaps(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("a"))
	r := run(v, 1, job.Running)
	begin(t, j, claim(r))
	o := outcome(r, job.Failed)
	o.Log = strings.Repeat("ž", MaxLog)
	o.Summary, o.Error, o.Attempt.Error = strings.Repeat("s", MaxText+1), strings.Repeat("e", MaxText+1), strings.Repeat("x", MaxText+1)
	o.Output = []byte(`"` + strings.Repeat("o", MaxOutput) + `"`)
	if err := j.Finish(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	log, _, err := j.AttemptLog(t.Context(), r.ID, o.Attempt.Number)
	if err != nil || len(log) > MaxLog || !strings.HasSuffix(log, "ž"+cutMark) {
		t.Errorf("log of %d bytes ends %q, %v", len(log), log[len(log)-40:], err)
	}
	got, err := j.Run(t.Context(), string(r.ID))
	if err != nil {
		t.Fatal(err)
	}
	if got.Output != nil || !strings.HasSuffix(got.Error, "output of 4194306 bytes left out, at most 4194304 are kept") {
		t.Errorf("output of %d bytes, error ends %q", len(got.Output), got.Error[len(got.Error)-80:])
	}
	if len(got.Summary) > MaxText || len(got.Error) > MaxText {
		t.Errorf("summary of %d bytes, error of %d", len(got.Summary), len(got.Error))
	}
}

func TestRunByPrefix(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("a"))
	for n, id := range []job.RunID{"run_01ABC", "run_01ABD", "run_01AB", "run_02"} {
		r := run(v, n+1, job.Skipped)
		r.ID, r.Reason = id, job.Reason(id) // each a row of its own
		begin(t, j, claim(r))
	}
	for _, c := range []struct {
		ask  string
		want job.RunID
		err  error
	}{
		{"run_01ABC", "run_01ABC", nil},
		{"run_01AB", "run_01AB", nil}, // also a prefix of others
		{"01abd", "run_01ABD", nil},
		{"02", "run_02", nil},
		{"run_0", "", ErrAmbiguous},
		{"01A", "", ErrAmbiguous},
		{"03", "", ErrNotFound},
		{"run_01ABCD", "", ErrNotFound},
		{"%", "", ErrNotFound},
		{"", "", ErrAmbiguous}, // every run
	} {
		got, err := j.Run(t.Context(), c.ask)
		if !errors.Is(err, c.err) || (err == nil && got.ID != c.want) {
			t.Errorf("%q: %v, %v, want %q, %v", c.ask, got, err, c.want, c.err)
		}
	}
}

func TestReads(t *testing.T) {
	j := open(t)
	a, b := put(t, j, minute("a")), put(t, j, minute("b"))
	put(t, j, minute("never"))
	gone := put(t, j, minute("gone"))
	for _, r := range []*job.Run{run(a, 1, job.Running), run(b, 1, job.Running), run(a, 2, job.Skipped), run(gone, 1, job.Skipped)} {
		r.Reason = job.Reason(r.ID)
		begin(t, j, claim(r))
	}
	done := outcome(run(b, 1, job.Running), job.Failed)
	if err := j.Finish(t.Context(), done); err != nil {
		t.Fatal(err)
	}
	if err := j.DeleteJob(t.Context(), gone.ID, job.Daemon); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter job.Filter
		want   []job.RunID
	}{
		"all":     {job.Filter{}, []job.RunID{"run_gone000001", "run_a000002", "run_b000001", "run_a000001"}},
		"limit":   {job.Filter{Limit: 2}, []job.RunID{"run_gone000001", "run_a000002"}},
		"job":     {job.Filter{Job: a.ID}, []job.RunID{"run_a000002", "run_a000001"}},
		"state":   {job.Filter{State: job.Skipped}, []job.RunID{"run_gone000001", "run_a000002"}},
		"both":    {job.Filter{Job: a.ID, State: job.Running}, []job.RunID{"run_a000001"}},
		"no such": {job.Filter{Job: "job_none"}, nil},
	} {
		runs, err := j.Runs(t.Context(), c.filter)
		if err != nil {
			t.Fatal(err)
		}
		var ids []job.RunID
		for _, r := range runs {
			ids = append(ids, r.ID)
		}
		if diff := cmp.Diff(c.want, ids); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	latest, err := j.Latest(t.Context(), a.ID, b.ID, "job_none")
	if err != nil || len(latest) != 2 || latest[a.ID].ID != "run_a000002" || latest[b.ID].State != job.Failed {
		t.Errorf("latest %v, %v", latest, err)
	}
	tallies, err := j.Tallies(t.Context(), done.Attempt.Ended)
	if err != nil {
		t.Fatal(err)
	}
	want := []job.Tally{
		{Job: "a", State: job.Skipped, Reason: "run_a000002", Count: 1},
		{Job: "b", State: job.Failed, Count: 1},
	}
	if diff := cmp.Diff(want, tallies); diff != "" {
		t.Error(diff)
	}
}
