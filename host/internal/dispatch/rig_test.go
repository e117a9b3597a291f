package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
)

var (
	alice = job.User("alice")
	good  = &skill.Skill{Digest: bundle.Digest{1}, Manifest: bundle.Manifest{ID: "test.skill"}}
)

// gate allows, unless deny says why not.
type gate struct {
	deny  job.Reason
	asked []policy.Query
}

func (g *gate) Judge(q policy.Query) policy.Verdict {
	g.asked = append(g.asked, q)
	if g.deny == "panic" {
		panic("a bad policy")
	}
	if g.deny != "" {
		return policy.Verdict{Reason: g.deny, Skill: q.Skill, Message: "no"}
	}
	return policy.Verdict{Decision: job.Decision{Allow: true}, Skill: q.Skill}
}

// journal keeps runs in order of writing.
type journal struct {
	mu       sync.Mutex
	rows     []*job.Run
	logs     map[job.RunID]string
	kept     []string // logs of attempts, in order
	attempts []job.Attempt
	effects  []job.Effect
	owed     []string        // what ends may start, in order
	by       []job.Principal // of the runs that ended without an attempt

	broken    error                 // of every write
	withdrawn bool                  // no skill is active
	refuse    func(job.Claim) error // of a claim
	onBegin   func()                // while a batch is written
	advance   func()                // while a start is written
}

func (j *journal) Begin(_ context.Context, claims []job.Claim) ([]error, error) {
	if j.onBegin != nil {
		j.onBegin()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return nil, j.broken
	}
	refused := make([]error, len(claims))
	for i, c := range claims {
		if j.withdrawn && c.Run != nil && !c.Run.State.Terminal() {
			refused[i] = errTrust
			continue
		}
		if j.refuse != nil {
			if refused[i] = j.refuse(c); refused[i] != nil {
				continue
			}
		}
		for _, m := range c.Missed {
			j.rows = append(j.rows, &m)
		}
		if c.Run != nil {
			r := *c.Run
			j.rows = append(j.rows, &r)
		}
	}
	return refused, nil
}

// withdraw has the journal refuse what starts from now on.
func (j *journal) withdraw() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.withdrawn = true
}

var errGone, errTrust = errors.New("gone"), errors.New("not active")

func (j *journal) open(id job.RunID) (*job.Run, error) {
	if j.broken != nil {
		return nil, j.broken
	}
	for _, r := range j.rows {
		if r.ID == id && !r.State.Terminal() {
			return r, nil
		}
	}
	return nil, errGone
}

func (j *journal) Advance(_ context.Context, r *job.Run, by job.Principal) error {
	if j.advance != nil {
		j.advance()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	row, err := j.open(r.ID)
	if err == nil && j.withdrawn && r.State == job.Running {
		err = errTrust
	}
	if err == nil {
		*row = *r
		if r.State.Terminal() {
			j.by = append(j.by, by)
		}
	}
	return err
}

func (j *journal) Finish(_ context.Context, o job.Outcome) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	row, err := j.open(o.Run)
	if err == nil {
		*row = apply(*row, o)
		row.Retry, row.Ended = o.Retry, time.Time{}
		if o.State.Terminal() {
			row.Ended = o.Attempt.Ended
			j.owed = append(j.owed, o.Chain.After(o.State)...)
		}
		if o.Attempt.Number != 0 { // 0: it ended between or before attempts
			j.attempts = append(j.attempts, o.Attempt)
		}
		j.effects = append(j.effects, o.Effect)
		j.logs[o.Run], j.kept = o.Log, append(j.kept, o.Log)
	}
	return err
}

// rig is a dispatcher between fakes. The runner takes the time that the input
// of a run says, a JSON string, and obeys its context, unless act is set.
type rig struct {
	*Dispatch
	gate    *gate
	journal *journal
	jobs    map[job.ID]*job.Job
	start   time.Time

	unreadable error // what asking for a job ends with

	mu      sync.Mutex
	started []string // "job@second of due" as attempts start
	ended   []string
	trouble []error
	act     func(ctx context.Context, req sdk.Request, host sdk.Host) (sdk.Result, error)
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{
		gate: &gate{}, journal: &journal{logs: map[job.RunID]string{}},
		jobs: map[job.ID]*job.Job{}, start: time.Now().UTC(),
	}
	cfg := Config{
		Gate: r.gate, Journal: r.journal, Runner: r,
		Skills:     func(id string) *skill.Skill { return good },
		Jobs:       func(id job.ID) (*job.Job, error) { return r.jobs[id], r.unreadable },
		Unwritable: func(err error) bool { return !errors.Is(err, errGone) && !errors.Is(err, errTrust) },
		Distrusted: func(err error) bool { return errors.Is(err, errTrust) },
		Ended: func(run *job.Run) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.ended = append(r.ended, r.name(run))
		},
		Trouble: func(err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.trouble = append(r.trouble, err)
		},
	}
	if change != nil {
		change(&cfg)
	}
	r.Dispatch = New(cfg)
	t.Cleanup(func() { // nothing may be left running in the bubble
		ctx, stop := context.WithCancel(context.Background())
		stop()
		_ = r.Drain(ctx)
	})
	return r
}

func (r *rig) Run(ctx context.Context, _ policy.Permit, req sdk.Request, host sdk.Host) (sdk.Result, error) {
	r.mu.Lock()
	r.started = append(r.started, fmt.Sprintf("%s #%d", req.Occurrence, req.Attempt))
	r.mu.Unlock()
	if r.act != nil {
		return r.act(ctx, req, host)
	}
	var length string
	_ = json.Unmarshal(req.Input, &length)
	d, _ := time.ParseDuration(length)
	return sdk.Result{}, lasting(ctx, d)
}

func lasting(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// job makes a job whose runs take length.
func (r *rig) job(name string, length time.Duration, change func(*job.Job)) *job.Job {
	j := job.Job{
		ID: job.ID("job_" + name), Name: name, Generation: 1, Owner: alice,
		Action: job.Action{Skill: "test.skill", Entrypoint: "run", Input: json.RawMessage(fmt.Sprintf("%q", length))},
	}
	if change != nil {
		change(&j)
	}
	j = j.WithDefaults()
	r.jobs[j.ID] = &j
	return &j
}

// edit puts a changed copy in the place of a job; change nil deletes it.
func (r *rig) edit(id job.ID, change func(*job.Job)) {
	r.Dispatch.mu.Lock() // under which the dispatcher asks for jobs
	defer r.Dispatch.mu.Unlock()
	if change == nil {
		delete(r.jobs, id)
		return
	}
	j := *r.jobs[id]
	change(&j)
	r.jobs[id] = &j
}

// deny has the gate deny from now on.
func (r *rig) deny(reason job.Reason) {
	r.Dispatch.mu.Lock() // under which the gate is asked
	defer r.Dispatch.mu.Unlock()
	r.gate.deny = reason
}

// broken has every write fail from now on, or no more.
func (r *rig) broken(err error) {
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	r.journal.broken = err
}

func pause(j *job.Job) { j.Paused = true }

func with(p job.ConcurrencyPolicy) func(*job.Job) {
	return func(j *job.Job) { j.Concurrency.Policy = p }
}

// fire fires each job now, as on time.
func (r *rig) fire(t *testing.T, jobs ...*job.Job) {
	t.Helper()
	if err := r.Fire(t.Context(), due(jobs...)); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func due(jobs ...*job.Job) (firings []job.Firing) {
	at := time.Now().UTC()
	for _, j := range jobs {
		firings = append(firings, job.Firing{Job: j, Due: at, Fire: at, Trigger: job.ByTimer, Cursor: at})
	}
	return firings
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// name says a run by its job and the second it was due.
func (r *rig) name(run *job.Run) string {
	return fmt.Sprintf("%s@%d", run.JobName, int(run.Due.Sub(r.start).Seconds()))
}

// rows says what the journal has, one run a line: "job@0 succeeded 0-5".
func (r *rig) rows() string {
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	var lines []string
	second := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return fmt.Sprint(int(t.Sub(r.start).Seconds()))
	}
	for _, run := range r.journal.rows {
		line := r.name(run) + " " + string(run.State)
		if run.Reason != job.NoReason {
			line += ":" + string(run.Reason)
		}
		if !run.Started.IsZero() {
			line += " " + second(run.Started) + "-" + second(run.Ended)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func (r *rig) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := r.rows(); got != strings.Join(want, "\n") {
		t.Errorf("journal:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func (r *rig) expectLive(t *testing.T, running, queued int) {
	t.Helper()
	if a, b := r.Live(); a != running || b != queued {
		t.Errorf("%d running and %d queued, want %d and %d", a, b, running, queued)
	}
}

// row returns the latest row.
func (r *rig) row() *job.Run {
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	return r.journal.rows[len(r.journal.rows)-1]
}

func (r *rig) endedNames() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ended)
}

// failing is an action that takes length, and answers that it may be tried again.
func failing(length time.Duration) func(context.Context, sdk.Request, sdk.Host) (sdk.Result, error) {
	return func(ctx context.Context, _ sdk.Request, _ sdk.Host) (sdk.Result, error) {
		if err := lasting(ctx, length); err != nil {
			return sdk.Result{}, err
		}
		return sdk.Result{}, &sdk.Error{Code: "busy", Retryable: true}
	}
}
