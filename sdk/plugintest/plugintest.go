//go:build !wasip1

// Package plugintest runs an Action in its author's test as the host would.
//
// The action is served over the real transport, gRPC with the real messages and
// their limits, in the test's own process:
//
//	host := &plugintest.Host{Answers: map[string]any{sdk.MethodStatus: sdk.Status{Running: 1}}}
//	result, err := plugintest.Run(t, skill, sdk.Request{Entrypoint: "greet", Input: []byte(`{"Name":"Ada"}`)}, host)
//
// A host call that has no answer is denied, as it would be without a grant. The
// run is cancelled when the test ends.
package plugintest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/pluginmain"
	pluginv1 "github.com/palyra-go/palyra/sdk/proto/palyra/plugin/v1"
)

// Host answers an action's calls and remembers what it was told. Its zero value
// denies every call.
type Host struct {
	// Answers maps the method of a host call to its answer: an error, or a value
	// that is sent as JSON.
	Answers map[string]any

	mu    sync.Mutex // guards what follows
	calls []Call
	logs  []Log
	steps []Step
}

// Call is a host call that the action made.
type Call struct {
	Method string
	Params json.RawMessage
}

// Log is a line that the action logged.
type Log struct {
	Level sdk.Level
	Line  string
}

// Step is a report of progress.
type Step struct {
	Done, Total int64
	Note        string
}

// Calls returns the host calls so far.
func (h *Host) Calls() []Call {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.calls)
}

// Logs returns the log lines so far.
func (h *Host) Logs() []Log {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.logs)
}

// Steps returns the reports of progress so far.
func (h *Host) Steps() []Step {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.steps)
}

// Run runs the action of skill that req names. What the action fails with is an
// *sdk.Error. A nil host denies every call.
func Run(t testing.TB, skill sdk.Skill, req sdk.Request, host *Host) (sdk.Result, error) {
	t.Helper()
	if host == nil {
		host = &Host{}
	}
	stream, err := dial(t, skill).Run(t.Context())
	if err != nil {
		return sdk.Result{}, fmt.Errorf("run: %w", err)
	}
	start := &pluginv1.RunRequest{Message: &pluginv1.RunRequest_Start{Start: pluginv1.NewStart(req)}}
	if err := stream.Send(start); err != nil {
		return sdk.Result{}, fmt.Errorf("run: %w", err)
	}
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return sdk.Result{}, errors.New("run: it ended without an answer")
		}
		if err != nil {
			return sdk.Result{}, fmt.Errorf("run: %w", err)
		}
		switch m := message.GetMessage().(type) {
		case *pluginv1.RunResponse_Result:
			return m.Result.Value(), nil
		case *pluginv1.RunResponse_Error:
			return sdk.Result{}, m.Error.Value()
		}
		if reply := host.take(message); reply != nil {
			if err := stream.Send(reply); err != nil {
				return sdk.Result{}, fmt.Errorf("run: %w", err)
			}
		}
	}
}

// dial serves skill and returns a client of it. Both end with the test.
func dial(t testing.TB, skill sdk.Skill) pluginv1.PluginClient {
	listener := bufconn.Listen(64 << 10)
	server := grpc.NewServer(grpc.MaxRecvMsgSize(pluginv1.MaxMessage))
	pluginv1.RegisterPluginServer(server, pluginmain.NewServer(skill))
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // which says only that it was stopped
	}()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
	conn, err := grpc.NewClient("passthrough:skill",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(pluginv1.MaxMessage)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return pluginv1.NewPluginClient(conn)
}

// take remembers what the action said and returns what to send back, if
// anything.
func (h *Host) take(message *pluginv1.RunResponse) *pluginv1.RunRequest {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch m := message.GetMessage().(type) {
	case *pluginv1.RunResponse_Log:
		h.logs = append(h.logs, Log{sdk.Level(m.Log.GetLevel()), m.Log.GetLine()})
	case *pluginv1.RunResponse_Progress:
		h.steps = append(h.steps, Step{m.Progress.GetDone(), m.Progress.GetTotal(), m.Progress.GetNote()})
	case *pluginv1.RunResponse_Call:
		h.calls = append(h.calls, Call{m.Call.GetMethod(), m.Call.GetParams()})
		return &pluginv1.RunRequest{Message: &pluginv1.RunRequest_CallResult{CallResult: h.answer(m.Call)}}
	}
	return nil
}

func (h *Host) answer(call *pluginv1.Call) *pluginv1.CallResult {
	value, ok := h.Answers[call.GetMethod()]
	if !ok {
		value = &sdk.Error{Code: "denied", Message: call.GetMethod() + ": the test has no answer for it"}
	}
	failure, failed := value.(error)
	if !failed {
		output, err := json.Marshal(value)
		if err == nil {
			return &pluginv1.CallResult{Id: call.GetId(), Answer: &pluginv1.CallResult_Output{Output: output}}
		}
		failure = err
	}
	return &pluginv1.CallResult{Id: call.GetId(), Answer: &pluginv1.CallResult_Error{Error: pluginv1.NewError(failure)}}
}
