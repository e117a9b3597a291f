package dispatch

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/sdk"
)

// A chained run meets gate, pause, depth and concurrency policy; it is for whom it
// was asked, and its action is told which run started it.
func TestChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []*sdk.Upstream
		r := newRig(t, func(c *Config) {
			c.Upstream = func(_ context.Context, id job.RunID) *sdk.Upstream { return &sdk.Upstream{Run: string(id)} }
		})
		r.act = func(ctx context.Context, req sdk.Request, _ sdk.Host) (sdk.Result, error) {
			told = append(told, req.Upstream)
			return sdk.Result{}, lasting(ctx, 5*time.Second)
		}
		j := r.job("j", 0, nil)
		chain := func(j *job.Job, parent job.RunID, depth int) *job.Run {
			t.Helper()
			run, err := r.Chain(t.Context(), j, job.User("bob"), parent, depth)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if run.Parent != parent || run.Trigger != job.ByChain || run.Principal != job.User("bob") {
				t.Errorf("run %+v", run)
			}
			return run
		}
		chain(j, "run_a", 1)
		chain(j, "run_b", 1)
		chain(r.job("deep", 0, nil), "run_a", MaxDepth)
		chain(r.job("held", 0, pause), "run_a", 1)
		pass(10 * time.Second)
		r.deny(job.ReasonPolicy)
		chain(r.job("not-allowed", 0, nil), "run_a", MaxDepth-1)
		r.deny("")
		r.fire(t, j)
		pass(10 * time.Second)
		r.expect(t, "j@0 succeeded 0-5", "j@0 skipped:overlap", "deep@0 skipped:chain_depth", "held@0 skipped:paused",
			"not-allowed@10 denied:policy", "j@10 succeeded 10-15")
		if len(told) != 2 || told[0] == nil || told[0].Run != "run_a" || told[1] != nil {
			t.Errorf("told %+v, want run_a and none", told)
		}
	})
}

var errStarted = errors.New("started already")

// What the journal refuses, because it has it, starts nothing.
func TestChainTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.journal.refuse = func(c job.Claim) error {
			if c.Run.Parent == "run_a" {
				return errStarted
			}
			return nil
		}
		if _, err := r.Chain(t.Context(), r.job("j", 0, nil), alice, "run_a", 1); !errors.Is(err, errStarted) {
			t.Errorf("Chain = %v", err)
		}
		synctest.Wait()
		if r.expectLive(t, 0, 0); len(r.started) != 0 {
			t.Errorf("started %q", r.started)
		}
	})
}

// What an end starts is written with it: after the last attempt, also when that
// was lost with a daemon that died; not after a cancellation, and not when nothing
// started.
func TestEndsThatStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pokes := 0
		r := newRig(t, func(c *Config) {
			c.Effects = func() { pokes++ }
			c.Chain = func(j *job.Job) job.Chain {
				return job.Chain{OnSuccess: []string{j.Name + "-well"}, OnFailure: []string{j.Name + "-badly"}}
			}
		})
		lost := r.job("lost", 0, nil)
		open := &job.Run{ID: "run_l", Job: lost.ID, JobName: "lost", State: job.Running, Attempt: 1, Due: r.start, Started: r.start, Created: r.start}
		r.journal.rows = append(r.journal.rows, open)
		if err := r.Recover(t.Context(), []*job.Run{open}); err != nil {
			t.Fatal(err)
		}
		r.fire(t, r.job("fine", 0, nil))
		slow := r.job("slow", time.Minute, func(j *job.Job) { j.Timeout = time.Second })
		r.fire(t, slow, r.job("cancelled", time.Minute, nil))
		id := r.row().ID
		pass(2 * time.Second)
		if err := r.Cancel(t.Context(), id, alice); err != nil {
			t.Fatal(err)
		}
		r.deny(job.ReasonPolicy)
		r.fire(t, r.job("denied", 0, nil))
		r.deny("")
		r.act = failing(0)
		r.fire(t, r.job("retried", 0, func(j *job.Job) { j.Retry.Attempts = 2 }))
		pass(2 * time.Second)
		r.journal.mu.Lock()
		defer r.journal.mu.Unlock()
		if want := []string{"lost-badly", "fine-well", "slow-badly", "retried-badly"}; !slices.Equal(r.journal.owed, want) {
			t.Errorf("owed %q, want %q", r.journal.owed, want)
		}
		if pokes != 3 { // nobody waits yet when a lost one is settled
			t.Errorf("%d pokes, want 3", pokes)
		}
	})
}
