package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
)

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }

func TestConclude(t *testing.T) {
	for name, c := range map[string]struct {
		output string
		err    error
		state  job.State
		reason job.Reason
		retry  bool
	}{
		"result":             {`{"a":1}`, nil, job.Succeeded, job.NoReason, false},
		"no output":          {"", nil, job.Succeeded, job.NoReason, false},
		"output not JSON":    {"{", nil, job.Failed, job.ReasonError, false},
		"output too big":     {`"` + strings.Repeat("x", maxOutput) + `"`, nil, job.Failed, job.ReasonOutput, false},
		"error":              {"", &sdk.Error{Code: "x"}, job.Failed, job.ReasonError, false},
		"retryable error":    {"", &sdk.Error{Code: "x", Retryable: true}, job.Failed, job.ReasonError, true},
		"wrapped error":      {"", fmt.Errorf("run: %w", &sdk.Error{Code: "x", Retryable: true}), job.Failed, job.ReasonError, true},
		"crashed":            {"", &skill.Fault{Kind: skill.Crashed}, job.Failed, job.ReasonCrashed, true},
		"not started":        {"", &skill.Fault{Kind: skill.StartFailed}, job.Failed, job.ReasonStart, true},
		"too much":           {"", &skill.Fault{Kind: skill.OutputLimit}, job.Failed, job.ReasonOutput, false},
		"unsupported":        {"", &skill.Fault{Kind: skill.Unsupported}, job.Failed, job.ReasonUnsupported, false},
		"unknown fault":      {"", &skill.Fault{Kind: "odd"}, job.Failed, job.ReasonCrashed, false},
		"any other error":    {"", errors.New("odd"), job.Failed, job.ReasonError, false},
		"timeout":            {"", ErrTimeout, job.TimedOut, job.ReasonTimeout, false},
		"deadline of permit": {"", fmt.Errorf("run: %w", context.DeadlineExceeded), job.TimedOut, job.ReasonTimeout, false},
		"replaced":           {"", ErrReplaced, job.Cancelled, job.ReasonReplaced, false},
		"shut down":          {"", ErrShutdown, job.Interrupted, job.ReasonShutdown, false},
		"lost":               {"", errLost, job.Interrupted, job.ReasonLost, false},
		"late":               {"", errLate, job.Expired, job.ReasonLate, false},
		"by a person":        {"", cancelledBy(alice), job.Cancelled, job.ReasonCancelled, false},
		"quarantined":        {"", withdrawnFor(job.ReasonQuarantined), job.Cancelled, job.ReasonQuarantined, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := conclude(sdk.Result{Output: json.RawMessage(c.output)}, c.err)
			if got.state != c.state || got.reason != c.reason || got.retry != c.retry {
				t.Errorf("conclude = %s:%s retry %v, want %s:%s retry %v", got.state, got.reason, got.retry, c.state, c.reason, c.retry)
			}
			if (got.text == "") != (c.state == job.Succeeded) {
				t.Errorf("text for people: %q", got.text)
			}
		})
	}
}

func TestAnAttemptLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Calls = calls{} })
		r.act = func(ctx context.Context, _ sdk.Request, host sdk.Host) (sdk.Result, error) {
			answer, err := host.Call(ctx, "who", nil)
			host.Log(sdk.LevelWarn, fmt.Sprintf("%s %v\n", answer, err))
			host.Progress(1, 3, "going")
			for range 3000 {
				host.Log(sdk.LevelInfo, strings.Repeat("x", 100))
			}
			return sdk.Result{Summary: "two\nlines " + strings.Repeat("é", 400)}, nil
		}
		r.fire(t, r.job("j", 0, nil))
		log := r.journal.logs[r.row().ID]
		if !strings.HasPrefix(log, "2000-01-01T00:00:00.000Z warn  \"test.skill\" <nil>\n2000-01-01T00:00:00.000Z progress 1/3 going\n") {
			t.Errorf("log begins %q", log[:200])
		}
		if tail := log[len(log)-80:]; len(log) > maxLog || len(log) < maxLog-300 || !strings.Contains(tail, "[cut here: ") {
			t.Errorf("log of %d bytes ends %q", len(log), tail)
		}
		if s := r.row().Summary; !strings.HasPrefix(s, "two lines é") || !strings.HasSuffix(s, "…") || len(s) > maxSummary || !utf8.ValidString(s) {
			t.Errorf("summary of %d bytes %q", len(s), s)
		}
	})
}

// calls answers every call with the skill that makes it.
type calls struct{}

func (calls) Call(_ context.Context, s *skill.Skill, _ string, _ json.RawMessage) (json.RawMessage, error) {
	return json.Marshal(s.ID())
}
