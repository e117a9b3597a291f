package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
)

// streams are what a daemon sends to who follows, one connection after the other,
// and how each ends.
type streams struct {
	sends [][]*api.FollowResponse
	ends  []error
	asked []string // "run@attempt/offset" of each connection
}

func (d fakeRuns) Follow(_ context.Context, r *api.FollowRequest, stream api.RunServiceFollowServerStream) error {
	s := d.streams
	n := len(s.asked)
	s.asked = append(s.asked, fmt.Sprintf("%s@%d/%d", r.GetRun(), r.GetAttempt(), r.GetOffset()))
	if n >= len(s.sends) {
		return connect.NewError(connect.CodeNotFound, "not expected any more")
	}
	for _, m := range s.sends[n] {
		if err := stream.Send(m); err != nil {
			return err
		}
	}
	return s.ends[n]
}

func isNow(state string, attempt int32, offset int64) *api.FollowResponse {
	return &api.FollowResponse{Run: &api.Run{Id: "run_1", Job: "j", State: state, Explanation: "It " + state + "."}, Attempt: attempt, Offset: offset}
}

func says(text string, attempt int32, offset int64) *api.FollowResponse {
	return &api.FollowResponse{Text: text, Attempt: attempt, Offset: offset}
}

// Whatever ends a connection, nothing is lost and nothing said twice.
func TestFollowGoesOnWhereItWas(t *testing.T) {
	stopping := connect.NewError(connect.CodeUnavailable, "the daemon is stopping")
	retry := isNow("running", 2, 0)
	retry.Run.Retry = timestamppb.New(noon)
	retry.Run.Attempts = []*api.Attempt{{Number: 1, State: "failed", Error: "oh"}}
	s := &streams{
		sends: [][]*api.FollowResponse{
			{isNow("queued", 1, 0), says("a\n", 1, 2)},
			{isNow("running", 1, 2)}, // it was not queued for the second time
			{isNow("running", 1, 2), says("b\n", 1, 4), retry, says("c\n", 2, 2)},
			{isNow("running", 2, 2), says("d\n", 2, 4), isNow("succeeded", 2, 4)},
		},
		ends: []error{stopping, nil, stopping, nil},
	}
	c := newCLI(t)
	c.daemon.streams = s
	out, errs, code := c.palyra(t, "run", "logs", "-f", "run_")
	if code != exitOK || out != "a\nb\nc\nd\n" {
		t.Errorf("exit code %d, printed %q", code, out)
	}
	if got := strings.Join(s.asked, " "); got != "run_@0/0 run_1@1/2 run_1@1/2 run_1@2/2" {
		t.Errorf("asked for %s", got)
	}
	for what, want := range map[string]int{
		"run_1 of j is queued; waiting for it to start\n": 1, "the daemon does not answer": 3,
		"attempt 1 failed: oh; the next starts": 1, "run_1 of j: It succeeded.\n": 1,
	} {
		if got := strings.Count(errs, what); got != want {
			t.Errorf("it says %q %d times, want %d:\n%s", what, got, want, errs)
		}
	}
}

func TestFollowEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		sends []*api.FollowResponse
		end   error
		code  int
		says  string
	}{
		{"succeeded", []*api.FollowResponse{isNow("succeeded", 1, 0)}, nil, exitOK, "It succeeded."},
		{"failed", []*api.FollowResponse{isNow("running", 1, 0), isNow("failed", 1, 0)}, nil, exitFailed, "It failed."},
		{"denied", []*api.FollowResponse{isNow("denied", 1, 0)}, nil, exitFailed, "It denied."},
		{"no such run", nil, connect.NewError(connect.CodeNotFound, "no such run"), exitNoSuch, "no such run"},
		{"not permitted any more", []*api.FollowResponse{isNow("running", 1, 0)}, connect.NewError(connect.CodePermissionDenied, "no"), exitDenied, "palyra: no"},
		{"never answered", nil, connect.NewError(connect.CodeUnavailable, "stopping"), exitAgain, "stopping"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := newCLI(t)
			client.daemon.streams = &streams{sends: [][]*api.FollowResponse{c.sends}, ends: []error{c.end}}
			out, errs, code := client.palyra(t, "run", "logs", "-f", "run_1")
			if code != c.code || out != "" || !strings.Contains(errs, c.says) {
				t.Errorf("exit code %d, printed %q and %q", code, out, errs)
			}
		})
	}
}
