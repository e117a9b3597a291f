package sim

import (
	"context"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// operate has an operator do this and that for a while; it reports whether the
// daemon died meanwhile.
func (l *life) operate(t *testing.T, length time.Duration) (died bool) {
	ctx := context.WithoutCancel(t.Context())
	l.enable()
	l.journal.spoil(l.flaky)
	if l.last {
		l.journal.spoil(0)
		l.resume(ctx)
	}
	for end := time.Now().Add(length); time.Until(end) > 0; {
		select {
		case <-time.After(min(l.w.upTo(l.w.span.step), time.Until(end))):
		case <-l.journal.died:
			return true
		}
		if !l.last {
			l.act(ctx)
			l.w.witness(ctx)
			l.agrees(ctx)
		}
	}
	l.enable()
	select {
	case <-l.journal.died:
		return true
	default:
		return false
	}
}

// act does one thing. That it fails, because the disk is full or the daemon has
// just died, is no fault.
func (l *life) act(ctx context.Context) {
	rng := l.w.rng
	jobs := l.list()
	some := *jobs[rng.IntN(len(jobs))]
	switch rng.IntN(8) {
	case 0, 1:
		_, _ = l.disp.Trigger(ctx, &some, alice)
	case 2:
		if j := l.get([]string{"paused", "waiting"}[rng.IntN(2)]); j != nil {
			j.Paused = !j.Paused
			if _, err := l.sched.Put(ctx, *j, alice, "job.pause"); err == nil && j.Paused {
				l.disp.CancelJob(j.ID, job.ReasonDisabled)
			}
		}
	case 3:
		j := *l.get("edited")
		j.Schedule = schedule.Spec{Kind: schedule.Cron, Expr: []string{"*/20 * * * *", "7,37 * * * *", "*/5 3-6 * * *"}[rng.IntN(3)], Jitter: []string{"", "2m", "19m"}[rng.IntN(3)]}
		_, _ = l.sched.Put(ctx, j, alice, "job.update")
	case 4:
		l.cancelSome(ctx)
	case 5:
		l.quarantine()
		<-time.After(l.w.upTo(l.w.span.step * 2 / 3))
		l.enable()
	case 6:
		l.journal.fill(true)
		<-time.After(l.w.upTo(20 * time.Minute))
		l.journal.fill(false)
	case 7:
		if j := l.get("doomed"); j != nil && rng.IntN(10) == 0 && l.sched.Delete(ctx, j.ID, alice) == nil {
			l.disp.CancelJob(j.ID, job.ReasonDeleted)
		}
	}
}

// list and get are for a journal that can always be read.
func (l *life) list() []*job.Job {
	jobs, err := l.sched.List("", 1000)
	if err != nil {
		l.w.violation("list: %v", err)
	}
	return jobs
}

func (l *life) get(name string) *job.Job {
	j, err := l.sched.Get(name)
	if err != nil {
		l.w.violation("get %s: %v", name, err)
	}
	return j
}

func (l *life) cancelSome(ctx context.Context) {
	l.w.mu.Lock()
	var id job.RunID
	for run := range l.w.open {
		id = max(id, run)
	}
	l.w.mu.Unlock()
	cancel, done := context.WithTimeout(ctx, time.Minute)
	defer done()
	_ = l.disp.Cancel(cancel, id, alice)
}

// quarantine commits first and stops then, as the catalog does.
func (l *life) quarantine() {
	l.w.mu.Lock()
	l.w.inactive = true
	l.w.mu.Unlock()
	l.disp.Stop(bundle.Digest{7}, job.ReasonQuarantined)
	l.w.mu.Lock()
	l.w.quarantined = true
	l.w.mu.Unlock()
}

func (l *life) enable() {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.w.inactive, l.w.quarantined = false, false
}

// resume ends the pause of every job, which accounts for it.
func (l *life) resume(ctx context.Context) {
	for _, j := range l.list() {
		j.Paused = false
		if _, err := l.sched.Put(ctx, *j, alice, "job.resume"); err != nil {
			l.w.violation("resume %s: %v", j.Name, err)
		}
	}
	l.w.witness(ctx)
}
