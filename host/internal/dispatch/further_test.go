package dispatch

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/sdk"
)

// An action that takes five seconds and fails; the second attempt starts at 15,
// the third would at 40.
func TestRunTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		length              time.Duration
		timeout, runTimeout time.Duration
		want                string
		attempts            int
	}{
		"the run":                        {time.Hour, time.Hour, 20 * time.Second, "j@0 timed_out:run_timeout 0-20", 1},
		"the attempt":                    {time.Hour, 10 * time.Second, 20 * time.Second, "j@0 timed_out:timeout 0-10", 1},
		"both at once":                   {time.Hour, 20 * time.Second, 20 * time.Second, "j@0 timed_out:timeout 0-20", 1},
		"in a later attempt":             {5 * time.Second, time.Hour, 18 * time.Second, "j@0 timed_out:run_timeout 0-18", 2},
		"the next one would be too late": {5 * time.Second, time.Hour, 39 * time.Second, "j@0 failed:error 0-20", 2},
		"the first back-off is too long": {5 * time.Second, time.Hour, 15 * time.Second, "j@0 failed:error 0-5", 1},
		"none":                           {5 * time.Second, time.Hour, 0, "j@0 failed:error 0-45", 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				var deadline time.Time
				act := failing(c.length)
				r.act = func(ctx context.Context, req sdk.Request, host sdk.Host) (sdk.Result, error) {
					deadline = req.Deadline
					return act(ctx, req, host)
				}
				r.fire(t, r.job("j", 0, func(j *job.Job) {
					j.Retry = job.Retry{Attempts: 3, Backoff: 10 * time.Second}
					j.Timeout, j.RunTimeout = c.timeout, c.runTimeout
				}))
				pass(2 * time.Hour)
				r.expect(t, c.want)
				if len(r.started) != c.attempts || len(r.journal.attempts) != c.attempts {
					t.Errorf("%d attempts started and %d written, want %d", len(r.started), len(r.journal.attempts), c.attempts)
				}
				if end := r.start.Add(c.runTimeout); c.runTimeout > 0 && deadline.After(end) {
					t.Errorf("the action was given until %v, its run had until %v", deadline, end)
				}
				r.expectLive(t, 0, 0)
			})
		})
	}
}

// Waiting for the first start does not count, waiting for the next does.
func TestRunTimeoutWhileItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.MaxRuns = 1 })
		limited := func(j *job.Job) {
			j.RunTimeout, j.Retry = 30*time.Second, job.Retry{Attempts: 3, Backoff: 10 * time.Second}
		}
		r.act = func(ctx context.Context, req sdk.Request, host sdk.Host) (sdk.Result, error) {
			if strings.HasPrefix(req.Occurrence, "job_again@") {
				return failing(5*time.Second)(ctx, req, host)
			}
			return sdk.Result{}, lasting(ctx, time.Minute)
		}
		r.fire(t, r.job("again", 0, limited))
		pass(time.Second)
		r.fire(t, r.job("long", 0, nil), r.job("patient", 0, limited))
		pass(time.Hour)
		r.expect(t, "again@0 timed_out:run_timeout 0-30", "long@1 succeeded 5-65", "patient@1 timed_out:run_timeout 65-95")
		if len(r.journal.attempts) != 3 {
			t.Errorf("%d attempts written, want one of each", len(r.journal.attempts))
		}
	})
}

// open writes a run that the last life left open, and returns it.
func (r *rig) open(j *job.Job, state job.State, attempt int, age, retry time.Duration) *job.Run {
	run := &job.Run{
		ID: job.RunID("run_" + j.Name), Job: j.ID, JobName: j.Name, Action: j.Action, Trigger: job.ByTimer,
		Due: r.start.Add(-age), Created: r.start.Add(-age), State: state, Principal: alice,
	}
	if state == job.Running {
		run.Attempt, run.Started = attempt, run.Due
	}
	if retry != 0 {
		run.Retry = r.start.Add(retry)
	}
	row := *run
	r.journal.rows = append(r.journal.rows, &row)
	return run
}

// A run timeout counts from the first start, whoever saw that.
func TestRunTimeoutOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		limited := func(j *job.Job) {
			j.RunTimeout, j.Retry.Attempts, j.AtLeastOnce = 30*time.Second, 3, true
		}
		err := r.Recover(t.Context(), []*job.Run{
			r.open(r.job("cut", time.Hour, limited), job.Running, 1, 20*time.Second, 5*time.Second),
			r.open(r.job("over", time.Hour, limited), job.Running, 1, time.Hour, -time.Minute),
			r.open(r.job("lost", time.Hour, limited), job.Running, 1, time.Hour, 0),
		})
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		r.expect(t, "cut@-20 timed_out:run_timeout -20-10", "over@-3600 timed_out:run_timeout -3600-0", "lost@-3600 interrupted:lost -3600-0")
		if len(r.started) != 1 {
			t.Errorf("started %v, want one attempt", r.started)
		}
	})
}

// What a dead daemon left executing is attempted again, if its job asks for that
// and still is there, through the gate and not for ever.
func TestAtLeastOnce(t *testing.T) {
	for name, c := range map[string]struct {
		attempt int
		change  func(*job.Job)
		prepare func(*rig)
		want    string
		started int
	}{
		"again":            {1, nil, nil, "j@-60 succeeded -60-11", 1},
		"after a back-off": {3, nil, nil, "j@-60 succeeded -60-14", 1},
		"the last time":    {job.MaxAttempts - 1, nil, nil, "j@-60 succeeded -60-310", 1},
		"no more":          {job.MaxAttempts, nil, nil, "j@-60 interrupted:lost -60-0", 0},
		"not asked for":    {1, func(j *job.Job) { j.AtLeastOnce = false }, nil, "j@-60 interrupted:lost -60-0", 0},
		"paused":           {1, pause, nil, "j@-60 interrupted:lost -60-0", 0},
		"deleted":          {1, nil, func(r *rig) { r.edit("job_j", nil) }, "j@-60 interrupted:lost -60-0", 0},
		"denied":           {1, nil, func(r *rig) { r.deny(job.ReasonStale) }, "j@-60 denied:skill_stale -60-1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				run := r.open(r.job("j", 10*time.Second, func(j *job.Job) {
					j.AtLeastOnce = true
					if c.change != nil {
						c.change(j)
					}
				}), job.Running, c.attempt, time.Minute, 0)
				if c.prepare != nil {
					c.prepare(r)
				}
				if err := r.Recover(t.Context(), []*job.Run{run}); err != nil {
					t.Fatal(err)
				}
				if a := r.firstAttempt(); a.Number != c.attempt || a.State != job.Interrupted || a.Reason != job.ReasonLost {
					t.Errorf("the lost attempt is written as %+v", a)
				}
				pass(time.Hour)
				r.expect(t, c.want)
				if len(r.started) != c.started {
					t.Errorf("started %v, want %d attempts", r.started, c.started)
				}
			})
		})
	}
}

func (r *rig) firstAttempt() job.Attempt {
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	return r.journal.attempts[0]
}

// Attempts that were lost count like those that failed.
func TestLostAttemptsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.act = failing(time.Second)
		run := r.open(r.job("j", 0, func(j *job.Job) { j.AtLeastOnce, j.Retry.Attempts = true, 2 }), job.Running, 1, time.Minute, 0)
		if err := r.Recover(t.Context(), []*job.Run{run}); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		r.expect(t, "j@-60 failed:error -60-2")
	})
}

// What the stop of the daemon interrupts waits for the next daemon, if its job
// asks for at least once; somebody's cancelling is not taken back by that.
func TestAtLeastOnceOverAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		insistent := func(j *job.Job) { j.AtLeastOnce = true }
		j := r.job("j", time.Minute, insistent)
		r.fire(t, j, r.job("k", time.Minute, nil), r.job("cancelled", time.Minute, insistent))
		if err := r.Cancel(t.Context(), r.named("cancelled").ID, alice); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := r.Drain(ctx); err == nil {
			t.Error("Drain does not say that runs were interrupted")
		}
		r.expect(t, "j@0 running 0-", "k@0 interrupted:shutdown 0-1", "cancelled@0 cancelled:cancelled 0-0")
		if got := r.endedNames(); !slices.Equal(got, []string{"cancelled@0", "k@0"}) {
			t.Errorf("told of %v", got)
		}
		left := *r.named("j")

		next := newRig(t, nil)
		next.journal = r.journal
		next.cfg.Journal, next.jobs[j.ID] = r.journal, j
		if err := next.Recover(t.Context(), []*job.Run{&left}); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		if got := next.named("j"); got.State != job.Succeeded || got.Attempt != 2 {
			t.Errorf("the next daemon left it %s after %d attempts", got.State, got.Attempt)
		}
	})
}
