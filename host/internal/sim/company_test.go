package sim

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/schedule"
)

const (
	maxRuns    = 6
	groupLimit = 2
)

// company is the jobs that have to do with others: they start one another, or
// share slots.
func company() []job.Job {
	every := func(interval string) schedule.Spec {
		return schedule.Spec{Kind: schedule.Every, Expr: interval}
	}
	manual := schedule.Spec{Kind: schedule.Manual}
	allow := job.Concurrency{Policy: job.Allow, Max: 3}
	often := job.Retry{Attempts: 3, Backoff: 2 * time.Minute}
	return []job.Job{
		{Name: "source", Schedule: every("26m"), Group: "g", Priority: 5, Chain: job.Chain{
			OnSuccess: []string{"follow", "alert"}, OnFailure: []string{"alert"}, OnRecovery: []string{"clear"},
		}},
		{Name: "source-retry", Schedule: every("57m"), Group: "g", Retry: often, AtLeastOnce: true, Chain: job.Chain{
			OnSuccess: []string{"follow"}, OnFailure: []string{"alert", "clear"}, OnRecovery: []string{"follow"},
		}},
		{Name: "follow", Schedule: manual, Concurrency: job.Concurrency{Policy: job.QueueOne}, Group: "g"},
		{Name: "alert", Schedule: manual, Concurrency: allow, Priority: 50},
		{Name: "clear", Schedule: manual, Concurrency: allow},
		{Name: "ring", Schedule: every("9h"), Concurrency: allow, Priority: -5, Chain: job.Chain{
			OnSuccess: []string{"ring"}, OnFailure: []string{"ring"}, OnRecovery: []string{"ring"},
		}},
		{Name: "again", Schedule: every("43m"), AtLeastOnce: true, Concurrency: job.Concurrency{Policy: job.QueueOne}},
		{Name: "limited", Schedule: every("53m"), Retry: often, RunTimeout: 8 * time.Minute, Priority: -20},
		{Name: "several", Schedule: every("33m"), Group: "g", Misfire: job.Misfire{Policy: job.CatchUp, Coalesce: job.All, Max: 4, Window: 5 * time.Hour}},
	}
}

// poke leaves a signal for whoever waits for it.
func poke(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// settle does what the ends of runs owe, as the host does from the outbox, until
// ctx is done.
func (l *life) settle(ctx context.Context) {
	for ctx.Err() == nil {
		list, err := l.journal.Effects(ctx)
		if err != nil && ctx.Err() == nil {
			l.w.violation("effects: %v", err)
		}
		wait := time.Hour
		for _, e := range list {
			if l.chain(ctx, e) != nil || l.journal.EffectDone(ctx, e, "") != nil {
				wait = time.Minute
			}
		}
		select {
		case <-ctx.Done():
		case <-l.owed:
		case <-time.After(wait):
		}
	}
}

// chain starts the job that an effect names.
func (l *life) chain(ctx context.Context, e job.PendingEffect) error {
	parent, err := l.w.journal.Run(ctx, string(e.Run))
	if err != nil {
		return err
	}
	depth := 1
	for r := parent; r.Trigger == job.ByChain; depth++ {
		if r, err = l.w.journal.Run(ctx, string(r.Parent)); err != nil {
			return err
		}
	}
	_, err = l.disp.Chain(ctx, l.get(e.Target), alice, parent.ID, depth)
	if errors.Is(err, journal.ErrClaimed) {
		return nil
	}
	return err
}

// agrees holds the scheduler's jobs against the journal's, when all is still.
func (l *life) agrees(ctx context.Context) {
	synctest.Wait()
	l.journal.mu.Lock()
	dead := l.journal.dead
	l.journal.mu.Unlock()
	if dead {
		return
	}
	stored, err := l.w.journal.Jobs(ctx)
	if err != nil {
		l.w.violation("jobs: %v", err)
		return
	}
	known := map[job.ID]*job.Job{}
	for _, j := range l.list() {
		known[j.ID] = j
	}
	for _, j := range stored {
		if k := known[j.ID]; k == nil || k.Generation != j.Generation || k.Paused != j.Paused || k.Name != j.Name {
			l.w.violation("the journal has job %s at generation %d, paused %v; the scheduler %+v", j.Name, j.Generation, j.Paused, k)
		}
		delete(known, j.ID)
	}
	for _, j := range known {
		l.w.violation("the scheduler has job %s, the journal has not", j.Name)
	}
}

// remembers holds the runs that were open when the last life ended, by what it was
// told, against those that the journal has.
func (w *world) remembers(stored []*job.Run) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := maps.Clone(w.open)
	for _, r := range stored {
		if k, ok := known[r.ID]; !ok || k.state != r.State {
			w.fail("the journal has run " + string(r.ID) + " as " + string(r.State) + ", it was written as " + string(k.state))
		}
		delete(known, r.ID)
	}
	for id := range known {
		w.fail("run " + string(id) + " was written, the journal has not")
	}
}

// whole checks what holds of the journal as a whole at the end: its history
// verifies, nothing is owed, and what ends of runs owed was done once.
func (w *world) whole(t *testing.T, j *journal.Journal) {
	if v, err := j.Verify(t.Context()); err != nil || len(v.Problems) > 0 {
		w.violation("the history: %v, %v", v.Problems, err)
	}
	if owed, err := j.Effects(t.Context()); err != nil || len(owed) > 0 {
		w.violation("%d effects are owed at the end, %v", len(owed), err)
	}
	runs, err := j.Runs(t.Context(), job.Filter{Limit: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	started := map[job.RunID][]string{}
	for _, r := range runs {
		if r.Trigger == job.ByChain {
			started[r.Parent] = append(started[r.Parent], r.JobName)
		}
	}
	failedBefore := map[job.ID]bool{} // the run of a job that ended before, of those that count
	slices.SortStableFunc(runs, func(a, b *job.Run) int { return a.Ended.Compare(b.Ended) })
	for _, r := range runs {
		want := w.owes(r, failedBefore)
		got := started[r.ID]
		slices.Sort(got)
		if !slices.Equal(got, want) {
			w.violation("the end of %s of %s as %s started %v, want %v", r.ID, r.JobName, r.State, got, want)
		}
	}
}

// owes lists the jobs that the end of a run starts.
func (w *world) owes(r *job.Run, failedBefore map[job.ID]bool) []string {
	var chain job.Chain
	for _, j := range company() {
		if j.Name == r.JobName {
			chain = j.Chain
		}
	}
	var want []string
	switch r.State {
	case job.Succeeded:
		want = slices.Clone(chain.OnSuccess)
		if failedBefore[r.Job] {
			want = append(want, chain.OnRecovery...)
		}
		failedBefore[r.Job] = false
	case job.Failed, job.TimedOut, job.Interrupted:
		want = slices.Clone(chain.OnFailure)
		failedBefore[r.Job] = true
	default:
	}
	slices.Sort(want)
	return slices.Compact(want)
}
