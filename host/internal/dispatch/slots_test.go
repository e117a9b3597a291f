package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

func limits(c *Config) {
	c.MaxRuns = 4
	c.GroupLimits = map[string]int{"backup": 2}
	c.SkillLimits = map[string]int{"test.shell": 1}
}

func of(group, skill string) func(*job.Job) {
	return func(j *job.Job) {
		j.Group = group
		if skill != "" {
			j.Action.Skill = skill
		}
	}
}

// A group and a skill that are full hold up nobody else, nor each other; in every
// class they start as they came.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, limits)
		var jobs []*job.Job
		for i, need := range [][2]string{
			{"backup", ""}, {"backup", ""}, {"backup", ""}, // the third is one too many of its group
			{"", "test.shell"}, {"", "test.shell"}, // and the second of the skill
			{"backup", "test.shell"}, // which waits for both
			{"other", ""}, {"", ""},  // the first of them takes the last slot
		} {
			jobs = append(jobs, r.job(fmt.Sprintf("j%d", i), 10*time.Second, of(need[0], need[1])))
		}
		r.fire(t, jobs...)
		r.expectLive(t, 4, 4)
		for name, want := range map[string]string{
			"j2": "a slot of group backup, which has 2", "j4": "a slot of skill test.shell, which has 1",
			"j5": "a slot of group backup, which has 2", "j7": "one of 4 slots", "j0": "",
		} {
			if got := r.Waits(r.named(name).ID); got != want {
				t.Errorf("%s waits for %q, want %q", name, got, want)
			}
		}
		pass(time.Minute)
		r.expect(t, "j0@0 succeeded 0-10", "j1@0 succeeded 0-10", "j2@0 succeeded 10-20", "j3@0 succeeded 0-10",
			"j4@0 succeeded 10-20", "j5@0 succeeded 20-30", "j6@0 succeeded 0-10", "j7@0 succeeded 10-20")
		r.Dispatch.mu.Lock()
		defer r.Dispatch.mu.Unlock()
		if r.slots.taken+len(r.slots.lines)+r.slots.inGroup["backup"]+r.slots.withSkill["test.shell"] != 0 {
			t.Errorf("left over: %+v", r.slots)
		}
	})
}

// A group without a limit shares the line of all that have none.
func TestOneLineForAllWithoutLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.MaxRuns = 1 })
		for i := range 5 {
			r.fire(t, r.job(fmt.Sprintf("j%d", i), time.Minute, of(fmt.Sprintf("g%d", i), fmt.Sprintf("s%d", i))))
		}
		r.expectLive(t, 1, 4)
		if len(r.slots.lines) != 1 {
			t.Errorf("%d lines, want one: nothing tells them apart", len(r.slots.lines))
		}
	})
}

// Who is cancelled leaves the middle of the line; the others keep their order.
func TestLeavingALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.MaxRuns = 1 })
		var jobs []*job.Job
		for i := range 12 {
			jobs = append(jobs, r.job(fmt.Sprintf("j%d", i), time.Second, nil))
		}
		r.fire(t, jobs...)
		for _, i := range []int{3, 7, 1, 11} {
			if err := r.Cancel(t.Context(), r.named(fmt.Sprintf("j%d", i)).ID, alice); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Minute)
		if got, want := r.order(), "0 2 4 5 6 8 9 10"; got != want {
			t.Errorf("started %s, want %s", got, want)
		}
	})
}

// Of those who wait, and of those who are fired together, the greater priority
// starts first.
func TestPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.MaxRuns = 1 })
		ranked := func(name string, priority int) *job.Job {
			return r.job(name, 10*time.Second, func(j *job.Job) { j.Priority = priority })
		}
		r.fire(t, ranked("j0", 0), ranked("j1", -5), ranked("j2", 0), ranked("j3", 7), ranked("j4", 7))
		pass(time.Second)
		r.fire(t, ranked("j5", 100), ranked("j6", 0))
		pass(time.Hour)
		if got, want := r.order(), "3 5 4 0 2 6 1"; got != want {
			t.Errorf("started %s, want %s", got, want)
		}
	})
}

// Priority is among those for whom there is room: a class that is full does not
// keep a free slot from the rest, and lines of 10,000 drain.
func TestPriorityDoesNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, limits)
		var jobs []*job.Job
		for i := range 10_000 {
			jobs = append(jobs, r.job(fmt.Sprintf("b%d", i), time.Hour, func(j *job.Job) { j.Group, j.Priority = "backup", i%10 }))
		}
		r.fire(t, jobs...)
		r.expectLive(t, 2, 9_998)
		r.fire(t, r.job("free", time.Second, nil))
		pass(2 * time.Second)
		if last := r.row(); last.State != job.Succeeded {
			t.Errorf("%s is %s, want it to have run beside the full group", last.JobName, last.State)
		}
	})
}

// A run between attempts holds no place of its group, and takes one again.
func TestARetryTakesItsPlaceAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.GroupLimits = map[string]int{"g": 1} })
		r.act = failing(20 * time.Second)
		j := r.job("j", 0, func(j *job.Job) {
			j.Group, j.Retry = "g", job.Retry{Attempts: 2, Backoff: 5 * time.Second}
		})
		r.fire(t, j)
		pass(time.Second)
		r.fire(t, r.job("k", 0, of("g", "")))
		pass(20 * time.Second)
		r.expectLive(t, 1, 0)
		if n := r.takenIn("g"); n != 1 {
			t.Errorf("%d places of the group taken, want 1", n)
		}
		pass(time.Hour)
		if n := r.takenIn("g"); n != 0 {
			t.Errorf("%d places of the group taken, want none", n)
		}
		want := []string{"job_j@2000-01-01T00:00:00Z #1", "job_k@2000-01-01T00:00:01Z #1", "job_j@2000-01-01T00:00:00Z #2"}
		if !slices.Equal(r.started, want) {
			t.Errorf("started %v, want %v", r.started, want)
		}
	})
}

func (r *rig) takenIn(group string) int {
	r.Dispatch.mu.Lock()
	defer r.Dispatch.mu.Unlock()
	return r.slots.inGroup[group]
}

// order returns the numbers of the jobs as their attempts started.
func (r *rig) order() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, s := range r.started {
		name, _, _ := strings.Cut(s, "@")
		list = append(list, strings.TrimPrefix(name, "job_j"))
	}
	return strings.Join(list, " ")
}

// named returns the latest run of a job, as it is now.
func (r *rig) named(name string) *job.Run {
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	for _, run := range slices.Backward(r.journal.rows) {
		if run.JobName == name {
			copied := *run
			return &copied
		}
	}
	return &job.Run{}
}
