package host

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/dispatch"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/host/schedule"
	"github.com/palyra-go/palyra/sdk"
)

var errDead = errors.New("the process is dead")

// mortal is the journal as one life of the daemon sees it, which ends at a write
// of the chain: before it, or after it, and then nobody learns that it was done.
type mortal struct {
	*journal.Journal
	at      string // "begin" or "done"
	written bool   // the write at which the life ends takes place
	dead    bool
}

func (m *mortal) step(at string, op func() error) error {
	switch {
	case m.dead:
		return errDead
	case m.at != at:
		return op()
	}
	m.dead = true
	if m.written {
		return errors.Join(op(), errDead)
	}
	return errDead
}

func (m *mortal) Begin(ctx context.Context, claims []job.Claim) (refused []error, err error) {
	at := "other"
	if r := claims[0].Run; r != nil && r.Trigger == job.ByChain {
		at = "begin"
	}
	err = m.step(at, func() error { refused, err = m.Journal.Begin(ctx, claims); return err })
	return refused, err
}

func (m *mortal) EffectDone(ctx context.Context, e job.PendingEffect, problem string) error {
	return m.step("done", func() error { return m.Journal.EffectDone(ctx, e, problem) })
}

// yes allows, and runs nothing.
type yes struct{ fail bool }

func (yes) Judge(policy.Query) policy.Verdict {
	return policy.Verdict{Decision: job.Decision{Allow: true}, Skill: &skill.Skill{}}
}

func (y yes) Run(context.Context, policy.Permit, sdk.Request, sdk.Host) (sdk.Result, error) {
	if y.fail {
		return sdk.Result{}, errors.New("no")
	}
	return sdk.Result{}, nil
}

// life is the dispatcher and the outbox of one process, and the runs that ended in it.
func life(m *mortal, jobs map[job.ID]*job.Job, fail bool) (*dispatch.Dispatch, *outbox, chan *job.Run) {
	ended := make(chan *job.Run, 10)
	d := dispatch.New(dispatch.Config{
		Gate: yes{}, Journal: m, Runner: yes{fail}, Skills: func(string) *skill.Skill { return nil },
		Jobs: func(id job.ID) (*job.Job, error) { return jobs[id], nil }, Ended: func(r *job.Run) { ended <- r },
		Unwritable: func(error) bool { return false },
	})
	c := chains{Runs: m, Dispatch: d, Job: func(name string) (*job.Job, error) {
		for _, j := range jobs {
			if j.Name == name || string(j.ID) == name {
				return j, nil
			}
		}
		return nil, nil
	}}
	return d, &outbox{journal: m, apply: c.start, failed: func(job.PendingEffect, error, time.Duration) {}}, ended
}

// Wherever the daemon dies between the end of a run and the start of what that
// starts, the next one starts it, and never twice.
func TestChainOverCrash(t *testing.T) {
	for name, fault := range map[string]mortal{
		"none":                       {},
		"before the start":           {at: "begin"},
		"after the start":            {at: "begin", written: true},
		"before the effect is taken": {at: "done"},
		"after the effect is taken":  {at: "done", written: true},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := journal.Open(t.Context(), journal.Config{Path: filepath.Join(t.TempDir(), "palyra.db")})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			jobs := map[job.ID]*job.Job{}
			for _, name := range []string{"backup", "tell"} {
				v := job.Job{
					ID: job.ID("job_" + name), Name: name, Generation: 1, Owner: job.User("alice"),
					Schedule: schedule.Spec{Kind: schedule.Manual}, Action: job.Action{Skill: "a.b", Entrypoint: "c"},
				}.WithDefaults()
				v.Chain.OnFailure = map[string][]string{"backup": {"tell"}}[name]
				if err := j.PutJob(t.Context(), &v, v.Owner, "job.create"); err != nil {
					t.Fatal(err)
				}
				jobs[v.ID] = &v
			}
			fault.Journal = j
			d, box, ended := life(&fault, jobs, true)
			run, err := d.Trigger(t.Context(), jobs["job_backup"], job.User("alice"))
			if err != nil {
				t.Fatal(err)
			}
			<-ended
			box.work(t.Context(), time.Now())
			if err := d.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if (fault.at != "") != fault.dead {
				t.Fatalf("the life ended: %t", fault.dead)
			}

			d, box, _ = life(&mortal{Journal: j}, jobs, false)
			open, err := j.OpenRuns(t.Context())
			if err == nil {
				err = d.Recover(t.Context(), open)
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				box.work(t.Context(), time.Now())
			}
			if err := d.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			started, err := j.Chained(t.Context(), run.ID)
			if err != nil || len(started) != 1 || started[0].JobName != "tell" || !started[0].State.Terminal() {
				t.Errorf("it started %v, %v; want one run of tell that ended", started, err)
			}
			if left, err := j.Effects(t.Context()); err != nil || len(left) != 0 {
				t.Errorf("left in the outbox: %v, %v", left, err)
			}
		})
	}
}
