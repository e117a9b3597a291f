package host

import (
	"context"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/server"
)

// measuredJobs is of how many jobs the metrics tell one by one: the first by
// name. A scrape must not grow with the jobs.
const measuredJobs = 1000

// measure tells what is measured. Names and units follow the conventions of
// Prometheus; counters count since the start.
func (h *host) measure(ctx context.Context) []server.Metric {
	var list []server.Metric
	list = append(list, h.measureSelf()...)
	list = append(list, h.measureJobs(ctx)...)
	list = append(list, h.measureRuns()...)
	return append(list, h.measureJournal()...)
}

func one(name string, kind server.MetricKind, help string, value float64) server.Metric {
	return server.Metric{Name: name, Kind: kind, Help: help, Samples: []server.Sample{{Value: value}}}
}

func (h *host) measureSelf() []server.Metric {
	ready := 1.0
	if h.trouble.String() != "" {
		ready = 0
	}
	return []server.Metric{
		{
			Name: "palyra_build_info", Kind: server.Gauge, Help: "The build that runs; always 1.",
			Samples: []server.Sample{{Labels: []string{"version", api.Version(), "go", runtime.Version()}, Value: 1}},
		},
		one("palyra_start_time_seconds", server.Gauge, "When the daemon started, in Unix seconds.", seconds(h.started)),
		one("palyra_ready", server.Gauge, "1 if the daemon dispatches, 0 if the journal cannot be written.", ready),
		one("palyra_goroutines", server.Gauge, "Goroutines of the daemon.", float64(runtime.NumGoroutine())),
		one("palyra_resident_memory_bytes", server.Gauge, "Resident memory of the daemon.", float64(resident())),
		one("palyra_clock_jumps_total", server.Counter, "How often the wall clock jumped, a suspend included.", float64(h.scheduler.Jumps())),
		one("palyra_children_started_total", server.Counter, "Processes started for skills; beyond the first of a skill they are restarts or more at once.", float64(h.runner.Births())),
	}
}

func (h *host) measureJobs(ctx context.Context) []server.Metric {
	all, paused := h.scheduler.Count()
	shown, err := h.scheduler.List("", measuredJobs)
	if err != nil {
		h.log.Warn("jobs are not measured", "err", err)
	}
	next := server.Metric{
		Name: "palyra_job_next_fire_timestamp_seconds", Kind: server.Gauge,
		Help: "When a job fires next, in Unix seconds; absent if it does not.",
	}
	success := server.Metric{
		Name: "palyra_job_last_success_timestamp_seconds", Kind: server.Gauge,
		Help: "When a run of a job last succeeded, in Unix seconds; absent if none did within the retention.",
	}
	last := h.lastSuccesses(ctx, shown)
	for _, j := range shown {
		label := []string{"job", j.Name}
		if t := h.scheduler.Next(j.ID); !t.IsZero() {
			next.Samples = append(next.Samples, server.Sample{Labels: label, Value: seconds(t)})
		}
		if t := last[j.ID]; !t.IsZero() {
			success.Samples = append(success.Samples, server.Sample{Labels: label, Value: seconds(t)})
		}
	}
	return []server.Metric{
		one("palyra_jobs", server.Gauge, "Jobs there are.", float64(all)),
		one("palyra_jobs_paused", server.Gauge, "Jobs that are paused.", float64(paused)),
		one("palyra_jobs_unmeasured", server.Gauge, "Jobs that the metrics do not tell one by one, because there are too many.", float64(all-len(shown))),
		next, success,
	}
}

// lastSuccesses asks the journal once for each job; from then on the meter knows.
func (h *host) lastSuccesses(ctx context.Context, jobs []*job.Job) map[job.ID]time.Time {
	known := h.meter.successes(jobs)
	for _, j := range jobs {
		if _, ok := known[j.ID]; ok {
			continue
		}
		runs, err := h.journal.Runs(ctx, job.Filter{Job: j.ID, State: job.Succeeded, Limit: 1})
		if err != nil {
			h.log.Warn("last success not known", "job", j.ID, "err", err)
			return known
		}
		var last time.Time
		if len(runs) > 0 {
			last = runs[0].Ended
		}
		known[j.ID] = h.meter.succeeded(j.ID, last)
	}
	return known
}

// successes returns what is known of jobs, and forgets all others.
func (m *meter) successes(jobs []*job.Job) map[job.ID]time.Time {
	known := make(map[job.ID]time.Time, len(jobs))
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range jobs {
		if t, ok := m.success[j.ID]; ok {
			known[j.ID] = t
		}
	}
	m.success = maps.Clone(known)
	return known
}

// succeeded takes what the journal knows of a job, and returns the last success.
func (m *meter) succeeded(id job.ID, t time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if last := m.success[id]; last.After(t) {
		t = last
	}
	m.success[id] = t
	return t
}

func (h *host) measureRuns() []server.Metric {
	running, queued := h.dispatch.Live()
	return append([]server.Metric{
		one("palyra_runs_running", server.Gauge, "Attempts that execute.", float64(running)),
		one("palyra_runs_queued", server.Gauge, "Runs that wait for their start.", float64(queued)),
	}, h.meter.metrics()...)
}

// metrics tells what was counted.
func (m *meter) metrics() []server.Metric {
	runs := server.Metric{
		Name: "palyra_runs_total", Kind: server.Counter,
		Help: "Nominal times and triggers by how they ended; the reason is empty for success.",
	}
	m.mu.Lock()
	ends, lags := maps.Clone(m.ends), m.lags
	m.mu.Unlock()
	for _, e := range slices.SortedFunc(maps.Keys(ends), func(a, b end) int {
		return strings.Compare(string(a.state)+" "+string(a.reason), string(b.state)+" "+string(b.reason))
	}) {
		runs.Samples = append(runs.Samples, server.Sample{
			Labels: []string{"state", string(e.state), "reason", string(e.reason)}, Value: float64(ends[e]),
		})
	}
	decisions := server.Metric{
		Name: "palyra_decisions_total", Kind: server.Counter,
		Help: "Answers of the policies, about runs that were to start and about calls of the API.",
	}
	for about, name := range []string{aboutRuns: "run", aboutCalls: "call"} {
		for decision, n := range map[string]int64{"allowed": m.allowed[about].Load(), "denied": m.denied[about].Load()} {
			decisions.Samples = append(decisions.Samples, server.Sample{Labels: []string{"about", name, "decision", decision}, Value: float64(n)})
		}
	}
	slices.SortFunc(decisions.Samples, func(a, b server.Sample) int { return slices.Compare(a.Labels, b.Labels) })
	return []server.Metric{runs, lags.metric(), decisions}
}

func (h histogram) metric() server.Metric {
	m := server.Metric{
		Name: "palyra_run_start_lag_seconds", Kind: server.Histogram,
		Help: "From when a run of the timer was to start to when it did, waiting for a slot included.",
	}
	total, bounds := int64(0), lagBounds()
	for i, n := range h.counts {
		total += n
		bound := "+Inf"
		if i < len(bounds) {
			bound = strconv.FormatFloat(bounds[i], 'g', -1, 64)
		}
		m.Samples = append(m.Samples, server.Sample{Suffix: "_bucket", Labels: []string{"le", bound}, Value: float64(total)})
	}
	m.Samples = append(m.Samples, server.Sample{Suffix: "_sum", Value: h.sum}, server.Sample{Suffix: "_count", Value: float64(total)})
	return m
}

func (h *host) measureJournal() []server.Metric {
	size := server.Metric{Name: "palyra_journal_size_bytes", Kind: server.Gauge, Help: "Size of the journal's files."}
	for _, file := range []string{"palyra.db", "palyra.db-wal"} {
		if info, err := os.Stat(h.state.path(file)); err == nil {
			size.Samples = append(size.Samples, server.Sample{Labels: []string{"file", file}, Value: float64(info.Size())})
		}
	}
	return []server.Metric{
		one("palyra_journal_commits_total", server.Counter, "Transactions of the journal that were committed.", float64(h.journal.Commits())),
		one("palyra_journal_entries", server.Gauge, "Number of the last entry of the history.", float64(h.journal.Last())),
		size,
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
