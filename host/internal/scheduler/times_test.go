package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

func timed(name string, spec schedule.Spec) job.Job {
	j := every(name, "1s")
	j.Schedule = spec
	return j
}

// An occurrence fires late by its jitter, which is stable and below the maximum;
// its nominal time stays, so that nothing drifts; each fires before the next one
// is due.
func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		j := r.put(t, timed("job", schedule.Spec{Kind: schedule.Every, Expr: "10s", Jitter: "1h"})) // capped at 10s
		compiled, err := schedule.Parse(j.Schedule)
		if err != nil {
			t.Fatal(err)
		}
		var began []time.Time
		r.cfg.Dispatch = fireFunc(func(ctx context.Context, f []job.Firing) error {
			for range f {
				began = append(began, time.Now())
			}
			return r.fired.Fire(ctx, f)
		})
		r.run(t)
		pass(20 * time.Minute)
		late, last := map[time.Duration]bool{}, time.Time{}
		for i, f := range r.fired.firings() {
			if want := r.start.Add(time.Duration(i+1) * 10 * time.Second); !f.Due.Equal(want) {
				t.Fatalf("occurrence %d is due at %v, want %v", i, f.Due, want)
			}
			if want := compiled.Fire(string(j.ID), f.Due); !f.Fire.Equal(want) || !began[i].Equal(want) {
				t.Fatalf("due %v: to fire at %v, fired at %v, want %v", f.Due, f.Fire, began[i], want)
			}
			if d := f.Fire.Sub(f.Due); d < 0 || d >= 10*time.Second || !f.Fire.After(last) {
				t.Fatalf("due %v fires %v later, after %v", f.Due, d, last)
			}
			last, late[f.Fire.Sub(f.Due)] = f.Fire, true
		}
		if len(began) < 119 || len(late) < 100 {
			t.Errorf("%d occurrences in 20 minutes, late by %d different times", len(began), len(late))
		}
	})
}

// pending is a rig with a job whose nominal time has come and whose fire is
// ahead.
func pending(t *testing.T) (*rig, job.Job, time.Time) {
	r := newRig(t)
	r.run(t)
	wanted := timed("job", schedule.Spec{Kind: schedule.Every, Expr: "1h", Jitter: "1h"})
	wanted.ID = "job_x"
	j := *r.put(t, wanted)
	due := r.start.Add(time.Hour)
	if d := r.compiled(t, j.ID).fire(due).Sub(due); d < time.Minute || d > 50*time.Minute {
		t.Fatalf("a jitter of %v is not one to look into: choose another id", d)
	}
	pass(time.Hour + time.Second)
	if n := len(r.fired.firings()); n != 0 {
		t.Fatalf("%d fired before their jitter had passed", n)
	}
	return r, j, due
}

// What has come and not fired yet is accounted for, whatever becomes of the job.
func TestJitterAndEdits(t *testing.T) {
	for name, c := range map[string]struct {
		act  func(*testing.T, *rig, job.Job) error
		want string // what became of the first nominal time
		at   bool   // at once
	}{
		"another name": {func(t *testing.T, r *rig, j job.Job) error {
			j.Name = "new"
			_, err := r.Put(t.Context(), j, alice, "job.update")
			return err
		}, "timer 01 01:00:00", false},
		"another time": {func(t *testing.T, r *rig, j job.Job) error {
			j.Schedule.Expr = "3h"
			_, err := r.Put(t.Context(), j, alice, "job.update")
			return err
		}, "timer 01 01:00:00", true},
		"another time, and paused": {func(t *testing.T, r *rig, j job.Job) error {
			j.Schedule.Expr, j.Paused = "3h", true
			_, err := r.Put(t.Context(), j, alice, "job.update")
			return err
		}, "[skipped:paused 01 01:00:00 to 01 01:00:00 x1]", true},
		"pause": {func(t *testing.T, r *rig, j job.Job) error {
			j.Paused = true
			paused, err := r.Put(t.Context(), j, alice, "job.pause")
			if err != nil {
				return err
			}
			pass(59 * time.Minute)
			resumed := *paused
			resumed.Paused = false
			_, err = r.Put(t.Context(), resumed, alice, "job.resume")
			return err
		}, "[skipped:paused 01 01:00:00 to 01 01:00:00 x1]", true},
		"deletion": {func(t *testing.T, r *rig, j job.Job) error { return r.Delete(t.Context(), j.ID, alice) }, "[skipped:deleted 01 01:00:00 to 01 01:00:00 x1]", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, j, due := pending(t)
				if err := c.act(t, r, j); err != nil {
					t.Fatal(err)
				}
				if got := len(r.fired.firings()) == 1; got != c.at {
					t.Errorf("accounted for at once: %v, want %v", got, c.at)
				}
				pass(59 * time.Minute)
				got := r.fired.firings()
				if len(got) == 0 {
					t.Fatal("nothing is accounted for")
				}
				first := got[0]
				if !first.Due.IsZero() {
					if first.Fire.Before(due) || first.Fire.After(due.Add(time.Hour)) {
						t.Errorf("to fire at %v", first.Fire)
					}
					first.Fire = first.Due
				}
				if got := show([]job.Firing{first}); got != c.want {
					t.Errorf("accounted for as %s, want %s", got, c.want)
				}
			})
		})
	}
}

// Grace counts from the fire, not from the nominal time.
func TestJitterAndGrace(t *testing.T) {
	s, err := schedule.Parse(schedule.Spec{Kind: schedule.Every, Expr: "1h", Anchor: at("01 00:00:00"), Jitter: "50m"})
	if err != nil {
		t.Fatal(err)
	}
	j := job.Job{ID: "job_x"}.WithDefaults()
	due := at("01 01:00:00")
	fire := s.Fire("job_x", due)
	if fire.Sub(due) < 2*time.Minute {
		t.Fatalf("a jitter of %v shows nothing: choose another id", fire.Sub(due))
	}
	for _, c := range []struct {
		now  time.Time
		want string
	}{
		{fire.Add(-1), ""},
		{fire, "timer"},
		{fire.Add(time.Minute), "timer"},
		{fire.Add(time.Minute + 1), "missed"},
	} {
		got := ""
		for _, f := range plan(&j, s, at("01 00:00:00"), c.now) {
			got = string(f.Trigger)
			if len(f.Missed) > 0 {
				got = string(f.Missed[0].State)
			}
		}
		if got != c.want {
			t.Errorf("%v after the fire: %q, want %q", c.now.Sub(fire), got, c.want)
		}
	}
}

// However time is cut into plans, with jitter too each nominal time is
// accounted for once, in order, and not before its fire.
func TestPlanWithJitterCoversEachNominalTimeOnce(t *testing.T) {
	s, err := schedule.Parse(schedule.Spec{Kind: schedule.Cron, Expr: "*/7 * * * *", Jitter: "6m"})
	if err != nil {
		t.Fatal(err)
	}
	for _, policy := range []job.MisfirePolicy{job.Skip, job.CatchUp, "paused"} {
		for _, step := range []time.Duration{13 * time.Second, 4 * time.Minute, time.Hour, 40 * time.Hour} {
			j := job.Job{ID: "job_x", Paused: policy == "paused", Misfire: job.Misfire{Policy: policy, Grace: 20 * time.Minute}}.WithDefaults()
			cursor, end := at("01 00:00:00"), at("08 00:00:00")
			next := s.Next(cursor)
			for now := cursor; !now.After(end); now = now.Add(step) {
				for _, f := range plan(&j, s, cursor, now) {
					var account []job.Range
					account = append(account, f.Missed...)
					if !f.Due.IsZero() {
						account = append(account, job.Range{First: f.Due, Last: f.Due, Count: 1})
					}
					for _, r := range account {
						if n := s.Count(r.First.Add(-1), r.Last); !r.First.Equal(next) || n != r.Count {
							t.Fatalf("%s step %v: accounts for %d from %v to %v, want %d from %v", policy, step, r.Count, r.First, r.Last, n, next)
						}
						late := now.Sub(s.Fire("job_x", r.Last))
						if r.State == job.Missed && late <= 20*time.Minute && (r.Reason != job.ReasonCoalesced || f.Due.IsZero()) {
							t.Fatalf("%s step %v: %v is missed at %v though it was to fire %v ago", policy, step, r.Last, now, late)
						}
						if s.Fire("job_x", r.Last).After(now) {
							t.Fatalf("%s step %v: %v is accounted for before its fire", policy, step, r.Last)
						}
						next = s.Next(r.Last)
					}
					cursor = f.Cursor
				}
				if !s.Fire("job_x", next).After(now) {
					t.Fatalf("%s step %v: %v has fired and is not accounted for at %v", policy, step, next, now)
				}
			}
		}
	}
}

// ends is a journal that knows the last runs.
type ends map[job.ID]*job.Run

func (e ends) LastRun(_ context.Context, id job.ID) (*job.Run, error) {
	if r := e[id]; r == nil || r.ID != "broken" {
		return r, nil
	}
	return nil, errors.New("disk")
}

func (r *rig) over(f job.Firing) {
	r.Completed(&job.Run{Job: f.Job.ID, Trigger: f.Trigger, Due: f.Due, Ended: time.Now().UTC()})
	synctest.Wait()
}

// minutes returns when what was fired was due, in minutes after the start.
func minutes(r *rig) (list []float64) {
	for _, f := range r.fired.firings() {
		due := f.Due
		if due.IsZero() {
			due = f.Missed[0].First
		}
		list = append(list, due.Sub(r.start).Minutes())
	}
	return list
}

func TestDelayCountsFromCompletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.run(t)
		j := *r.put(t, timed("job", schedule.Spec{Kind: schedule.Delay, Expr: "10m"}))
		if got := r.Fires(j.ID, 5); len(got) != 1 || got[0].At.Sub(r.start) != 10*time.Minute {
			t.Errorf("fires %v, want the one that is known", got)
		}
		pass(time.Hour)
		if got := fmt.Sprint(minutes(r)); got != "[10]" {
			t.Fatalf("due at %s while the first run lasts, want [10]", got)
		}
		if !r.Next(j.ID).IsZero() || !strings.Contains(r.Idle(j.ID), "waits for the end") {
			t.Errorf("next %v, idle %q while the run lasts", r.Next(j.ID), r.Idle(j.ID))
		}
		first := r.fired.firings()[0]
		r.over(job.Firing{Job: first.Job, Trigger: job.ByHand, Due: first.Due}) // a run by hand is not its run
		r.over(job.Firing{Job: first.Job, Trigger: job.ByTimer, Due: first.Due.Add(-time.Minute)})
		if r.Idle(j.ID) == "" {
			t.Error("the end of another run was taken for its own")
		}
		j.Name = "renamed" // an edit meanwhile does not end the wait
		j = *r.put(t, j)
		r.over(first)
		r.over(first)
		if want := r.start.Add(70 * time.Minute); !r.Next(j.ID).Equal(want) || r.Idle(j.ID) != "" {
			t.Errorf("next %v, idle %q; want %v", r.Next(j.ID), r.Idle(j.ID), want)
		}
		pass(15 * time.Minute)
		if got := fmt.Sprint(minutes(r)); got != "[10 70]" {
			t.Errorf("due at %s, want [10 70]", got)
		}
	})
}

// What is denied or skipped is over at once, while it is being fired.
func TestDelayOfWhatDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Dispatch = fireFunc(func(ctx context.Context, f []job.Firing) error {
			if err := r.fired.Fire(ctx, f); err != nil {
				return err
			}
			<-time.After(3 * time.Second)
			for _, f := range f {
				r.Completed(&job.Run{Job: f.Job.ID, Trigger: f.Trigger, Due: f.Cursor, Ended: time.Now().UTC()})
			}
			return nil
		})
		r.run(t)
		r.put(t, timed("job", schedule.Spec{Kind: schedule.Delay, Expr: "10m"}))
		pass(35 * time.Minute)
		r.fired.refuse(errors.New("disk full"))
		pass(5*time.Minute + 20*time.Second)
		r.fired.refuse(nil)
		pass(30 * time.Second)
		if got, want := fmt.Sprint(minutes(r)), "[10 20.05 30.1 40.15]"; got != want {
			t.Errorf("due at %s, want %s", got, want)
		}
	})
}

// After a restart a delay goes on from the end of its last run, or waits for it.
func TestDelayOverARestart(t *testing.T) {
	spec := schedule.Spec{Kind: schedule.Delay, Expr: "10m"}
	for name, c := range map[string]struct {
		last *job.Run // Due and Ended set by the test
		end  time.Duration
		want string
	}{
		"no run yet":    {nil, 0, "[10]"},
		"ended":         {&job.Run{State: job.Failed}, 7 * time.Minute, "[17]"},
		"ended before":  {&job.Run{State: job.Succeeded}, -time.Hour, "[10]"},
		"still running": {&job.Run{State: job.Running}, 0, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := stored(timed("job", spec), 1, time.Now())
				if c.last != nil {
					c.last.Job, c.last.Due = j.ID, time.Now()
					if c.last.State.Terminal() {
						c.last.Ended = time.Now().Add(c.end)
					}
				}
				r := newRigOf(t, ends{j.ID: c.last}, j)
				r.run(t)
				pass(20 * time.Minute)
				if got := fmt.Sprint(minutes(r)); got != c.want {
					t.Errorf("due at %s, want %s", got, c.want)
				}
				if c.last != nil && c.last.State == job.Running { // recovery gives it an end
					r.Completed(&job.Run{Job: j.ID, Trigger: job.ByTimer, Due: c.last.Due, Ended: time.Now()})
					pass(11 * time.Minute)
					if got := fmt.Sprint(minutes(r)); got != "[30]" {
						t.Errorf("due at %s after its end, want [30]", got)
					}
				}
			})
		})
	}
}

func TestDelayIsNotArmedBlindly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := stored(timed("job", schedule.Spec{Kind: schedule.Delay, Expr: "10m"}), 1, time.Now())
		j.Key = 1
		s := New(Config{Store: &store{jobs: map[job.ID]*job.Job{j.ID: j}}, Runs: ends{j.ID: {ID: "broken"}}, Dispatch: &fired{}})
		if err := s.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "disk") {
			t.Errorf("Load with an unreadable journal: %v", err)
		}
	})
}

func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.run(t)
		few := r.put(t, timed("few", schedule.Spec{Kind: schedule.Every, Expr: "10m", MaxRuns: 2}))
		r.put(t, timed("between", schedule.Spec{Kind: schedule.Cron, Expr: "0 * * * *", Start: r.start.Add(90 * time.Minute), End: r.start.Add(3 * time.Hour)}))
		r.put(t, timed("workdays", schedule.Spec{Kind: schedule.Cron, Expr: "0 12 * * *", Except: "* * * * SAT,SUN"}))
		pass(72 * time.Hour) // from Saturday, 1 January 2000
		counts := map[string]int{}
		for _, f := range r.fired.firings() {
			counts[f.Job.Name]++
			if f.Job.Name == "workdays" && f.Due.Weekday() != time.Monday {
				t.Errorf("fired on %v", f.Due)
			}
		}
		if got := fmt.Sprint(counts); got != "map[between:2 few:2 workdays:1]" {
			t.Errorf("fired %s, want 2 of few, 2 of between, 1 of workdays", got)
		}
		if r.Idle(few.ID) != "over" || !r.Next(few.ID).IsZero() {
			t.Errorf("idle %q, next %v of a job that is over", r.Idle(few.ID), r.Next(few.ID))
		}
	})
}

// A job that is started on demand never fires by itself, until an edit says when.
func TestManual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.run(t)
		j := *r.put(t, timed("asked", schedule.Spec{Kind: schedule.Manual}))
		pass(72 * time.Hour)
		if n := len(r.fired.firings()); n != 0 {
			t.Errorf("fired %d times", n)
		}
		if r.Idle(j.ID) != "starts only on demand" || !r.Next(j.ID).IsZero() {
			t.Errorf("idle %q, next %v", r.Idle(j.ID), r.Next(j.ID))
		}
		j.Schedule = schedule.Spec{Kind: schedule.Every, Expr: "1h"}
		r.put(t, j)
		pass(150 * time.Minute)
		if n := len(r.fired.firings()); n != 2 {
			t.Errorf("fired %d times after the edit, want 2", n)
		}
	})
}

// H is spread by the job, and stays where it was.
func TestSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		minutes := map[int]bool{}
		for i := range 40 {
			j := r.put(t, timed(fmt.Sprint("job-", i), schedule.Spec{Kind: schedule.Cron, Expr: "H * * * *"}))
			if j.Schedule.Key != string(j.ID) {
				t.Fatalf("key %q of job %s", j.Schedule.Key, j.ID)
			}
			minutes[r.Next(j.ID).Minute()] = true
		}
		if len(minutes) < 15 {
			t.Errorf("40 jobs fire in %d minutes of the hour", len(minutes))
		}
		j := *r.Get("job-0")
		before := r.Next(j.ID)
		j.Name, j.Schedule = "renamed", schedule.Spec{Kind: schedule.Cron, Expr: "H * * * *"}
		if renamed := r.put(t, j); !r.Next(j.ID).Equal(before) || renamed.Schedule.Key != string(j.ID) {
			t.Errorf("an edit moved it from %v to %v", before, r.Next(j.ID))
		}
		given := *r.put(t, timed("given", schedule.Spec{Kind: schedule.Cron, Expr: "H * * * *", Key: "mine"}))
		given.Schedule.Key, given.Schedule.Expr = "", "H 3 * * *"
		if j := r.put(t, given); j.Schedule.Key != "mine" {
			t.Errorf("an edit changed the key to %q", j.Schedule.Key)
		}
		if j := r.put(t, timed("plain", schedule.Spec{Kind: schedule.Cron, Expr: "0 * * * *"})); j.Schedule.Key != "" {
			t.Errorf("a key %q that nobody needs", j.Schedule.Key)
		}
	})
}

// A zone is read once, however many jobs there are.
func TestZonesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := schedule.Spec{Kind: schedule.Cron, Expr: "0 9 * * *", Zone: "Europe/Prague"}
		a, b := stored(timed("a", spec), 1, time.Now()), stored(timed("b", spec), 1, time.Now())
		r := newRig(t, a, b)
		c := r.put(t, timed("c", spec))
		zone := r.compiled(t, a.ID).schedule.Location()
		if r.compiled(t, b.ID).schedule.Location() != zone || r.compiled(t, c.ID).schedule.Location() != zone {
			t.Error("jobs of one zone have read it each")
		}
	})
}
