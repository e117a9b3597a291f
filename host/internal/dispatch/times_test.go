package dispatch

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Who waits for the end of an occurrence learns that there will be none.
func TestARefusedClaimIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []job.ID
		var until time.Time
		r := newRig(t, func(c *Config) {
			c.Refused = func(id job.ID, cursor time.Time) { told, until = append(told, id), cursor }
		})
		j, k := r.job("j", time.Second, nil), r.job("k", time.Second, nil)
		r.journal.refuse = func(c job.Claim) error {
			if c.Job == j.ID {
				return errors.New("already accounted for")
			}
			return nil
		}
		r.fire(t, j, k)
		pass(time.Minute)
		if len(told) != 1 || told[0] != j.ID || !until.Equal(r.start) {
			t.Errorf("told of %v until %v, want %s until %v", told, until, j.ID, r.start)
		}
	})
}

// A queued run is late by what has passed since it was to start, not since its
// nominal time.
func TestRecoverCountsFromTheFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		var open []*job.Run
		for name, fire := range map[string]time.Duration{"fresh": 30 * time.Second, "late": 61 * time.Second} {
			j := r.job(name, time.Second, nil)
			run := &job.Run{
				ID: job.RunID("run_" + name), Job: j.ID, JobName: name, Action: j.Action, Trigger: job.ByTimer, State: job.Queued,
				Due: r.start.Add(-2 * time.Minute), Fire: r.start.Add(-fire), Created: r.start.Add(-fire), Principal: alice,
			}
			row := *run
			open, r.journal.rows = append(open, run), append(r.journal.rows, &row)
		}
		if err := r.Recover(t.Context(), open); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		for _, row := range r.journal.rows {
			if want := map[string]job.State{"fresh": job.Succeeded, "late": job.Expired}[row.JobName]; row.State != want {
				t.Errorf("%s is %s, want %s", row.JobName, row.State, want)
			}
		}
	})
}
