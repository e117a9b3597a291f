package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/host/schedule"
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
)

var alice = job.User("alice")

// world is what outlives the daemon: the file of the journal, the clock, the
// children's behaviour; and the eyes of the test.
type world struct {
	t     *testing.T
	seed  uint64
	rng   *rand.Rand // owned by the driver
	span  span
	path  string
	times int // nominal times that were accounted for
	gate  *policy.Gate
	end   time.Time // when the last scheduler stopped

	mu          sync.Mutex // guards what follows
	journal     *journal.Journal
	policy      map[job.ID]job.ConcurrencyPolicy
	max         map[job.ID]int
	active      map[job.ID]int
	started     map[string]bool // "occurrence #attempt"
	open        map[job.RunID]open
	versions    map[job.ID][]version
	deleted     map[job.ID]time.Time
	quarantined bool // and whoever runs was stopped
	inactive    bool
	starts      int
	working     int            // attempts that execute
	groups      map[string]int // of these, those of a group
	group       map[job.ID]string
	once        map[job.ID]bool  // jobs whose runs have one attempt
	ends        map[string]int64 // nominal times and manual runs by "state:reason"
	violations  int
}

type open struct {
	job   job.ID
	state job.State
}

// version is a job between two edits.
type version struct {
	generation int64
	from       time.Time // what is after it is of this version
	schedule   *schedule.Schedule
	paused     bool
	misfire    job.Misfire
}

// violation reports that a promise was broken.
func (w *world) violation(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail(fmt.Sprintf(format, args...))
}

// fail is violation for who holds mu.
func (w *world) fail(what string) {
	w.violations++
	if w.violations <= 20 {
		w.t.Errorf("seed %d, %s: %s", w.seed, time.Now().UTC().Format(time.DateTime), what)
	}
}

// chance is a number below n that depends on the seed and the words alone, so
// that what an attempt does can be told again.
func (w *world) chance(n uint64, words ...any) uint64 {
	h := fnv.New64a()
	fmt.Fprintln(h, append([]any{w.seed}, words...)...)
	return h.Sum64() % n
}

func (w *world) skill(id string) *skill.Skill {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &skill.Skill{
		Digest: bundle.Digest{7}, Current: true, State: skill.Active, Audited: time.Now().Add(-time.Hour), Publisher: "test",
		Manifest: bundle.Manifest{ID: "test.skill", Entrypoints: map[string]bundle.Entrypoint{"run": {}}},
	}
	if id != s.ID() {
		return nil
	}
	if w.inactive {
		s.State = skill.Quarantined
	}
	return s
}

// runner stands for the children of one life of the daemon: they die with it.
type runner struct {
	*world
	life context.Context
}

func (r runner) Run(ctx context.Context, permit policy.Permit, req sdk.Request, host sdk.Host) (sdk.Result, error) {
	id, err := r.enter(ctx, permit, req)
	if err != nil {
		return sdk.Result{}, err
	}
	defer r.leave(id)
	host.Log(sdk.LevelInfo, "working")
	length := time.Duration(r.chance(uint64(30*time.Minute), "length", req.Occurrence, req.Attempt))
	select {
	case <-time.After(length):
	case <-r.life.Done():
		return sdk.Result{}, &skill.Fault{Kind: skill.Crashed, Detail: "killed with the daemon"}
	case <-ctx.Done():
		// Some take a while to go.
		select {
		case <-time.After(time.Duration(r.chance(uint64(3*time.Second), "grace", req.Occurrence))):
		case <-r.life.Done():
		}
		return sdk.Result{}, context.Cause(ctx)
	}
	switch r.chance(10, "fate", req.Occurrence, req.Attempt) {
	case 0, 1, 2:
		return sdk.Result{}, &sdk.Error{Code: "busy", Message: "try again", Retryable: true}
	case 3:
		return sdk.Result{}, &sdk.Error{Code: "bad_input", Message: "no"}
	case 4:
		return sdk.Result{}, &skill.Fault{Kind: skill.Crashed, Detail: "by chance"}
	}
	return sdk.Result{Output: json.RawMessage(`{"ok":true}`), Summary: "ok"}, nil
}

// enter checks what must hold when an attempt starts.
func (r runner) enter(ctx context.Context, permit policy.Permit, req sdk.Request) (job.ID, error) {
	if r.life.Err() != nil {
		return "", &skill.Fault{Kind: skill.StartFailed, Detail: "the daemon is dead"}
	}
	run, err := r.journal.Run(context.WithoutCancel(ctx), req.Run)
	if err != nil {
		r.violation("attempt of a run that the journal does not know: %v", err)
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.starts++
	r.active[run.Job]++
	attempt := fmt.Sprintf("%s #%d", req.Occurrence, req.Attempt)
	check := func(ok bool, what string) {
		if !ok {
			r.fail(attempt + ": " + what)
		}
	}
	check(permit.Valid() && permit.Run() == run.ID && permit.Digest() == run.Digest, "started without its permit")
	check(run.State == job.Running && run.Decision.Allow, "started while the journal has it as "+string(run.State)+", or denied")
	check(run.Attempt == req.Attempt, fmt.Sprintf("the journal is at attempt %d", run.Attempt))
	check(run.JobName != "held", "a job that policy denies was started")
	check(!r.started[attempt], "started twice")
	check(!r.quarantined || ctx.Err() != nil, "started after the quarantine")
	check(req.Attempt == 1 || !r.once[run.Job], "attempted again")
	r.working++
	r.groups[r.group[run.Job]]++
	check(r.working <= maxRuns-1, fmt.Sprintf("%d attempts execute", r.working))
	check(r.groups["g"] <= groupLimit, fmt.Sprintf("%d attempts of a group execute", r.groups["g"]))
	check(r.active[run.Job] <= r.max[run.Job], fmt.Sprintf("%d active", r.active[run.Job]))
	r.started[attempt] = true
	return run.Job, nil
}

func (r runner) leave(id job.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active[id]--
	r.working--
	r.groups[r.group[id]]--
}

// witness notes the jobs as the journal has them.
func (w *world) witness(ctx context.Context) {
	jobs, err := w.journal.Jobs(ctx)
	if err != nil {
		w.violation("jobs: %v", err)
		return
	}
	there := map[job.ID]bool{}
	for _, j := range jobs {
		there[j.ID] = true
		w.knows(j)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.versions {
		if _, known := w.deleted[id]; !there[id] && !known {
			w.deleted[id] = time.Now().UTC()
		}
	}
}

// knows notes a job that the journal has, unless it is noted already.
func (w *world) knows(j *job.Job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.versions[j.ID]
	if len(known) > 0 && known[len(known)-1].generation >= j.Generation {
		return
	}
	s, err := schedule.Parse(j.Schedule)
	if err != nil {
		w.fail(fmt.Sprintf("job %s: %v", j.Name, err))
		return
	}
	w.policy[j.ID], w.max[j.ID], w.group[j.ID] = j.Concurrency.Policy, j.Concurrency.Max, j.Group
	w.once[j.ID] = j.Retry.Attempts == 1 && !j.AtLeastOnce
	w.versions[j.ID] = append(known, version{j.Generation, j.Updated, s, j.Paused, j.Misfire})
}
