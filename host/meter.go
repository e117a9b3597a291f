package host

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
)

// meter counts what happens since the start. It holds no more than it is asked
// for: a last success only of the jobs that were scraped.
type meter struct {
	allowed, denied [2]atomic.Int64 // decisions, of runs and of calls

	mu      sync.Mutex // guards what follows
	ends    map[end]int64
	lags    histogram
	success map[job.ID]time.Time // the last one; zero if there is none
}

// end is how a run ended.
type end struct {
	state  job.State
	reason job.Reason
}

func newMeter() *meter {
	return &meter{ends: map[end]int64{}, success: map[job.ID]time.Time{}}
}

// ended takes a run that has just been written as ended.
func (m *meter) ended(r *job.Run) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ends[end{r.State, r.Reason}] += max(r.Count, 1)
	if last, asked := m.success[r.Job]; asked && r.State == job.Succeeded && r.Ended.After(last) {
		m.success[r.Job] = r.Ended
	}
}

// started takes how late a run of the timer started.
func (m *meter) started(r *job.Run) {
	if r.Trigger != job.ByTimer {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lags.add(r.Started.Sub(r.Fire).Seconds())
}

// lagBounds are the upper bounds of the buckets of a lag, in seconds.
func lagBounds() [15]float64 {
	return [15]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 15, 60, 300, 3600}
}

// histogram counts lags by size.
type histogram struct {
	counts [16]int64 // of each bound what is not above it, and at last what is above all
	sum    float64
}

func (h *histogram) add(seconds float64) {
	seconds = max(seconds, 0)
	i, bounds := 0, lagBounds()
	for i < len(bounds) && seconds > bounds[i] {
		i++
	}
	h.counts[i]++
	h.sum += seconds
}

// judges is the gate, and counts its answers.
type judges struct {
	*policy.Gate
	meter *meter
}

// What decisions are about.
const (
	aboutRuns = iota
	aboutCalls
)

// Judge says whether a run may start.
func (j judges) Judge(q policy.Query) policy.Verdict {
	v := j.Gate.Judge(q)
	j.meter.decided(aboutRuns, v.Decision.Allow && v.Reason == job.NoReason)
	return v
}

// Authorize says whether a caller may act.
func (j judges) Authorize(r policy.Request) job.Decision {
	d := j.Gate.Authorize(r)
	j.meter.decided(aboutCalls, d.Allow && len(d.Errors) == 0)
	return d
}

func (m *meter) decided(about int, allowed bool) {
	if allowed {
		m.allowed[about].Add(1)
	} else {
		m.denied[about].Add(1)
	}
}
