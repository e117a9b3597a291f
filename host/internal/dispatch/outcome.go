package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
)

// What an outcome keeps, in bytes.
const (
	maxOutput  = 1 << 20
	maxLog     = 256 << 10
	maxSummary = 500
	maxError   = 4 << 10
)

// cause is why a run was stopped, and what it becomes by that.
type cause struct {
	state  job.State
	reason job.Reason
	text   string
	by     job.Principal // who wants it; zero: the daemon
}

func (c *cause) Error() string { return c.text }

func stop(state job.State, reason job.Reason, text string) error {
	return &cause{state: state, reason: reason, text: text}
}

// The causes with which the context of a run ends. Others come with a person or
// a reason.
var (
	ErrTimeout  error = stop(job.TimedOut, job.ReasonTimeout, "the attempt took longer than its timeout")
	errOverrun  error = stop(job.TimedOut, job.ReasonRunTimeout, "with all its attempts the run took longer than its run timeout")
	ErrReplaced error = stop(job.Cancelled, job.ReasonReplaced, "a newer run of the job took its place")
	ErrShutdown error = stop(job.Interrupted, job.ReasonShutdown, "the daemon was stopped before the run ended")
	errLost     error = stop(job.Interrupted, job.ReasonLost, "the daemon died before the run ended")
	errLate     error = stop(job.Expired, job.ReasonLate, "the daemon was down while the run waited, and it is later now than its misfire policy allows")
)

func cancelledBy(by job.Principal) error {
	return &cause{job.Cancelled, job.ReasonCancelled, "cancelled by " + by.String(), by}
}

func withdrawnFor(reason job.Reason) error {
	text := "stopped: " + string(reason)
	switch reason {
	case job.ReasonDeleted:
		text = "the job was deleted"
	case job.ReasonDisabled:
		text = "the job was paused"
	case job.ReasonQuarantined:
		text = "its skill was quarantined"
	}
	return stop(job.Cancelled, reason, text)
}

// ended is what an attempt makes of its run.
type ended struct {
	state  job.State
	reason job.Reason
	retry  bool   // another attempt may succeed
	text   string // for people
}

// conclude is the table from what a runner answered to how the run ended.
func conclude(result sdk.Result, err error) ended {
	if err == nil {
		return accept(result)
	}
	return refuse(err)
}

func refuse(err error) ended {
	var c *cause
	var answer *sdk.Error
	var fault *skill.Fault
	switch {
	case errors.As(err, &c):
		return ended{c.state, c.reason, false, c.text}
	case errors.As(err, &answer):
		return ended{job.Failed, job.ReasonError, answer.Retryable, answer.Error()}
	case errors.As(err, &fault):
		return ended{job.Failed, faultReason(fault.Kind), fault.Retryable(), err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return ended{job.TimedOut, job.ReasonTimeout, false, ErrTimeout.Error()}
	}
	return ended{job.Failed, job.ReasonError, false, err.Error()}
}

func accept(result sdk.Result) ended {
	switch {
	case len(result.Output) > maxOutput:
		return ended{job.Failed, job.ReasonOutput, false, fmt.Sprintf("the output has %d bytes, at most %d are kept", len(result.Output), maxOutput)}
	case len(result.Output) > 0 && !json.Valid(result.Output):
		return ended{job.Failed, job.ReasonError, false, "the output is not JSON"}
	}
	return ended{state: job.Succeeded}
}

func faultReason(kind skill.FaultKind) job.Reason {
	switch kind {
	case skill.Crashed:
		return job.ReasonCrashed
	case skill.StartFailed:
		return job.ReasonStart
	case skill.OutputLimit:
		return job.ReasonOutput
	case skill.Unsupported:
		return job.ReasonUnsupported
	}
	return job.ReasonCrashed
}

// line makes one line of s, of at most size bytes.
func line(s string, size int) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	return cut(strings.TrimSpace(s), size)
}

// cut shortens s to at most size bytes of whole characters, visibly.
func cut(s string, size int) string {
	const mark = "…"
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= size {
		return s
	}
	return strings.ToValidUTF8(s[:size-len(mark)], "") + mark
}
