package host

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/internal/scheduler"
	"github.com/palyra-go/palyra/host/schedule"
)

type nobody struct{}

func (nobody) Fire(context.Context, []job.Firing) error { return nil }

// BenchmarkMillion starts the scheduler on a journal of so many jobs, half of them
// cron and half intervals, due within the next day. The database is made once, and
// kept where PALYRA_MILLION says: that takes minutes.
func BenchmarkMillion(b *testing.B) {
	dir := os.Getenv("PALYRA_MILLION")
	if dir == "" {
		dir = b.TempDir()
	}
	for name, n := range map[string]int{"100k": 100_000, "1M": 1_000_000} {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(dir, name+".db")
			if _, err := os.Stat(path); err != nil {
				populate(b, path, n)
			}
			for b.Loop() {
				debug.FreeOSMemory()
				begun := time.Now()
				j, s := boot(b, path)
				ready := time.Since(begun)
				if all, _ := s.Count(); all != n {
					b.Fatalf("%d jobs, want %d", all, n)
				}
				debug.FreeOSMemory()
				b.ReportMetric(ready.Seconds(), "s/start")
				b.ReportMetric(float64(resident())/(1<<20), "MiB")
				b.ReportMetric(float64(runtime.NumGoroutine()), "goroutines")
				if err := j.Close(); err != nil {
					b.Fatal(err)
				}
				runtime.KeepAlive(s)
			}
		})
	}
}

func boot(b *testing.B, path string) (*journal.Journal, *scheduler.Scheduler) {
	j, err := journal.Open(b.Context(), journal.Config{Path: path, Synchronous: "NORMAL"})
	if err != nil {
		b.Fatal(err)
	}
	s := scheduler.New(scheduler.Config{Store: j, Runs: j, Dispatch: nobody{}, Stamp: "bench"})
	if err := s.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	return j, s
}

func populate(b *testing.B, path string, n int) {
	j, _ := boot(b, path)
	if err := j.PutArms(b.Context(), nil, "bench"); err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	var parser schedule.Parser
	var workers sync.WaitGroup
	for w := range 64 {
		workers.Go(func() {
			for i := w; i < n; i += 64 {
				v := job.Job{
					ID: job.ID(fmt.Sprintf("job_%026d", i)), Name: fmt.Sprintf("job-%07d", i), Generation: 1, Owner: job.User("alice"),
					Schedule: schedule.Spec{Kind: schedule.Every, Expr: "24h", Anchor: now.Add(time.Duration(rand.Int64N(int64(24 * time.Hour))))},
					Action:   job.Action{Skill: "palyra.hello", Entrypoint: "greet"}, Created: now, Updated: now, Cursor: now, Key: uint32(i + 1),
				}.WithDefaults()
				if i%2 == 0 {
					v.Schedule = schedule.Spec{Kind: schedule.Cron, Expr: fmt.Sprintf("%d %d * * *", i%60, i/60%24), Zone: "Europe/Prague"}
				}
				compiled, err := parser.Parse(v.Schedule)
				if err == nil {
					v.Arms = compiled.Next(now).UnixMicro()
					err = j.PutJob(b.Context(), &v, job.Daemon, "job.create")
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
}
