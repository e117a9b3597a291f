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
// PALYRA_SIM_SEEDS lists other seeds to run, for example 7 or 1,2,3. With -short a
// month has six days.
package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	seeds := os.Getenv("PALYRA_SIM_SEEDS")
	if seeds == "" {
		seeds = "1"
	}
	for s := range strings.SplitSeq(seeds, ",") {
		seed, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
		if err != nil {
			t.Fatalf("PALYRA_SIM_SEEDS: %v", err)
		}
		t.Run("seed-"+s, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) { simulate(t, seed, dir) })
		})
	}
}

func simulate(t *testing.T, seed uint64, dir string) {
	// From the middle of March: the clocks of Europe change in it.
	<-time.After(time.Until(time.Date(2000, 3, 10, 11, 22, 33, 0, time.UTC)))
	set, err := policy.Compile(policy.Config{Files: []policy.File{policy.DefaultFile()}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 4)), path: filepath.Join(dir, "palyra.db"), gate: policy.NewGate(set),
		policy: map[job.ID]job.ConcurrencyPolicy{}, max: map[job.ID]int{}, active: map[job.ID]int{},
		started: map[string]bool{}, ends: map[string]int64{}, open: map[job.RunID]open{}, versions: map[job.ID][]version{}, deleted: map[job.ID]time.Time{},
	}
	length := month
	if testing.Short() {
		length /= 5
	}
	end := time.Now().Add(length)
	lives, crashes := 0, 0
	for time.Until(end) > 0 {
		lives++
		length := min(time.Until(end), w.upTo(5*24*time.Hour))
		if w.live(t, lives, length, false) {
			crashes++
		}
		<-time.After(w.upTo([]time.Duration{time.Minute, time.Hour, 30 * time.Hour}[w.rng.IntN(3)]))
	}
	w.live(t, lives+1, 3*time.Hour, true)
	rows, times := w.check(t)
	if !testing.Short() {
		w.covered(t, times)
	}
	t.Logf("seed %d: %d lives, %d crashes, %d starts, %d rows for %d nominal times", seed, lives+1, crashes, w.starts, rows, times)
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
	l := &life{w: w, last: last, journal: &edge{Journal: w.journal, world: w, died: make(chan struct{}), writes: -1}}
	if !last && number > 1 && w.rng.IntN(2) == 0 {
		l.journal.writes, l.journal.persist = 1+w.rng.IntN(1500), w.rng.IntN(2) == 0
	}
	l.disp = dispatch.New(dispatch.Config{
		Gate: w.gate, Journal: l.journal, Runner: runner{w, alive}, Skills: w.skill, MaxRuns: 6, Unwritable: unwritable,
		Jobs:  func(id job.ID) *job.Job { return l.sched.Get(string(id)) },
		Ended: func(r *job.Run) { l.sched.Completed(r) },
	})
	l.sched = scheduler.New(scheduler.Config{Store: l.journal, Runs: l.journal, Dispatch: l.disp})
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
	open, err := l.journal.OpenRuns(t.Context())
	l.sched.Resume(open)
	if !fine(err) || !fine(l.disp.Recover(t.Context(), open)) {
		return false
	}
	if first {
		for _, j := range population() {
			if _, err := l.sched.Put(t.Context(), j, alice, "job.create"); !fine(err) {
				return false
			}
		}
		l.w.witness(t.Context())
	}
	return true
}

// population is the jobs of a month: up to 30,000 occurrences.
func population() []job.Job {
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
		{Name: "once", Schedule: schedule.Spec{Kind: schedule.At, Expr: "2000-03-20T12:00:00Z"}, Misfire: job.Misfire{Policy: job.CatchUp}},
		{Name: "jittery", Schedule: jitter(cron("*/30 * * * *", ""), "1h")},
		{Name: "jittery-late", Schedule: jitter(every("95m"), "80m"), Misfire: catchUp},
		{Name: "waiting", Schedule: schedule.Spec{Kind: schedule.Delay, Expr: "25m"}, Retry: often},
		{Name: "waiting-late", Schedule: jitter(schedule.Spec{Kind: schedule.Delay, Expr: "40m"}, "10m"), Misfire: catchUp},
		{Name: "bounded", Schedule: schedule.Spec{
			Kind: schedule.Every, Expr: "1h30m", Jitter: "5m", MaxRuns: 200,
			Start: time.Date(2000, 3, 12, 0, 0, 0, 0, time.UTC), End: time.Date(2000, 4, 1, 0, 0, 0, 0, time.UTC),
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
