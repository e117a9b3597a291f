package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
)

// Five occurrences ten seconds apart of a job that takes 25 seconds.
func TestConcurrency(t *testing.T) {
	for _, c := range []struct {
		policy job.ConcurrencyPolicy
		max    int
		want   []string
	}{
		{job.Forbid, 0, []string{"j@0 succeeded 0-25", "j@10 skipped:overlap", "j@20 skipped:overlap", "j@30 succeeded 30-55", "j@40 skipped:overlap"}},
		{job.QueueOne, 0, []string{"j@0 succeeded 0-25", "j@10 succeeded 25-50", "j@20 skipped:queue_full", "j@30 succeeded 50-75", "j@40 skipped:queue_full"}},
		{job.Replace, 0, []string{"j@0 cancelled:replaced 0-10", "j@10 cancelled:replaced 10-20", "j@20 cancelled:replaced 20-30", "j@30 cancelled:replaced 30-40", "j@40 succeeded 40-65"}},
		{job.Allow, 2, []string{"j@0 succeeded 0-25", "j@10 succeeded 10-35", "j@20 skipped:queue_full", "j@30 succeeded 30-55", "j@40 succeeded 40-65"}},
	} {
		t.Run(string(c.policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				j := r.job("j", 25*time.Second, func(j *job.Job) { j.Concurrency = job.Concurrency{Policy: c.policy, Max: c.max} })
				for range 5 {
					r.fire(t, j)
					pass(10 * time.Second)
				}
				pass(time.Minute)
				r.expect(t, c.want...)
				r.expectLive(t, 0, 0)
				if len(r.lanes)+len(r.runs)+len(r.slots.lines)+r.slots.taken != 0 {
					t.Errorf("left over: %d lanes, %d runs, %d lines, %d slots", len(r.lanes), len(r.runs), len(r.slots.lines), r.slots.taken)
				}
				if len(r.endedNames()) != 5 {
					t.Errorf("told of %v, want all five", r.endedNames())
				}
			})
		})
	}
}

// The same, all in one batch, as after a short suspension of the machine.
func TestConcurrencyWithinABatch(t *testing.T) {
	for _, c := range []struct {
		policy job.ConcurrencyPolicy
		want   []string
	}{
		{job.Forbid, []string{"j@0 succeeded 0-25", "j@1 skipped:overlap", "j@2 skipped:overlap"}},
		{job.QueueOne, []string{"j@0 succeeded 0-25", "j@1 succeeded 25-50", "j@2 skipped:queue_full"}},
		{job.Replace, []string{"j@0 cancelled:replaced 0-0", "j@1 cancelled:replaced", "j@2 succeeded 0-25"}},
		{job.Allow, []string{"j@0 succeeded 0-25", "j@1 succeeded 0-25", "j@2 succeeded 0-25"}},
	} {
		t.Run(string(c.policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				j := r.job("j", 25*time.Second, with(c.policy))
				batch := due(j, j, j)
				for i := range batch {
					batch[i].Due = batch[i].Due.Add(time.Duration(i) * time.Second)
				}
				if err := r.Fire(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
				pass(2 * time.Minute)
				r.expect(t, c.want...)
				r.expectLive(t, 0, 0)
			})
		})
	}
}

// Until its start is written, the run that waited is the one that waits.
func TestQueueOneWhileTheQueuedRunStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		j := r.job("j", 10*time.Second, with(job.QueueOne))
		r.journal.advance = func() {
			if err := r.Fire(t.Context(), due(j)); err != nil {
				t.Error(err)
			}
		}
		r.fire(t, j)
		r.fire(t, j)
		pass(time.Minute)
		r.expect(t, "j@0 succeeded 0-10", "j@0 succeeded 10-20", "j@10 skipped:queue_full")
	})
}

// What is replaced is awaited until it is gone, and a newer run replaces the one
// that waits for that.
func TestReplaceAwaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.act = func(ctx context.Context, _ sdk.Request, _ sdk.Host) (sdk.Result, error) {
			<-ctx.Done()
			return sdk.Result{}, lasting(context.WithoutCancel(ctx), 30*time.Second)
		}
		j := r.job("j", 0, with(job.Replace))
		for range 3 {
			r.fire(t, j)
			pass(10 * time.Second)
		}
		r.expect(t, "j@0 running 0-", "j@10 cancelled:replaced", "j@20 queued")
		pass(15 * time.Second)
		r.expect(t, "j@0 succeeded 0-40", "j@10 cancelled:replaced", "j@20 running 40-")
	})
}

func TestDenied(t *testing.T) {
	for _, reason := range []job.Reason{job.ReasonPolicy, job.ReasonNoSkill, job.ReasonStale, "panic"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			r.deny(reason)
			r.fire(t, r.job("j", time.Second, nil))
			if reason == "panic" {
				reason = job.ReasonPolicyError
			}
			r.expect(t, "j@0 denied:"+string(reason))
			if r.row().Error == "" || r.row().Ended.IsZero() || len(r.started) != 0 {
				t.Errorf("row %+v, started %v", r.row(), r.started)
			}
			if !slices.Equal(r.endedNames(), []string{"j@0"}) {
				t.Errorf("told of %v", r.endedNames())
			}
		})
	}
}

func TestMissedAreWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		j := r.job("j", time.Second, nil)
		first := time.Now().UTC()
		missed := job.Range{First: first, Last: first.Add(time.Hour), Count: 61, State: job.Missed, Reason: job.ReasonMisfire}
		err := r.Fire(t.Context(), []job.Firing{{Job: j, Missed: []job.Range{missed}, Cursor: missed.Last}})
		if err != nil {
			t.Fatal(err)
		}
		r.expect(t, "j@0 missed:misfire")
		if row := r.row(); row.Count != 61 || !row.Last.Equal(missed.Last) || row.Principal != alice || row.ID == "" {
			t.Errorf("row %+v", row)
		}
	})
}

func TestBeginFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		j, k := r.job("j", time.Second, nil), r.job("k", time.Second, with(job.QueueOne))
		r.broken(errors.New("disk full"))
		if err := r.Fire(t.Context(), due(j, k, k)); err == nil {
			t.Fatal("no error")
		}
		r.expectLive(t, 0, 0)
		r.broken(nil)
		r.fire(t, j, k)
		pass(time.Minute)
		r.expect(t, "j@0 succeeded 0-1", "k@0 succeeded 0-1")
		if len(r.trouble) != 2 || r.trouble[0] == nil || r.trouble[1] != nil {
			t.Errorf("trouble %v, want an error and then nil", r.trouble)
		}
	})
}

func TestARefusedClaimDisturbsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		j, k := r.job("j", time.Second, nil), r.job("k", time.Second, nil)
		r.journal.refuse = func(c job.Claim) error {
			if c.Job == j.ID {
				return errors.New("already accounted for")
			}
			return nil
		}
		r.fire(t, j, k)
		if _, err := r.Trigger(t.Context(), j, alice); err == nil {
			t.Error("the refused trigger succeeded")
		}
		pass(time.Minute)
		r.expect(t, "k@0 succeeded 0-1")
		r.expectLive(t, 0, 0)
	})
}

// A skill is withdrawn after a start was judged and before it was begun: the run
// is denied, its nominal time is accounted for.
func TestWithdrawnMeanwhile(t *testing.T) {
	for _, heard := range []job.Reason{job.NoReason, job.ReasonSkillState} { // by the gate, the second time
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			j := r.job("j", time.Second, nil)
			r.journal.onBegin = func() { r.journal.withdrawn, r.gate.deny = true, heard }
			r.fire(t, j)
			pass(time.Minute)
			r.expect(t, "j@0 denied:skill_inactive")
			run := r.row()
			if run.Attempt != 0 || !run.Started.IsZero() || run.Ended.IsZero() || run.Error == "" || run.Decision.Allow {
				t.Errorf("row %+v", run)
			}
			if got := r.endedNames(); len(got) != 1 {
				t.Errorf("ended %v", got)
			}
			r.gate.deny = ""
			if run, err := r.Trigger(t.Context(), j, alice); err != nil || run.State != job.Denied {
				t.Errorf("by hand: %+v, %v", run, err)
			}
			r.expectLive(t, 0, 0)
		})
	}
	synctest.Test(t, func(t *testing.T) { // one that waited
		r := newRig(t, nil)
		j := r.job("j", time.Minute, func(j *job.Job) { j.Concurrency.Policy = job.QueueOne })
		r.fire(t, j)
		pass(time.Second)
		r.fire(t, j)
		r.journal.withdraw()
		pass(2 * time.Minute)
		r.expect(t, "j@0 succeeded 0-60", "j@1 denied:skill_inactive 60-60")
	})
}

func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.MaxRuns = 2 })
		var jobs []*job.Job
		for _, name := range []string{"a", "b", "c", "d"} {
			jobs = append(jobs, r.job(name, 10*time.Second, nil))
		}
		r.fire(t, jobs...)
		r.expectLive(t, 2, 2)
		pass(5 * time.Second)
		r.fire(t, jobs[2]) // c waits: that is an overlap
		pass(time.Minute)
		r.expect(t, "a@0 succeeded 0-10", "b@0 succeeded 0-10", "c@0 succeeded 10-20", "d@0 succeeded 10-20", "c@5 skipped:overlap")
	})
}

func TestRetries(t *testing.T) {
	soon := func(j *job.Job) { j.Retry = job.Retry{Attempts: 3, Backoff: 10 * time.Second} }
	for name, c := range map[string]struct {
		errs []error // of the attempts; nil from then on
		want string
	}{
		"succeeds at last": {[]error{&sdk.Error{Code: "busy", Retryable: true}, &skill.Fault{Kind: skill.Crashed}}, "j@0 succeeded 0-30"},
		"out of attempts":  {[]error{&sdk.Error{Code: "busy", Retryable: true}, &sdk.Error{Code: "busy", Retryable: true}, &sdk.Error{Code: "busy", Retryable: true}}, "j@0 failed:error 0-30"},
		"final error":      {[]error{&sdk.Error{Code: "bad_input"}}, "j@0 failed:error 0-0"},
		"then final":       {[]error{&skill.Fault{Kind: skill.StartFailed}, &skill.Fault{Kind: skill.Unsupported}}, "j@0 failed:unsupported 0-10"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(c *Config) { c.MaxRuns = 1 })
				r.act = func(_ context.Context, req sdk.Request, _ sdk.Host) (sdk.Result, error) {
					if n := req.Attempt - 1; req.Run == string(r.journal.rows[0].ID) && n < len(c.errs) {
						return sdk.Result{}, c.errs[n]
					}
					return sdk.Result{}, nil
				}
				r.fire(t, r.job("j", 0, soon))
				pass(5 * time.Second)
				if len(c.errs) > 1 {
					if row := r.journal.rows[0]; row.State != job.Running || !row.Retry.Equal(r.start.Add(10*time.Second)) {
						t.Errorf("between attempts the row is %s with retry at %v", row.State, row.Retry)
					}
					r.fire(t, r.job("k", 0, nil)) // a run between attempts holds no slot
					r.fire(t, r.jobs["job_j"])    // but it is active
					pass(0)
					if got := r.rows(); !strings.HasSuffix(got, "\nk@5 succeeded 5-5\nj@5 skipped:overlap") {
						t.Errorf("journal:\n%s\nwant k to have run and j to overlap", got)
					}
				}
				pass(time.Hour)
				if got, _, _ := strings.Cut(r.rows(), "\n"); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
				asked, made := 0, 0
				for _, q := range r.gate.asked {
					if q.Attempt > 1 {
						asked++
					}
				}
				for _, s := range r.started {
					if !strings.HasSuffix(s, " #1") {
						made++
					}
				}
				if asked != made || len(c.errs) > 1 && made == 0 {
					t.Errorf("the gate was asked about %d further attempts, %d were made", asked, made)
				}
			})
		})
	}
}

func TestARetryIsJudgedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*rig)
		want   string
	}{
		"denied":  {func(r *rig) { r.deny(job.ReasonSkillState) }, "j@0 denied:skill_inactive 0-10"},
		"paused":  {func(r *rig) { r.edit("job_j", pause) }, "j@0 cancelled:disabled 0-10"},
		"deleted": {func(r *rig) { r.edit("job_j", nil) }, "j@0 cancelled:deleted 0-10"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.act = func(context.Context, sdk.Request, sdk.Host) (sdk.Result, error) {
					return sdk.Result{}, &sdk.Error{Code: "busy", Retryable: true}
				}
				r.fire(t, r.job("j", 0, func(j *job.Job) { j.Retry = job.Retry{Attempts: 3, Backoff: 10 * time.Second} }))
				pass(time.Second)
				c.change(r)
				pass(time.Hour)
				r.expect(t, c.want)
				if len(r.started) != 1 {
					t.Errorf("started %v, want one attempt", r.started)
				}
			})
		})
	}
}

func TestAQueuedRunIsJudgedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		j := r.job("j", 10*time.Second, with(job.QueueOne))
		r.fire(t, j)
		r.fire(t, j)
		r.edit(j.ID, func(j *job.Job) { j.Action.Entrypoint, j.Generation = "other", 2 })
		pass(15 * time.Second)
		if q := r.gate.asked[len(r.gate.asked)-1]; q.Action.Entrypoint != "run" || q.Job.Generation != 2 {
			t.Errorf("judged %+v, want the action it had and the job as it is", q)
		}
		r.fire(t, j)
		r.deny(job.ReasonPolicy)
		pass(time.Minute)
		r.expect(t, "j@0 succeeded 0-10", "j@0 succeeded 10-20", "j@15 denied:policy")
	})
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.fire(t, r.job("j", time.Hour, func(j *job.Job) {
			j.Timeout, j.Retry.Attempts = 20*time.Second, 5
		}))
		pass(time.Hour)
		r.expect(t, "j@0 timed_out:timeout 0-20")
	})
}

func TestTrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		j := r.job("j", 10*time.Second, nil)
		run, err := r.Trigger(t.Context(), j, job.User("bob"))
		if err != nil || run.State != job.Running || run.Principal != job.User("bob") || run.Occurrence() != string(run.ID) {
			t.Fatalf("Trigger: %+v, %v", run, err)
		}
		if again, err := r.Trigger(t.Context(), j, alice); err != nil || again.Reason != job.ReasonOverlap {
			t.Errorf("Trigger beside it: %+v, %v; the concurrency policy holds for it too", again, err)
		}
		r.deny(job.ReasonPolicy)
		if denied, err := r.Trigger(t.Context(), j, alice); err != nil || denied.State != job.Denied {
			t.Errorf("Trigger: %+v, %v, want it denied", denied, err)
		}
		pass(time.Minute)
		r.expect(t, "j@0 succeeded 0-10", "j@0 skipped:overlap", "j@0 denied:policy")
	})
}

func TestInputOfSystemJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inputs := map[string]string{}
		r := newRig(t, func(c *Config) {
			c.Input = func(_ context.Context, j *job.Job) (json.RawMessage, error) {
				switch j.Name {
				case "built":
					return json.RawMessage(`{"built":true}`), nil
				case "fails":
					return nil, errors.New("no list")
				}
				return nil, nil
			}
		})
		r.act = func(_ context.Context, req sdk.Request, _ sdk.Host) (sdk.Result, error) {
			name, _, _ := strings.Cut(req.Occurrence, "@")
			inputs[name] = string(req.Input)
			return sdk.Result{}, nil
		}
		system := func(j *job.Job) { j.Owner = job.Daemon }
		for _, j := range []*job.Job{r.job("built", 0, system), r.job("own", 0, system), r.job("fails", 0, system), r.job("user", 0, nil)} {
			r.fire(t, j)
		}
		want := map[string]string{"job_built": `{"built":true}`, "job_own": `"0s"`, "job_user": `"0s"`}
		if len(inputs) != len(want) {
			t.Errorf("inputs %v, want %v", inputs, want)
		}
		for name, input := range want {
			if inputs[name] != input {
				t.Errorf("%s got %s, want %s", name, inputs[name], input)
			}
		}
		r.expect(t, "built@0 succeeded 0-0", "own@0 succeeded 0-0", "fails@0 failed:error 0-0", "user@0 succeeded 0-0")
	})
}

func TestEffects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pokes := 0
		r := newRig(t, func(c *Config) { c.Effects = func() { pokes++ } })
		fail := false
		r.act = func(context.Context, sdk.Request, sdk.Host) (sdk.Result, error) {
			if fail {
				return sdk.Result{}, errors.New("no")
			}
			return sdk.Result{Output: json.RawMessage(`[]`)}, nil
		}
		j := r.job("j", 0, func(j *job.Job) { j.Effect = job.JudgeAudit })
		r.fire(t, j)
		fail = true
		r.fire(t, j)
		r.fire(t, r.job("k", 0, nil))
		if want := []job.Effect{job.JudgeAudit, "", ""}; pokes != 1 || !slices.Equal(r.journal.effects, want) {
			t.Errorf("effects %q, %d pokes; want %q and 1", r.journal.effects, pokes, want)
		}
	})
}
