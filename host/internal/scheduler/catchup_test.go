package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

func TestPlanOfASet(t *testing.T) {
	hourly := schedule.Spec{Kind: schedule.Cron, Expr: "0 * * * *"}
	misfire := func(c job.Coalesce, most int) job.Misfire {
		return job.Misfire{Policy: job.CatchUp, Coalesce: c, Max: most}
	}
	for name, c := range map[string]struct {
		misfire            job.Misfire
		allow              bool
		cursor, now, until string
		want               string
	}{
		"all: one missed":                {misfire: misfire(job.All, 3), cursor: "01 12:00:00", now: "01 13:30:00", want: "catch-up 01 13:00:00"},
		"all: the first of them":         {misfire: misfire(job.All, 3), cursor: "01 12:00:00", now: "01 15:30:00", want: "catch-up 01 13:00:00"},
		"all: of more than the maximum":  {misfire: misfire(job.All, 3), cursor: "01 12:00:00", now: "01 20:30:00", want: "[missed:coalesced 01 13:00:00 to 01 17:00:00 x5] catch-up 01 18:00:00"},
		"all: the set keeps its size":    {misfire: misfire(job.All, 3), cursor: "01 18:00:00", now: "01 23:30:00", until: "01 20:00:00", want: "catch-up 01 19:00:00"},
		"all: then what is on time":      {misfire: misfire(job.All, 3), cursor: "01 20:00:00", now: "01 21:00:30", until: "01 20:00:00", want: "timer 01 21:00:00"},
		"all: then the latest":           {misfire: misfire(job.All, 3), cursor: "01 20:00:00", now: "01 23:30:00", until: "01 20:00:00", want: "[missed:coalesced 01 21:00:00 to 01 22:00:00 x2] catch-up 01 23:00:00"},
		"all: before what is on time":    {misfire: misfire(job.All, 3), cursor: "01 12:00:00", now: "01 14:00:30", want: "catch-up 01 13:00:00"},
		"all: allow, one by one":         {misfire: misfire(job.All, 3), allow: true, cursor: "01 12:00:00", now: "01 14:00:30", want: "catch-up 01 13:00:00"},
		"all: a week":                    {misfire: misfire(job.All, 2), cursor: "01 12:00:00", now: "08 12:30:00", want: "[missed:window 01 13:00:00 to 07 12:00:00 x144] [missed:coalesced 07 13:00:00 to 08 10:00:00 x22] catch-up 08 11:00:00"},
		"all: outdated in its set":       {misfire: misfire(job.All, 3), cursor: "01 18:00:00", now: "02 19:30:00", until: "01 20:00:00", want: "[missed:window 01 19:00:00 to 01 19:00:00 x1] catch-up 01 20:00:00"},
		"all: its whole set outdated":    {misfire: misfire(job.All, 3), cursor: "01 18:00:00", now: "08 19:30:00", until: "01 20:00:00", want: "[missed:window 01 19:00:00 to 01 20:00:00 x2]"},
		"earliest: one missed":           {misfire: misfire(job.Earliest, 3), cursor: "01 12:00:00", now: "01 13:30:00", want: "catch-up 01 13:00:00"},
		"earliest: of several":           {misfire: misfire(job.Earliest, 1), cursor: "01 12:00:00", now: "01 20:30:00", want: "catch-up 01 13:00:00 [missed:earlier 01 14:00:00 to 01 20:00:00 x7]"},
		"earliest: a week":               {misfire: misfire(job.Earliest, 3), cursor: "01 12:00:00", now: "08 12:30:00", want: "[missed:window 01 13:00:00 to 07 12:00:00 x144] catch-up 07 13:00:00 [missed:earlier 07 14:00:00 to 08 12:00:00 x23]"},
		"earliest: then what is on time": {misfire: misfire(job.Earliest, 3), cursor: "01 20:00:00", now: "01 21:00:30", until: "01 20:00:00", want: "timer 01 21:00:00"},
		"earliest: before what is on time": {
			misfire: misfire(job.Earliest, 3), cursor: "01 12:00:00", now: "01 15:00:30",
			want: "catch-up 01 13:00:00 [missed:earlier 01 14:00:00 to 01 14:00:00 x1]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := schedule.Parse(hourly)
			if err != nil {
				t.Fatal(err)
			}
			j := job.Job{Misfire: c.misfire}
			if c.allow {
				j.Concurrency.Policy = job.Allow
			}
			j = j.WithDefaults()
			until := time.Time{}
			if c.until != "" {
				until = at(c.until)
			}
			if got := show(planSet(&j, s, at(c.cursor), at(c.now), until)); got != c.want {
				t.Errorf("plan:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

// However time is cut by gaps, whatever the policies: each nominal time is
// accounted for once, in order, for a reason that holds, and a set is caught up as
// its job says.
func TestPlanAccountsForAll(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 1))
		spec := schedule.Spec{Kind: schedule.Cron, Expr: []string{"*/7 * * * *", "13 */2 * * *", "0 9-17 * * 1-5", "* * * * *"}[rng.IntN(4)]}
		if rng.IntN(2) == 0 {
			spec.Jitter = "6m"
		}
		s, err := schedule.Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		j := job.Job{ID: "job_x", Misfire: job.Misfire{
			Policy:   []job.MisfirePolicy{job.Skip, job.CatchUp}[rng.IntN(2)],
			Coalesce: []job.Coalesce{job.Latest, job.Earliest, job.All}[rng.IntN(3)],
			Max:      1 + rng.IntN(5), Grace: []time.Duration{time.Minute, 20 * time.Minute}[rng.IntN(2)],
			Window: []time.Duration{time.Hour, 24 * time.Hour}[rng.IntN(2)],
		}, Concurrency: job.Concurrency{Policy: []job.ConcurrencyPolicy{job.Forbid, job.Allow}[rng.IntN(2)]}}.WithDefaults()
		if err := lived(rng, &j, s); err != nil {
			t.Errorf("seed %d, %s, %+v, %s: %v", seed, spec.Expr, j.Misfire, j.Concurrency.Policy, err)
		}
	}
}

// lived plans a job through times and gaps of chance, each caught-up run of a set
// taking its time.
func lived(rng *rand.Rand, j *job.Job, s *schedule.Schedule) error {
	cursor, until := at("01 00:00:00"), time.Time{}
	next := s.Next(cursor)
	caught := 0 // of the set
	var broken error
	for now := cursor; now.Before(at("15 00:00:00")) && broken == nil; {
		firings := planSet(j, s, cursor, now, until)
		if !until.IsZero() && !cursor.Before(until) {
			until, caught = time.Time{}, 0
		}
		check := func(r job.Range) {
			late := now.Sub(s.Fire("job_x", r.Last))
			switch {
			case !r.First.Equal(next) || s.Count(r.First.Add(-1), r.Last) != r.Count:
				broken = fmt.Errorf("at %v %d from %v to %v, want from %v", now, r.Count, r.First, r.Last, next)
			case late < 0:
				broken = fmt.Errorf("at %v: %v is accounted for before its fire", now, r.Last)
			case r.Reason == job.ReasonWindow && late <= j.Misfire.Window && late <= j.Misfire.Grace:
				broken = fmt.Errorf("at %v: %v is within the window", now, r.Last)
			case r.Reason == job.ReasonMisfire && late <= j.Misfire.Grace:
				broken = fmt.Errorf("at %v: %v is within the grace", now, r.Last)
			}
			next = s.Next(r.Last)
		}
		for _, f := range firings {
			for _, r := range f.Missed {
				check(r)
			}
			if !f.Due.IsZero() {
				check(job.Range{First: f.Due, Last: f.Due, Count: 1})
				late := now.Sub(f.Fire)
				switch {
				case f.Trigger == job.ByTimer && late > j.Misfire.Grace:
					broken = fmt.Errorf("at %v: %v on time, %v late", now, f.Due, late)
				case f.Trigger == job.ByCatchUp && (late <= j.Misfire.Grace || late > max(j.Misfire.Window, j.Misfire.Grace) || j.Misfire.Policy != job.CatchUp):
					broken = fmt.Errorf("at %v: %v caught up, %v late", now, f.Due, late)
				case f.Trigger == job.ByCatchUp && each(j):
					if caught++; caught > j.Misfire.Max+1 {
						broken = fmt.Errorf("at %v: %d are caught up", now, caught)
					}
				}
			}
			for _, r := range f.After {
				check(r)
			}
			if !s.Prev(next).Equal(f.Cursor) {
				broken = fmt.Errorf("at %v: the cursor is %v, want %v", now, f.Cursor, s.Prev(next))
			}
			cursor = f.Cursor
		}
		switch {
		case len(firings) == 0:
			if !s.Fire("job_x", next).After(now) {
				return fmt.Errorf("at %v: %v has fired and is not accounted for", now, next)
			}
			until, caught = time.Time{}, 0
			now = now.Add([]time.Duration{time.Minute, time.Hour, 50 * time.Hour}[rng.IntN(3)])
		case firings[0].Trigger == job.ByCatchUp && each(j):
			if until.IsZero() {
				until = agenda{s, "job_x"}.firedBefore(now.Add(-j.Misfire.Grace))
			}
			now = now.Add(time.Duration(rng.Int64N(int64(20 * time.Minute)))) // its run
		}
	}
	return broken
}

// missed is a job that was due every 10 minutes for an hour and a half before the
// start, of which an hour is in its window.
func missed(name string, c job.Coalesce, policy job.ConcurrencyPolicy) *job.Job {
	j := timed(name, schedule.Spec{Kind: schedule.Every, Expr: "10m"})
	j.Misfire = job.Misfire{Policy: job.CatchUp, Coalesce: c, Window: time.Hour, Max: 4}
	j.Concurrency.Policy = policy
	s := stored(j, 1, time.Now().Add(-95*time.Minute))
	compiled, err := schedule.Parse(s.Schedule)
	if err != nil {
		panic(err)
	}
	s.Schedule = compiled.Spec()
	return s
}

// What was missed runs one after another, and what is on time waits for it,
// whatever the concurrency policy.
func TestCatchUpOneAfterAnother(t *testing.T) {
	for _, policy := range []job.ConcurrencyPolicy{job.Forbid, job.Replace, job.QueueOne, job.Allow} {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := missed("job", job.All, policy)
				r := newRig(t, j)
				r.run(t)
				pass(time.Minute)
				if got := minutes(r); len(got) != 1 {
					t.Fatalf("fired %v before the first run ended", show(r.fired.firings()))
				}
				if !strings.Contains(r.CatchUp(j.ID), "one after another") || !r.Next(j.ID).IsZero() {
					t.Errorf("it says %q, next %v", r.CatchUp(j.ID), r.Next(j.ID))
				}
				for range 3 { // each run takes two minutes
					pass(2 * time.Minute)
					r.over(last(r))
				}
				// 7 minutes after the start the set is through; what came at 5 is late.
				pass(time.Second)
				r.over(last(r))
				pass(10 * time.Minute)
				all := r.fired.firings()
				var due []string
				for _, f := range all {
					due = append(due, fmt.Sprint(string(f.Trigger), " ", f.Due.Sub(r.start).Minutes()))
				}
				want := []string{"catch-up -35", "catch-up -25", "catch-up -15", "catch-up -5", "catch-up 5", "timer 15"}
				if !slices.Equal(due, want) {
					t.Errorf("fired %v, want %v", due, want)
				}
				if r := all[0].Missed; len(r) != 2 || r[0].Reason != job.ReasonWindow || r[1].Reason != job.ReasonCoalesced || r[1].Count != 2 {
					t.Errorf("missed %+v", r)
				}
			})
		})
	}
}

func last(r *rig) job.Firing {
	all := r.fired.firings()
	return all[len(all)-1]
}

func TestCatchUpOfTheEarliest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, missed("job", job.Earliest, job.Forbid))
		r.run(t)
		pass(6 * time.Minute)
		if got := fmt.Sprint(minutes(r)); got != "[-55]" {
			t.Errorf("due at %s while the first runs, want [-55]", got)
		}
		r.over(last(r))
		if got := fmt.Sprint(minutes(r)); got != "[-55 5]" {
			t.Errorf("due at %s after it, want [-55 5]", got)
		}
	})
}

// After a start a thousand jobs do not start at once, what is on time does, and
// each waits for its turn with its identity, or is outdated meanwhile.
func TestCatchUpBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var jobs []*job.Job
		for i := range 100 {
			jobs = append(jobs, missed(fmt.Sprint("latest-", i), job.Latest, job.Forbid))
		}
		for i := range 20 {
			jobs = append(jobs, missed(fmt.Sprint("all-", i), job.All, job.Forbid))
		}
		punctual := stored(timed("punctual", schedule.Spec{Kind: schedule.Every, Expr: "1s"}), 1, time.Now())
		r := newRig(t, append(jobs, punctual)...)
		r.run(t)
		caught := func() (late, onTime int) {
			count := map[job.Trigger]int{}
			for _, f := range r.fired.firings() {
				count[f.Trigger]++
			}
			return count[job.ByCatchUp], count[job.ByTimer]
		}
		pass(500 * time.Millisecond)
		if n, _ := caught(); n != 10 {
			t.Errorf("%d were caught up at once, want 10", n)
		}
		waiting := slices.IndexFunc(jobs, func(j *job.Job) bool { return strings.Contains(r.CatchUp(j.ID), "110 jobs wait") })
		if waiting < 0 {
			t.Error("nobody says that 110 jobs wait")
		}
		pass(20 * time.Second)
		if n, onTime := caught(); n != 30 || onTime != 20 {
			t.Errorf("%d caught up and %d on time after 20s, want 30 and 20", n, onTime)
		}
		pass(5 * time.Minute) // at 5 each has a time that fires in the place of what waits; of all it waits
		n, _ := caught()
		if n < 110 || n > 320 {
			t.Errorf("%d caught up after 5 minutes", n)
		}
		seen := map[string]bool{}
		for _, f := range r.fired.firings() {
			key := fmt.Sprint(f.Job.ID, f.Due)
			if !f.Due.IsZero() && seen[key] {
				t.Fatalf("%s fired twice at %v", f.Job.Name, f.Due)
			}
			seen[key] = true
		}
	})
}

// A set goes on where a restart cut it, after the run that is still open.
func TestCatchUpOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := missed("job", job.All, job.Forbid)
		j.Cursor = time.Now().Add(-25 * time.Minute)
		r := newRig(t, j)
		open := &job.Run{Job: j.ID, Trigger: job.ByCatchUp, Due: j.Cursor, State: job.Queued}
		r.Resume([]*job.Run{open})
		r.run(t)
		pass(time.Minute)
		if n := len(r.fired.firings()); n != 0 {
			t.Fatalf("%d fired beside the one that is open", n)
		}
		open.Ended = time.Now()
		r.Completed(open)
		synctest.Wait()
		if got := fmt.Sprint(minutes(r)); got != "[-15]" {
			t.Errorf("due at %s, want [-15]", got)
		}
	})
}

// An occurrence that the journal refused does not keep the set waiting.
func TestCatchUpOfARefusedClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := missed("job", job.All, job.Forbid)
		r := newRig(t, j)
		r.run(t)
		pass(time.Second)
		r.Completed(&job.Run{Job: j.ID, Trigger: job.ByTimer, Due: last(r).Due.Add(time.Hour)}) // another's end
		pass(time.Second)
		if n := len(r.fired.firings()); n != 1 {
			t.Fatalf("%d fired, want 1", n)
		}
		r.Refused(j.ID, last(r).Cursor)
		synctest.Wait()
		if n := len(r.fired.firings()); n != 2 {
			t.Errorf("%d fired after the refusal, want 2", n)
		}
	})
}

// A refused batch is fired again as it was.
func TestCatchUpRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, missed("job", job.All, job.Forbid))
		r.fired.refuse(errors.New("disk full"))
		r.run(t)
		pass(40 * time.Second)
		r.fired.refuse(nil)
		pass(30 * time.Second)
		if got := fmt.Sprint(minutes(r)); got != "[-35]" {
			t.Errorf("due at %s, want [-35]", got)
		}
	})
}

// That what is on time is refused does not make a caught-up run be forgotten that
// still executes: what is late by then waits for it.
func TestCatchUpBesideARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, missed("job", job.All, job.Allow))
		r.run(t)
		for range 4 { // the set, two minutes each
			pass(2 * time.Minute)
			r.over(last(r))
		}
		pass(time.Minute)
		before := minutes(r) // of them the last is late, and not over
		if last(r).Trigger != job.ByCatchUp {
			t.Fatalf("fired %v", show(r.fired.firings()))
		}
		r.fired.refuse(errors.New("disk full"))
		pass(10 * time.Minute)
		r.fired.refuse(nil)
		pass(time.Minute)
		if got := minutes(r); len(got) != len(before) {
			t.Errorf("due at %v, beside the run of the last of %v", got, before)
		}
		r.over(last(r))
		pass(time.Second)
		if got := minutes(r); len(got) != len(before)+1 {
			t.Errorf("due at %v after it, want one more than %v", got, before)
		}
	})
}

// What was to be caught up survives an edit that leaves the schedule alone; another
// ends it, and so does a pause or a deletion, and all of it is accounted for.
func TestEditsOfWhatIsCaughtUp(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*rig, job.Job) error
		want string
	}{
		"renamed": {func(r *rig, j job.Job) error {
			j.Name = "other"
			_, err := r.Put(context.Background(), j, alice, "job.update")
			return err
		}, ""},
		"another schedule": {func(r *rig, j job.Job) error {
			j.Schedule = schedule.Spec{Kind: schedule.Every, Expr: "7m"}
			_, err := r.Put(context.Background(), j, alice, "job.update")
			return err
		}, "missed:edited x3"},
		"paused": {func(r *rig, j job.Job) error {
			j.Paused = true
			if _, err := r.Put(context.Background(), j, alice, "job.pause"); err != nil {
				return err
			}
			j.Paused, j.Generation = false, 0
			pass(time.Second)
			_, err := r.Put(context.Background(), j, alice, "job.resume")
			return err
		}, "skipped:paused x3"},
		"deleted": {func(r *rig, j job.Job) error { return r.Delete(context.Background(), j.ID, alice) }, "missed:edited x3"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := missed("job", job.All, job.Forbid)
				r := newRig(t, j)
				r.run(t)
				pass(time.Second)
				first := last(r)
				if err := c.edit(r, *r.Get(string(j.ID))); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
				r.over(first)
				f := last(r)
				got := ""
				if len(f.Missed) > 0 {
					got = fmt.Sprintf("%s:%s x%d", f.Missed[0].State, f.Missed[0].Reason, f.Missed[0].Count)
				}
				if got != c.want {
					t.Errorf("after the edit %q, want %q", got, c.want)
				}
				if c.want == "" && f.Due.Sub(r.start) != -25*time.Minute {
					t.Errorf("fired %v, want the next of the set", f.Due)
				}
			})
		})
	}
}

func TestBudget(t *testing.T) {
	now := at("01 00:00:00")
	b := budget{rate: 60, level: 2}
	for i, want := range []bool{true, true, false} {
		if got := b.take(now); got != want {
			t.Errorf("take %d of the two it has: %v", i+1, got)
		}
	}
	if w := b.wait(now); w < time.Second || w > time.Second+time.Millisecond {
		t.Errorf("it says to wait %v, want a second", w)
	}
	if b.take(now.Add(-time.Hour)) || b.take(now) || !b.take(now.Add(time.Second)) {
		t.Error("it gives by a clock that went back, or not after a second")
	}
	n := 0
	for now = now.Add(time.Hour); b.take(now); n++ {
	}
	if n != catchUpBurst {
		t.Errorf("%d at once after an hour, want %d", n, catchUpBurst)
	}
}
