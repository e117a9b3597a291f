package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"connectrpc.com/connect/v2"
	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// The exit codes, after sysexits(3).
const (
	exitOK          = 0
	exitFailed      = 1  // the thing asked about failed or is denied
	exitUsage       = 2  // the command line is wrong
	exitData        = 65 // bad data or signature
	exitNoSuch      = 66 // no such thing
	exitUnreachable = 69 // the daemon cannot be reached
	exitAgain       = 75 // try again later
	exitDenied      = 77 // the caller may not
)

// exitError is how a command failed: the exit code, what a person reads (nothing
// if all is said already), and what to do next.
type exitError struct {
	code int
	err  error
	next string
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func fail(code int, next, format string, args ...any) error {
	return &exitError{code, fmt.Errorf(format, args...), next}
}

// ended marks an error as one of the command itself. What cobra returns without
// it is about the command line.
type ended struct{ error }

func (e ended) Unwrap() error { return e.error }

// ran makes RunE of a body.
func ran(body func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := body(cmd, args); err != nil {
			return ended{err}
		}
		return nil
	}
}

// exit says how to end after err.
func (a *app) exit(err error) *exitError {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e
	}
	if _, ok := errors.AsType[ended](err); !ok {
		return &exitError{exitUsage, err, "see `palyra --help`"}
	}
	if e, ok := errors.AsType[*connect.Error](err); ok {
		return a.refusal(e)
	}
	e := &exitError{code: exitFailed, err: err}
	switch {
	case errors.Is(err, context.Canceled):
		e.code, e.err = exitAgain, errors.New("interrupted")
	case errors.Is(err, fs.ErrNotExist):
		e.code = exitNoSuch
	case errors.Is(err, fs.ErrPermission):
		e.code = exitDenied
	case badArtifact(err):
		e.code = exitData
	}
	return e
}

// refusal reads what the daemon answered, or that it did not.
func (a *app) refusal(e *connect.Error) *exitError {
	if api.Unreachable(e) {
		return a.unreachable(e)
	}
	message := e.Message()
	if message == "" {
		message = e.Error()
	}
	f := &exitError{exitFailed, errors.New(clean(message)), clean(api.ProblemOf(e).GetNext())}
	switch e.Code() {
	case connect.CodeInvalidArgument, connect.CodeOutOfRange, connect.CodeDataLoss:
		f.code = exitData
	case connect.CodeNotFound:
		f.code = exitNoSuch
	case connect.CodeUnavailable, connect.CodeResourceExhausted, connect.CodeAborted, connect.CodeCanceled, connect.CodeDeadlineExceeded:
		f.code = exitAgain
	case connect.CodePermissionDenied, connect.CodeUnauthenticated:
		f.code = exitDenied
	case connect.CodeUnimplemented:
		f.next = "palyrad is older or newer than this palyra: see `palyra version`"
	default: // it failed
	}
	return f
}

// unreachable says why no daemon answered.
func (a *app) unreachable(e *connect.Error) *exitError {
	socket, state, err := a.socketPath()
	failed := func(code int, next, format string, args ...any) *exitError {
		return &exitError{code, fmt.Errorf(format, args...), next}
	}
	switch {
	case err != nil:
		return &exitError{code: exitUnreachable, err: err}
	case errors.Is(e, fs.ErrPermission):
		return failed(exitDenied, "the daemon belongs to somebody else: name your own with --state DIR",
			"you may not connect to %s", socket)
	case len(socket) > 107:
		return failed(exitUsage, "a socket path has at most 107 bytes", "%s is too long for a socket", socket)
	case a.socket != "":
		return failed(exitUnreachable, "", "no daemon answers at %s", socket)
	}
	return failed(exitUnreachable, fmt.Sprintf("start it with `palyrad --state %s`, or name another state with --state DIR", state),
		"palyrad is not running on %s", state)
}

func badArtifact(err error) bool {
	for _, bad := range []error{
		bundle.ErrContainer, bundle.ErrManifest, bundle.ErrUnsigned, bundle.ErrStatement, bundle.ErrSignature,
		bundle.ErrContents, bundle.ErrExpired, bundle.ErrKey, bundle.ErrProgram,
	} {
		if errors.Is(err, bad) {
			return true
		}
	}
	return false
}
