package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

var (
	errOccupied = errors.New("occupied")
	errStale    = errors.New("gone")
)

// past is a journal and a dispatcher for backfills of one job.
type past struct {
	*Backfills
	start time.Time

	mu     sync.Mutex
	job    *job.Job
	rows   map[job.BackfillID]*job.Backfill
	begun  []string // "minute of due @ second of start"
	runs   []*job.Run
	ran    []time.Time
	refuse error
	deny   bool
}

func newPast() *past {
	j := stored(timed("job", schedule.Spec{Kind: schedule.Cron, Expr: "*/10 * * * *"}), 1, time.Now())
	p := &past{start: time.Now(), job: j, rows: map[job.BackfillID]*job.Backfill{}}
	p.open()
	return p
}

// open starts a daemon.
func (p *past) open() {
	p.Backfills = NewBackfills(BackfillConfig{
		Store: p, Ran: p, Dispatch: p,
		Jobs:     func(job.ID) (*job.Job, error) { p.mu.Lock(); defer p.mu.Unlock(); return p.job, nil },
		Occupied: func(err error) bool { return errors.Is(err, errOccupied) },
		Stale:    func(err error) bool { return errors.Is(err, errStale) },
	})
}

func (p *past) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() { defer close(gone); _ = p.Run(ctx) }()
	stop = func() { cancel(); <-gone }
	t.Cleanup(stop)
	return stop
}

func (p *past) PutBackfill(_ context.Context, b *job.Backfill) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	row := *b
	p.rows[b.ID] = &row
	return nil
}

func (p *past) EndBackfill(_ context.Context, id job.BackfillID, state job.BackfillState, reason string, _ job.Principal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.rows[id]; r == nil || r.State != job.Filling {
		return errStale
	}
	p.rows[id].State, p.rows[id].Reason = state, reason
	return nil
}

func (p *past) RunningBackfills(context.Context) (list []*job.Backfill, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rows {
		if r.State == job.Filling {
			row := *r
			list = append(list, &row)
		}
	}
	return list, nil
}

func (p *past) Ran(_ context.Context, _ job.ID, from, to time.Time, _ int) (list []time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.ran {
		if !t.Before(from) && !t.After(to) {
			list = append(list, t)
		}
	}
	return list, nil
}

func (p *past) Backfill(_ context.Context, j *job.Job, of *job.Backfill, due time.Time) (*job.Run, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	row := p.rows[of.ID]
	switch {
	case p.refuse != nil:
		return nil, p.refuse
	case row.State != job.Filling || !due.After(row.Cursor):
		return nil, errStale
	}
	row.Cursor, row.Started, row.Open = due, row.Started+1, row.Open+1
	p.begun = append(p.begun, fmt.Sprintf("%d@%d", int(due.Sub(p.start).Minutes()), int(time.Since(p.start).Seconds())))
	r := &job.Run{ID: job.RunID(fmt.Sprint("run_", len(p.runs))), Job: j.ID, Trigger: job.ByBackfill, Parent: job.RunID(of.ID), Due: due, State: job.Running}
	if p.deny {
		r.State = job.Denied
	}
	p.runs = append(p.runs, r)
	return r, nil
}

// over ends the oldest run that is open.
func (p *past) over() {
	p.mu.Lock()
	i := slices.IndexFunc(p.runs, func(r *job.Run) bool { return r.State == job.Running })
	r := p.runs[i]
	r.State = job.Succeeded
	p.rows[job.BackfillID(r.Parent)].Open--
	p.mu.Unlock()
	p.Ended(r)
	synctest.Wait()
}

func (p *past) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *past) said() string { p.mu.Lock(); defer p.mu.Unlock(); return strings.Join(p.begun, " ") }

func (p *past) state(id job.BackfillID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.TrimSuffix(string(p.rows[id].State)+": "+p.rows[id].Reason, ": ")
}

// fill asks for the last hour.
func (p *past) fill(t *testing.T, want job.Backfill) *job.Backfill {
	t.Helper()
	want.From, want.To = p.start.Add(-time.Hour), p.start.Add(time.Hour)
	plan, err := p.Draft(t.Context(), p.job, want)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Start(t.Context(), plan, alice)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return b
}

func TestBackfillDraft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPast()
		p.ran = []time.Time{p.start.Add(-50 * time.Minute), p.start.Add(-49 * time.Minute), p.start.Add(-24 * time.Hour)}
		day := job.Backfill{From: p.start.Add(-24 * time.Hour), To: p.start.Add(time.Hour)}
		plan, err := p.Draft(t.Context(), p.job, day)
		if err != nil {
			t.Fatal(err)
		}
		if plan.Nominal != 145 || plan.Backfill.Total != 143 || len(plan.First) != 3 || len(plan.Last) != 3 ||
			!plan.First[0].Equal(p.start.Add(-24*time.Hour+10*time.Minute)) || !plan.Last[2].Equal(p.start) {
			t.Errorf("plan %+v", plan)
		}
		day.Again = true
		if plan, err = p.Draft(t.Context(), p.job, day); err != nil || plan.Backfill.Total != 145 || plan.Backfill.Parallel != 1 || plan.Backfill.Rate != 60 {
			t.Errorf("again: %+v, %v", plan, err)
		}
		for name, c := range map[string]struct {
			change func(*job.Backfill, *job.Job)
			want   string
		}{
			"future":   {func(b *job.Backfill, _ *job.Job) { b.From = p.start.Add(time.Minute) }, "fires by itself"},
			"reversed": {func(b *job.Backfill, _ *job.Job) { b.To = b.From.Add(-1) }, "the end is before the beginning"},
			"too many": {func(b *job.Backfill, _ *job.Job) { b.From = p.start.AddDate(-10, 0, 0) }, "at most 100000"},
			"delay": {func(_ *job.Backfill, j *job.Job) {
				j.Schedule = schedule.Spec{Kind: schedule.Delay, Expr: "1h"}
			}, "no nominal times in the past"},
			"paused":   {func(_ *job.Backfill, j *job.Job) { j.Paused = true }, "is paused"},
			"parallel": {func(b *job.Backfill, _ *job.Job) { b.Parallel = 101 }, "want 1 to 100"},
			"rate":     {func(b *job.Backfill, _ *job.Job) { b.Rate = -1 }, "starts a minute"},
		} {
			b, j := day, *p.job
			c.change(&b, &j)
			if _, err := p.Draft(t.Context(), &j, b); !errors.Is(err, ErrBackfill) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
	})
}

// Its runs start one after another, leave out what ran, and stand back for others.
func TestBackfillRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPast()
		p.ran = []time.Time{p.start.Add(-50 * time.Minute)}
		p.run(t)
		b := p.fill(t, job.Backfill{})
		pass(5 * time.Second)
		p.over()
		p.set(func() { p.refuse = errOccupied })
		pass(5 * time.Second)
		p.over()
		pass(5 * time.Second)
		p.set(func() { p.refuse = nil })
		p.Ended(&job.Run{Job: p.job.ID, Trigger: job.ByTimer}) // who was in the way
		synctest.Wait()
		p.over()
		for range 3 {
			pass(10 * time.Second)
			if p.state(b.ID) == "running" && p.said() != "" {
				if got := p.said(); strings.Count(got, "@") == 6 {
					break
				}
				p.over()
			}
		}
		if got, want := p.said(), "-60@0 -40@5 -30@15 -20@15 -10@25 0@35"; got != want {
			t.Errorf("begun %s, want %s", got, want)
		}
		if got := p.state(b.ID); got != "running" {
			t.Errorf("%s while its last run lasts", got)
		}
		p.over()
		if got := p.state(b.ID); got != "done" {
			t.Errorf("%s after its last run", got)
		}
	})
}

// Several at once, by the rate; a restart goes on after what was begun.
func TestBackfillOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPast()
		stop := p.run(t)
		b := p.fill(t, job.Backfill{Parallel: 3, Rate: 6, Again: true})
		pass(15 * time.Second)
		stop()
		if got, want := p.said(), "-60@0 -50@10"; got != want {
			t.Fatalf("begun %s, want %s", got, want)
		}
		p.open()
		if err := p.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.over() // recovery ends one of them
		p.run(t)
		pass(12 * time.Second)
		if got, want := p.said(), "-60@0 -50@10 -40@15 -30@25"; got != want {
			t.Errorf("begun %s, want %s", got, want)
		}
		pass(time.Minute) // three are open
		if got := p.said(); strings.Count(got, "@") != 4 {
			t.Errorf("begun %s with three open", got)
		}
		if err := p.Cancel(t.Context(), b.ID, alice); err != nil {
			t.Fatal(err)
		}
		p.over()
		pass(time.Minute)
		if got := p.said(); strings.Count(got, "@") != 4 || p.state(b.ID) != "cancelled" {
			t.Errorf("begun %s after it was cancelled, %s", got, p.state(b.ID))
		}
	})
}

func TestBackfillStops(t *testing.T) {
	for want, c := range map[string]func(*past){
		"stopped: its job was paused":   func(p *past) { j := *p.job; j.Paused = true; p.job = &j },
		"stopped: its job was deleted":  func(p *past) { p.job = nil },
		"stopped: run run_1 was denied": func(p *past) { p.deny = true },
		"running":                       func(p *past) { p.refuse = errors.New("disk full") },
		"cancelled: by another, meanwhile": func(p *past) {
			for _, r := range p.rows {
				r.State, r.Reason = job.Withdrew, "by another, meanwhile"
			}
		},
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPast()
				p.run(t)
				b := p.fill(t, job.Backfill{})
				pass(2 * time.Second)
				p.set(func() { c(p) })
				p.over()
				pass(20 * time.Second)
				if got := p.state(b.ID); got != want {
					t.Errorf("it is %q, want %q", got, want)
				}
				if want != "running" {
					return
				}
				p.set(func() { p.refuse = nil })
				pass(3 * time.Second)
				if got := p.said(); strings.Count(got, "@") != 2 {
					t.Errorf("begun %s when the disk has space again", got)
				}
			})
		})
	}
}
