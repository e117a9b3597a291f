package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/sdk"
)

// event is what is told.
type event struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Text      string    `json:"text"` // one line for people
	Data      any       `json:"data"`
}

// about is the run that an event is about.
type about struct {
	Job        string          `json:"job"`
	Run        string          `json:"run"`
	Occurrence string          `json:"occurrence"`
	State      string          `json:"state"`
	Reason     string          `json:"reason,omitempty"`
	Error      string          `json:"error,omitempty"`
	Summary    string          `json:"summary,omitempty"`
	Attempt    int             `json:"attempt"`
	Due        time.Time       `json:"due"`
	Started    time.Time       `json:"started,omitzero"`
	Ended      time.Time       `json:"ended"`
	Output     json.RawMessage `json:"output,omitempty"`
}

// newEvent makes the event of what started the run that ctx is of.
func newEvent(ctx context.Context, now time.Time, output bool) event {
	u := sdk.RequestFrom(ctx).Upstream
	if u == nil {
		return event{"test", now, "a test of palyra.notify: no run started this one", struct{}{}}
	}
	data := about{
		u.Job, u.Run, u.Occurrence, u.State, u.Reason, u.Error, u.Summary, u.Attempt, u.Due, u.Started, u.Ended, nil,
	}
	if output {
		data.Output = u.Output
	}
	return event{"run." + became(u), u.Ended, line(u), data}
}

func became(u *sdk.Upstream) string {
	if u.Recovered {
		return "recovered"
	}
	return u.State
}

// line says in one line what became of a run.
func line(u *sdk.Upstream) string {
	what := map[string]string{
		"succeeded": "succeeded", "recovered": "works again", "failed": "failed",
		"timed_out": "timed out", "interrupted": "was interrupted",
	}[became(u)]
	if what == "" {
		what = "ended as " + u.State
	}
	text := fmt.Sprintf("%s %s", u.Job, what)
	if u.Attempt > 1 {
		text += fmt.Sprintf(" at attempt %d", u.Attempt)
	}
	if more := u.Error; more != "" {
		text += ": " + more
	} else if u.Summary != "" {
		text += ": " + u.Summary
	}
	return oneLine(text, 500)
}
