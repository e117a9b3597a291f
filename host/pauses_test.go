package host

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/dispatch"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/internal/scheduler"
	"github.com/palyra-go/palyra/host/schedule"
)

// pen is a host with one job, of a journal whose runs end as a test says.
type pen struct {
	*host
	job *job.Job
	n   int
}

func newPen(t *testing.T, path string) *pen {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Config{Path: path, Synchronous: "NORMAL"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	h := &host{cfg: Defaults(), log: slog.New(slog.DiscardHandler), journal: j, suspects: newSuspects()}
	h.dispatch = dispatch.New(dispatch.Config{Journal: j, Jobs: h.jobByID})
	h.scheduler = scheduler.New(scheduler.Config{Store: j, Runs: j, Dispatch: h.dispatch})
	if err := h.scheduler.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &pen{host: h}
}

func (f *pen) put(t *testing.T, j job.Job) {
	t.Helper()
	var err error
	if f.job, err = f.scheduler.Put(t.Context(), j, job.User("alice"), "job.update"); err != nil {
		t.Fatal(err)
	}
}

// end writes a run of the job that ended.
func (f *pen) end(t *testing.T, state job.State, reason job.Reason) {
	t.Helper()
	f.n++
	due := time.Date(2030, 1, 1, 0, f.n, 0, 0, time.UTC)
	r := &job.Run{
		ID: job.RunID(fmt.Sprintf("run_%03d", f.n)), Job: f.job.ID, JobName: f.job.Name, Generation: f.job.Generation,
		Trigger: job.ByTimer, Due: due, Last: due, Count: 1, Fire: due, Principal: f.job.Owner, Action: f.job.Action,
		State: state, Reason: reason, Created: due, Ended: due, Error: fmt.Sprintf("run %d:\n %s", f.n, reason),
	}
	refused, err := f.journal.Begin(t.Context(), []job.Claim{{Job: r.Job, Generation: r.Generation, Run: r}})
	if err != nil || refused[0] != nil {
		t.Fatal(err, refused)
	}
	if err := f.pauseIfFailing(t.Context(), f.job.ID); err != nil {
		t.Fatal(err)
	}
}

func (f *pen) paused() string {
	j, err := f.scheduler.Get(string(f.job.ID))
	if err != nil {
		return err.Error()
	}
	return j.PauseReason
}

func wary(after int) job.Job {
	return job.Job{
		Name: "wary", PauseAfter: after, Schedule: schedule.Spec{Kind: schedule.Every, Expr: "1h"},
		Action: job.Action{Skill: "palyra.hello", Entrypoint: "greet"},
	}
}

// What counts, and in a row.
func TestPauseOnFailure(t *testing.T) {
	f := newPen(t, filepath.Join(t.TempDir(), "palyra.db"))
	f.put(t, wary(3))
	for i, end := range []struct {
		state  job.State
		reason job.Reason
	}{
		{job.Failed, job.ReasonError},
		{job.Failed, job.ReasonError},
		{job.Succeeded, ""}, // breaks the row
		{job.Failed, job.ReasonError},
		{job.Denied, job.ReasonPolicy}, // none of these counts, nor breaks it
		{job.Skipped, job.ReasonOverlap},
		{job.Cancelled, job.ReasonCancelled},
		{job.Interrupted, job.ReasonShutdown},
		{job.TimedOut, job.ReasonTimeout},
	} {
		f.end(t, end.state, end.reason)
		if f.paused() != "" {
			t.Fatalf("paused after run %d: %s", i+1, f.paused())
		}
	}
	f.end(t, job.Interrupted, job.ReasonLost)
	if got, want := f.paused(), "3 failed runs in a row, the last: run 10: lost"; got != want {
		t.Fatalf("paused because of %q, want %q", got, want)
	}

	// Exactly once, and by the daemon.
	for range 3 {
		if err := f.pauseIfFailing(t.Context(), f.job.ID); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := f.journal.Entries(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	acts := 0
	for _, e := range entries {
		if e.Kind == "job.pause" {
			acts++
			if e.Actor != job.Daemon.String() {
				t.Errorf("paused by %s", e.Actor)
			}
		}
	}
	if acts != 1 {
		t.Errorf("%d entries say that it was paused, want 1", acts)
	}

	// Resumed, it is counted anew.
	paused, err := f.scheduler.Get("wary")
	if err != nil {
		t.Fatal(err)
	}
	f.put(t, paused.Resumed())
	f.end(t, job.Failed, job.ReasonError)
	f.end(t, job.Failed, job.ReasonError)
	if f.paused() != "" {
		t.Fatalf("paused by what failed before it was resumed: %s", f.paused())
	}
	f.end(t, job.Failed, job.ReasonError)
	if f.paused() == "" {
		t.Error("not paused again")
	}
}

// A daemon that died between the last failure and the pause pauses at its next
// start.
func TestPauseOverACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "palyra.db")
	f := newPen(t, path)
	f.put(t, wary(2))
	f.end(t, job.Failed, job.ReasonError)
	f.n++
	due := time.Date(2030, 1, 1, 0, f.n, 0, 0, time.UTC)
	_, err := f.journal.Begin(t.Context(), []job.Claim{{Job: f.job.ID, Generation: 1, Run: &job.Run{
		ID: "run_last", Job: f.job.ID, JobName: "wary", Generation: 1, Trigger: job.ByTimer, Due: due, Last: due, Count: 1,
		Principal: f.job.Owner, Action: f.job.Action, State: job.Failed, Reason: job.ReasonCrashed, Created: due, Ended: due,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.journal.Close(); err != nil {
		t.Fatal(err)
	}

	next := newPen(t, path)
	if err := next.pauseFailing(t.Context()); err != nil {
		t.Fatal(err)
	}
	wary, err := next.scheduler.Get("wary")
	if err != nil {
		t.Fatal(err)
	}
	if want := "2 failed runs in a row, the last: failed:crashed"; wary.PauseReason != want {
		t.Errorf("paused because of %q, want %q", wary.PauseReason, want)
	}
}

// What the journal did not take is tried again.
func TestPauseInTrouble(t *testing.T) {
	f := newPen(t, filepath.Join(t.TempDir(), "palyra.db"))
	f.put(t, wary(1))
	f.suspects.ended(&job.Run{Job: f.job.ID, State: job.Failed})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := f.pauseFailing(ctx); err == nil {
		t.Fatal("a pause that cannot be looked for is no error")
	}
	if ids := f.suspects.take(); !slices.Equal(ids, []job.ID{f.job.ID}) {
		t.Errorf("suspects %v, want the job kept", ids)
	}
}
