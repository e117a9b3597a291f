package journal

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

// A schedule is kept with all its fields, those of a later release too.
func TestEveryFieldOfAScheduleIsKept(t *testing.T) {
	v := minute("a")
	v.Schedule = schedule.Spec{
		Kind: schedule.Cron, Expr: "H 9 * * *", Zone: "Europe/Prague", Anchor: noon,
		DSTGap: "skip", DSTOverlap: "both", Start: noon.Add(time.Hour), End: noon.Add(1000 * time.Hour), MaxRuns: 7,
		Except: "2030-12-24", OnExcluded: "next-workday", Jitter: "30s", Key: "job_a",
	}
	fields := reflect.ValueOf(v.Schedule)
	for i := range fields.NumField() {
		if fields.Field(i).IsZero() {
			t.Fatalf("the test leaves %s out", fields.Type().Field(i).Name)
		}
	}
	j := open(t)
	put(t, j, v)
	jobs, err := j.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v.Schedule, jobs[0].Schedule); diff != "" {
		t.Errorf("the schedule changed:\n%s", diff)
	}
}

func TestLastRun(t *testing.T) {
	j := open(t)
	a, b := put(t, j, minute("a")), put(t, j, minute("b"))
	if last, err := j.LastRun(t.Context(), a.ID); last != nil || err != nil {
		t.Fatalf("last run of a new job: %v, %v", last, err)
	}
	byHand := run(a, 9, job.Succeeded)
	byHand.Trigger, byHand.ID = job.ByHand, "run_manual"
	for _, r := range []*job.Run{run(a, 1, job.Succeeded), run(a, 2, job.Running), run(b, 5, job.Succeeded), byHand} {
		c := claim(r)
		if r == byHand {
			c.Cursor = time.Time{}
		}
		if refused, err := j.Begin(t.Context(), []job.Claim{c}); err != nil || refused[0] != nil {
			t.Fatal(refused, err)
		}
	}
	last, err := j.LastRun(t.Context(), a.ID)
	if err != nil || !last.Due.Equal(noon.Add(2*time.Minute)) || last.State != job.Running {
		t.Errorf("last run %+v, %v; want the one of 12:02", last, err)
	}
}
