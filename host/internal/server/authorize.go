package server

import (
	"context"

	"connectrpc.com/connect/v2"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
)

// authorize lets a call through whose peer is known and whose procedure has an
// action. Where the question needs nothing from the payload it is put here; else
// the handler puts it about each thing it finds, or the flow that acts.
func (s *Server) authorize(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		rule, ok := ruleOf(spec.Procedure)
		if !ok {
			return connect.NewError(connect.CodePermissionDenied, spec.Procedure+": no action is known for it")
		}
		if _, ok := peer(ctx); !ok {
			return connect.NewError(connect.CodePermissionDenied, "the caller is not known: come by the unix socket")
		}
		if rule.asked == before {
			if err := s.may(ctx, rule.action, policy.Resource{}); err != nil {
				return err
			}
		}
		return next(ctx, spec, stream)
	}
}

// may returns nil if the caller may do action to resource, else the denial.
func (s *Server) may(ctx context.Context, action string, resource policy.Resource) error {
	d := s.ask(ctx, action, resource)
	if d.Allow && len(d.Errors) == 0 {
		return nil
	}
	return denial(caller(ctx), action, resource, d)
}

func (s *Server) ask(ctx context.Context, action string, resource policy.Resource) job.Decision {
	return s.Policy.Authorize(policy.Request{Principal: caller(ctx), Action: action, Resource: resource})
}

// sees returns which jobs and their runs the caller may view. Answers are
// remembered for the length of one call.
func (s *Server) sees(ctx context.Context, action string) func(*job.Job) bool {
	known := map[job.ID]bool{}
	return func(j *job.Job) bool {
		seen, ok := known[j.ID]
		if !ok {
			seen = s.may(ctx, action, policy.JobResource(j)) == nil
			known[j.ID] = seen
		}
		return seen
	}
}

// jobOf returns the job of a run, or, if it is gone, what the run says of it.
func (s *Server) jobOf(r *job.Run) (*job.Job, error) {
	if j, err := s.Jobs.Get(string(r.Job)); j != nil || err != nil {
		return j, err
	}
	return &job.Job{ID: r.Job, Name: r.JobName, Owner: r.Principal, Action: r.Action}, nil
}
