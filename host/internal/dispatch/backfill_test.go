package dispatch

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// A run of a backfill waits for the others of its job, and what is due beside it
// waits for it: nothing is skipped or replaced because of it.
func TestBackfillStandsBack(t *testing.T) {
	for _, policy := range []job.ConcurrencyPolicy{job.Forbid, job.Replace, job.QueueOne, job.Allow} {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				j := r.job("job", 10*time.Second, func(j *job.Job) { j.Concurrency = job.Concurrency{Policy: policy} })
				of := &job.Backfill{ID: "bf_1", By: job.User("bob")}
				past := r.start.Add(-time.Hour)
				run, err := r.Backfill(t.Context(), j, of, past)
				if err != nil || run.State != job.Running || run.Parent != "bf_1" || run.Principal != of.By || run.Trigger != job.ByBackfill {
					t.Fatalf("%+v, %v", run, err)
				}
				_, err = r.Backfill(t.Context(), j, of, past.Add(time.Minute))
				if occupied := errors.Is(err, ErrOccupied); occupied == (policy == job.Allow) {
					t.Errorf("a second one at once: %v", err)
				}
				pass(2 * time.Second)
				r.fire(t, j)
				_, err = r.Backfill(t.Context(), j, of, past.Add(2*time.Minute))
				if occupied := errors.Is(err, ErrOccupied); occupied == (policy == job.Allow) {
					t.Errorf("beside one that is due: %v", err)
				}
				pass(time.Minute)
				got := ""
				for _, row := range r.journal.rows {
					if row.Trigger == job.ByTimer {
						got = string(row.State)
					}
					if row.State != job.Succeeded {
						t.Errorf("%s ended as %s:%s", r.name(row), row.State, row.Reason)
					}
				}
				if got == "" {
					t.Error("no row of what was due")
				}
			})
		})
	}
}

// Under allow it leaves the schedule a place, and everywhere it wants a free slot.
func TestBackfillLeavesAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.MaxRuns = 3 })
		j := r.job("job", 10*time.Second, func(j *job.Job) { j.Concurrency = job.Concurrency{Policy: job.Allow, Max: 3} })
		other := r.job("other", 10*time.Second, nil)
		of := &job.Backfill{ID: "bf_1", By: alice}
		for i, want := range []error{nil, nil, ErrOccupied} {
			if _, err := r.Backfill(t.Context(), j, of, r.start.Add(time.Duration(i)*time.Minute)); !errors.Is(err, want) {
				t.Errorf("run %d: %v, want %v", i, err, want)
			}
		}
		r.fire(t, j)
		if _, err := r.Backfill(t.Context(), other, of, r.start); !errors.Is(err, ErrOccupied) {
			t.Errorf("without a free slot: %v", err)
		}
		pass(11 * time.Second)
		if _, err := r.Backfill(t.Context(), other, of, r.start); err != nil {
			t.Errorf("with one: %v", err)
		}
		r.deny(job.ReasonPolicy)
		pass(11 * time.Second)
		run, err := r.Backfill(t.Context(), other, of, r.start)
		if err != nil || run.State != job.Denied {
			t.Errorf("denied: %v, %v", run, err)
		}
	})
}
