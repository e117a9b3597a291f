package scheduler

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

var alice = job.User("alice")

// store is jobs in a map; err is what it answers while it is set.
type store struct {
	mu   sync.Mutex // of what the loop writes
	jobs map[job.ID]*job.Job
	puts int
	err  error // of writes

	reads   int
	readErr error
	bad     map[uint32]bool // keys of jobs that cannot be read
	by      string
	repairs []job.Repair
}

func (s *store) FindJobs(_ context.Context, p job.Pick) (jobs []*job.Job, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	for _, j := range s.jobs {
		switch {
		case s.bad[j.Key] && slices.Contains(p.Keys, j.Key):
			return nil, errors.New("not a job")
		case len(p.Keys) > 0 && !slices.Contains(p.Keys, j.Key):
		case p.ID != "" && j.ID != p.ID, p.Name != "" && j.Name != p.Name:
		case p.ByKey && j.Key <= p.Above || j.Name <= p.After:
		default:
			copied := *j
			jobs = append(jobs, &copied)
		}
	}
	slices.SortFunc(jobs, func(a, b *job.Job) int {
		if p.ByKey {
			return cmp.Compare(a.Key, b.Key)
		}
		return strings.Compare(a.Name, b.Name)
	})
	if p.Limit > 0 {
		jobs = jobs[:min(len(jobs), p.Limit)]
	}
	return jobs, s.readErr
}

func (s *store) Arms(_ context.Context, by string, f func(job.Arm)) error {
	for _, j := range s.jobs {
		a := job.Arm{Key: j.Key, Cursor: j.Cursor.UnixMicro(), At: j.Arms}
		if s.by != by {
			a.At = job.Unarmed
		}
		f(a)
	}
	return s.readErr
}

func (s *store) PutArms(_ context.Context, arms []job.Arm, by string) error {
	for _, a := range arms {
		for _, j := range s.jobs {
			if j.Key == a.Key {
				j.Arms = a.At
			}
		}
	}
	if by != "" {
		s.by = by
	}
	return s.err
}

func (s *store) Repaired(_ context.Context, repairs []job.Repair) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repairs = append(s.repairs, repairs...)
	return s.err
}

func (s *store) PutJob(_ context.Context, j *job.Job, _ job.Principal, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.puts++
		s.jobs[j.ID] = j
	}
	return s.err
}

func (s *store) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *store) DeleteJob(_ context.Context, id job.ID, _ job.Principal) error {
	if s.err == nil {
		delete(s.jobs, id)
	}
	return s.err
}

// fired is a dispatcher that remembers.
type fired struct {
	mu    sync.Mutex
	all   []job.Firing
	calls int
	err   error
}

func (f *fired) Fire(_ context.Context, firings []job.Firing) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.err == nil {
		f.all = append(f.all, firings...)
	}
	return f.err
}

func (f *fired) refuse(err error) (calls int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	return f.calls
}

func (f *fired) firings() []job.Firing {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all)
}

// since returns the names and times of what was fired, as seconds since start.
func (f *fired) since(start time.Time) (names []string, seconds []int) {
	for _, firing := range f.firings() {
		names = append(names, firing.Job.Name)
		seconds = append(seconds, int(firing.Due.Sub(start).Seconds()))
	}
	return names, seconds
}

type rig struct {
	*Scheduler
	store *store
	fired *fired
	log   *bytes.Buffer
	start time.Time
}

func newRig(t *testing.T, jobs ...*job.Job) *rig {
	t.Helper()
	return newRigOf(t, nil, jobs...)
}

func newRigOf(t *testing.T, runs Runs, jobs ...*job.Job) *rig {
	t.Helper()
	r := &rig{store: &store{jobs: map[job.ID]*job.Job{}}, fired: &fired{}, log: &bytes.Buffer{}, start: time.Now()}
	for i, j := range jobs {
		if j.Key == 0 {
			j.Key = uint32(i + 1)
		}
		r.store.jobs[j.ID] = j
	}
	r.Scheduler = New(Config{
		Store: r.store, Runs: runs, Dispatch: r.fired, Log: slog.New(slog.NewTextHandler(r.log, nil)), Stamp: "test",
	})
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// Get and List are for a store that can be read.
func (r *rig) Get(nameOrID string) *job.Job {
	j, err := r.Scheduler.Get(nameOrID)
	if err != nil {
		panic(err)
	}
	return j
}

func (r *rig) List() []*job.Job {
	jobs, err := r.Scheduler.List("", 1000)
	if err != nil {
		panic(err)
	}
	return jobs
}

// compiled returns the entry of a job as the scheduler has it compiled.
func (r *rig) compiled(t *testing.T, id job.ID) *entry {
	t.Helper()
	e, err := r.lookup(id)
	if e == nil {
		t.Fatalf("no job %s: %v", id, err)
	}
	return e
}

// run runs the loop until the test ends.
func (r *rig) run(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if err := r.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() { stop(); <-gone })
}

// pass lets virtual time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (r *rig) put(t *testing.T, j job.Job) *job.Job {
	t.Helper()
	stored, err := r.Put(t.Context(), j, alice, "job.create")
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func every(name, interval string) job.Job {
	return job.Job{
		Name: name, Owner: alice, Action: job.Action{Skill: "test.skill", Entrypoint: "run"},
		Schedule: schedule.Spec{Kind: schedule.Every, Expr: interval},
	}
}

func stored(j job.Job, generation int64, cursor time.Time) *job.Job {
	j = j.WithDefaults()
	j.ID, j.Generation, j.Cursor, j.Created, j.Updated = job.ID("job_"+j.Name), generation, cursor, cursor, cursor
	if j.Schedule.Kind == schedule.Every && j.Schedule.Anchor.IsZero() {
		j.Schedule.Anchor = cursor
	}
	return &j
}

func TestFiresInOrderAndOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.run(t)
		r.put(t, every("five", "5s"))
		r.put(t, every("seven", "7s"))
		pass(22 * time.Second)
		names, seconds := r.fired.since(r.start)
		if want := []int{5, 7, 10, 14, 15, 20, 21}; !slices.Equal(seconds, want) {
			t.Errorf("fired at %v, want %v", seconds, want)
		}
		if want := []string{"five", "seven", "five", "seven", "five", "five", "seven"}; !slices.Equal(names, want) {
			t.Errorf("fired %v, want %v", names, want)
		}
	})
}

// A distant job must not put the loop to sleep for what comes sooner.
func TestANewJobWakesTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.put(t, every("distant", "24h"))
		r.run(t)
		pass(3 * time.Second)
		r.put(t, every("soon", "2s"))
		pass(2 * time.Second)
		if _, seconds := r.fired.since(r.start); !slices.Equal(seconds, []int{5}) {
			t.Errorf("fired at %v, want [5]", seconds)
		}
	})
}

func TestARefusedBatchIsFiredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.put(t, every("job", "10s"))
		r.fired.refuse(errors.New("disk full"))
		r.run(t)
		pass(30 * time.Second)
		if calls := r.fired.refuse(nil); calls < 2 || calls > 6 {
			t.Errorf("%d tries in 20 s, want a back-off", calls)
		}
		if got := r.Get("job").Cursor; !got.Equal(r.start) {
			t.Errorf("cursor moved to %v though nothing was written", got)
		}
		pass(16 * time.Second)
		want := "[missed:coalesced 01 00:00:10 to 01 00:00:30 x3] timer 01 00:00:40"
		if got := show(r.fired.firings()); got != want {
			t.Errorf("fired:\n%s\nwant each nominal time once:\n%s", got, want)
		}
	})
}

func TestABadJobIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := stored(every("bad", "10s"), 1, time.Now())
		bad.Schedule = schedule.Spec{Kind: schedule.Cron, Expr: "61 * * * *"}
		r := newRig(t, bad, stored(every("good", "10s"), 1, time.Now()))
		r.run(t)
		pass(10 * time.Second)
		if names, _ := r.fired.since(r.start); !slices.Equal(names, []string{"good"}) {
			t.Errorf("fired %v, want [good]", names)
		}
		if r.Aside("job_bad") == "" || !strings.Contains(r.log.String(), "job set aside") {
			t.Errorf("the bad job is not said to be set aside: %q, log %s", r.Aside("job_bad"), r.log)
		}
		mended := *r.Get("bad")
		mended.Schedule = schedule.Spec{Kind: schedule.Every, Expr: "10s"}
		r.put(t, mended)
		pass(10 * time.Second)
		if names, _ := r.fired.since(r.start); !slices.Contains(names, "bad") {
			t.Errorf("fired %v after the schedule was mended, want bad among them", names)
		}
	})
}

// A job whose planning panics is the only one that suffers.
func TestAPanicSetsAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		broken := r.put(t, every("broken", "5s"))
		r.put(t, every("good", "10s"))
		r.compiled(t, broken.ID).schedule = nil
		r.run(t)
		pass(21 * time.Second)
		if names, _ := r.fired.since(r.start); !slices.Equal(names, []string{"good", "good"}) {
			t.Errorf("fired %v, want good twice", names)
		}
		if r.Aside(broken.ID) == "" {
			t.Error("broken is not set aside")
		}
	})
}

func TestAPanickingDispatcherDoesNotStopTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.put(t, every("job", "10s"))
		calls := 0
		r.cfg.Dispatch = fireFunc(func(ctx context.Context, f []job.Firing) error {
			if calls++; calls == 1 {
				panic("boom")
			}
			return r.fired.Fire(ctx, f)
		})
		r.run(t)
		pass(21 * time.Second)
		if _, seconds := r.fired.since(r.start); !slices.Equal(seconds, []int{10, 20}) {
			t.Errorf("fired at %v, want [10 20]", seconds)
		}
	})
}

type fireFunc func(context.Context, []job.Firing) error

func (f fireFunc) Fire(ctx context.Context, firings []job.Firing) error { return f(ctx, firings) }

func TestDowntime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := stored(every("job", "1h"), 3, time.Now())
		paused := stored(every("paused", "1h"), 1, time.Now())
		paused.Paused = true
		<-time.After(5*time.Hour + 30*time.Minute)
		r := newRig(t, j, paused)
		r.run(t)
		pass(time.Second)
		if len(r.fired.firings()) != 2 {
			t.Fatalf("fired %s", show(r.fired.firings()))
		}
		for _, f := range r.fired.firings() {
			want := job.Range{First: r.start.Add(-270 * time.Minute), Last: r.start.Add(-30 * time.Minute), Count: 5, State: job.Missed, Reason: job.ReasonMisfire}
			if f.Job.Paused {
				want.State, want.Reason = job.Skipped, job.ReasonPaused
			}
			if len(f.Missed) != 1 || !sameRange(f.Missed[0], want) {
				t.Errorf("%s missed %+v, want %+v", f.Job.Name, f.Missed, want)
			}
		}
		pass(30 * time.Minute)
		if names, _ := r.fired.since(r.start); len(names) != 3 || names[2] != "job" {
			t.Errorf("fired %v, want job once more", names)
		}
	})
}

func sameRange(a, b job.Range) bool {
	return a.First.Equal(b.First) && a.Last.Equal(b.Last) && a.Count == b.Count && a.State == b.State && a.Reason == b.Reason
}

func TestUpcoming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for name, interval := range map[string]string{"a": "7s", "b": "5s", "c": "1h", "d": "11s", "e": "13s"} {
			r.put(t, every(name, interval))
		}
		var got []string
		for _, f := range r.Upcoming(7) {
			got = append(got, f.Job.Name+f.At.Format(" 05 ")+f.Zone)
		}
		want := []string{"b 05 UTC", "a 07 UTC", "b 10 UTC", "d 11 UTC", "e 13 UTC", "a 14 UTC", "b 15 UTC"}
		if !slices.Equal(got, want) {
			t.Errorf("upcoming %q, want %q", got, want)
		}
		if len(r.Upcoming(0)) != 0 {
			t.Error("upcoming of none")
		}
	})
}

func TestABatchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Batch = 10
		for i := range 35 {
			r.put(t, every("job-"+string(rune('a'+i/10))+string(rune('0'+i%10)), "10s"))
		}
		r.run(t)
		pass(10 * time.Second)
		if calls := r.fired.refuse(nil); calls != 4 || len(r.fired.firings()) != 35 {
			t.Errorf("%d firings in %d calls, want 35 in 4", len(r.fired.firings()), calls)
		}
	})
}
