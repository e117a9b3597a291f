package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/sys"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/stdio"
)

// session is the conversation of one run. All of it happens on the goroutine of
// the guest, inside its reads and writes.
type session struct {
	ctx    context.Context
	host   sdk.Host
	limits Limits

	input      []byte // what the guest has not read yet
	output     []byte // the line it is writing
	diagnostic []byte // the line it is writing to standard error
	lines      int
	calls      int
	logged     int
	result     *sdk.Result
	failure    *sdk.Error
}

type (
	stdin  session
	stdout session
	stderr session
)

// Read implements io.Reader. A guest reads what it was invoked with and the
// answers to its calls; beyond those nothing will come.
func (in *stdin) Read(p []byte) (int, error) {
	s := (*session)(in)
	s.stopIfOver()
	if len(s.input) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.input)
	s.input = s.input[n:]
	return n, nil
}

// Write implements io.Writer.
func (out *stdout) Write(p []byte) (int, error) {
	s := (*session)(out)
	s.stopIfOver()
	for rest := p; len(rest) > 0; {
		part, after, whole := bytes.Cut(rest, []byte("\n"))
		rest = after
		if len(s.output)+len(part) > s.limits.Line {
			s.fail("output_limit", fmt.Sprintf("line %d of the output: longer than %d bytes", s.lines+1, s.limits.Line))
			s.stopIfOver()
		}
		s.output = append(s.output, part...)
		if whole {
			s.line()
			s.stopIfOver()
		}
	}
	return len(p), nil
}

// maxLogLine is where a line of standard error is broken, in bytes; the plugin
// protocol carries no longer ones.
const maxLogLine = 64 << 10

// Write implements io.Writer.
func (out *stderr) Write(p []byte) (int, error) {
	s := (*session)(out)
	s.stopIfOver()
	for rest := p; len(rest) > 0; {
		part, after, whole := bytes.Cut(rest, []byte("\n"))
		if room := maxLogLine - len(s.diagnostic); len(part) > room {
			part, after, whole = part[:room], rest[room:], true
		}
		rest = after
		s.diagnostic = append(s.diagnostic, part...)
		if whole {
			s.log(sdk.LevelInfo, string(s.diagnostic))
			s.diagnostic = s.diagnostic[:0]
		}
	}
	return len(p), nil
}

// flush takes what the guest left without a line feed.
func (s *session) flush() {
	if len(s.diagnostic) > 0 {
		s.log(sdk.LevelInfo, string(s.diagnostic))
	}
	if len(s.output) > 0 && !s.over() {
		s.line()
	}
}

// over reports whether the run has its outcome, which the end of the context
// is.
func (s *session) over() bool {
	if s.result == nil && s.failure == nil && s.ctx.Err() != nil {
		code := "cancelled"
		if errors.Is(s.ctx.Err(), context.DeadlineExceeded) {
			code = "timeout"
		}
		s.fail(code, context.Cause(s.ctx).Error())
	}
	return s.result != nil || s.failure != nil
}

// stopIfOver unwinds the guest. wazero recovers the value, as it does for
// proc_exit, and closes the instance.
func (s *session) stopIfOver() {
	if s.over() {
		panic(sys.NewExitError(0))
	}
}

func (s *session) fail(code, message string) {
	s.failure = &sdk.Error{Code: code, Message: message}
}

// line acts on a whole line of output.
func (s *session) line() {
	s.lines++
	m, err := stdio.ParseMessage(s.output)
	s.output = s.output[:0]
	switch {
	case err != nil:
		s.fail("protocol", fmt.Sprintf("line %d of the output: %v; write diagnostics to standard error", s.lines, err))
	case m.Log != nil:
		s.log(m.Level, *m.Log)
	case m.Progress != nil:
		s.host.Progress(m.Progress.Done, m.Progress.Total, cut(m.Progress.Note, maxNote))
	case m.Call != "":
		s.call(m)
	case m.Result != nil:
		s.result = m.Result
	case m.Error != nil:
		s.failure = m.Error
	}
}

// maxNote bounds the note of a progress report, in bytes.
const maxNote = 256

// maxUnread is how many bytes of answers a guest may leave unread and still call.
const maxUnread = 4 << 20

func (s *session) call(m stdio.Message) {
	s.calls++
	if s.calls > s.limits.Calls {
		s.fail("call_limit", fmt.Sprintf("more than %d host calls", s.limits.Calls))
		return
	}
	if len(s.input) > maxUnread {
		s.fail("protocol", fmt.Sprintf("call %d: %d bytes of answers are unread", s.calls, len(s.input)))
		return
	}
	result, err := s.host.Call(s.ctx, m.Call, m.Params)
	answer := stdio.Answer{ID: m.ID, Result: result}
	if err != nil {
		answer = stdio.Answer{ID: m.ID, Error: sdk.AsError(err)}
	}
	line, err := stdio.Encode(answer)
	if err != nil {
		s.fail("protocol", fmt.Sprintf("answer to %s: %v", m.Call, err))
		return
	}
	s.input = append(s.input, line...)
}

// log passes a line on until the budget is spent, then says so once.
func (s *session) log(level sdk.Level, line string) {
	if s.logged > s.limits.Logs {
		return
	}
	if level == "" {
		level = sdk.LevelInfo
	}
	left := s.limits.Logs - s.logged
	s.logged += len(line) + 1
	line = cut(strings.ToValidUTF8(line, "�"), left)
	if line != "" || s.logged <= s.limits.Logs {
		s.host.Log(level, line)
	}
	if s.logged > s.limits.Logs {
		s.host.Log(sdk.LevelWarn, fmt.Sprintf("log cut here: more than %d bytes", s.limits.Logs))
	}
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

// sleep is what poll_oneoff waits with.
func (s *session) sleep(nanoseconds int64) {
	timer := time.NewTimer(time.Duration(nanoseconds))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
	s.stopIfOver()
}
