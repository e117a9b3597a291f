package pluginv1

import (
	"encoding/json"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/sdk"
)

// NewStart returns the message that starts req.
func NewStart(req sdk.Request) *Start {
	return &Start{
		Entrypoint: text(req.Entrypoint),
		Input:      req.Input,
		Run:        text(req.Run),
		Occurrence: text(req.Occurrence),
		Due:        timestamp(req.Due),
		Attempt:    uint32(max(req.Attempt, 0)),
		Deadline:   timestamp(req.Deadline),
		Data:       req.Data,
		Artifacts:  req.Artifacts,
		Upstream:   newUpstream(req.Upstream),
	}
}

// Request returns the request that the message starts.
func (x *Start) Request() sdk.Request {
	return sdk.Request{
		Entrypoint: x.GetEntrypoint(),
		Input:      raw(x.GetInput()),
		Run:        x.GetRun(),
		Occurrence: x.GetOccurrence(),
		Due:        moment(x.GetDue()),
		Attempt:    int(x.GetAttempt()),
		Deadline:   moment(x.GetDeadline()),
		Data:       x.GetData(),
		Artifacts:  x.GetArtifacts(),
		Upstream:   x.GetUpstream().value(),
	}
}

func newUpstream(u *sdk.Upstream) *Upstream {
	if u == nil {
		return nil
	}
	return &Upstream{
		Job:        text(u.Job),
		Run:        text(u.Run),
		Occurrence: text(u.Occurrence),
		State:      text(u.State),
		Reason:     text(u.Reason),
		Recovered:  u.Recovered,
		Attempt:    uint32(max(u.Attempt, 0)),
		Error:      text(u.Error),
		Summary:    text(u.Summary),
		Due:        timestamp(u.Due),
		Started:    timestamp(u.Started),
		Ended:      timestamp(u.Ended),
		Output:     u.Output,
	}
}

func (x *Upstream) value() *sdk.Upstream {
	if x == nil {
		return nil
	}
	return &sdk.Upstream{
		Job:        x.GetJob(),
		Run:        x.GetRun(),
		Occurrence: x.GetOccurrence(),
		State:      x.GetState(),
		Reason:     x.GetReason(),
		Recovered:  x.GetRecovered(),
		Attempt:    int(x.GetAttempt()),
		Error:      x.GetError(),
		Summary:    x.GetSummary(),
		Due:        moment(x.GetDue()),
		Started:    moment(x.GetStarted()),
		Ended:      moment(x.GetEnded()),
		Output:     raw(x.GetOutput()),
	}
}

// NewResult returns the message that carries a result.
func NewResult(r sdk.Result) *Result {
	return &Result{Output: r.Output, Summary: text(r.Summary)}
}

// Value returns the result that the message carries.
func (x *Result) Value() sdk.Result {
	return sdk.Result{Output: raw(x.GetOutput()), Summary: x.GetSummary()}
}

// NewError returns the message that carries an error.
func NewError(err error) *Error {
	e := sdk.AsError(err)
	return &Error{Code: text(e.Code), Message: text(e.Message), Retryable: e.Retryable}
}

// Value returns the error that the message carries.
func (x *Error) Value() *sdk.Error {
	return &sdk.Error{Code: x.GetCode(), Message: x.GetMessage(), Retryable: x.GetRetryable()}
}

// NewLog returns the message that carries a log line.
func NewLog(level sdk.Level, line string) *Log {
	return &Log{Level: text(string(level)), Line: text(line)}
}

// NewProgress returns the message that carries progress.
func NewProgress(done, total int64, note string) *Progress {
	return &Progress{Done: done, Total: total, Note: text(note)}
}

// text makes s fit for a protobuf string: one that is not UTF-8 would break the
// stream that it is sent on.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func raw(b []byte) json.RawMessage {
	if len(b) == 0 {
		return nil
	}
	return b
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func moment(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
