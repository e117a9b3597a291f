package server

import (
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/schedule"
)

func TestExplain(t *testing.T) {
	f := newFake() // every hour from 2026-03-01 on, and a run then
	f.jobs[0].Created = f.run.Due.Add(-time.Minute)
	f.jobs[0].Cursor = f.run.Due.Add(2 * time.Hour)
	f.trimmed = f.run.Due.Add(90 * time.Minute)
	client := serve(t, f.config())
	for _, c := range []struct{ at, verdict, says string }{
		{"2026-03-01T00:00:00Z", "recorded", "running (run_1)"},
		{"2026-03-01T01:00:00+01:00", "recorded", "due 2026-03-01 00:00:00 UTC"},
		{"2026-02-28T23:59:59.5Z", "no_fire", "the next is 2026-03-01 00:00:00 UTC (running, run_1)"},
		{"2026-02-28 12:00", "unborn", "created 2026-02-28 23:59:00 UTC"},
		{"2026-03-01 01:00", "trimmed", "ended up to 2026-03-01 01:30:00 UTC"},
		{"2026-03-01 02:00:00", "no_record", "no record exists"},
		{"2126-03-01T02:00:00Z", "future", "will fire at 2126-03-01 02:00:00 UTC"},
	} {
		got, err := client.Runs.Explain(t.Context(), &api.ExplainRequest{Job: "backup", Time: c.at})
		if err != nil || got.GetVerdict() != c.verdict || !strings.Contains(got.GetSentence(), c.says) {
			t.Errorf("%s: %v, %v; want %s, %q", c.at, got, err, c.verdict, c.says)
		}
		if (got.GetRun() != nil) != (c.verdict == "recorded") {
			t.Errorf("%s: run %v with verdict %s", c.at, got.GetRun(), c.verdict)
		}
	}
	_, unknown := client.Runs.Explain(t.Context(), &api.ExplainRequest{Job: "bakcup", Time: "14:00"})
	_, bad := client.Runs.Explain(t.Context(), &api.ExplainRequest{Job: "backup", Time: "soon"})
	if connect.CodeOf(unknown) != connect.CodeNotFound || connect.CodeOf(bad) != connect.CodeInvalidArgument {
		t.Errorf("an unknown job: %v; a bad time: %v", unknown, bad)
	}
}

// Who names a second means what was due in it, of a delay that is any part of it.
func TestExplainOfADelay(t *testing.T) {
	f := newFake()
	f.jobs[0].Schedule = schedule.Spec{Kind: schedule.Delay, Expr: "10m0s"}
	f.run.Due = f.run.Due.Add(345 * time.Millisecond)
	f.run.Last = f.run.Due
	client := serve(t, f.config())
	got, err := client.Runs.Explain(t.Context(), &api.ExplainRequest{Job: "backup", Time: "2026-03-01T00:00:00Z"})
	if err != nil || got.GetVerdict() != "recorded" || got.GetRun().GetId() != "run_1" {
		t.Errorf("%v, %v; want the run of that second", got, err)
	}
}

func TestParseInstant(t *testing.T) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 30, 9, 0, 0, 0, prague) // the day after the clock went forward
	for text, want := range map[string]string{
		"14:03":                         "2026-03-30T14:03:00+02:00",
		"14:03:20":                      "2026-03-30T14:03:20+02:00",
		"yesterday  01:59":              "2026-03-29T01:59:00+01:00",
		"tomorrow 00:00":                "2026-03-31T00:00:00+02:00",
		"2026-01-02 3:04":               "2026-01-02T03:04:00+01:00",
		"2026-01-02T03:04:05.25Z":       "2026-01-02T03:04:05.25Z",
		"yesterday 02:30":               "error",
		"1969-12-31T23:59:59Z":          "error",
		"0000-01-01T00:00:00Z":          "error",
		"9999-12-31T23:59:59-01:00":     "error",
		"14":                            "error",
		"24:00":                         "error",
		"someday 14:00":                 "error",
		"":                              "error",
		"2026-02-30 10:00":              "error",
		"yesterday 2026-01-02T03:04:05": "error",
	} {
		at, _, err := parseInstant(text, now)
		got := at.Format(time.RFC3339Nano)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q = %s, %v; want %s", text, got, err, want)
		}
	}
}
