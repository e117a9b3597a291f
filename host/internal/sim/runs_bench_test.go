package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/palyra-go/palyra/host/internal/dispatch"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/scheduler"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/host/schedule"
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// bench is a daemon from the schedule to the disk: the real scheduler, dispatcher,
// policies and journal (FULL, as a daemon opens it), with actions that do nothing,
// in process.
type bench struct {
	b       testing.TB
	journal *journal.Journal
	sched   *scheduler.Scheduler
	disp    *dispatch.Dispatch

	mu     sync.Mutex                    // guards what follows
	starts map[time.Time][]time.Duration // by nominal time: how much later an action was started
	wrong  string                        // what became of a run that did not succeed
	ends   int
	want   int           // ends
	done   chan struct{} // closed when as many ended
}

func newBench(b testing.TB) *bench {
	b.Helper()
	set, err := policy.Compile(policy.Config{Files: []policy.File{policy.DefaultFile()}, Lease: 1000 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	j, err := journal.Open(b.Context(), journal.Config{Path: filepath.Join(b.TempDir(), "palyra.db"), Reserve: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := j.Close(); err != nil {
			b.Error(err)
		}
	})
	n := &bench{b: b, journal: j}
	noop := &skill.Skill{
		Digest: bundle.Digest{7}, Current: true, State: skill.Active, Audited: time.Now(), Publisher: "test",
		Manifest: bundle.Manifest{ID: "test.skill", Entrypoints: map[string]bundle.Entrypoint{"run": {}}},
	}
	n.disp = dispatch.New(dispatch.Config{
		Gate: policy.NewGate(set), Journal: j, Runner: n, MaxRuns: 10_000, Unwritable: unwritable,
		Skills: func(string) *skill.Skill { return noop },
		Jobs:   func(id job.ID) (*job.Job, error) { return n.sched.Get(string(id)) },
		Ended:  n.ended,
	})
	n.sched = scheduler.New(scheduler.Config{Store: j, Runs: j, Dispatch: n.disp})
	return n
}

// Run is the action: it notes when it was started.
func (n *bench) Run(_ context.Context, _ policy.Permit, req sdk.Request, _ sdk.Host) (sdk.Result, error) {
	at := time.Now()
	n.mu.Lock()
	n.starts[req.Due] = append(n.starts[req.Due], at.Sub(req.Due))
	n.mu.Unlock()
	return sdk.Result{Output: json.RawMessage(`{"ok":true}`), Summary: "ok"}, nil
}

func (n *bench) ended(r *job.Run) {
	n.sched.Completed(r)
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.State != job.Succeeded {
		n.wrong = fmt.Sprintf("run of %s, due %v: %s:%s %s", r.JobName, r.Due, r.State, r.Reason, r.Error)
	}
	if n.ends++; n.ends == n.want {
		close(n.done)
	}
}

// await has done closed when so many runs have ended from now on.
func (n *bench) await(runs int) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.starts, n.ends, n.want, n.done = map[time.Time][]time.Duration{}, 0, runs, make(chan struct{})
	return n.done
}

// load puts so many jobs into the journal that are all due at the same instants,
// and has the scheduler read them.
func (n *bench) load(jobs int, spec schedule.Spec, policy job.ConcurrencyPolicy) {
	n.b.Helper()
	drafts := make(chan *job.Job, jobs)
	empty := scheduler.New(scheduler.Config{Store: n.journal, Runs: n.journal, Dispatch: n.disp})
	if err := empty.Load(n.b.Context()); err != nil {
		n.b.Fatal(err)
	}
	for i := range jobs {
		j, err := empty.Check(job.Job{
			Name: fmt.Sprintf("job-%06d", i), Schedule: spec, Concurrency: job.Concurrency{Policy: policy},
			Misfire: job.Misfire{Grace: time.Hour}, Action: job.Action{Skill: "test.skill", Entrypoint: "run"},
		}, alice)
		if err != nil {
			n.b.Fatal(err)
		}
		drafts <- j
	}
	close(drafts)
	var all sync.WaitGroup
	for range 256 {
		all.Go(func() {
			for j := range drafts {
				if err := n.journal.PutJob(n.b.Context(), j, alice, "job.create"); err != nil {
					n.b.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := n.sched.Load(n.b.Context()); err != nil {
		n.b.Fatal(err)
	}
}

// run runs the scheduler until stop is called.
func (n *bench) run() (stop func()) {
	ctx, cancel := context.WithCancel(n.b.Context())
	gone := make(chan error, 1)
	go func() { gone <- n.sched.Run(ctx) }()
	return func() {
		cancel()
		if err := errors.Join(<-gone, n.disp.Drain(context.WithoutCancel(ctx))); err != nil {
			n.b.Error(err)
		}
	}
}

// BenchmarkSustained measures runs from schedule to outcome, claim and outcome
// committed: of 50,000 jobs that are due when the scheduler starts, how many a
// second.
func BenchmarkSustained(b *testing.B) {
	const jobs = 50_000
	for b.Loop() {
		n := newBench(b)
		at := time.Now().Add(10 * time.Second).Truncate(time.Second)
		n.load(jobs, schedule.Spec{Kind: schedule.At, Expr: at.UTC().Format(time.RFC3339)}, job.Forbid)
		<-time.After(time.Until(at))
		done := n.await(jobs)
		begun, used := time.Now(), processorTime(b)
		stop := n.run()
		<-done
		b.ReportMetric(jobs/time.Since(begun).Seconds(), "runs/s")
		b.ReportMetric(float64((processorTime(b)-used).Microseconds())/jobs, "µs-cpu/run")
		stop()
		if n.wrong != "" {
			b.Error(n.wrong)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// processorTime is what this process has used so far: what a run costs where the
// machine has other work too.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkDue measures how late runs start that are due in the same second: the
// median of five seconds in which all were run.
func BenchmarkDue(b *testing.B) {
	for jobs, when := range map[int]string{1000: "*/4 * * * * *", 10_000: "*/10 * * * * *"} {
		b.Run(fmt.Sprint(jobs), func(b *testing.B) {
			const rounds = 5
			var half, most []time.Duration
			for b.Loop() {
				n := newBench(b)
				n.load(jobs, schedule.Spec{Kind: schedule.Cron, Expr: when, Zone: "UTC"}, job.Forbid)
				done := n.await(rounds * jobs)
				stop := n.run()
				<-done
				stop()
				for _, late := range n.starts {
					if len(late) == jobs {
						slices.Sort(late)
						half, most = append(half, late[jobs/2]), append(most, late[jobs*99/100])
					}
				}
			}
			if len(most) == 0 {
				b.Fatal("there is no second in which all were run")
			}
			b.ReportMetric(float64(len(most)), "rounds")
			b.ReportMetric(ms(median(half)), "ms/p50")
			b.ReportMetric(ms(median(most)), "ms/p99")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// BenchmarkLonely measures one run that nothing else disturbs, from its claim to
// its start, beside one fdatasync of the same disk at about the same time.
func BenchmarkLonely(b *testing.B) {
	n := newBench(b)
	n.load(1, schedule.Spec{Kind: schedule.Every, Expr: "1s"}, job.Allow)
	jobs, err := n.sched.List("", 1)
	if err != nil || len(jobs) == 0 {
		b.Fatal(err)
	}
	j := jobs[0]
	file := preallocated(b)
	var claims, syncs []time.Duration
	due := time.Now().UTC().Truncate(time.Second).Add(time.Second) // after the cursor
	for b.Loop() {
		due = due.Add(time.Microsecond)
		done := n.await(1)
		begun := time.Now()
		err := n.disp.Fire(b.Context(), []job.Firing{{Job: j, Due: due, Fire: due, Cursor: due, Trigger: job.ByTimer}})
		if err != nil {
			b.Fatal(err)
		}
		<-done
		claims = append(claims, n.starts[due][0]-begun.Sub(due))
		syncs = append(syncs, overwrite(b, file, len(syncs)))
	}
	claim, sync := median(claims), median(syncs)
	b.ReportMetric(float64(claim.Microseconds()), "µs/start")
	b.ReportMetric(float64(sync.Microseconds()), "µs/fdatasync")
	b.ReportMetric(float64(claim)/float64(sync), "syncs/start")
	b.ReportMetric(0, "ns/op")
}

// preallocated is a file that has its size.
func preallocated(b *testing.B) *os.File {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	if _, err = f.Write(make([]byte, 16<<20)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// overwrite is what the disk takes for one page.
func overwrite(b *testing.B, f *os.File, n int) time.Duration {
	b.Helper()
	page := make([]byte, 4096)
	page[0] = byte(n)
	begun := time.Now()
	if _, err := f.WriteAt(page, int64(n%4096)*4096); err != nil {
		b.Fatal(err)
	}
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun)
}
