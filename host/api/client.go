// Package api is the control API from outside: one proto, the code generated
// from it, and a [Client] for the daemon on this machine.
//
// The daemon listens on a unix socket ([SocketPath]) that belongs to its state
// directory ([StateDir]); who connects is known by the credentials of the peer,
// so nothing here knows a password. Every call is judged under the action that
// its comment in the proto names.
//
// A call fails with a *connect.Error. What the daemon said carries a [Problem]
// as detail ([ProblemOf]); what never reached a daemon is [Unreachable]. The
// codes: invalid_argument (bad data), not_found, already_exists,
// permission_denied, failed_precondition (not in this state), aborted and
// unavailable (try again), resource_exhausted (over a limit), internal.
package api

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
)

// maxAnswer is the largest answer a client reads: the log of a run and a long
// list of runs fit.
const maxAnswer = 64 << 20

// installChunk is how much of an artifact goes into one message.
const installChunk = 256 << 10

// Client talks to one daemon. It is safe for concurrent use.
type Client struct {
	Jobs       JobServiceClient
	Runs       RunServiceClient
	Skills     SkillServiceClient
	Publishers PublisherServiceClient
	Memory     MemoryServiceClient
	Policies   PolicyServiceClient
	Journal    JournalServiceClient
	Host       HostServiceClient
}

// Dial returns a client of the daemon behind a unix socket. It does no I/O; the
// first call connects.
func Dial(socket string) *Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
	}
	conn := connect.NewClient(connecthttp.NewTransport(
		&http.Client{Transport: transport}, "http://palyra", connecthttp.WithReadMaxBytes(maxAnswer)))
	return &Client{
		Jobs:       NewJobServiceClient(conn),
		Runs:       NewRunServiceClient(conn),
		Skills:     NewSkillServiceClient(conn),
		Publishers: NewPublisherServiceClient(conn),
		Memory:     NewMemoryServiceClient(conn),
		Policies:   NewPolicyServiceClient(conn),
		Journal:    NewJournalServiceClient(conn),
		Host:       NewHostServiceClient(conn),
	}
}

// Install sends an artifact and installs it. With a digest (64 hexadecimal
// digits) the daemon refuses any other bytes.
func (c *Client) Install(ctx context.Context, artifact io.Reader, digest string) (*InstallResponse, error) {
	stream, err := c.Skills.Install(ctx)
	if err != nil {
		return nil, err
	}
	first := &InstallRequest{ExpectDigest: digest}
	if err := stream.Send(first); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	buf := make([]byte, installChunk)
	for {
		n, err := artifact.Read(buf)
		if n > 0 {
			// io.EOF: the daemon has answered already; the answer says why.
			if err := stream.Send(&InstallRequest{Chunk: buf[:n]}); errors.Is(err, io.EOF) {
				return stream.CloseAndReceive()
			} else if err != nil {
				return nil, err
			}
		}
		if errors.Is(err, io.EOF) {
			return stream.CloseAndReceive()
		}
		if err != nil {
			return nil, err
		}
	}
}

// Unreachable reports whether a call failed before any daemon answered it.
func Unreachable(err error) bool {
	e, ok := errors.AsType[*connect.Error](err)
	return ok && e.Code() == connect.CodeUnavailable && !e.IsRemote()
}

// ProblemOf returns what the daemon said beside the code of an error, or an
// empty Problem.
func ProblemOf(err error) *Problem {
	if e, ok := errors.AsType[*connect.Error](err); ok {
		for _, detail := range e.Details() {
			message, err := connectproto.UnmarshalErrorDetail(detail)
			if problem, ok := message.(*Problem); err == nil && ok {
				return problem
			}
		}
	}
	return &Problem{}
}
