package dispatch

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
)

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		j := r.job("j", time.Hour, with(job.QueueOne))
		r.fire(t, j)
		r.fire(t, j)
		pass(time.Second)
		for _, i := range []int{1, 0} { // the queued one first
			if err := r.Cancel(t.Context(), r.journal.rows[i].ID, alice); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		r.expect(t, "j@0 cancelled:cancelled 0-1", "j@0 cancelled:cancelled")
		if len(r.started) != 1 {
			t.Errorf("started %v", r.started)
		}
		for _, row := range r.journal.rows {
			if !strings.Contains(row.Error, `User::"alice"`) {
				t.Errorf("error %q does not say who cancelled", row.Error)
			}
		}
		if len(r.journal.by) != 1 || r.journal.by[0] != alice {
			t.Errorf("the end of the queued run was written for %v", r.journal.by)
		}
		if err := r.Cancel(t.Context(), r.journal.rows[0].ID, alice); !errors.Is(err, ErrUnknown) {
			t.Errorf("Cancel of an ended run: %v", err)
		}
	})
}

// A cancellation that meets a run while its claim is written prevents the start.
func TestCancelBeforeTheStartWins(t *testing.T) {
	for _, policy := range []job.ConcurrencyPolicy{job.Forbid, job.QueueOne} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			j := r.job("j", 10*time.Second, with(policy))
			if policy == job.QueueOne {
				r.fire(t, j)
			}
			r.journal.onBegin = func() {
				for id, l := range r.runs {
					if l.phase == beginning {
						if err := r.Cancel(t.Context(), id, alice); err != nil {
							t.Error(err)
						}
					}
				}
			}
			before := len(r.started)
			r.fire(t, j)
			pass(time.Minute)
			if row := r.row(); row.State != job.Cancelled || len(r.started) != before {
				t.Errorf("%s: %s, started %v", policy, row.State, r.started)
			}
			r.expectLive(t, 0, 0)
		})
	}
}

func TestCancelBetweenAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.act = func(context.Context, sdk.Request, sdk.Host) (sdk.Result, error) {
			return sdk.Result{}, &skill.Fault{Kind: skill.Crashed}
		}
		j := r.job("j", 0, func(j *job.Job) { j.Retry = job.Retry{Attempts: 9, Backoff: time.Minute, Cap: time.Hour} })
		r.fire(t, j)
		pass(time.Second)
		if err := r.Cancel(t.Context(), r.row().ID, alice); err != nil {
			t.Fatal(err)
		}
		r.expect(t, "j@0 cancelled:cancelled 0-1")
		pass(time.Hour)
		if len(r.started) != 1 {
			t.Errorf("started %v after it was cancelled", r.started)
		}
	})
}

// Pausing and deleting end what waits, and keep what executes from being
// retried.
func TestCancelJob(t *testing.T) {
	for _, reason := range []job.Reason{job.ReasonDisabled, job.ReasonDeleted} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			r.act = func(ctx context.Context, _ sdk.Request, _ sdk.Host) (sdk.Result, error) {
				_ = lasting(ctx, 10*time.Second)
				return sdk.Result{}, &skill.Fault{Kind: skill.Crashed}
			}
			j := r.job("j", 0, func(j *job.Job) {
				j.Concurrency.Policy, j.Retry = job.QueueOne, job.Retry{Attempts: 9, Backoff: time.Second}
			})
			k := r.job("k", 0, func(j *job.Job) { j.Retry = job.Retry{Attempts: 9, Backoff: time.Hour, Cap: time.Hour} })
			r.fire(t, j, k)
			pass(time.Second)
			r.fire(t, j)
			pass(time.Second)
			r.edit(j.ID, pause)
			if reason == job.ReasonDeleted {
				r.edit(j.ID, nil)
			}
			r.CancelJob(j.ID, reason)
			pass(10 * time.Second)
			r.CancelJob(k.ID, reason)
			pass(time.Second)
			r.CancelJob("job_nobody", reason)
			r.expect(t, "j@0 failed:crashed 0-10", "k@0 cancelled:"+string(reason)+" 0-12", "j@1 cancelled:"+string(reason))
		})
	}
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := &skill.Skill{Digest: bundle.Digest{2}, Manifest: bundle.Manifest{ID: "other.skill"}}
		r := newRig(t, func(c *Config) {
			c.Skills = func(id string) *skill.Skill {
				if id == "other.skill" {
					return other
				}
				return good
			}
		})
		r.act = func(ctx context.Context, req sdk.Request, _ sdk.Host) (sdk.Result, error) {
			if strings.HasPrefix(req.Occurrence, "job_retrying") {
				return sdk.Result{}, &skill.Fault{Kind: skill.Crashed}
			}
			return sdk.Result{}, lasting(ctx, time.Minute)
		}
		often := func(j *job.Job) { j.Retry = job.Retry{Attempts: 9, Backoff: time.Minute} }
		r.fire(t, r.job("running", 0, often), r.job("retrying", 0, often),
			r.job("other", 0, func(j *job.Job) { j.Action.Skill = "other.skill" }), r.job("queued", 0, with(job.QueueOne)))
		r.fire(t, r.jobs["job_queued"])
		pass(time.Second)
		r.deny(job.ReasonSkillState) // committed before running work is stopped
		r.Stop(good.Digest, job.ReasonQuarantined)
		pass(time.Hour)
		r.expect(t, "running@0 cancelled:quarantined 0-1", "retrying@0 cancelled:quarantined 0-1", "other@0 succeeded 0-60",
			"queued@0 cancelled:quarantined 0-1", "queued@0 denied:skill_inactive")
	})
}

// Who stops a digest meets every run that was judged before, also one whose
// claim is being written.
func TestStopMeetsWhatIsBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.journal.onBegin = func() { r.Stop(good.Digest, job.ReasonQuarantined) }
		r.fire(t, r.job("j", time.Minute, nil))
		pass(time.Second)
		r.expect(t, "j@0 cancelled:quarantined 0-0")
		if len(r.started) != 0 {
			t.Errorf("started %v", r.started)
		}
	})
}

func TestDrain(t *testing.T) {
	for name, c := range map[string]struct {
		patience time.Duration
		stubborn bool // the runner takes a while to stop
		fail     bool
		want     []string
	}{
		"in time":     {time.Minute, false, false, []string{"j@0 succeeded 0-20", "j@0 queued", "k@0 running 0-"}},
		"interrupted": {10 * time.Second, false, true, []string{"j@0 interrupted:shutdown 0-10", "j@0 queued", "k@0 running 0-"}},
		"awaited":     {10 * time.Second, true, true, []string{"j@0 interrupted:shutdown 0-15", "j@0 queued", "k@0 running 0-"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.act = func(ctx context.Context, req sdk.Request, _ sdk.Host) (sdk.Result, error) {
					if strings.HasPrefix(req.Occurrence, "job_k") {
						return sdk.Result{}, &skill.Fault{Kind: skill.Crashed}
					}
					err := lasting(ctx, 20*time.Second)
					if err != nil && c.stubborn {
						_ = lasting(context.WithoutCancel(ctx), 5*time.Second)
					}
					return sdk.Result{}, err
				}
				j := r.job("j", 0, with(job.QueueOne))
				r.fire(t, j)
				r.fire(t, j)
				r.fire(t, r.job("k", 0, func(j *job.Job) { j.Retry = job.Retry{Attempts: 2, Backoff: 5 * time.Second} }))
				ctx, stop := context.WithTimeout(t.Context(), c.patience)
				defer stop()
				if err := r.Drain(ctx); (err != nil) != c.fail {
					t.Errorf("Drain: %v", err)
				}
				r.expect(t, c.want...)
				if err := r.Fire(t.Context(), due(j)); !errors.Is(err, ErrDraining) {
					t.Errorf("Fire while draining: %v", err)
				}
				if err := r.Cancel(t.Context(), r.journal.rows[1].ID, alice); !errors.Is(err, ErrDraining) {
					t.Errorf("Cancel of what waits while draining: %v", err)
				}
			})
		})
	}
}

// While an outcome cannot be written nothing starts; then it is, and all goes on.
func TestFinishFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		j, k := r.job("j", 10*time.Second, nil), r.job("k", 10*time.Second, with(job.QueueOne))
		r.fire(t, j, k)
		r.fire(t, k)
		r.broken(errors.New("disk full"))
		pass(time.Minute)
		r.expect(t, "j@0 running 0-", "k@0 running 0-", "k@0 queued")
		if err := r.Fire(t.Context(), due(j)); !errors.Is(err, ErrTrouble) {
			t.Errorf("Fire in trouble: %v", err)
		}
		r.broken(nil)
		pass(time.Minute)
		r.expect(t, "j@0 succeeded 0-10", "k@0 succeeded 0-10", "k@0 succeeded "+started(r, 2)+"-"+ended10(r, 2))
		if last := r.trouble[len(r.trouble)-1]; last != nil {
			t.Errorf("trouble is not said to be over: %v", r.trouble)
		}
		r.fire(t, j)
		pass(time.Minute)
		if r.row().State != job.Succeeded {
			t.Errorf("after the trouble a run is %s", r.row().State)
		}
	})
}

func started(r *rig, i int) string { return seconds(r.journal.rows[i].Started.Sub(r.start)) }

func ended10(r *rig, i int) string {
	return seconds(r.journal.rows[i].Started.Add(10 * time.Second).Sub(r.start))
}

// A journal that stays broken does not keep the daemon from stopping.
func TestDrainGivesUpWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.fire(t, r.job("j", time.Second, nil))
		r.broken(errors.New("disk full"))
		pass(time.Minute)
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := r.Drain(ctx); err == nil {
			t.Error("Drain reports success")
		}
		if len(r.endedNames()) != 0 {
			t.Errorf("told of %v, which was never written", r.endedNames())
		}
	})
}

func TestPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Ended = func(*job.Run) { panic("observer") } })
		calm := false
		r.act = func(context.Context, sdk.Request, sdk.Host) (sdk.Result, error) {
			if !calm {
				panic("runner")
			}
			return sdk.Result{}, nil
		}
		j := r.job("j", 0, nil)
		r.fire(t, j)
		calm = true
		r.fire(t, j)
		r.expect(t, "j@0 failed:crashed 0-0", "j@0 succeeded 0-0")
		r.expectLive(t, 0, 0)
	})
}

func TestRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		names := map[string]func(*job.Job){
			"running": nil, "retry": nil, "overdue": nil, "fresh": nil, "late": nil, "paused": func(j *job.Job) { j.Paused = true },
			"behind":   with(job.QueueOne),
			"catching": func(j *job.Job) { j.Misfire.Policy = job.CatchUp },
		}
		for name, change := range names {
			r.job(name, 10*time.Second, change)
		}
		var open []*job.Run
		add := func(name string, state job.State, age, retry time.Duration) {
			j := r.jobs[job.ID("job_"+name)]
			if j == nil {
				j = r.job(name, 0, nil)
				delete(r.jobs, j.ID)
			}
			run := &job.Run{
				ID: job.RunID("run_" + name + string(state)), Job: j.ID, JobName: name, Action: j.Action, Trigger: job.ByTimer,
				Due: r.start.Add(-age), Created: r.start.Add(-age), State: state, Principal: alice,
			}
			if state == job.Running {
				run.Attempt, run.Started = 1, run.Due
			}
			if retry != 0 {
				run.Retry = r.start.Add(retry)
			}
			open = append(open, run)
			row := *run
			r.journal.rows = append(r.journal.rows, &row)
		}
		add("running", job.Running, time.Hour, 0)
		add("retry", job.Running, 5*time.Second, 20*time.Second)
		add("overdue", job.Running, time.Hour, -50*time.Minute)
		add("fresh", job.Queued, 30*time.Second, 0)
		add("late", job.Queued, 2*time.Minute, 0)
		add("catching", job.Queued, 2*time.Hour, 0)
		add("paused", job.Queued, time.Second, 0)
		add("deleted", job.Queued, time.Second, 0)
		add("behind", job.Running, 20*time.Second, 0)
		add("behind", job.Queued, 10*time.Second, 0)
		if err := r.Recover(t.Context(), open); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.fire(t, r.jobs["job_running"]) // nothing of the last life blocks forbid
		pass(time.Minute)
		r.expect(t,
			"running@-3600 interrupted:lost -3600-0",
			"retry@-5 succeeded -5-30",
			"overdue@-3600 succeeded -3600-10",
			"fresh@-30 succeeded 0-10",
			"late@-120 expired:late",
			"catching@-7200 succeeded 0-10",
			"paused@-1 cancelled:disabled",
			"deleted@-1 cancelled:deleted",
			"behind@-20 interrupted:lost -20-0",
			"behind@-10 succeeded 0-10",
			"running@0 succeeded 0-10")
		if open[0].State != job.Running {
			t.Error("Recover changed the runs it was given")
		}
	})
}
