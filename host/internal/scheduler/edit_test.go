package scheduler

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

func TestPauseAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.run(t)
		j := *r.put(t, every("job", "10s"))
		pass(15 * time.Second)
		j.Paused = true
		j = *r.put(t, j)
		if !r.Next(j.ID).IsZero() || len(r.Upcoming(5)) != 0 {
			t.Errorf("a paused job is due at %v, upcoming %v", r.Next(j.ID), r.Upcoming(5))
		}
		pass(time.Hour)
		j.Paused = false
		j = *r.put(t, j)
		pass(10 * time.Second)
		if j.Generation != 3 {
			t.Errorf("generation %d after two edits, want 3", j.Generation)
		}
		want := "timer 01 00:00:10\n[skipped:paused 01 00:00:20 to 01 01:00:10 x360]\ntimer 01 01:00:20"
		if got := show(r.fired.firings()); got != want {
			t.Errorf("fired:\n%s\nwant:\n%s", got, want)
		}
	})
}

// A pause with an end ends then, whoever runs: what came before it was skipped,
// what comes at its end fires.
func TestPauseUntil(t *testing.T) {
	for name, restart := range map[string]bool{"running": false, "over a restart": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				j := *r.put(t, every("job", "10s"))
				j.Paused, j.PauseReason, j.PauseUntil = true, "move", r.start.Add(time.Minute)
				j = *r.put(t, j)
				if restart {
					<-time.After(62 * time.Second)
					r = newRig(t, &j)
				}
				if !r.Next(j.ID).IsZero() || len(r.Upcoming(5)) != 0 {
					t.Errorf("a paused job is due at %v, upcoming %v", r.Next(j.ID), r.Upcoming(5))
				}
				r.store.refuse(errors.New("disk full"))
				r.run(t)
				pass(70 * time.Second)
				if got := r.Get("job"); !got.Paused {
					t.Error("resumed, though the store refused")
				}
				r.store.refuse(nil)
				pass(20 * time.Second)
				got := r.Get("job")
				if got.Paused || got.PauseReason != "" || !got.PauseUntil.IsZero() || got.Generation != 3 {
					t.Errorf("after the pause: %+v", got)
				}
				want := "[skipped:paused 01 00:00:10 to 01 00:00:50 x5]"
				if fired := show(r.fired.firings()); !strings.HasPrefix(fired, want) || strings.Count(fired, "paused") != 1 {
					t.Errorf("fired:\n%s\nwant first:\n%s", fired, want)
				}
				if last := r.fired.firings()[len(r.fired.firings())-1]; last.Due.Before(j.PauseUntil) || !r.Next(j.ID).After(time.Now()) {
					t.Errorf("last fired %v, next %v; want it to go on", last.Due, r.Next(j.ID))
				}
			})
		})
	}
}

// What was due before an edit is the old job's; nothing fires twice or late
// because of it.
func TestEditSettlesWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t) // the loop does not run: the edit comes before the tick
		j := *r.put(t, every("job", "10s"))
		<-time.After(25 * time.Second)
		j.Schedule = schedule.Spec{Kind: schedule.Every, Expr: "3s", Anchor: r.start}
		j = *r.put(t, j)
		if got, want := show(r.fired.firings()), "[missed:coalesced 01 00:00:10 to 01 00:00:10 x1] timer 01 00:00:20"; got != want {
			t.Errorf("the edit fired:\n%s\nwant:\n%s", got, want)
		}
		if g := r.fired.firings()[0].Job.Generation; g != 1 {
			t.Errorf("fired as generation %d, want 1", g)
		}
		if want := r.start.Add(25 * time.Second); !j.Cursor.Equal(want) {
			t.Errorf("cursor %v, want %v", j.Cursor, want)
		}
		if want := r.start.Add(27 * time.Second); !r.Next(j.ID).Equal(want) {
			t.Errorf("next %v, want %v", r.Next(j.ID), want)
		}
	})
}

func TestPutRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		j := *r.put(t, every("job", "10s"))
		edit := func(f func(*job.Job)) job.Job { j := j; f(&j); return j }
		for name, c := range map[string]struct {
			job  job.Job
			want error
			text string
		}{
			"name taken":     {every("job", "1m"), ErrTaken, "job_"},
			"bad schedule":   {every("other", "whenever"), ErrInvalid, "whenever"},
			"bad name":       {every("Üps", "1m"), ErrInvalid, "name"},
			"time passed":    {job.Job{Name: "past", Owner: alice, Action: j.Action, Schedule: schedule.Spec{Kind: schedule.At, Expr: "1999-12-31T00:00:00Z"}}, ErrInvalid, "has passed"},
			"stale edit":     {edit(func(j *job.Job) { j.Generation, j.PauseReason = 7, "x" }), ErrConflict, "generation 1"},
			"edit of nobody": {edit(func(j *job.Job) { j.ID = "job_nobody" }), ErrUnknown, "job_nobody"},
		} {
			_, err := r.Put(t.Context(), c.job, alice, "job.create")
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: Put: %v, want %v that says %q", name, err, c.want, c.text)
			}
		}
		if r.store.puts != 1 || len(r.List()) != 1 {
			t.Errorf("%d writes, %d jobs after refusals, want 1 of each", r.store.puts, len(r.List()))
		}
	})
}

func TestPutThatIsNotWrittenChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		j := *r.put(t, every("job", "10s"))
		r.store.err = errors.New("disk full")
		j.Name = "renamed"
		if _, err := r.Put(t.Context(), j, alice, "job.update"); err == nil {
			t.Fatal("the edit succeeded")
		}
		if err := r.Delete(t.Context(), j.ID, alice); err == nil {
			t.Fatal("the deletion succeeded")
		}
		if r.Get("renamed") != nil || r.Get("job") == nil || r.Next(j.ID).IsZero() {
			t.Error("the job changed in memory")
		}
	})
}

func TestEditsKeepWhatTheyDoNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		first := *r.put(t, every("job", "1m"))
		if first.Generation != 1 || !strings.HasPrefix(string(first.ID), "job_") || !first.Schedule.Anchor.Equal(r.start) {
			t.Errorf("new job: %+v", first)
		}
		<-time.After(90 * time.Second)
		if same := *r.put(t, first); same.Generation != 1 || r.store.puts != 1 {
			t.Errorf("an edit that changes nothing made generation %d, %d writes", same.Generation, r.store.puts)
		}
		again := every("renamed", "60s") // the same interval, written otherwise
		again.ID = first.ID
		second := *r.put(t, again)
		if second.Generation != 2 || !second.Created.Equal(first.Created) || !second.Schedule.Anchor.Equal(first.Schedule.Anchor) {
			t.Errorf("after a new name: %+v", second)
		}
		if r.Get("job") != nil || r.Get("renamed") == nil || r.Get(string(first.ID)) == nil {
			t.Error("the names in memory are not the new ones")
		}
	})
}

func TestAnInstantFiresOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.run(t)
		j := every("once", "1s")
		j.Schedule = schedule.Spec{Kind: schedule.At, Expr: r.start.Add(10 * time.Second).Format(time.RFC3339)}
		once := *r.put(t, j)
		pass(time.Minute)
		once.Group = "later"
		r.put(t, once) // an edit of something else is welcome when the time is over
		pass(time.Hour)
		if got, want := show(r.fired.firings()), "timer 01 00:00:10"; got != want {
			t.Errorf("fired:\n%s\nwant:\n%s", got, want)
		}
	})
}

func TestDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.run(t)
		j := r.put(t, every("job", "10s"))
		pass(15 * time.Second)
		if err := r.Delete(t.Context(), j.ID, alice); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if len(r.fired.firings()) != 1 || len(r.List()) != 0 || r.due.n != 0 {
			t.Errorf("%d firings, %d jobs, %d armed after deletion, want 1, 0, 0", len(r.fired.firings()), len(r.List()), r.due.n)
		}
		if err := r.Delete(t.Context(), j.ID, alice); !errors.Is(err, ErrUnknown) {
			t.Errorf("second deletion: %v, want ErrUnknown", err)
		}
	})
}
