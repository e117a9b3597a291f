package server

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/host/schedule"
)

func TestJobRoundTrip(t *testing.T) {
	want := *newFake().jobs[0]
	got, err := toJob(fromJob(&want, new(schedule.Parser)))
	if err != nil {
		t.Fatal(err)
	}
	// What a caller may not say is not read back.
	got.ID, got.Generation, got.Owner = want.ID, want.Generation, want.Owner
	got.Created, got.Updated, got.Cursor = want.Created, want.Updated, want.Cursor
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a job changed on its way there and back:\n%s", diff)
	}
}

func TestMillisecondsDoNotWrap(t *testing.T) {
	for _, ms := range []int64{1<<63 - 1, -1 << 63} {
		if d := milliseconds(ms); (d > 0) != (ms > 0) || d == 0 {
			t.Errorf("milliseconds(%d) = %v", ms, d)
		}
	}
	if d := milliseconds(1500); d != 1500*time.Millisecond {
		t.Errorf("milliseconds(1500) = %v", d)
	}
}

func TestRunHasNoTimesThatAreNotThere(t *testing.T) {
	p := fromRun(&job.Run{State: job.Queued}, time.UTC)
	if p.GetStarted() != nil || p.GetEnded() != nil || p.GetDigest() != "" {
		t.Errorf("an empty run = %v", p)
	}
}

func TestStateOfRelease(t *testing.T) {
	now, lease := time.Now(), time.Hour
	for _, c := range []struct {
		skill skill.Skill
		want  string
	}{
		{skill.Skill{Current: true, State: skill.Active, Audited: now}, "active"},
		{skill.Skill{Current: true, State: skill.Active, Audited: now.Add(-2 * lease)}, "stale"},
		{skill.Skill{State: skill.Active, Audited: now}, "superseded"},
		{skill.Skill{State: skill.Active, Audited: now.Add(-2 * lease)}, "superseded"},
		{skill.Skill{State: skill.Quarantined, Audited: now}, "quarantined"},
	} {
		if got := stateOf(&c.skill, now, lease); got != c.want {
			t.Errorf("%+v is %s, want %s", c.skill, got, c.want)
		}
	}
}

func TestMergeSchedule(t *testing.T) {
	before := &api.Schedule{Kind: "cron", Expr: "0 9 * * *", Zone: "Europe/Prague"}
	for _, c := range []struct{ change, want *api.Schedule }{
		{&api.Schedule{Kind: "cron", Expr: "0 8 * * *"}, &api.Schedule{Kind: "cron", Expr: "0 8 * * *", Zone: "Europe/Prague"}},
		{&api.Schedule{Zone: "utc"}, &api.Schedule{Kind: "cron", Expr: "0 9 * * *", Zone: "utc"}},
		{&api.Schedule{Kind: "every", Expr: "1h"}, &api.Schedule{Kind: "every", Expr: "1h"}},
		{&api.Schedule{Kind: "cron", Expr: "0 8 * * *", Zone: "utc"}, &api.Schedule{Kind: "cron", Expr: "0 8 * * *", Zone: "utc"}},
	} {
		if got := mergeSchedule(before, c.change); !proto.Equal(got, c.want) {
			t.Errorf("%v = %v; want %v", c.change, got, c.want)
		}
	}
}
