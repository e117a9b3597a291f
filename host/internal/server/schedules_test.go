package server

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

func TestScheduleRoundTrip(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	want := schedule.Spec{
		Kind: schedule.Cron, Expr: "H 9 * * *", Zone: "Europe/Prague", Anchor: day,
		DSTGap: "skip", DSTOverlap: "both", Start: day, End: day.AddDate(1, 0, 0), MaxRuns: 7,
		Except: "2026-12-24", OnExcluded: "next-workday", Jitter: "30s", Key: "job_a",
	}
	fields := reflect.ValueOf(want)
	for i := range fields.NumField() {
		if fields.Field(i).IsZero() {
			t.Fatalf("the test leaves %s out", fields.Type().Field(i).Name)
		}
	}
	got, err := toSpec(fromSpec(want))
	if err != nil || got != want {
		t.Errorf("there and back: %+v, %v; want %+v", got, err, want)
	}
	_, err = toSpec(&api.Schedule{Kind: "cron", End: &timestamppb.Timestamp{Nanos: -1}})
	if err == nil || !strings.Contains(err.Error(), "end") {
		t.Errorf("an end that is none: %v", err)
	}
}

func TestMergeScheduleOptions(t *testing.T) {
	end := timestamppb.New(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	before := &api.Schedule{
		Kind: "cron", Expr: "H 9 * * *", Zone: "utc", Except: "2030-12-24", DstGap: "skip", Jitter: "30s", End: end, Key: "job_a",
	}
	for name, c := range map[string]struct{ change, want *api.Schedule }{
		"another expression keeps the rest": {
			&api.Schedule{Kind: "cron", Expr: "H 8 * * *"},
			&api.Schedule{Kind: "cron", Expr: "H 8 * * *", Zone: "utc", Except: "2030-12-24", DstGap: "skip", Jitter: "30s", End: end, Key: "job_a"},
		},
		"another kind drops what it cannot have": {
			&api.Schedule{Kind: "every", Expr: "1h"},
			&api.Schedule{Kind: "every", Expr: "1h", Jitter: "30s", End: end},
		},
		"what is said counts": {
			&api.Schedule{Jitter: "1m", Except: "2030-12-25"},
			&api.Schedule{Kind: "cron", Expr: "H 9 * * *", Zone: "utc", Except: "2030-12-25", DstGap: "skip", Jitter: "1m", End: end, Key: "job_a"},
		},
	} {
		if got := mergeSchedule(before, c.change); !proto.Equal(got, c.want) {
			t.Errorf("%s: %v; want %v", name, got, c.want)
		}
	}
}

func TestUpdateOneScheduleOption(t *testing.T) {
	f := newFake()
	client := serve(t, f.config())
	update := func(change *api.Schedule, fields ...string) (*api.Job, error) {
		return client.Jobs.Update(t.Context(), &api.UpdateJobRequest{Job: "backup", Change: &api.Job{Schedule: change}, Fields: fields})
	}
	got, err := update(&api.Schedule{Jitter: "30s", MaxRuns: 9}, "schedule.jitter")
	if err != nil || got.GetSchedule().GetJitter() != "30s" || got.GetSchedule().GetMaxRuns() != 0 || got.GetSchedule().GetExpr() != "1h0m0s" {
		t.Errorf("a jitter was set: %v, %v", got.GetSchedule(), err)
	}
	if !strings.Contains(got.GetEnglish(), "30s") {
		t.Errorf("in English: %q", got.GetEnglish())
	}
	got, err = update(nil, "schedule.jitter")
	if err != nil || got.GetSchedule().GetJitter() != "" || got.GetSchedule().GetAnchor() == nil {
		t.Errorf("the jitter was taken away: %v, %v", got.GetSchedule(), err)
	}
	for _, bad := range []string{"schedule.expr", "schedule.", "schedule.jitter.x"} {
		if _, err := update(&api.Schedule{}, bad); err == nil || !strings.Contains(err.Error(), "cannot be updated") {
			t.Errorf("field %q: %v", bad, err)
		}
	}
}

// People are told what surprises before a job is saved, and why one has no next.
func TestHintsAndIdle(t *testing.T) {
	f := newFake()
	client := serve(t, f.config())
	got, err := client.Jobs.Create(t.Context(), &api.CreateJobRequest{DryRun: true, Job: &api.Job{
		Name: "new", Action: "acme.tar/pack", Schedule: &api.Schedule{Kind: "cron", Expr: "0 0 1 * MON"},
	}})
	if err != nil || len(got.GetScheduleHints()) == 0 {
		t.Errorf("a draft with both day fields: hints %q, %v", got.GetScheduleHints(), err)
	}
	f.run.Due, f.idle = time.Time{}, "over"
	got, err = client.Jobs.Get(t.Context(), &api.GetJobRequest{Job: "backup"})
	if err != nil || got.GetNext() != nil || got.GetIdle() != "over" {
		t.Errorf("a job that is over: next %v, idle %q, %v", got.GetNext(), got.GetIdle(), err)
	}
}

func TestFiresTellTheirJitter(t *testing.T) {
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	j := &job.Job{Name: "j"}
	if p := fromFire(Fire{Job: j, At: at, Fire: at.Add(time.Second)}); !p.GetFire().AsTime().Equal(at.Add(time.Second)) || !p.GetAt().AsTime().Equal(at) {
		t.Errorf("with jitter: %v", p)
	}
	if p := fromFire(Fire{Job: j, At: at, Fire: at}); p.GetFire() != nil {
		t.Errorf("without: %v", p)
	}
}
