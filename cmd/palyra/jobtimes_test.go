package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/schedule"
)

func TestJobTimes(t *testing.T) {
	c := newCLI(t)
	_, errs, code := c.palyra(t, "job", "add", "n", "--action", "a/b", "--cron", "0 9 * * *", "--jitter", "30s",
		"--start", "2026-03-02T00:00:00+01:00", "--end", "2027-01-01T00:00:00Z", "--max-runs", "7",
		"--except", "2026-12-24", "--on-excluded", "next-workday", "--dst-gap", "skip", "--dst-overlap", "both")
	if code != exitOK || len(c.daemon.created) != 2 {
		t.Fatalf("%d %s", code, errs)
	}
	want := schedule.Spec{
		Kind: schedule.Cron, Expr: "0 9 * * *", Jitter: "30s", MaxRuns: 7,
		Start: time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC), End: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
		Except: "2026-12-24", OnExcluded: "next-workday", DSTGap: "skip", DSTOverlap: "both",
	}
	if got := specOf(c.daemon.created[1].GetJob().GetSchedule()); got != want {
		t.Errorf("asked for %+v\nwant %+v", got, want)
	}
	_, errs, code = c.palyra(t, "job", "add", "d", "--action", "a/b", "--delay", "10m")
	if got := c.daemon.created[2].GetJob().GetSchedule(); code != exitOK || got.GetKind() != "delay" || got.GetExpr() != "10m" {
		t.Errorf("delay: %v, %s", got, errs)
	}
	if n := strings.Count(errs, "2026-03-01 "); n != 1 {
		t.Errorf("%d fires of a delay are shown, one is known:\n%s", n, errs)
	}
}

// An update names what it sets, and what it takes away.
func TestJobTimesUpdate(t *testing.T) {
	c := newCLI(t)
	if _, errs, code := c.palyra(t, "job", "update", "n", "--jitter", "", "--max-runs", "3"); code != exitOK {
		t.Fatal(errs)
	}
	if got := c.daemon.updated; !slices.Equal(got.GetFields(), []string{"schedule.jitter", "schedule.max_runs"}) ||
		got.GetChange().GetSchedule().GetMaxRuns() != 3 || got.GetChange().GetSchedule().GetExpr() != "" {
		t.Errorf("asked for %v", got)
	}
	if _, errs, code := c.palyra(t, "job", "update", "n", "--delay", "5m", "--end", "2027-01-01T00:00:00Z"); code != exitOK {
		t.Fatal(errs)
	}
	if got := c.daemon.updated; !slices.Equal(got.GetFields(), []string{"schedule", "schedule.end"}) || got.GetChange().GetSchedule().GetKind() != "delay" {
		t.Errorf("asked for %v", got)
	}
}

func TestJobTimesRefused(t *testing.T) {
	c := newCLI(t)
	for _, tt := range []struct {
		flags, says string
		code        int
	}{
		{"--start tomorrow", "RFC 3339", exitUsage},
		{"--end 2027-01-01", "--end", exitUsage},
		{"--max-runs -1", "--max-runs", exitUsage},
		{"--dst-gap never", "next or skip", exitUsage},
		{"--dst-overlap x", "first or second or both", exitUsage},
		{"--on-excluded x", "next-workday", exitUsage},
		{"--delay 5m", "one schedule", exitUsage},
	} {
		args := append([]string{"job", "add", "n", "--action", "a/b", "--cron", "0 9 * * *"}, strings.Fields(tt.flags)...)
		if _, errs, code := c.palyra(t, args...); code != tt.code || !strings.Contains(errs, tt.says) {
			t.Errorf("%s: %d, %q; want %d that says %q", tt.flags, code, errs, tt.code, tt.says)
		}
	}
	for _, flags := range []string{"--jitter 5", "--except nonsense", "--max-runs 3"} {
		args := append([]string{"job", "next", "--cron", "0 9 * * *"}, strings.Fields(flags)...)
		if _, errs, code := c.palyra(t, args...); code != exitData {
			t.Errorf("%s: %d, %q; want %d", flags, code, errs, exitData)
		}
	}
	if _, errs, code := c.palyra(t, "job", "next", "--delay", "5"); code != exitData || !strings.Contains(errs, "5s") {
		t.Errorf("--delay 5: %d, %q", code, errs)
	}
}

func TestJobThatIsOver(t *testing.T) {
	c := newCLI(t)
	c.daemon.jobs = []*api.Job{{Name: "done", Schedule: &api.Schedule{Kind: "at"}, Idle: "over"}}
	if out, _, _ := c.palyra(t, "job", "list"); !strings.Contains(out, "over") {
		t.Errorf("the list does not say that the job is over:\n%s", out)
	}
	var text strings.Builder
	a := &app{now: func() time.Time { return noon }}
	a.describeJob(&text, &api.Job{Name: "bad", Idle: "set aside: zone Mars/X"})
	if !strings.Contains(text.String(), "none: set aside: zone Mars/X") {
		t.Errorf("the job does not say that it is set aside:\n%s", text.String())
	}
}

func TestJitterShows(t *testing.T) {
	a, out := &app{now: func() time.Time { return noon }, output: "table"}, &strings.Builder{}
	a.out = out
	at := noon.Add(time.Hour)
	if err := a.listFires([]*api.Fire{{Job: "n", At: timestamppb.New(at), Fire: timestamppb.New(at.Add(17 * time.Second)), Zone: "UTC"}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "13:00:00") || !strings.Contains(out.String(), "in 1h +17s") {
		t.Errorf("fires:\n%s", out)
	}
}
