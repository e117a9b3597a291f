package server

import (
	"context"
	"time"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
)

const mostRuns = 1000

// runs serves the RunService.
type runs struct{ *Server }

func (s runs) List(ctx context.Context, req *api.ListRunsRequest) (*api.ListRunsResponse, error) {
	limit, err := clamp(req.GetLimit(), 20, mostRuns)
	if err != nil {
		return nil, err
	}
	filter := job.Filter{State: job.State(req.GetState()), Limit: limit}
	if err := knownState(filter.State); err != nil {
		return nil, err
	}
	if name := req.GetJob(); name != "" {
		j, err := s.find(name)
		if err != nil {
			return nil, err
		}
		filter.Job = j.ID
	}
	found, hidden, err := s.visible(ctx, filter)
	if err == nil && hidden && limit < mostRuns {
		// Others' runs took places in the list: look further back.
		filter.Limit = mostRuns
		found, _, err = s.visible(ctx, filter)
	}
	if err != nil {
		return nil, err
	}
	return &api.ListRunsResponse{Runs: found[:min(limit, len(found))]}, nil
}

// visible lists the runs that the caller may view, and tells whether any was
// left out.
func (s runs) visible(ctx context.Context, filter job.Filter) (list []*api.Run, hidden bool, err error) {
	found, err := s.Runs.Runs(ctx, filter)
	if err != nil {
		return nil, false, err
	}
	show := s.shows(ctx)
	for _, r := range found {
		if p := show(r); p != nil {
			list = append(list, p)
		} else {
			hidden = true
		}
	}
	return list, hidden, nil
}

// shows returns what translates runs that the caller may view; of others it
// makes nil.
func (s *Server) shows(ctx context.Context) func(*job.Run) *api.Run {
	sees, zones := s.sees(ctx, "run.view"), map[job.ID]*time.Location{}
	return func(r *job.Run) *api.Run {
		j, err := s.jobOf(r)
		if err != nil {
			s.Log.Warn("a run is not shown, whose job cannot be read", "run", r.ID, "err", err)
			return nil
		}
		if !sees(j) {
			return nil
		}
		zone := zones[j.ID]
		if zone == nil {
			zone = s.zoneOf(j)
			zones[j.ID] = zone
		}
		return s.explained(fromRun(r, zone))
	}
}

// explained has a queued run say what it waits for.
func (s *Server) explained(p *api.Run) *api.Run {
	if p.GetState() != string(job.Queued) || s.Waits == nil {
		return p
	}
	if what := s.Waits(job.RunID(p.GetId())); what != "" {
		p.Explanation = "Queued: waits for " + what + "."
	}
	return p
}

func knownState(s job.State) error {
	switch s {
	case "", job.Queued, job.Running, job.Succeeded, job.Failed, job.TimedOut, job.Cancelled, job.Interrupted,
		job.Denied, job.Skipped, job.Missed, job.Expired:
		return nil
	}
	return problem(Invalid, "", "state %q: want queued, running, succeeded, failed, timed_out, cancelled, interrupted, "+
		"denied, skipped, missed or expired", s)
}

func (s runs) Get(ctx context.Context, req *api.GetRunRequest) (*api.Run, error) {
	r, j, err := s.run(ctx, "run.view", req.GetRun())
	if err != nil {
		return nil, err
	}
	attempts, err := s.Records.Attempts(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	p := s.explained(fromRun(r, s.zoneOf(j)))
	p.Attempts = fromAttempts(attempts)
	return p, s.links(ctx, r, p)
}

func (s runs) Cancel(ctx context.Context, req *api.CancelRunRequest) (*api.Run, error) {
	r, j, err := s.run(ctx, "run.cancel", req.GetRun())
	if err != nil {
		return nil, err
	}
	if r.State.Terminal() {
		return nil, problem(State, "", "run %s has ended already: %s", r.ID, r.State)
	}
	if err := s.Dispatch.Cancel(ctx, r.ID, caller(ctx)); err != nil {
		return nil, err
	}
	if r, err = s.Runs.Run(ctx, string(r.ID)); err != nil {
		return nil, err
	}
	return fromRun(r, s.zoneOf(j)), nil
}

// run finds a run and asks whether the caller may do action to it.
func (s *Server) run(ctx context.Context, action, idOrPrefix string) (*job.Run, *job.Job, error) {
	if idOrPrefix == "" {
		return nil, nil, problem(Invalid, "", "which run? name one by its id, or the first letters of it")
	}
	r, err := s.Runs.Run(ctx, idOrPrefix)
	if err != nil {
		if s.Kind != nil && s.Kind(err) == NotFound {
			err = problem(NotFound, "see `palyra run list`", "%v", err)
		}
		return nil, nil, err
	}
	j, err := s.jobOf(r)
	if err != nil {
		return nil, nil, err
	}
	return r, j, s.may(ctx, action, policy.JobResource(j))
}

func (s runs) Watch(ctx context.Context, _ *api.WatchRequest, stream api.RunServiceWatchServerStream) error {
	watching, cancel := s.untilStop(ctx)
	defer cancel()
	// The headers tell the caller that from now on nothing is missed.
	return s.Server.Watch(watching, stream.SendHeaders, func(r *job.Run) error {
		// Policies may change while somebody watches: each run is asked about.
		if p := s.shows(watching)(r); p != nil {
			return stream.Send(p)
		}
		return nil
	})
}

func (s runs) Summary(ctx context.Context, req *api.SummaryRequest) (*api.SummaryResponse, error) {
	since, err := toTime(req.GetSince())
	if err != nil {
		return nil, problem(Invalid, "", "since: %v", err)
	}
	tallies, err := s.Records.Tallies(ctx, since)
	if err != nil {
		return nil, err
	}
	sum, sees := &api.SummaryResponse{}, s.sees(ctx, "run.view")
	for _, t := range tallies {
		j, err := s.Jobs.Get(t.Job)
		if err != nil {
			return nil, err
		}
		if j == nil {
			j = &job.Job{ID: job.ID(t.Job), Name: t.Job}
		}
		if sees(j) {
			sum.Counts = append(sum.Counts, &api.RunCount{
				Job: t.Job, State: string(t.State), Reason: string(t.Reason), Count: t.Count,
			})
		}
	}
	return sum, nil
}
