package server

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/near"
	"github.com/palyra-go/palyra/host/internal/policy"
)

// Kind is what sort of failure an error is, to whoever called.
type Kind int

// The kinds; see the package comment.
const (
	Internal Kind = iota
	Invalid
	Untrusted
	NotFound
	Exists
	Conflict
	Busy
	Limit
	State
	Denied
)

func (k Kind) code() connect.Code {
	switch k {
	case Invalid, Untrusted:
		return connect.CodeInvalidArgument
	case NotFound:
		return connect.CodeNotFound
	case Exists:
		return connect.CodeAlreadyExists
	case Conflict:
		return connect.CodeAborted
	case Busy:
		return connect.CodeUnavailable
	case Limit:
		return connect.CodeResourceExhausted
	case State:
		return connect.CodeFailedPrecondition
	case Denied:
		return connect.CodePermissionDenied
	default:
		return connect.CodeInternal
	}
}

func (k Kind) reason() string {
	switch k {
	case Invalid:
		return "bad_data"
	case Untrusted:
		return "untrusted"
	case NotFound:
		return "not_found"
	case Exists:
		return "exists"
	case Conflict:
		return "conflict"
	case Busy:
		return "busy"
	case Limit:
		return "limit"
	case State:
		return "state"
	case Denied:
		return "denied"
	default:
		return "internal"
	}
}

// problem makes the error that a client sees.
func problem(k Kind, next string, format string, args ...any) error {
	return detailed(k, fmt.Sprintf(format, args...), &api.Problem{Reason: k.reason(), Next: next})
}

func detailed(k Kind, message string, p *api.Problem) error {
	e := connect.NewError(k.code(), message)
	detail, err := connectproto.NewErrorDetail(p)
	if err != nil {
		return e
	}
	return e.WithDetail(detail)
}

// denial says who was denied what, and by which policies.
func denial(by job.Principal, action string, r policy.Resource, d job.Decision) error {
	what := action
	if name := r.Name; name != "" {
		what += " " + name
	} else if r.ID != "" {
		what += " " + r.ID
	}
	why := strings.TrimPrefix(policy.Refusal(d), "denied: ")
	if why == "" {
		why = "no policy permits it"
		if len(d.Policies) > 0 {
			why = "forbidden by " + strings.Join(d.Policies, ", ")
		}
	}
	return detailed(Denied, fmt.Sprintf("%s may not %s: %s", by, what, strings.TrimSuffix(why, ".")),
		&api.Problem{Reason: Denied.reason(), Policies: d.Policies})
}

// tell turns the errors of other rooms into what a client sees.
func (s *Server) tell(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		err := next(ctx, spec, stream)
		if err == nil {
			return nil
		}
		if e, ok := errors.AsType[*connect.Error](err); ok {
			return e
		}
		if ctx.Err() != nil {
			return connect.NewError(connect.CodeCanceled, "the caller has gone")
		}
		kind := Internal
		if s.Kind != nil {
			kind = s.Kind(err)
		}
		if kind == Internal {
			s.Log.Error("call failed", "procedure", spec.Procedure, "err", err)
		}
		return problem(kind, "", "%v", err)
	}
}

// missing says that there is no such thing, and which one may have been meant.
func missing(what, name string, names []string, list string) error {
	next := "see `" + list + "`"
	if meant := near.Name(name, names); meant != "" {
		next = fmt.Sprintf("did you mean %s? else see `%s`", meant, list)
	}
	return problem(NotFound, next, "no %s is called %q", what, name)
}
