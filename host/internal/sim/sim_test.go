// Package sim lives through months with the real scheduler, dispatcher, policy
// and journal, and checks that their promises hold.
//
// Each seed is a virtual month in a testing/synctest bubble: jobs of every
// concurrency and misfire policy and every kind of schedule, with retries, jitter
// and bounds, in zones, one of them denied;
// children that last, fail and crash by chance; an operator who edits, pauses,
// deletes, triggers, cancels and quarantines; disks that are full for a while;
// and a daemon that is stopped, or dies between two writes, before one, or right
// after one, to be started again minutes or hours later.
//
// Jobs start one another, share slots by group, skill and priority, and may be
// attempted again when the daemon died; what the end of a run owes is done from the
// journal's outbox, in spite of crashes. A write may fail alone and not be kept; one
// that fails and is kept ends the daemon, as a failed sync does. After each thing that
// the operator does, and at each start, memory is held against the journal.
//
// The wall clock itself is that of the bubble, which cannot step: jumps of the clock
// have tests of their own in package scheduler.
//
// TestDays is the same with some of the jobs and less than a day, for many seeds:
// PALYRA_SIM_SEEDS lists them, for example 7 or 1-300,500; PALYRA_SIM_MONTHS does so
// for TestMonth. With -short a month has six days. A seed fixes what the world does;
// goroutines that run at one instant may still take turns differently.
package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/dispatch"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/scheduler"
	"github.com/palyra-go/palyra/host/schedule"
)

const month = 31 * 24 * time.Hour

func TestMonth(t *testing.T) {
	for _, seed := range seedsOf(t, "PALYRA_SIM_MONTHS", "1") {
		t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
			dir := t.TempDir()
			length := month
			if testing.Short() {
				length /= 20 // the race detector takes its time
			}
			synctest.Test(t, func(t *testing.T) {
				w := simulate(t, seed, dir, span{
					start: time.Date(2000, 3, 10, 11, 22, 33, 0, time.UTC), // the clocks of Europe change in it
					total: length, life: 5 * 24 * time.Hour, down: 30 * time.Hour, step: 3 * time.Hour, writes: 1500,
				})
				if !testing.Short() {
					w.covered(t)
				}
			})
			replay(t, "PALYRA_SIM_MONTHS=%d go test -run TestMonth ./host/internal/sim", seed)
		})
	}
}

func TestDays(t *testing.T) {
	all := map[string]int64{}
	var mu sync.Mutex // guards all
	few := "1-4"
	if testing.Short() {
		few = "1"
	}
	seeds := shard(t, seedsOf(t, "PALYRA_SIM_SEEDS", few))
	t.Run("all", func(t *testing.T) {
		for _, seed := range seeds {
			t.Run(fmt.Sprintf("seed-%d", seed), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) {
					w := simulate(t, seed, dir, span{
						start: time.Date(2000, 3, 12, 0, 0, 0, 0, time.UTC).Add(time.Duration(seed%24) * 17 * time.Hour),
						total: 18 * time.Hour, life: 6 * time.Hour, down: 3 * time.Hour, step: 50 * time.Minute, writes: 300, some: true,
					})
					mu.Lock()
					defer mu.Unlock()
					for end, n := range w.ends {
						all[end] += n
					}
				})
				replay(t, "make sim SEEDS=%d", seed)
			})
		}
	})
	if len(seeds) >= 100 {
		allOf(t, all, append(usual(), rare()...))
	}
}

// replay says how to see a failure again.
func replay(t *testing.T, format string, seed uint64) {
	if t.Failed() {
		t.Logf("to see it again: "+format, seed)
	}
}

// seedsOf reads seeds and ranges of them: "7", "1-300,500".
func seedsOf(t *testing.T, variable, otherwise string) (seeds []uint64) {
	for part := range strings.SplitSeq(cmp.Or(os.Getenv(variable), otherwise), ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			last = first
		}
		from, err1 := strconv.ParseUint(first, 10, 64)
		to, err2 := strconv.ParseUint(last, 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatalf("%s: %v", variable, err)
		}
		for seed := from; seed <= to; seed++ {
			seeds = append(seeds, seed)
		}
	}
	return seeds
}

// shard leaves of the seeds those of this process, where PALYRA_SIM_SHARD says that
// it is, for example, the first of two: 0/2. Seeds in one process wait for each
// other in the allocator of SQLite.
func shard(t *testing.T, seeds []uint64) (mine []uint64) {
	text := cmp.Or(os.Getenv("PALYRA_SIM_SHARD"), "0/1")
	var which, of int
	if n, err := fmt.Sscanf(text, "%d/%d", &which, &of); n != 2 || err != nil || which < 0 || which >= of {
		t.Fatalf("PALYRA_SIM_SHARD: %q: want N/M, N from 0 to M-1", text)
	}
	for i, seed := range seeds {
		if i%of == which {
			mine = append(mine, seed)
		}
	}
	return mine
}

// span is how long a simulation is, and how long its lives and the pauses between
// them are at most.
type span struct {
	start             time.Time
	total, life, down time.Duration
	step              time.Duration // of the operator
	writes            int           // among which a life may end
	some              bool          // of the jobs that stand alone, about half
}

func simulate(t *testing.T, seed uint64, dir string, span span) *world {
	<-time.After(time.Until(span.start))
	set, err := policy.Compile(policy.Config{Files: []policy.File{policy.DefaultFile()}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, seed: seed, span: span, groups: map[string]int{}, group: map[job.ID]string{}, once: map[job.ID]bool{}, rng: rand.New(rand.NewPCG(seed, 4)), path: filepath.Join(dir, "palyra.db"), gate: policy.NewGate(set),
		policy: map[job.ID]job.ConcurrencyPolicy{}, max: map[job.ID]int{}, active: map[job.ID]int{},
		started: map[string]bool{}, ends: map[string]int64{}, open: map[job.RunID]open{}, versions: map[job.ID][]version{}, deleted: map[job.ID]time.Time{},
	}
	end := time.Now().Add(span.total)
	lives, crashes := 0, 0
	for time.Until(end) > 0 {
		lives++
		if w.live(t, lives, min(time.Until(end), w.upTo(span.life)), false) {
			crashes++
		}
		<-time.After(w.upTo([]time.Duration{time.Minute, span.down / 20, span.down}[w.rng.IntN(3)]))
	}
	w.live(t, lives+1, 3*time.Hour, true)
	rows, times := w.check(t)
	w.times = times
	t.Logf("seed %d: %d lives, %d crashes, %d starts, %d rows for %d nominal times", seed, lives+1, crashes, w.starts, rows, times)
	return w
}

func (w *world) upTo(d time.Duration) time.Duration {
	return time.Duration(w.rng.Int64N(int64(d))).Truncate(time.Microsecond)
}

// life is one life of the daemon, and its operator.
type life struct {
	w       *world
	journal *edge
	sched   *scheduler.Scheduler
	disp    *dispatch.Dispatch
	last    bool
	flaky   int           // for its journal
	owed    chan struct{} // holds one token: the end of a run owes something
}

// live starts the daemon, lets it and its operator do for a while, and ends it;
// it reports whether that was a crash.
func (w *world) live(t *testing.T, number int, length time.Duration, last bool) (crashed bool) {
	j, err := journal.Open(t.Context(), journal.Config{Path: w.path, Synchronous: "NORMAL"})
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.journal = j
	w.mu.Unlock()
	alive, die := context.WithCancel(t.Context()) // the process and its children
	l := w.wire(alive, number, last)
	up, down := context.WithCancel(t.Context()) // the scheduler
	gone := make(chan struct{})
	crashed = !l.start(t, number == 1)
	go func() {
		defer close(gone)
		if !crashed {
			_ = l.sched.Run(up)
		}
	}()
	working, rest := context.WithCancel(alive)
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		l.settle(working)
	}()
	crashed = crashed || l.operate(t, length) || !last && w.rng.IntN(3) == 0
	l.journal.fill(false)
	if crashed {
		l.journal.kill()
		die()
	}
	down()
	<-gone
	stopped := time.Now().UTC()
	patience := []time.Duration{time.Second, 40 * time.Minute}[w.rng.IntN(2)]
	if last {
		<-time.After(24 * time.Hour) // for all that waits to have its turn
		w.end = stopped
	}
	if crashed {
		patience = 0
	}
	drain, cancel := context.WithTimeout(t.Context(), patience)
	_ = l.disp.Drain(drain) // an error says that it ran out of patience
	cancel()
	rest()
	<-settled
	die()
	synctest.Wait()
	w.witness(t.Context())
	w.resting(last)
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	return crashed
}

// wire connects the rooms of one life as package host does.
func (w *world) wire(alive context.Context, number int, last bool) *life {
	l := &life{w: w, last: last, owed: make(chan struct{}, 1), journal: &edge{Journal: w.journal, world: w, died: make(chan struct{}), writes: -1}}
	if !last && number > 1 && w.rng.IntN(2) == 0 {
		l.journal.writes, l.journal.persist = 1+w.rng.IntN(w.span.writes), w.rng.IntN(2) == 0
	}
	if w.rng.IntN(3) == 0 {
		l.flaky = 2 + w.rng.IntN(60)
	}
	l.disp = dispatch.New(dispatch.Config{
		Gate: w.gate, Journal: l.journal, Runner: runner{w, alive}, Skills: w.skill, MaxRuns: maxRuns, Unwritable: unwritable,
		GroupLimits: map[string]int{"g": groupLimit}, SkillLimits: map[string]int{"test.skill": maxRuns - 1},
		Effects: func() { poke(l.owed) },
		Jobs:    func(id job.ID) (*job.Job, error) { return l.sched.Get(string(id)) },
		Ended:   func(r *job.Run) { l.sched.Completed(r) },
	})
	l.sched = scheduler.New(scheduler.Config{Store: l.journal, Runs: l.journal, Dispatch: l.disp, Stamp: "sim", Cache: 4})
	return l
}

// start does what the host does before it is ready; false if the life ended
// meanwhile.
func (l *life) start(t *testing.T, first bool) bool {
	fine := func(err error) bool {
		if err != nil && !errors.Is(err, errDead) {
			t.Fatal(err)
		}
		return err == nil
	}
	if !fine(l.sched.Load(t.Context())) {
		return false
	}
	l.w.witness(t.Context())
	l.agrees(t.Context())
	open, err := l.journal.OpenRuns(t.Context())
	if err == nil {
		l.w.remembers(open)
	}
	l.sched.Resume(open)
	if !fine(err) || !fine(l.disp.Recover(t.Context(), open)) {
		return false
	}
	if first {
		for _, j := range population(time.Now()) {
			if l.w.leavesOut(&j) {
				continue
			}
			if _, err := l.sched.Put(t.Context(), j, alice, "job.create"); !fine(err) {
				return false
			}
		}
		l.w.witness(t.Context())
	}
	return true
}

// leavesOut reports whether a seed does without a job that others can do without.
func (w *world) leavesOut(j *job.Job) bool {
	needed := slices.Contains([]string{"paused", "waiting", "edited", "doomed"}, j.Name) ||
		slices.ContainsFunc(company(), func(c job.Job) bool { return c.Name == j.Name })
	return w.span.some && !needed && w.chance(2, "job", j.Name) == 0
}

// population is the jobs of a month that starts at some time: up to 35,000 occurrences.
func population(start time.Time) []job.Job {
	cron := func(expr, zone string) schedule.Spec {
		return schedule.Spec{Kind: schedule.Cron, Expr: expr, Zone: zone}
	}
	every := func(interval string) schedule.Spec { return schedule.Spec{Kind: schedule.Every, Expr: interval} }
	jitter := func(s schedule.Spec, most string) schedule.Spec { s.Jitter = most; return s }
	catchUp := job.Misfire{Policy: job.CatchUp, Window: 6 * time.Hour}
	all := job.Misfire{Policy: job.CatchUp, Window: 12 * time.Hour, Coalesce: job.All, Max: 4}
	earliest := job.Misfire{Policy: job.CatchUp, Window: 12 * time.Hour, Coalesce: job.Earliest}
	often := job.Retry{Attempts: 4, Backoff: time.Minute}
	jobs := []job.Job{
		{Name: "forbid", Schedule: every("20m")},
		{Name: "forbid-retry", Schedule: every("19m"), Retry: often, Misfire: job.Misfire{Grace: 10 * time.Minute}},
		{Name: "replace", Schedule: every("20m"), Concurrency: job.Concurrency{Policy: job.Replace}},
		{Name: "replace-retry", Schedule: every("31m"), Retry: often, Misfire: catchUp, Concurrency: job.Concurrency{Policy: job.Replace}},
		{Name: "queue", Schedule: every("17m"), Concurrency: job.Concurrency{Policy: job.QueueOne}},
		{
			Name: "queue-retry", Schedule: cron("*/30 8-20 * * MON-FRI", "Europe/Prague"), Retry: often, Misfire: catchUp,
			Concurrency: job.Concurrency{Policy: job.QueueOne},
		},
		{Name: "allow", Schedule: every("15m"), Concurrency: job.Concurrency{Policy: job.Allow, Max: 2}},
		{Name: "held", Schedule: cron("0 */2 * * *", ""), Labels: map[string]string{"hold": "true"}},
		{Name: "paused", Schedule: jitter(every("40m"), "30m"), Misfire: catchUp},
		{Name: "edited", Schedule: jitter(cron("*/20 * * * *", ""), "15m"), Retry: often},
		{Name: "doomed", Schedule: jitter(every("45m"), "40m"), Concurrency: job.Concurrency{Policy: job.QueueOne}},
		{Name: "nightly", Schedule: cron("30 2 * * *", "Europe/Prague"), Misfire: job.Misfire{Policy: job.CatchUp}},
		{Name: "brief", Schedule: every("1h"), Timeout: 10 * time.Minute},
		{Name: "once", Schedule: schedule.Spec{Kind: schedule.At, Expr: start.Add(20 * time.Hour).Format(time.RFC3339)}, Misfire: job.Misfire{Policy: job.CatchUp}},
		{Name: "jittery", Schedule: jitter(cron("*/30 * * * *", ""), "1h")},
		{Name: "jittery-late", Schedule: jitter(every("95m"), "80m"), Misfire: catchUp},
		{Name: "waiting", Schedule: schedule.Spec{Kind: schedule.Delay, Expr: "25m"}, Retry: often},
		{Name: "waiting-late", Schedule: jitter(schedule.Spec{Kind: schedule.Delay, Expr: "40m"}, "10m"), Misfire: catchUp},
		{Name: "bounded", Schedule: schedule.Spec{
			Kind: schedule.Every, Expr: "1h30m", Jitter: "5m", MaxRuns: 200,
			Start: start.Add(5 * time.Hour).Truncate(time.Hour), End: start.Add(20 * 24 * time.Hour).Truncate(time.Hour),
		}},
		{Name: "all", Schedule: every("50m"), Misfire: all, Retry: often},
		{Name: "all-replace", Schedule: jitter(every("70m"), "20m"), Misfire: all, Concurrency: job.Concurrency{Policy: job.Replace}},
		{Name: "all-queue", Schedule: cron("*/25 * * * *", ""), Misfire: all, Concurrency: job.Concurrency{Policy: job.QueueOne}},
		{Name: "earliest", Schedule: every("55m"), Misfire: earliest},
		{Name: "earliest-allow", Schedule: every("65m"), Misfire: earliest, Retry: often, Concurrency: job.Concurrency{Policy: job.Allow, Max: 2}},
		{Name: "spread", Schedule: cron("H H/3 * * *", "Europe/Prague")},
		{Name: "workdays", Schedule: schedule.Spec{
			Kind: schedule.Cron, Expr: "15 2,3 * * *", Zone: "Europe/Prague", DSTGap: "skip", DSTOverlap: "both",
			Except: "2000-03-22; * * * * SAT,SUN", OnExcluded: "next-workday",
		}},
	}
	jobs = append(jobs, company()...)
	for i := range jobs {
		jobs[i].Action = job.Action{Skill: "test.skill", Entrypoint: "run"}
		if jobs[i].Timeout == 0 {
			jobs[i].Timeout = 2 * time.Hour
		}
	}
	return jobs
}

// resting checks what holds when the daemon is down.
func (w *world) resting(last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, n := range w.active {
		if n != 0 {
			w.fail("children of " + string(id) + " are left over")
		}
	}
	if last && len(w.open) != 0 {
		w.fail("runs are open at the end")
	}
}
