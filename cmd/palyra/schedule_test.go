package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/schedule"
)

func TestReadSchedule(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"*/5 9-17 * * MON-FRI", "cron */5 9-17 * * MON-FRI"},
		{"0 9 1 1 mon", "cron 0 9 1 1 MON"},
		{"0 9 1 jan 1", "cron 0 9 1 JAN 1"},
		{" @Daily ", "cron @daily"},
		{"2030-01-31T09:00:00Z", "at 2030-01-31T09:00:00Z"},
		{"2030-01-31 9:00", "at 2030-01-31T09:00:00Z"},
		{"every 5m", "every 5m"},
		{"5 minutes after each run", "delay 5m"},
		{"every weekday at 9am", "cron 0 9 * * MON-FRI"},
		{"1 january at 9:00", "cron 0 9 1 1 *"},
		{"1 jan 2027 at 9:00", "at 2027-01-01T09:00:00Z"},
		{"mon to fri at 9:00", "cron 0 9 * * MON-FRI"},
		{"mon tue wed thu fri", ""},
		{"61 * * * *", ""},
		{"a * * * *", ""},
		{"1 2 3 4", ""},
		{"@reboot", ""},
		{"at 7", ""},
		{"", ""},
	} {
		s, err := readSchedule(c.text, noon, "utc")
		if c.want == "" {
			if e := new(app).exit(err); err == nil || e.code != exitData {
				t.Errorf("%q: %v; want it refused with %d", c.text, err, exitData)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
		} else if got := string(s.Spec().Kind) + " " + s.Spec().Expr; got != c.want {
			t.Errorf("%q: %s; want %s", c.text, got, c.want)
		} else if again, err := readSchedule(canonicalForm(s.Spec()), noon, "utc"); err != nil || again.Spec() != s.Spec() {
			t.Errorf("%q: its canonical form %q is another schedule: %v", c.text, canonicalForm(s.Spec()), err)
		}
	}
}

func TestExplainJSON(t *testing.T) {
	c := newCLI(t)
	out, errs, code := c.palyra(t, "schedule", "explain", "every", "weekday", "at", "9am", "Europe/Prague", "-n", "2", "-o", "json")
	if code != exitOK || errs != "" {
		t.Fatalf("code %d, %s", code, errs)
	}
	var keys map[string]json.RawMessage
	var got explanation
	if err := json.Unmarshal([]byte(out), &keys); err != nil {
		t.Fatal(err)
	}
	if want := []string{"canonical", "english", "fires", "lint", "previous", "zone"}; !slices.Equal(slices.Sorted(maps.Keys(keys)), want) {
		t.Errorf("keys of %s; want %v", out, want)
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Canonical != "0 9 * * MON-FRI" || got.English != "at 09:00 on Monday to Friday, Europe/Prague" || got.Zone != "Europe/Prague" {
		t.Errorf("explained as %+v", got)
	}
	if want := []fireText{
		{"2026-03-02T08:00:00Z", "2026-03-02T09:00:00+01:00", "in 20h"},
		{"2026-03-03T08:00:00Z", "2026-03-03T09:00:00+01:00", "in 1d20h"},
	}; !slices.Equal(got.Fires, want) {
		t.Errorf("fires %v; want %v", got.Fires, want)
	}
	if len(got.Previous) != 2 || got.Previous[0].UTC != "2026-02-27T08:00:00Z" || string(keys["lint"]) != "[]" {
		t.Errorf("previous %v, lint %s", got.Previous, keys["lint"])
	}
	// Empty lists are lists.
	out, _, _ = c.palyra(t, "schedule", "explain", "2001-01-01T00:00:00Z", "-o", "jsonl")
	if !strings.Contains(out, `"fires":[],`) || !strings.Contains(out, `"lint":[]`) {
		t.Errorf("jsonl %s", out)
	}
}

// The fires that changes of the clocks touch are named, and no others.
func TestShifts(t *testing.T) {
	for _, c := range []struct {
		expr, zone string
		gap        string // of the spec
		want       []string
	}{
		{expr: "30 2 * * *", zone: "America/New_York", want: []string{"2026-03-08: 02:30 is skipped; fires at 03:00 EDT"}},
		{expr: "30 2 * * *", zone: "America/New_York", gap: "skip", want: []string{"2026-03-08: 02:30 is skipped; the next fire is 2026-03-09 02:30 EDT"}},
		{expr: "30 1 * * *", zone: "America/New_York", want: []string{"2026-11-01: 01:30 is shown twice; fires the first time (EDT)"}},
		{expr: "0,30 1,2 * * *", zone: "America/New_York", want: []string{
			"2026-03-08: 02:00 and 02:30 are skipped; fires at 03:00 EDT",
			"2026-11-01: 01:00 and 01:30 are shown twice; fires the first time (EDT)",
		}},
		{expr: "*/30 2 * * *", zone: "Europe/Prague", want: []string{
			"2026-03-29: 02:00 and 02:30 are skipped; the next fire is 2026-03-30 02:00 CEST",
			"2026-10-25: 02:00 and 02:30 are shown twice; fires both times",
		}},
		{expr: "*/5 2 * * *", zone: "Europe/Prague", want: []string{
			"2026-03-29: 02:00 to 02:55 are skipped; the next fire is 2026-03-30 02:00 CEST",
			"2026-10-25: 02:00 to 02:55 are shown twice; fires both times",
		}},
		{expr: "*/30 1-2 * * *", zone: "America/New_York", want: []string{
			"2026-03-08: 02:00 and 02:30 are skipped; the next fire is 2026-03-09 01:00 EDT",
			"2026-11-01: 01:00 and 01:30 are shown twice; fires both times",
		}},
		{expr: "0 9 * * *", zone: "America/New_York"},
		{expr: "*/5 * * * *", zone: "America/New_York"},
		{expr: "15 * * * *", zone: "America/New_York"},
		{expr: "* * * * * *", zone: "America/New_York"},
		{expr: "30 2 * * *", zone: "utc"},
		{expr: "30 2 1 * *", zone: "America/New_York"},
	} {
		s, err := schedule.Parse(schedule.Spec{Kind: schedule.Cron, Expr: c.expr, Zone: c.zone, DSTGap: c.gap})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, shift := range shiftsOf(s, noon) {
			got = append(got, shift.text)
			for _, f := range shift.fires {
				if !s.Next(f.Add(-1)).Equal(f) {
					t.Errorf("%s in %s: marked %s, which is no fire", c.expr, c.zone, f)
				}
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s in %s: %q; want %q", c.expr, c.zone, got, c.want)
		}
	}
}

func TestJobAddInEnglish(t *testing.T) {
	c := newCLI(t)
	c.daemon.zone = "Asia/Tokyo"
	add := func(args ...string) *api.Schedule {
		t.Helper()
		c.daemon.created = nil
		_, errs, code := c.palyra(t, append([]string{"job", "add", "n", "--action", "a.b/c", "--schedule"}, args...)...)
		if code != exitOK || len(c.daemon.created) != 2 {
			t.Fatalf("%v: code %d, %s", args, code, errs)
		}
		return c.daemon.created[1].GetJob().GetSchedule()
	}
	for _, tt := range []struct {
		args             []string
		kind, expr, zone string
	}{
		{[]string{"every weekday at 9am"}, "cron", "0 9 * * MON-FRI", "Asia/Tokyo"},
		{[]string{"every weekday at 9am Europe/Prague"}, "cron", "0 9 * * MON-FRI", "Europe/Prague"},
		{[]string{"every weekday at 9am", "--tz", "Europe/Prague"}, "cron", "0 9 * * MON-FRI", "Europe/Prague"},
		{[]string{"tomorrow 7:30"}, "at", "2026-03-02T07:30:00+09:00", "Asia/Tokyo"},
		{[]string{"every 90 minutes"}, "every", "1h30m", ""},
		{[]string{"*/5 * * * *"}, "cron", "*/5 * * * *", "Asia/Tokyo"},
	} {
		if s := add(tt.args...); s.GetKind() != tt.kind || s.GetExpr() != tt.expr || s.GetZone() != tt.zone {
			t.Errorf("%v: saved %v", tt.args, s)
		}
	}
	_, errs, _ := c.palyra(t, "job", "add", "n", "--action", "a.b/c", "--schedule", "on the 13th or on friday at 9:00", "--dry-run")
	for _, want := range []string{"schedule: cron 0 9 13 * FRI (Asia/Tokyo)", "note: day of month and day of week", "nothing was saved"} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in\n%s", want, errs)
		}
	}
	c.daemon.created = nil
	if _, errs, code := c.palyra(t, "job", "add", "n", "--action", "a.b/c", "--schedule", "at 7"); code != exitData || !strings.Contains(errs, "7am") || len(c.daemon.created) > 0 {
		t.Errorf("code %d, %s", code, errs)
	}
}

func TestJobUpdateDryRunComparesFires(t *testing.T) {
	c := newCLI(t)
	cron := func(expr string) *api.Job {
		return &api.Job{Name: "n", Schedule: &api.Schedule{Kind: "cron", Expr: expr, Zone: "utc"}, Next: timestamppb.New(noon.Add(time.Hour))}
	}
	c.daemon.jobs, c.daemon.edited = []*api.Job{cron("0 9 * * *")}, cron("0 9,18 * * *")
	_, errs, code := c.palyra(t, "job", "update", "n", "--schedule", "every day at 9:00 and 18:00 utc", "--dry-run")
	if code != exitOK || !c.daemon.updated.GetDryRun() {
		t.Fatalf("code %d, %s", code, errs)
	}
	for _, want := range []string{
		"-                            Sun 2026-03-01 18:00:00 UTC  in 6h",
		"Mon 2026-03-02 09:00:00 UTC  Mon 2026-03-02 09:00:00 UTC  in 21h",
		"Fri 2026-03-06 09:00:00 UTC  Fri 2026-03-06 09:00:00 UTC  in 4d21h",
		"nothing was saved",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in\n%s", want, errs)
		}
	}
	c.daemon.edited = &api.Job{Name: "n", Schedule: &api.Schedule{Kind: "delay", Expr: "5m"}}
	if _, errs, _ = c.palyra(t, "job", "update", "n", "--schedule", "5m after each run", "--dry-run"); !strings.Contains(errs, "before: at 09:00 every day, UTC\nafter:  5m after each completion\n") {
		t.Errorf("to a delay: %s", errs)
	}
	c.daemon.edited = cron("00 09 * * *")
	if _, errs, _ = c.palyra(t, "job", "update", "n", "--cron", "00 09 * * *", "--dry-run"); !strings.Contains(errs, "its next 5 fires do not change") {
		t.Errorf("the same schedule: %s", errs)
	}
}
