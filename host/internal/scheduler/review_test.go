package scheduler

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Whatever happened to the table of instants, it is found and repaired.
func TestReview(t *testing.T) {
	for name, c := range map[string]struct {
		harm    func(r *rig, j *job.Job)
		repairs int
	}{
		"nothing":        {func(*rig, *job.Job) {}, 0},
		"disarmed":       {func(r *rig, j *job.Job) { r.due.remove(j.Key) }, 1},
		"armed too late": {func(r *rig, j *job.Job) { r.due.set(j.Key, j.Cursor.Add(5*time.Hour).UnixMicro()) }, 1},
		"lost from lists": {func(r *rig, _ *job.Job) {
			r.due.soon, r.due.near, r.due.late = [wheel][]uint32{}, nil, [wheel][]uint32{}
		}, 3},
		"not known": {func(r *rig, j *job.Job) { r.due.remove(j.Key); r.roll.vacate(j.Key); r.cache.drop(j.Key) }, 1},
		"unread":    {func(r *rig, j *job.Job) { r.unreadable(j.Key, nil) }, 1},
		"gone": {func(r *rig, j *job.Job) {
			r.roll.move(77, 0)
			r.due.set(77, j.Cursor.Add(time.Minute).UnixMicro())
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.run(t)
				var jobs []*job.Job
				for i := range 3 {
					jobs = append(jobs, r.put(t, every(fmt.Sprintf("job-%d", i), "10m")))
				}
				paused := *r.put(t, every("paused", "10m"))
				paused.Paused = true
				r.put(t, paused)
				pass(time.Minute)
				if len(r.store.repairs) != 0 {
					t.Fatalf("repaired %v before there was any harm", r.store.repairs)
				}
				r.mu.Lock()
				c.harm(r, jobs[1])
				r.mu.Unlock()
				pass(31 * time.Minute)
				r.store.mu.Lock()
				defer r.store.mu.Unlock()
				if len(r.store.repairs) != c.repairs {
					t.Errorf("repaired %+v, want %d repairs", r.store.repairs, c.repairs)
				}
				if n := len(r.fired.firings()); n != 9 {
					t.Errorf("%d fired, want 9", n)
				}
			})
		})
	}
}
