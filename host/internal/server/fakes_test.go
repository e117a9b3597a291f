package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/host/schedule"
	"github.com/palyra-go/palyra/sdk/bundle"
)

var (
	errNoRun  = errors.New("no such run")
	errBadJob = errors.New("the job is not valid")
)

// fake is a host with one job, one run, one skill and one publisher.
type fake struct {
	mu    sync.Mutex
	deny  func(policy.Request) bool
	asked []policy.Request
	jobs  []*job.Job
	run   *job.Run
	kinds []string
	got   []byte // the artifact that was installed
	ended chan *job.Run
	idle  string

	trimmed time.Time
	chained []*job.Run
	fill    *job.Backfill
	again   *job.Run
	catchUp string
}

func newFake() *fake {
	f := &fake{deny: func(policy.Request) bool { return false }, ended: make(chan *job.Run, 1)}
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	f.jobs = []*job.Job{{
		ID: "job_1", Name: "backup", Generation: 3, Owner: job.User("alice"), Group: "nightly",
		Labels:   map[string]string{"team": "ops"},
		Schedule: schedule.Spec{Kind: schedule.Every, Expr: "1h0m0s", Anchor: day},
		Action:   job.Action{Skill: "acme.tar", Entrypoint: "pack", Input: json.RawMessage(`{"dir":"/home"}`)},
		Created:  day, Updated: day, Cursor: day,
	}}
	*f.jobs[0] = f.jobs[0].WithDefaults()
	f.fill = &job.Backfill{ID: "bf_1", Job: "job_1", JobName: "backup", From: day, To: day, By: job.User("alice"), State: job.Filling}
	f.run = &job.Run{
		ID: "run_1", Job: "job_1", JobName: "backup", Trigger: job.ByTimer, Due: day, Last: day, Count: 1,
		Principal: job.User("alice"), Action: f.jobs[0].Action, State: job.Running, Attempt: 1,
	}
	return f
}

func (f *fake) Authorize(r policy.Request) job.Decision {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r)
	if f.deny(r) {
		return job.Decision{Policies: []string{"50-demo"}}
	}
	return job.Decision{Allow: true}
}

func (f *fake) Get(name string) (*job.Job, error) {
	for _, j := range f.jobs {
		if j.Name == name || string(j.ID) == name {
			return j, nil
		}
	}
	return nil, nil
}

func (f *fake) List(after string, limit int) (list []*job.Job, _ error) {
	for _, j := range f.jobs {
		if j.Name > after && len(list) < limit {
			list = append(list, j)
		}
	}
	return list, nil
}

func (f *fake) Count() (all, paused int) { return len(f.jobs), 0 }

func (f *fake) Draft(_ context.Context, j *job.Job, want job.Backfill) (*BackfillPlan, error) {
	want.Job, want.JobName, want.Total, want.State = j.ID, j.Name, 2, job.Filling
	if want.From.IsZero() {
		return nil, errBadJob
	}
	want.Parallel, want.Rate = max(want.Parallel, 1), max(want.Rate, 60)
	return &BackfillPlan{Backfill: want, Nominal: 5, First: []time.Time{want.From, want.To}}, nil
}

func (f *fake) Start(_ context.Context, plan *BackfillPlan, by job.Principal) (*job.Backfill, error) {
	f.fill = &plan.Backfill
	f.fill.ID, f.fill.By = "bf_1", by
	return f.fill, nil
}

func (f *fake) stopFill() { f.fill.State = job.Withdrew }

func (f *fake) Backfills(context.Context, int) ([]*job.Backfill, error) {
	return []*job.Backfill{f.fill}, nil
}

func (f *fake) Backfill(_ context.Context, id string) (*job.Backfill, error) {
	if f.fill == nil || id != string(f.fill.ID) {
		return nil, errNoRun
	}
	return f.fill, nil
}

func (f *fake) Backfilled(context.Context, job.ID, time.Time) (*job.Run, error) { return f.again, nil }

// fills has a Cancel of its own.
type fills struct{ *fake }

func (f fills) Cancel(context.Context, job.BackfillID, job.Principal) error {
	f.stopFill()
	return nil
}

func (f *fake) Check(j job.Job, _ job.Principal) (*job.Job, error) {
	j = j.WithDefaults()
	if err := j.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %v", errBadJob, err)
	}
	return &j, nil
}

func (f *fake) Put(_ context.Context, j job.Job, _ job.Principal, kind string) (*job.Job, error) {
	f.kinds = append(f.kinds, kind)
	if have, _ := f.Get(string(j.ID)); have != nil {
		*have = j
		return have, nil
	}
	f.jobs = append(f.jobs, &j)
	return &j, nil
}
func (f *fake) Delete(context.Context, job.ID, job.Principal) error { f.jobs = nil; return nil }

func (f *fake) Next(job.ID) time.Time    { return f.run.Due }
func (f *fake) CatchUp(job.ID) string    { return f.catchUp }
func (f *fake) Idle(job.ID) string       { return f.idle }
func (f *fake) Fires(job.ID, int) []Fire { return f.Upcoming(1) }
func (f *fake) Upcoming(int) []Fire      { return []Fire{{Job: f.jobs[0], At: f.run.Due, Zone: "utc"}} }

func (f *fake) Runs(context.Context, job.Filter) ([]*job.Run, error) { return []*job.Run{f.run}, nil }

func (f *fake) Run(_ context.Context, id string) (*job.Run, error) {
	if id != string(f.run.ID) {
		return nil, errNoRun
	}
	return f.run, nil
}

func (f *fake) Latest(context.Context, ...job.ID) (map[job.ID]*job.Run, error) {
	return map[job.ID]*job.Run{"job_1": f.run}, nil
}

func (f *fake) Chained(context.Context, job.RunID) ([]*job.Run, error) { return f.chained, nil }

func (f *fake) Attempts(context.Context, job.RunID) ([]job.Attempt, error) {
	return []job.Attempt{{Number: 1, State: job.Running}}, nil
}

func (f *fake) AttemptLog(_ context.Context, _ job.RunID, n int) (string, bool, error) {
	return "hello\n", n == 1, nil
}

func (f *fake) Read(context.Context, job.RunID, int, int) (string, bool, error) {
	return "", false, nil
}

func (f *fake) Tallies(context.Context, time.Time) ([]job.Tally, error) {
	return []job.Tally{{Job: "backup", State: job.Succeeded, Count: 7}}, nil
}

func (f *fake) Around(_ context.Context, _ job.ID, t time.Time) (before, after *job.Run, err error) {
	if f.run.Due.After(t) {
		return nil, f.run, nil
	}
	return f.run, nil, nil
}
func (f *fake) TrimmedTo(context.Context) (time.Time, error) { return f.trimmed, nil }

func (f *fake) Trigger(_ context.Context, _ *job.Job, by job.Principal) (*job.Run, error) {
	r := *f.run
	r.Principal, r.State, r.Reason = by, job.Denied, job.ReasonPolicy
	return &r, nil
}
func (f *fake) Cancel(context.Context, job.RunID, job.Principal) error { return nil }

type fakeSkills struct{ *fake }

func (f fakeSkills) one() *skill.Skill {
	return &skill.Skill{
		Digest: bundle.Digest{0xab, 0xcd, 0xef}, State: skill.Active, Audited: time.Now(),
		Manifest: bundle.Manifest{ID: "acme.tar", Entrypoints: map[string]bundle.Entrypoint{"pack": {}}},
	}
}
func (f fakeSkills) List() []*skill.Skill { return []*skill.Skill{f.one()} }
func (f fakeSkills) Lookup(id string) *skill.Skill {
	if id != "acme.tar" {
		return nil
	}
	return f.one()
}
func (f fakeSkills) Strays() []string { return []string{"stray.palyra-skill"} }
func (f fakeSkills) Install(_ context.Context, r io.Reader, _ bundle.Digest, _ job.Principal) (*skill.Skill, bool, error) {
	data, err := io.ReadAll(r)
	f.got = data
	return f.one(), false, err
}
func (f fakeSkills) Remove(context.Context, bundle.Digest, job.Principal) error { return nil }
func (f fakeSkills) Audit(context.Context, bundle.Digest, job.Principal) (*skill.Skill, error) {
	return f.one(), nil
}

func (f fakeSkills) Quarantine(context.Context, bundle.Digest, string, job.Principal) (*skill.Skill, error) {
	return f.one(), nil
}

func (f fakeSkills) Enable(context.Context, bundle.Digest, string, job.Principal) (*skill.Skill, error) {
	return f.one(), nil
}

type fakePublishers struct{}

func (fakePublishers) Publishers() []skill.Publisher { return []skill.Publisher{{Name: "acme"}} }
func (fakePublishers) Trust(_ context.Context, k bundle.NamedKey, p []string, by job.Principal) (skill.Publisher, error) {
	return skill.Publisher{Name: k.Name, Key: k.Key, Prefixes: p, By: by.String()}, nil
}

// fakeHistory has the entries 1 to 45; who waits for more gets none.
type fakeHistory struct{}

func (fakeHistory) Last() int64 { return 45 }
func (fakeHistory) Entries(_ context.Context, after int64, limit int) (page []Entry, _ error) {
	for seq := after + 1; seq <= 45 && len(page) < min(limit, 10); seq++ {
		page = append(page, Entry{Seq: seq, Kind: "run.begin", Data: `{}`})
	}
	return page, nil
}
func (fakeHistory) Wait(ctx context.Context, _ int64) error { <-ctx.Done(); return ctx.Err() }
func (fakeHistory) Verify(_ context.Context, exported ...[]byte) (Verdict, error) {
	return Verdict{Checkpoints: len(exported)}, nil
}
func (fakeHistory) Checkpoint(context.Context) ([]byte, error) { return []byte("note"), nil }
func (fakeHistory) Backup(_ context.Context, f func([]byte) error) error {
	return errors.Join(f([]byte("one")), f([]byte("two")))
}

func (f *fake) config() Config {
	return Config{
		Policy: f, Jobs: f, Edits: f, Times: f, Runs: f, Records: f, Dispatch: f, Live: f, Backfills: fills{f}, Backfilled: f,
		Skills: fakeSkills{f}, Keeper: fakeSkills{f}, Installer: fakeSkills{f}, Publishers: fakePublishers{},
		Entries: fakeHistory{}, History: fakeHistory{},
		Memory: func(_ context.Context, _ job.Principal, entrypoint string, in json.RawMessage) (json.RawMessage, error) {
			return json.Marshal(entrypoint + string(in))
		},
		Status: func(context.Context) Status { return Status{Version: "v1"} },
		Watch: func(ctx context.Context, ready func() error, send func(*job.Run) error) error {
			if err := ready(); err != nil {
				return err
			}
			for {
				select {
				case <-ctx.Done():
					return nil
				case r := <-f.ended:
					if err := send(r); err != nil {
						return err
					}
				}
			}
		},
		CheckPolicies: func(files map[string]string) []string {
			for name, text := range files {
				if strings.Contains(text, "!") {
					return []string{name + ":1: unexpected !"}
				}
			}
			return nil
		},
		Lease: time.Hour,
		Kind: func(err error) Kind {
			if errors.Is(err, errNoRun) {
				return NotFound
			}
			if errors.Is(err, errBadJob) {
				return Invalid
			}
			return Internal
		},
	}
}

// serve runs a server on a socket and returns a client of it.
func serve(t *testing.T, c Config) *api.Client {
	t.Helper()
	client, stop := serveUntil(t, c)
	t.Cleanup(stop)
	return client
}

func serveUntil(t *testing.T, c Config) (*api.Client, func()) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(c).Serve(ctx, l) }()
	return api.Dial(socket), sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}
