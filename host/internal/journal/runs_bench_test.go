package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/palyra-go/palyra/host/internal/job"
)

// BenchmarkRuns measures durable runs of many jobs that are due at once: claims
// in batches of 1000, and the outcome of each run from a goroutine of its own,
// as dispatch writes them, while the next batch is claimed.
func BenchmarkRuns(b *testing.B) {
	const batch, jobs = 1000, 4000
	j := openReserved(b)
	all := make([]*job.Job, jobs)
	puts := make(chan *job.Job, jobs)
	for i := range all {
		all[i] = minute(fmt.Sprintf("j%06d", i))
		puts <- all[i]
	}
	close(puts)
	together(64, func() {
		for v := range puts {
			put(b, j, v)
		}
	})
	var ended sync.WaitGroup
	slots := make(chan struct{}, 2*batch)
	n := 0
	b.ResetTimer()
	for b.Loop() {
		claims := make([]job.Claim, batch)
		for i := range claims {
			r := run(all[n%jobs], 1+n/jobs, job.Running)
			r.ID = job.RunID(fmt.Sprintf("run_%026d", n)) // they ascend, as ULIDs do
			claims[i] = claim(r)
			n++
		}
		begin(b, j, claims...)
		for i := range claims {
			slots <- struct{}{}
			ended.Go(func() {
				defer func() { <-slots }()
				o := outcome(claims[i].Run, job.Succeeded)
				o.Output, o.Summary = json.RawMessage(`{"ok":true}`), "ok"
				if err := j.Finish(context.Background(), o); err != nil {
					b.Error(err)
				}
			})
		}
	}
	ended.Wait()
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "runs/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCommit measures one row a commit, beside an overwrite of one page with
// fdatasync in a file that has its size, which is what the disk allows.
func BenchmarkCommit(b *testing.B) {
	j := openReserved(b)
	v := allowing("a")
	put(b, j, v)
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 16<<20)); err != nil {
		b.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
	page := make([]byte, 4096)
	var commits, raws []time.Duration
	n := 0
	for b.Loop() {
		n++
		r := claim(run(v, n, job.Running))
		commits = append(commits, clock(func() { begin(b, j, r) }))
		raws = append(raws, clock(func() {
			page[0]++
			if _, err := f.WriteAt(page, int64(n%4096)*4096); err != nil {
				b.Fatal(err)
			}
			if err := unix.Fdatasync(int(f.Fd())); err != nil {
				b.Fatal(err)
			}
		}))
	}
	slices.Sort(commits)
	slices.Sort(raws)
	commit, raw := commits[len(commits)/2], raws[len(raws)/2]
	b.ReportMetric(float64(commit.Microseconds()), "µs/commit")
	b.ReportMetric(float64(raw.Microseconds()), "µs/raw")
	b.ReportMetric(100*float64(raw)/float64(commit), "%ofraw")
	b.ReportMetric(0, "ns/op")
}

func clock(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func together(n int, f func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(f)
	}
	all.Wait()
}

// openReserved opens a journal as a daemon does.
func openReserved(b *testing.B) *Journal {
	b.Helper()
	j, err := Open(context.Background(), Config{Path: filepath.Join(b.TempDir(), "palyra.db"), Reserve: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := j.Close(); err != nil {
			b.Error(err)
		}
	})
	return j
}
