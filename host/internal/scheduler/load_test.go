package scheduler

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

// again is a scheduler that is started on the store of r, which another by wrote.
func (r *rig) again(t *testing.T, by string) *rig {
	t.Helper()
	next := &rig{store: r.store, fired: &fired{}, log: r.log, start: time.Now()}
	next.Scheduler = New(r.cfg)
	next.cfg.Dispatch = next.fired
	next.store.by, next.store.reads = by, 0
	if err := next.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return next
}

// A start reads no job whose next fire is known, and yet fires all in time.
func TestLoadReadsWhatIsNotKnown(t *testing.T) {
	for name, c := range map[string]struct {
		by    string
		reads int
	}{"known": {"test", 0}, "computed by another": {"another", 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := newRig(t)
				for i := range 20 {
					first.put(t, every(fmt.Sprintf("job-%02d", i), fmt.Sprintf("%dm", i+1)))
				}
				paused := *first.put(t, every("paused", "1h"))
				paused.Paused = true
				first.put(t, paused)
				over := every("over", "1m")
				over.Schedule.End = time.Now().Add(90 * time.Second)
				first.put(t, over)
				r := first.again(t, c.by)
				if r.store.reads != c.reads {
					t.Errorf("%d reads, want %d", r.store.reads, c.reads)
				}
				if all, paused := r.Count(); all != 22 || paused != 1 || r.due.n != 21 {
					t.Errorf("%d jobs, %d paused, %d armed, want 22, 1, 21", all, paused, r.due.n)
				}
				r.run(t)
				pass(10*time.Minute + time.Second)
				want := 1
				for i := range 20 {
					want += 10 / (i + 1)
				}
				if got := len(r.fired.firings()); got != want {
					t.Errorf("%d fired, want %d", got, want)
				}
				for _, f := range r.fired.firings() {
					if len(f.Missed) != 0 || !f.Fire.Equal(f.Due) {
						t.Errorf("%s at %v: %+v", f.Job.Name, f.Due, f.Missed)
					}
				}
				if r.store.reads = 0; c.reads > 0 {
					if r.again(t, r.store.by); r.store.reads != 0 {
						t.Errorf("%d reads at the start after, want 0", r.store.reads)
					}
				}
			})
		})
	}
}

// A paused job is not looked at before something came while it was paused.
func TestLoadOfPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newRig(t)
		j := *first.put(t, every("job", "1h"))
		j.Paused = true
		first.put(t, j)
		<-time.After(30 * time.Minute)
		r := first.again(t, "test")
		if r.due.n != 0 || !r.Next(j.ID).IsZero() || r.Get("job") == nil {
			t.Errorf("%d armed, next %v", r.due.n, r.Next(j.ID))
		}
		<-time.After(2 * time.Hour)
		r = first.again(t, "test")
		r.run(t)
		pass(time.Second)
		if got, want := show(r.fired.firings()), "[skipped:paused 01 01:00:00 to 01 02:00:00 x2]"; got != want {
			t.Errorf("fired %s, want %s", got, want)
		}
	})
}

// Jobs that do not fit into what is kept compiled fire like others, are edited
// and deleted like others.
func TestMoreJobsThanAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Cache, r.cache.limit = 3, 3
		r.run(t)
		for i := range 40 {
			r.put(t, every(fmt.Sprintf("job-%02d", i), "10s"))
		}
		delay := every("delay", "7s")
		delay.Schedule = schedule.Spec{Kind: schedule.Delay, Expr: "7s"}
		delay = *r.put(t, delay)
		pass(10 * time.Second)
		count := map[string]int{}
		for _, f := range r.fired.firings() {
			count[f.Job.Name]++
			if f.Job.ID == delay.ID { // not compiled any more, it ends
				r.Completed(&job.Run{Job: f.Job.ID, Trigger: job.ByTimer, Due: f.Due, Ended: time.Now()})
			}
		}
		if want := r.start.Add(17 * time.Second); !r.Next(delay.ID).Equal(want) {
			t.Errorf("the delay is due at %v, want %v", r.Next(delay.ID), want)
		}
		for i := range 40 {
			name := fmt.Sprintf("job-%02d", i)
			if count[name] != 1 {
				t.Errorf("%s fired %d times in 10 s", name, count[name])
			}
			j := *r.Get(name)
			if !j.Cursor.Equal(r.start.Add(10 * time.Second)) {
				t.Errorf("%s is at %v", name, j.Cursor)
			}
			switch i % 3 {
			case 0:
				j.Schedule = schedule.Spec{Kind: schedule.Every, Expr: "1h"}
				r.put(t, j)
			case 1:
				if err := r.Delete(t.Context(), j.ID, alice); err != nil {
					t.Error(err)
				}
			}
		}
		r.mu.Lock()
		kept := len(r.cache.young.key) + len(r.cache.old.key)
		r.mu.Unlock()
		if kept > 2*3+1 {
			t.Errorf("%d entries are kept, want about 6", kept)
		}
		pass(10 * time.Second)
		if n := len(r.fired.firings()) - 41; n != 14 { // 13, and the delay
			t.Errorf("%d fired in the next 10 s, want 14", n)
		}
	})
}

// Numbers of jobs that are gone are given to others, who inherit nothing.
func TestKeysAreGivenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var gone []job.ID
		for i := range 5 {
			j := every(fmt.Sprintf("gone-%d", i), "10s")
			j.Paused = i == 0
			gone = append(gone, r.put(t, j).ID)
		}
		for _, id := range gone[:4] {
			if err := r.Delete(t.Context(), id, alice); err != nil {
				t.Fatal(err)
			}
		}
		r = r.again(t, "test")
		var keys []uint32
		for i := range 5 {
			keys = append(keys, r.put(t, every(fmt.Sprintf("new-%d", i), "1m")).Key)
		}
		slices.Sort(keys)
		if want := []uint32{1, 2, 3, 4, 6}; !slices.Equal(keys, want) {
			t.Errorf("keys %v, want %v", keys, want)
		}
		if all, paused := r.Count(); all != 6 || paused != 0 || r.due.n != 6 {
			t.Errorf("%d jobs, %d paused, %d armed", all, paused, r.due.n)
		}
	})
}

// A store that cannot be read sets nobody aside and forgets nothing; a job that
// cannot be read disturbs no other.
func TestUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newRig(t)
		bad := *first.put(t, every("bad", "10s"))
		first.put(t, every("good", "10s"))
		r := first.again(t, "test")
		fail := func(err error) {
			r.store.mu.Lock()
			defer r.store.mu.Unlock()
			r.store.readErr = err
		}
		fail(errors.New("disk broken"))
		r.store.bad = map[uint32]bool{bad.Key: true}
		r.run(t)
		pass(12 * time.Second)
		if _, err := r.Scheduler.Get("good"); err == nil {
			t.Error("a job is unknown, of a store that cannot be read")
		}
		if _, err := r.Put(t.Context(), every("good", "1h"), alice, "job.create"); err == nil || errors.Is(err, ErrTaken) {
			t.Errorf("a new job of a name that cannot be looked up: %v", err)
		}
		fail(nil)
		pass(10 * time.Second)
		names, _ := r.fired.since(r.start)
		if want := []string{"good", "good"}; !slices.Equal(names, want) && !slices.Equal(names, want[:1]) {
			t.Errorf("fired %v", names)
		}
		if !strings.Contains(r.log.String(), "not a job") || len(r.aside) != 1 {
			t.Errorf("aside %v, log %s", r.aside, r.log)
		}
	})
}

// Upcoming asks for no more jobs than it tells of.
func TestUpcomingOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newRig(t)
		for i := range 300 {
			j := every(fmt.Sprintf("job-%03d", i), fmt.Sprintf("%dm", 300-i))
			first.put(t, j)
			if i%2 == 0 { // for the end of the pause
				j = *first.Get(j.Name)
				j.Paused, j.PauseUntil = true, time.Now().Add(30*time.Second)
				first.put(t, j)
			}
		}
		var got []string
		for _, f := range first.again(t, "test").Upcoming(6) {
			got = append(got, f.Job.Name+f.At.Format(" 15:04"))
		}
		want := []string{"job-299 00:01", "job-299 00:02", "job-297 00:03", "job-299 00:03", "job-299 00:04", "job-295 00:05"}
		if !slices.Equal(got, want) {
			t.Errorf("upcoming %q, want %q", got, want)
		}
	})
}
