package runner

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// Both kinds of children behave alike.
func TestConformance(t *testing.T) {
	for _, kind := range []bundle.Kind{bundle.Native, bundle.WASM} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := pack(t, kind, "good", "status = true")
			r := open(t, nil)
			t.Run("endings", func(t *testing.T) { endings(t, r, s) })
			t.Run("host", func(t *testing.T) { meetsHost(t, r, s) })
			t.Run("upstream", func(t *testing.T) { hasUpstream(t, r, s) })
			t.Run("cancel", func(t *testing.T) { cancels(t, r, s) })
			t.Run("stop", func(t *testing.T) { stops(t, r, s) })
		})
	}
}

// ending sums up how a run ended.
func ending(err error) string {
	if f, ok := errors.AsType[*skill.Fault](err); ok {
		return "fault " + string(f.Kind)
	}
	if e, ok := errors.AsType[*sdk.Error](err); ok {
		return "error " + e.Code
	}
	if err != nil {
		return err.Error()
	}
	return "result"
}

func endings(t *testing.T, r *Runner, s *skill.Skill) {
	for _, test := range []struct {
		entrypoint string
		timeout    time.Duration
		native     string
		wasm       string // if another
	}{
		{"echo", long, "result", ""},
		{"retry", long, "error away", ""},
		{"missing", long, "error unknown_entrypoint", ""},
		{"panic", long, "error panic", ""},
		{"exit", long, "fault crashed", "error guest_exit"},
		{"echo", long, "result", ""},
		{"flood", long, "fault output_limit", ""},
		{"wait", 100 * time.Millisecond, "context deadline exceeded", ""}, // obeys
		{"echo", long, "result", ""},
		{"spin", 500 * time.Millisecond, "context deadline exceeded", ""}, // ignores
		{"echo", long, "result", ""},
	} {
		want := test.native
		if s.Manifest.Kind == bundle.WASM && test.wasm != "" {
			want = test.wasm
		}
		req := sdk.Request{Occurrence: "occ_1", Due: time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC), Attempt: 3}
		if test.entrypoint == "echo" {
			req.Input = []byte(`{"a":[1,2]}`)
		}
		result, err := r.Run(t.Context(), permit(t, s, test.entrypoint, test.timeout), req, newHost())
		if ending(err) != want {
			t.Errorf("%s ended with %v; want %s", test.entrypoint, err, want)
		}
		if e, ok := errors.AsType[*sdk.Error](err); ok && e.Retryable != (test.entrypoint == "retry") {
			t.Errorf("%s: retryable = %v", test.entrypoint, e.Retryable)
		}
		if want == "result" && (string(result.Output) != string(req.Input) || result.Summary != "run_1 occ_1 2030-01-02 3") {
			t.Errorf("%s = %s, %q", test.entrypoint, result.Output, result.Summary)
		}
	}
}

func meetsHost(t *testing.T, r *Runner, s *skill.Skill) {
	h := newHost()
	result, err := r.Run(t.Context(), permit(t, s, "chat", long), sdk.Request{}, h)
	if err != nil || string(result.Output) != "7" {
		t.Fatalf("Run = %s, %v; want 7", result.Output, err)
	}
	if line := <-h.said; line != "info hello" {
		t.Errorf("logged %q", line)
	}
	if got := strings.Join(h.steps, ","); got != "1 2half" {
		t.Errorf("progress = %q", got)
	}
	_, err = r.Run(t.Context(), permit(t, s, "call", long), sdk.Request{Input: []byte(`{"method":"host.reboot"}`)}, h)
	if ending(err) != "error denied" {
		t.Errorf("a call that is not granted ended with %v", err)
	}
}

// hasUpstream has an action tell which run started it: all of it arrives.
func hasUpstream(t *testing.T, r *Runner, s *skill.Skill) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)
	want := sdk.Upstream{
		Job: "nightly", Run: "run_0", Occurrence: "job_0@x", State: "failed", Reason: "error", Recovered: true, Attempt: 3,
		Error: "oh \"no\"", Summary: "é", Due: at, Started: at.Add(time.Second), Ended: at.Add(time.Minute),
		Output: json.RawMessage(`{"rows":[1,2]}`),
	}
	result, err := r.Run(t.Context(), permit(t, s, "echo", long), sdk.Request{Upstream: &want}, newHost())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(want)
	if err != nil || string(result.Output) != string(text) {
		t.Errorf("it was started by %s, %v; want %s", result.Output, err, text)
	}
}

var errReplaced = errors.New("replaced")

func cancels(t *testing.T, r *Runner, s *skill.Skill) {
	for _, entrypoint := range []string{"wait", "spin"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		h := newHost()
		ended := make(chan error)
		go func() {
			_, err := r.Run(ctx, permit(t, s, entrypoint, long), sdk.Request{}, h)
			ended <- err
		}()
		h.hears(t, ended)
		cancel(errReplaced)
		if err := <-ended; !errors.Is(err, errReplaced) {
			t.Errorf("%s, cancelled, ended with %v", entrypoint, err)
		}
	}
	// A call that is being served is cancelled with its run, and awaited.
	ctx, cancel := context.WithCancelCause(t.Context())
	h, served := newHost(), false
	h.call = func(ctx context.Context, _ string) (json.RawMessage, error) {
		cancel(errReplaced)
		<-ctx.Done()
		served = true
		return nil, ctx.Err()
	}
	_, err := r.Run(ctx, permit(t, s, "chat", long), sdk.Request{}, h)
	if !errors.Is(err, errReplaced) || !served {
		t.Errorf("cancelled during a call: %v, call ended: %v", err, served)
	}
}

func stops(t *testing.T, r *Runner, s *skill.Skill) {
	h := newHost()
	ended := make(chan error)
	go func() {
		_, err := r.Run(t.Context(), permit(t, s, "spin", long), sdk.Request{}, h)
		ended <- err
	}()
	h.hears(t, ended)
	r.Stop(s.Digest)
	r.mu.Lock()
	left := len(r.pools[poolKey{digest: s.Digest}].children)
	r.mu.Unlock()
	if left != 0 {
		t.Errorf("%d children survive", left)
	}
	if err := <-ended; ending(err) != "fault crashed" || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("stopped, it ended with %v", err)
	}
	if _, err := r.Run(t.Context(), permit(t, s, "echo", long), sdk.Request{}, h); err != nil {
		t.Errorf("with a later permit: %v", err)
	}
}
