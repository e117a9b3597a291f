package host

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/server"
)

// samples are metrics as "name{label=value} number".
func samples(list []server.Metric) (lines []string) {
	for _, m := range list {
		for _, s := range m.Samples {
			var labels []string
			for i := 0; i < len(s.Labels); i += 2 {
				labels = append(labels, s.Labels[i]+"="+s.Labels[i+1])
			}
			lines = append(lines, fmt.Sprintf("%s%s{%s} %g", strings.TrimPrefix(m.Name, "palyra_"), s.Suffix, strings.Join(labels, ","), s.Value))
		}
	}
	return lines
}

func TestMeter(t *testing.T) {
	m, at := newMeter(), time.Unix(1_000_000, 0)
	m.ended(&job.Run{Job: "a", State: job.Succeeded, Ended: at})
	m.ended(&job.Run{Job: "a", State: job.Missed, Reason: job.ReasonMisfire, Count: 40})
	m.ended(&job.Run{Job: "a", State: job.Missed, Reason: job.ReasonMisfire, Count: 2})
	m.started(&job.Run{Trigger: job.ByTimer, Fire: at, Started: at.Add(3 * time.Millisecond)})
	m.started(&job.Run{Trigger: job.ByTimer, Fire: at, Started: at.Add(2 * time.Hour)})
	m.started(&job.Run{Trigger: job.ByTimer, Fire: at, Started: at.Add(-time.Hour)}) // the clock was set
	m.started(&job.Run{Trigger: job.ByHand, Fire: at, Started: at.Add(time.Second)})
	m.decided(aboutRuns, true)
	m.decided(aboutCalls, false)
	got := samples(m.metrics())
	for _, want := range []string{
		"runs_total{state=missed,reason=misfire} 42", "runs_total{state=succeeded,reason=} 1",
		"run_start_lag_seconds_bucket{le=0.001} 1", "run_start_lag_seconds_bucket{le=0.005} 2",
		"run_start_lag_seconds_bucket{le=3600} 2", "run_start_lag_seconds_bucket{le=+Inf} 3",
		"run_start_lag_seconds_count{} 3", "run_start_lag_seconds_sum{} 7200.003",
		"decisions_total{about=call,decision=allowed} 0", "decisions_total{about=call,decision=denied} 1",
		"decisions_total{about=run,decision=allowed} 1", "decisions_total{about=run,decision=denied} 0",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q among\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// The meter knows a last success of no more jobs than it was asked about.
func TestLastSuccess(t *testing.T) {
	m, at := newMeter(), time.Unix(1_000_000, 0)
	m.ended(&job.Run{Job: "a", State: job.Succeeded, Ended: at})
	jobs := []*job.Job{{ID: "a"}, {ID: "b"}}
	if known := m.successes(jobs); len(known) != 0 {
		t.Errorf("it knows %v before it was asked", known)
	}
	m.succeeded("a", at)          // of the journal
	m.succeeded("b", time.Time{}) // of which nothing has succeeded
	m.ended(&job.Run{Job: "a", State: job.Failed, Ended: at.Add(time.Minute)})
	m.ended(&job.Run{Job: "b", State: job.Succeeded, Ended: at.Add(time.Hour)})
	if got := m.succeeded("b", at); !got.Equal(at.Add(time.Hour)) {
		t.Errorf("an older answer of the journal took the place of a newer end: %v", got)
	}
	known := m.successes(jobs)
	if !known["a"].Equal(at) || !known["b"].Equal(at.Add(time.Hour)) {
		t.Errorf("last successes %v", known)
	}
	m.successes(jobs[:1]) // b was deleted
	if _, kept := m.success["b"]; kept {
		t.Error("a job that is gone is remembered")
	}
}
