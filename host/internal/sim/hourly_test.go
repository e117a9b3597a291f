package sim

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

// TestHourly has $PALYRA_SIM_HOURLY (100) jobs run every hour, all in the same second,
// for 24 virtual hours. Each time is run, and what the daemon holds does not grow.
func TestHourly(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	jobs := 100
	if text := os.Getenv("PALYRA_SIM_HOURLY"); text != "" {
		var err error
		if jobs, err = strconv.Atoi(text); err != nil || jobs < 1 {
			t.Fatalf("PALYRA_SIM_HOURLY: %q: want a number of jobs", text)
		}
	}
	synctest.Test(t, func(t *testing.T) { hourly(t, jobs) })
}

func hourly(t *testing.T, jobs int) {
	n := newBench(t)
	n.load(jobs, schedule.Spec{Kind: schedule.Cron, Expr: "0 * * * *", Zone: "UTC"}, job.Forbid)
	stop := n.run()
	var early, late held
	for hour := range 24 {
		done := n.await(jobs)
		<-done
		<-time.After(30 * time.Minute)
		synctest.Wait()
		if len(n.starts) != 1 || n.ends != jobs {
			t.Fatalf("hour %d: %d times, %d ends of %d", hour, len(n.starts), n.ends, jobs)
		}
		if n.wrong != "" {
			t.Fatal(n.wrong)
		}
		switch hour {
		case 2:
			early = holds()
		case 23:
			late = holds()
		}
	}
	stop()
	t.Logf("%d jobs, %d runs: in the third hour %+v, in the last one %+v", jobs, 24*jobs, early, late)
	if late.goroutines > early.goroutines {
		t.Errorf("goroutines grow: %d, later %d", early.goroutines, late.goroutines)
	}
	if late.heap > early.heap+early.heap/10+4<<10 {
		t.Errorf("memory grows: %d KiB, later %d", early.heap, late.heap)
	}
}

// held is what is held at a moment when nothing happens.
type held struct {
	goroutines int
	heap       uint64 // KiB
}

func holds() held {
	runtime.GC()
	runtime.GC() // what has a finalizer
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return held{runtime.NumGoroutine(), m.HeapAlloc >> 10}
}
