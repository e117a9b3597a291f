package wasm

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/sdk"
)

func TestHello(t *testing.T) {
	hello := compile(t, "skills/hello")
	for _, name := range []string{"Ada", "<Grace> & \u2028"} {
		input, _ := json.Marshal(map[string]string{"name": name})
		result, err := hello.Run(t.Context(), sdk.Request{Entrypoint: "greet", Input: input}, &record{})
		if want := "Hello, " + name + "!"; err != nil || result.Summary != want {
			t.Errorf("got %q, %v; want %q", result.Summary, err, want)
		}
	}
}

func TestHealthCallsTheHost(t *testing.T) {
	health := compile(t, "skills/health")
	denied := &record{refusal: &sdk.Error{Code: "denied", Message: "not granted"}}
	_, err := health.Run(t.Context(), sdk.Request{Entrypoint: "summarize"}, denied)
	if sdk.AsError(err).Code != "denied" || denied.calls != 1 {
		t.Errorf("a denied call ended the run with %v after %d calls", err, denied.calls)
	}
	result, err := health.Run(t.Context(), sdk.Request{Entrypoint: "summarize"}, &record{})
	if err != nil || !strings.HasPrefix(result.Summary, "All well: 0 runs") {
		t.Errorf("got %q, %v", result.Summary, err)
	}
}

func TestOutcomes(t *testing.T) {
	guest := rude(t)
	for _, test := range []struct {
		entrypoint string
		code       string // of the error, or else
		result     string // the result as JSON
		message    string // part of the error's
	}{
		{entrypoint: "echo", result: `{"output":{"a":[1,2]},"summary":"run-1"}`},
		{entrypoint: "talk", result: `{"output":{"method":"echo","params":{"a":[1,2]}}}`},
		{entrypoint: "unterminated", result: `{"summary":"no line feed"}`},
		{entrypoint: "afterwards", result: `{"summary":"first"}`},
		{entrypoint: "beyond", result: `{"output":1}`},
		{entrypoint: "look", result: `{"output":{"args":["palyra-stdio/1","look"],"env":0,"file":false,"root":false}}`},
		{entrypoint: "fail", code: "failed", message: "no luck"},
		{entrypoint: "retry", code: "busy", message: "later"},
		{entrypoint: "panic", code: "panic", message: "boom"},
		{entrypoint: "nowhere", code: "unknown_entrypoint", message: `"nowhere"`},
		{entrypoint: "silent", code: "guest_exit", message: "without a result"},
		{entrypoint: "exit", code: "guest_exit", message: "code 3"},
		{entrypoint: "babble", code: "protocol", message: "line 1 of the output: not a message of palyra-stdio/1"},
		{entrypoint: "two", code: "protocol", message: "exactly one"},
		{entrypoint: "twice", code: "protocol", message: "more than one JSON value"},
		{entrypoint: "misspelt", code: "protocol", message: `"sumary"`},
		{entrypoint: "long", code: "output_limit", message: "1048576"},
		{entrypoint: "large", code: "output_limit", message: "line 1"},
		{entrypoint: "calls", code: "call_limit", message: "1000"},
		{entrypoint: "unread", code: "protocol", message: "unread"},
		{entrypoint: "bomb", code: "memory_limit", message: "65536 KiB"},
	} {
		t.Run(test.entrypoint, func(t *testing.T) {
			result, err := guest.Run(t.Context(), sdk.Request{Entrypoint: test.entrypoint, Run: "run-1", Input: json.RawMessage(`{"a": [1, 2]}`)}, &record{})
			if test.code == "" {
				if got, _ := json.Marshal(result); err != nil || string(got) != test.result {
					t.Errorf("got  %s, %v\nwant %s", got, err, test.result)
				}
				return
			}
			failure, ok := errors.AsType[*sdk.Error](err)
			if !ok || failure.Code != test.code || !strings.Contains(failure.Message, test.message) {
				t.Errorf("got %v, want code %s with %q", err, test.code, test.message)
			}
			if ok && failure.Retryable != (test.entrypoint == "retry") {
				t.Errorf("retryable: %t", failure.Retryable)
			}
		})
	}
}

func TestTalk(t *testing.T) {
	guest := rude(t)
	host := &record{}
	if _, err := guest.Run(t.Context(), sdk.Request{Entrypoint: "talk", Input: json.RawMessage("1")}, host); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(host.logs, []string{"one <1>"}) || !slices.Equal(host.progress, []string{"1/2 half"}) || host.calls != 1 {
		t.Errorf("the host was told %+v", host)
	}
	host = &record{}
	if _, err := guest.Run(t.Context(), sdk.Request{Entrypoint: "binary"}, host); err != nil {
		t.Fatal(err)
	}
	if want := []string{"\ufffd one", "two"}; !slices.Equal(host.logs, want) {
		t.Errorf("standard error became %q, want %q", host.logs, want)
	}
}

// The log is cut, and says so once; the run goes on.
func TestLogsAreCut(t *testing.T) {
	const most = 256 << 10
	guest := rude(t)
	for _, entrypoint := range []string{"noise", "chatter"} {
		host := &record{}
		result, err := guest.Run(t.Context(), sdk.Request{Entrypoint: entrypoint}, host)
		if err != nil || result.Summary != "done" {
			t.Errorf("%s: %q, %v", entrypoint, result.Summary, err)
		}
		size := 0
		for _, line := range host.logs {
			size += len(line)
		}
		switch {
		case entrypoint == "noise" && (size > most || size < most-10): // breaks of long lines count
			t.Errorf("%d bytes of log, want %d", size, most)
		case entrypoint == "chatter" && len(host.logs) != 100_000:
			// 100,000 empty lines are within the budget of 262,144
			t.Errorf("%d lines of log, want 100,000", len(host.logs))
		case entrypoint == "noise" && (len(host.warnings) != 1 || !strings.Contains(host.warnings[0], "cut")):
			t.Errorf("the cut is said as %q", host.warnings)
		}
	}
}

func TestCancellationEndsASleep(t *testing.T) {
	guest := rude(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := guest.Run(ctx, sdk.Request{Entrypoint: "sleep"}, &record{onLog: func() { cancel(errors.New("enough")) }})
	if got := sdk.AsError(err); got.Code != "cancelled" || got.Message != "enough" {
		t.Errorf("got %v", err)
	}
}

// The guest keeps its deadline itself, where it listens to its context.
func TestDeadlineReachesTheAction(t *testing.T) {
	guest := rude(t)
	req := sdk.Request{Entrypoint: "deadline", Deadline: time.Now().Add(time.Millisecond)}
	_, err := guest.Run(t.Context(), req, &record{})
	if got := sdk.AsError(err); got.Code != "timeout" {
		t.Errorf("got %v", err)
	}
}
