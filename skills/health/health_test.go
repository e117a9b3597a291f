package main

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/palyra-go/palyra/sdk"
)

func TestJudge(t *testing.T) {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	fire := func(job string, in time.Duration) sdk.Fire { return sdk.Fire{Job: job, At: now.Add(in)} }
	for _, test := range []struct {
		name   string
		status sdk.Status
		ok     bool
		want   string
	}{{
		name: "well",
		status: sdk.Status{
			Now: now, Started: now.Add(-10 * time.Minute), Succeeded: 41, Failed: 1, Denied: 3,
			Load1: 0.42, DiskFree: 53e9, DiskTotal: 100e9,
			Next: []sdk.Fire{fire("backup", time.Hour), fire("health-summary", 5*time.Second)},
		},
		ok:   true,
		want: "All well: 42 runs since start 10 min ago (1 failed, 3 denied), load 0.4, 53 GB free; next: health-summary in 5s.",
	}, {
		name:   "just started and knows little",
		status: sdk.Status{Now: now, Started: now, Succeeded: 1},
		ok:     true,
		want:   "All well: 1 run since start 0s ago (0 failed, 0 denied); nothing is scheduled.",
	}, {
		name: "low disk",
		status: sdk.Status{
			Now: now, Started: now.Add(-72 * time.Hour), Succeeded: 1000, Failed: 250, DiskFree: 4.9e9, DiskTotal: 100e9,
			Next: []sdk.Fire{fire("late", -time.Second)},
		},
		want: "Look after the disk (5% free): 1250 runs since start 3 days ago (250 failed, 0 denied), 4.9 GB free; next: late now.",
	}, {
		name:   "disk at the limit is not low",
		status: sdk.Status{Now: now, Started: now.Add(-90 * time.Minute), DiskFree: 5, DiskTotal: 100},
		ok:     true,
		want:   "All well: 0 runs since start 2 h ago (0 failed, 0 denied), 5 B free; nothing is scheduled.",
	}, {
		name:   "many failures and a full disk",
		status: sdk.Status{Now: now, Started: now.Add(-30 * time.Second), Succeeded: 2, Failed: 2, DiskTotal: 1},
		want:   "Look after the disk (0% free) and the failing runs: 4 runs since start 30s ago (2 failed, 0 denied), 0 B free; nothing is scheduled.",
	}, {
		name:   "a few failures of a few runs say nothing yet",
		status: sdk.Status{Now: now, Started: now, Failed: 3},
		ok:     true,
		want:   "All well: 3 runs since start 0s ago (3 failed, 0 denied); nothing is scheduled.",
	}} {
		t.Run(test.name, func(t *testing.T) {
			got := Judge(test.status)
			if got.OK != test.ok || got.Summary() != test.want {
				t.Errorf("got  %t %s\nwant %t %s", got.OK, got.Summary(), test.ok, test.want)
			}
			if got.Warnings == nil {
				t.Error("warnings are null")
			}
		})
	}
}

func TestSpanAndSize(t *testing.T) {
	spans := []string{span(-1), span(59 * time.Second), span(59600 * time.Millisecond), span(59*time.Minute + 31*time.Second), span(47 * time.Hour), span(49 * time.Hour)}
	if want := []string{"0s", "59s", "1 min", "1 h", "47 h", "2 days"}; !slices.Equal(spans, want) {
		t.Errorf("spans %q, want %q", spans, want)
	}
	sizes := []string{size(0), size(999), size(1000), size(9_940_000), size(9_960_000), size(999_600_000_000)}
	if want := []string{"0 B", "999 B", "1.0 kB", "9.9 MB", "10 MB", "1.0 TB"}; !slices.Equal(sizes, want) {
		t.Errorf("sizes %q, want %q", sizes, want)
	}
}

// statusHost answers every call with a status, or refuses it.
type statusHost struct {
	sdk.Host
	refusal error
}

func (h statusHost) Call(context.Context, string, json.RawMessage) (json.RawMessage, error) {
	return json.RawMessage(`{"succeeded":7}`), h.refusal
}

func TestSummarizeAsksTheHost(t *testing.T) {
	action := sdk.Handle(summarize)
	result, err := action(sdk.NewContext(t.Context(), statusHost{}, sdk.Request{}), sdk.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if want := "All well: 7 runs since start 0s ago (0 failed, 0 denied); nothing is scheduled."; result.Summary != want {
		t.Errorf("summary %q, want %q", result.Summary, want)
	}
	denied := &sdk.Error{Code: "denied", Message: "status is not granted"}
	_, err = action(sdk.NewContext(t.Context(), statusHost{refusal: denied}, sdk.Request{}), sdk.Request{})
	if got := sdk.AsError(err); got.Code != "denied" {
		t.Errorf("a refusal became %v", got)
	}
}
