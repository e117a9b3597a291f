package journal

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/palyra-go/palyra/host/internal/job"
)

// BenchmarkBegin measures durable claims: one caller alone, many callers who
// share commits, and one caller with batches.
func BenchmarkBegin(b *testing.B) {
	b.Run("single", func(b *testing.B) {
		j, v := open(b), allowing("a")
		put(b, j, v)
		for n := 1; b.Loop(); n++ {
			begin(b, j, claim(run(v, n, job.Running)))
		}
	})
	b.Run("concurrent64", func(b *testing.B) {
		j := open(b)
		var next atomic.Int64
		b.SetParallelism(32) // times two processors
		b.RunParallel(func(pb *testing.PB) {
			v := allowing(fmt.Sprint("j", next.Add(1)))
			put(b, j, v)
			for n := 1; pb.Next(); n++ {
				begin(b, j, claim(run(v, n, job.Running)))
			}
		})
	})
	b.Run("batch1000", func(b *testing.B) {
		j, v := open(b), allowing("a")
		put(b, j, v)
		n := 0
		for b.Loop() {
			claims := make([]job.Claim, 1000)
			for i := range claims {
				n++
				claims[i] = claim(run(v, n, job.Running))
			}
			begin(b, j, claims...)
		}
		b.ReportMetric(float64(1000*b.N)/b.Elapsed().Seconds(), "claims/s")
	})
}

// BenchmarkFinish measures durable outcomes of 64 callers who share commits.
func BenchmarkFinish(b *testing.B) {
	j := open(b)
	v := allowing("a")
	put(b, j, v)
	claims := make([]job.Claim, 0, 1000)
	for n := range b.N {
		claims = append(claims, claim(run(v, n+1, job.Running)))
		if len(claims) == cap(claims) || n == b.N-1 {
			begin(b, j, claims...)
			claims = claims[:0]
		}
	}
	var next atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			o := outcome(run(v, int(next.Add(1)), job.Running), job.Succeeded)
			o.Output, o.Summary = []byte(`{"ok":true}`), "ok"
			if err := j.Finish(context.Background(), o); err != nil {
				b.Error(err)
			}
		}
	})
}

func allowing(name string) *job.Job {
	v := minute(name)
	v.Concurrency.Policy = job.Allow
	return v
}
