//go:build !wasip1

package plugintest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/plugintest"
)

type greeting struct{ Name string }

var skill = sdk.Skill{
	"greet": sdk.Handle(func(_ context.Context, in greeting) (string, error) { return "Hello, " + in.Name, nil }),
	"busy":  sdk.Handle(busy),
	"retry": sdk.Handle(func(context.Context, struct{}) (int, error) {
		return 0, &sdk.Error{Code: "away", Message: "not \xff now", Retryable: true}
	}),
	"panic": sdk.Handle(func(context.Context, struct{}) (int, error) { panic("oh no") }),
	"wait": sdk.Handle(func(ctx context.Context, _ struct{}) (int, error) {
		<-ctx.Done()
		return 0, fmt.Errorf("waited: %w", ctx.Err())
	}),
	"raw": func(context.Context, sdk.Request) (sdk.Result, error) {
		return sdk.Result{Output: []byte("{oops")}, nil
	},
	"echo": func(_ context.Context, req sdk.Request) (sdk.Result, error) {
		return sdk.Result{Output: req.Input, Summary: fmt.Sprintf("%s %s %s %d %s %s", req.Run, req.Occurrence, req.Due.Format(time.RFC3339), req.Attempt, req.Data, req.Artifacts)}, nil
	},
}

func busy(ctx context.Context, _ struct{}) (int64, error) {
	sdk.Log(ctx, "starting \xff")
	sdk.Progress(ctx, 1, 2, "half")
	status, err := sdk.GetStatus(ctx)
	return status.Running, err
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		name    string
		req     sdk.Request
		output  string
		summary string
		code    string
	}{
		{name: "result", req: sdk.Request{Entrypoint: "greet", Input: []byte(`{"Name":"Ada"}`)}, output: `"Hello, Ada"`, summary: "Hello, Ada"},
		{name: "misspelt input", req: sdk.Request{Entrypoint: "greet", Input: []byte(`{"Nmae":"Ada"}`)}, code: "bad_input"},
		{name: "unknown entrypoint", req: sdk.Request{Entrypoint: "gret"}, code: "unknown_entrypoint"},
		{name: "panic", req: sdk.Request{Entrypoint: "panic"}, code: "panic"},
		{name: "deadline", req: sdk.Request{Entrypoint: "wait", Deadline: time.Now()}, code: "timeout"},
		{name: "output that is not JSON", req: sdk.Request{Entrypoint: "raw"}, code: "bad_output"},
		{
			name: "every field arrives",
			req: sdk.Request{
				Entrypoint: "echo", Input: []byte(`[1]`), Run: "r", Occurrence: "o",
				Due: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Attempt: 3, Data: "/d", Artifacts: "/a",
			},
			output: "[1]", summary: "r o 2030-01-02T03:04:05Z 3 /d /a",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := plugintest.Run(t, skill, test.req, nil)
			if code(err) != test.code || string(result.Output) != test.output || result.Summary != test.summary {
				t.Errorf("Run = %s, %q, %v; want %s, %q, code %q", result.Output, result.Summary, err, test.output, test.summary, test.code)
			}
		})
	}
}

func TestRetryable(t *testing.T) {
	_, err := plugintest.Run(t, skill, sdk.Request{Entrypoint: "retry"}, nil)
	if e := sdk.AsError(err); e.Code != "away" || !e.Retryable || !strings.HasSuffix(e.Message, "now") {
		t.Errorf("Run = %v; want a retryable error, with what is not UTF-8 replaced", err)
	}
}

func TestHost(t *testing.T) {
	host := &plugintest.Host{Answers: map[string]any{sdk.MethodStatus: sdk.Status{Running: 7}}}
	result, err := plugintest.Run(t, skill, sdk.Request{Entrypoint: "busy"}, host)
	if err != nil || string(result.Output) != "7" {
		t.Fatalf("Run = %s, %v; want 7", result.Output, err)
	}
	if diff := cmp.Diff([]plugintest.Call{{Method: sdk.MethodStatus}}, host.Calls()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]plugintest.Log{{Level: sdk.LevelInfo, Line: "starting \uFFFD"}}, host.Logs()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]plugintest.Step{{Done: 1, Total: 2, Note: "half"}}, host.Steps()); diff != "" {
		t.Error(diff)
	}
	for want, answers := range map[string]map[string]any{
		"denied": nil,
		"down":   {sdk.MethodStatus: &sdk.Error{Code: "down", Message: "closed"}},
	} {
		if _, err := plugintest.Run(t, skill, sdk.Request{Entrypoint: "busy"}, &plugintest.Host{Answers: answers}); code(err) != want {
			t.Errorf("with answers %v: %v; want code %s", answers, err, want)
		}
	}
}

func code(err error) string {
	if e, ok := errors.AsType[*sdk.Error](err); ok {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
