package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/dispatch"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/journal"
)

// linked is runs, jobs, and what was started.
type linked struct {
	runs    map[job.RunID]*job.Run
	jobs    []*job.Job
	refuse  error
	started []string
}

func (l *linked) Run(_ context.Context, id string) (*job.Run, error) {
	if r := l.runs[job.RunID(id)]; r != nil {
		return r, nil
	}
	return nil, journal.ErrNotFound
}

func (l *linked) Chain(_ context.Context, j *job.Job, by job.Principal, parent job.RunID, depth int) (*job.Run, error) {
	l.started = append(l.started, fmt.Sprintf("%s by %s after %s at %d", j.Name, by.ID, parent, depth))
	return nil, l.refuse
}

func (l *linked) job(nameOrID string) (*job.Job, error) {
	for _, j := range l.jobs {
		if j.Name == nameOrID || string(j.ID) == nameOrID {
			return j, nil
		}
	}
	return nil, nil
}

// world has alice's job load, which names tidy of bob; and ops of carol, which the
// configuration names.
func world() *linked {
	l := &linked{runs: map[job.RunID]*job.Run{}, jobs: []*job.Job{
		{ID: "job_1", Name: "load", Owner: job.User("alice"), Chain: job.Chain{OnSuccess: []string{"tidy"}}},
		{ID: "job_2", Name: "tidy", Owner: job.User("bob")},
		{ID: "job_3", Name: "ops", Owner: job.User("carol")},
	}}
	l.runs["run_0"] = &job.Run{ID: "run_0", Job: "job_1", JobName: "load", Trigger: job.ByTimer, Principal: job.User("alice")}
	l.runs["run_gone"] = &job.Run{ID: "run_gone", Job: "job_9", JobName: "gone", Trigger: job.ByTimer, Principal: job.User("dave")}
	l.runs["run_hand"] = &job.Run{ID: "run_hand", Job: "job_9", JobName: "gone", Trigger: job.ByHand, Principal: job.User("root")}
	return l
}

func TestStartChained(t *testing.T) {
	for _, c := range []struct {
		run           job.RunID
		target        string
		started, says string
	}{
		{"run_0", "tidy", "tidy by alice after run_0 at 1", ""}, // as if alice asked for it
		{"run_0", "ops", "ops by carol after run_0 at 1", ""},   // the configuration asks
		{"run_0", "tydi", "", `no job is called "tydi"`},
		{"run_gone", "tidy", "tidy by dave after run_gone at 1", ""},
		{"run_hand", "tidy", "", "job gone is gone, and nobody else asks"}, // not in the name of whoever pressed the button
	} {
		l := world()
		chain := chains{Runs: l, Dispatch: l, Job: l.job, Config: CronConfig{OnFailure: []string{"ops"}}}
		problem, err := chain.start(t.Context(), job.PendingEffect{Run: c.run, Effect: job.StartOnFailure, Target: c.target})
		var want []string
		if c.started != "" {
			want = []string{c.started}
		}
		if err != nil || problem != c.says || !slices.Equal(l.started, want) {
			t.Errorf("%s starts %s: %q, %q, %v; want %q, %q", c.run, c.target, l.started, problem, err, want, c.says)
		}
	}
}

func TestStartedBefore(t *testing.T) {
	l := world()
	chain := chains{Runs: l, Dispatch: l, Job: l.job}
	effect := job.PendingEffect{Run: "run_0", Effect: job.StartOnSuccess, Target: "tidy"}
	l.refuse = fmt.Errorf("start: %w", journal.ErrClaimed)
	if problem, err := chain.start(t.Context(), effect); problem != "" || err != nil {
		t.Errorf("started before a crash: %q, %v; want it done", problem, err)
	}
	l.refuse = dispatch.ErrTrouble
	if _, err := chain.start(t.Context(), effect); !errors.Is(err, dispatch.ErrTrouble) {
		t.Errorf("not started: %v; want to try again", err)
	}
}

func TestDepth(t *testing.T) {
	l := world()
	for n := 1; n <= 40; n++ {
		id := job.RunID(fmt.Sprint("run_", n))
		l.runs[id] = &job.Run{ID: id, Job: "job_1", Trigger: job.ByChain, Parent: job.RunID(fmt.Sprint("run_", n-1))}
	}
	delete(l.runs, "run_25") // trimmed
	chain := chains{Runs: l}
	for n, want := range map[int]int{0: 1, 1: 2, 14: 15, 15: dispatch.MaxDepth, 16: dispatch.MaxDepth, 24: dispatch.MaxDepth, 27: 2, 40: 15} {
		parent := l.runs[job.RunID(fmt.Sprint("run_", n))]
		if got, err := chain.depth(t.Context(), parent); err != nil || got != want {
			t.Errorf("after run %d: depth %d, %v; want %d", n, got, err, want)
		}
	}
}

func TestChainOfAll(t *testing.T) {
	all := CronConfig{OnFailure: []string{"ops"}, OnRecovery: []string{"ops", "log"}}
	user := job.User("alice")
	for _, c := range []struct {
		job  job.Job
		want string
	}{
		{job.Job{Name: "a", Owner: user}, "{[] [ops] [ops log]}"},
		{job.Job{Name: "a", Owner: user, Chain: job.Chain{OnSuccess: []string{"b"}, OnFailure: []string{"c"}}}, "{[b] [c] [ops log]}"},
		{job.Job{Name: "ops", Owner: user}, "{[] [] []}"},
		{job.Job{Name: "log", Owner: user, Chain: job.Chain{OnFailure: []string{"b"}}}, "{[] [b] []}"},
		{job.Job{Name: "memory.maintain", Owner: job.Daemon}, "{[] [] []}"},
	} {
		if got := fmt.Sprint(all.chain(&c.job)); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.job.Name, c.job.Chain, got, c.want)
		}
	}
}

// shelf is an outbox that a test fills.
type shelf struct {
	list   []job.PendingEffect
	done   []string
	broken error
}

func (s *shelf) Effects(context.Context) ([]job.PendingEffect, error) {
	return slices.Clone(s.list), s.broken
}

func (s *shelf) EffectDone(_ context.Context, e job.PendingEffect, problem string) error {
	s.done = append(s.done, e.Target+problem)
	s.list = slices.DeleteFunc(s.list, func(o job.PendingEffect) bool { return o.Target == e.Target })
	return nil
}

// One effect that fails is tried again, later and later, and holds up no other.
func TestOutbox(t *testing.T) {
	s := &shelf{list: []job.PendingEffect{{Run: "r", Target: "bad"}, {Run: "r", Target: "good"}, {Run: "r", Target: "lost"}}}
	fails, tries := true, 0
	box := outbox{
		journal: s,
		apply: func(_ context.Context, e job.PendingEffect) (string, error) {
			if e.Target == "lost" {
				return " is lost", nil
			}
			if e.Target == "bad" {
				if tries++; fails {
					return "", errors.New("no")
				}
			}
			return "", nil
		},
		failed: func(job.PendingEffect, error, time.Duration) {},
	}
	now := time.Unix(0, 0)
	if wait := box.work(t.Context(), now); wait != time.Second || !slices.Equal(s.done, []string{"good", "lost is lost"}) {
		t.Fatalf("wait %v, done %q", wait, s.done)
	}
	if wait := box.work(t.Context(), now.Add(400*time.Millisecond)); wait != 600*time.Millisecond || tries != 1 {
		t.Errorf("too early: wait %v, %d tries", wait, tries)
	}
	for n, want := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
		now = now.Add(time.Hour)
		if wait := box.work(t.Context(), now); wait != want*time.Second || tries != n+2 {
			t.Errorf("try %d: wait %v, %d tries; want %v", n+2, wait, tries, want*time.Second)
		}
	}
	fails = false
	if box.work(t.Context(), now.Add(time.Hour)); len(s.list) != 0 || len(box.tries) != 0 {
		t.Errorf("left %v, %v", s.list, box.tries)
	}
	s.broken = errors.New("disk")
	if wait := box.work(t.Context(), now); wait != time.Second {
		t.Errorf("an outbox that cannot be read is read again after %v", wait)
	}
}
