package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
)

// spoken is a run of two attempts: what a reader of the live run hears, one
// element a read, and what the journal has of it.
type spoken struct {
	*fake
	read chan heard
	kept []string // logs of the attempts that have ended
}

type heard struct {
	text string
	on   bool
	then func() // what happens just before it is heard
}

func (s *spoken) Read(ctx context.Context, _ job.RunID, attempt, _ int) (string, bool, error) {
	if s.run.State.Terminal() {
		return "", false, nil
	}
	var h heard
	select { // what is there is read, whatever ctx says
	case h = <-s.read:
	default:
		<-ctx.Done()
		return "", true, context.Cause(ctx)
	}
	if h.then != nil {
		h.then()
	}
	return h.text, h.on, nil
}

func (s *spoken) AttemptLog(_ context.Context, _ job.RunID, n int) (string, bool, error) {
	if n > len(s.kept) {
		return "", false, nil
	}
	return s.kept[n-1], true, nil
}

func newSpoken(reads ...heard) (*spoken, Config) {
	f := newFake()
	s := &spoken{fake: f, read: make(chan heard, len(reads))}
	for _, h := range reads {
		s.read <- h
	}
	c := f.config()
	c.Records, c.Live = s, s
	return s, c
}

// follow returns what a client is sent, "text@attempt/offset" or the state of the
// run, and how the stream ended.
func follow(t *testing.T, c *api.Client, req *api.FollowRequest) (got []string, err error) {
	t.Helper()
	stream, err := c.Runs.Follow(t.Context(), req)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	for {
		m, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		text := strings.TrimSpace(m.GetText())
		if m.GetRun() != nil {
			text = m.GetRun().GetState()
		}
		got = append(got, fmt.Sprintf("%s@%d/%d", text, m.GetAttempt(), m.GetOffset()))
	}
}

func expectSent(t *testing.T, got []string, want string) {
	t.Helper()
	if strings.Join(got, " ") != want {
		t.Errorf("sent %q\nwant %q", strings.Join(got, " "), want)
	}
}

func TestFollow(t *testing.T) {
	var s *spoken
	s, config := newSpoken(
		heard{"a\n", true, nil},
		heard{"bc\n", true, nil},
		heard{"", true, func() { s.kept = []string{"a\nbc\n"} }},
		heard{"d\n", true, nil},
		heard{"", false, func() { s.kept, s.run.State = append(s.kept, "d\ne\n"), job.Succeeded }},
	)
	client := serve(t, config)
	got, err := follow(t, client, &api.FollowRequest{Run: "run_1"})
	if err != nil {
		t.Fatal(err)
	}
	expectSent(t, got, "running@1/0 a@1/2 bc@1/5 running@2/0 d@2/2 e@2/4 succeeded@3/0")

	for from, want := range map[[2]int]string{ // it has ended now
		{0, 0}:   "succeeded@1/0 a\nbc@1/5 d\ne@2/4",
		{1, 2}:   "succeeded@1/2 bc@1/5 d\ne@2/4",
		{1, 5}:   "succeeded@1/5 d\ne@2/4",
		{2, 2}:   "succeeded@2/2 e@2/4",
		{2, 4}:   "succeeded@2/4",
		{3, 0}:   "succeeded@3/0",
		{2, 999}: "succeeded@2/999", // of an attempt whose log a crash took
		{9, 9}:   "succeeded@9/9",
	} {
		got, err := follow(t, client, &api.FollowRequest{Run: "run_1", Attempt: int32(from[0]), Offset: int64(from[1])})
		if err != nil {
			t.Fatal(err)
		}
		expectSent(t, got, want)
	}
	if _, err := follow(t, client, &api.FollowRequest{Run: "run_1", Offset: -1}); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("from before the beginning: %v", err)
	}
	if _, err := follow(t, client, &api.FollowRequest{Run: "run_2"}); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("a run that is not: %v", err)
	}
}

func TestFollowEndsEarly(t *testing.T) {
	t.Run("the server stops", func(t *testing.T) {
		stopping := make(chan struct{})
		_, config := newSpoken(heard{"a\n", true, func() { close(stopping) }})
		client, stop := serveUntil(t, config)
		go func() { <-stopping; stop() }()
		got, err := follow(t, client, &api.FollowRequest{Run: "run_1"})
		expectSent(t, got, "running@1/0 a@1/2")
		if connect.CodeOf(err) != connect.CodeUnavailable {
			t.Errorf("it ends with %v, want unavailable", err)
		}
		stop()
	})
	t.Run("a policy changes", func(t *testing.T) {
		s, config := newSpoken(heard{"a\n", true, nil}, heard{"secret\n", true, nil})
		s.deny = func(r policy.Request) bool { return len(s.asked) > 3 }
		got, err := follow(t, serve(t, config), &api.FollowRequest{Run: "run_1"})
		expectSent(t, got, "running@1/0 a@1/2")
		if connect.CodeOf(err) != connect.CodePermissionDenied {
			t.Errorf("it ends with %v, want permission_denied", err)
		}
	})
	t.Run("nobody wrote the end", func(t *testing.T) {
		_, config := newSpoken(heard{"a\n", true, nil}, heard{"", false, nil})
		got, err := follow(t, serve(t, config), &api.FollowRequest{Run: "run_1"})
		expectSent(t, got, "running@1/0 a@1/2 running@1/2")
		if connect.CodeOf(err) != connect.CodeInternal {
			t.Errorf("it ends with %v, want internal", err)
		}
	})
}

// Logs waits for nothing: what is there of a run that executes is told.
func TestLogsOfARunThatExecutes(t *testing.T) {
	s, config := newSpoken(heard{"", true, nil}, heard{"d\n", true, nil})
	s.kept = []string{"a\n"}
	logs, err := serve(t, config).Runs.Logs(t.Context(), &api.LogsRequest{Run: "run_1"})
	if err != nil || logs.GetLog() != "a\nd\n" {
		t.Errorf("Logs = %q, %v", logs.GetLog(), err)
	}
}
