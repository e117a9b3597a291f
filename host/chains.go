package host

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/palyra-go/palyra/host/internal/dispatch"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/sdk"
)

// chains starts the jobs that the ends of runs owe.
type chains struct {
	Runs interface {
		Run(ctx context.Context, id string) (*job.Run, error)
	}
	Dispatch starter
	Job      func(nameOrID string) (*job.Job, error)
	Config   CronConfig
}

type starter interface {
	Chain(ctx context.Context, j *job.Job, by job.Principal, parent job.RunID, depth int) (*job.Run, error)
}

// start starts the target of an effect, unless it was started already. A problem
// is why it never will be.
func (c *chains) start(ctx context.Context, e job.PendingEffect) (problem string, err error) {
	target, err := c.Job(e.Target)
	if err != nil {
		return "", err
	}
	if target == nil {
		return fmt.Sprintf("no job is called %q", e.Target), nil
	}
	parent, err := c.Runs.Run(ctx, string(e.Run))
	if err != nil {
		return "", err
	}
	by, problem, err := c.principal(parent, target)
	if problem != "" || err != nil {
		return problem, err
	}
	depth, err := c.depth(ctx, parent)
	if err != nil {
		return "", err
	}
	_, err = c.Dispatch.Chain(ctx, target, by, parent.ID, depth)
	if errors.Is(err, journal.ErrClaimed) {
		return "", nil // before the daemon died
	}
	return "", err
}

// principal is for whom the target runs. Who names a job in a chain asks for its
// run, as by hand; what the configuration names for all is run for its owner.
func (c *chains) principal(parent *job.Run, target *job.Job) (by job.Principal, problem string, err error) {
	from, err := c.Job(string(parent.Job))
	switch {
	case err != nil:
		return by, "", err
	case from != nil && !slices.Contains(from.Chain.Targets(), target.Name) && c.Config.names(target):
		return target.Owner, "", nil
	case from != nil:
		return from.Owner, "", nil
	case parent.Trigger.Scheduled():
		return parent.Principal, "", nil
	}
	return by, fmt.Sprintf("job %s is gone, and nobody else asks", parent.JobName), nil
}

// depth is how many runs led to one that parent starts.
func (c *chains) depth(ctx context.Context, parent *job.Run) (int, error) {
	for depth := 1; ; depth++ {
		if parent.Trigger != job.ByChain || depth >= dispatch.MaxDepth {
			return depth, nil
		}
		next, err := c.Runs.Run(ctx, string(parent.Parent))
		if errors.Is(err, journal.ErrNotFound) {
			return depth, nil // beyond the retention
		}
		if err != nil {
			return 0, err
		}
		parent = next
	}
}

// names reports whether the configuration has the job started for all.
func (c *CronConfig) names(j *job.Job) bool {
	return slices.Contains(c.OnFailure, j.Name) || slices.Contains(c.OnRecovery, j.Name)
}

// chain is what the end of a run of a job starts: what the job names, else what
// the configuration names for the jobs of users. Who is told of the failures of
// all is not told of its own.
func (c *CronConfig) chain(j *job.Job) job.Chain {
	chain := j.Chain
	if j.System() || c.names(j) {
		return chain
	}
	if len(chain.OnFailure) == 0 {
		chain.OnFailure = c.OnFailure
	}
	if len(chain.OnRecovery) == 0 {
		chain.OnRecovery = c.OnRecovery
	}
	return chain
}

// upstream tells an action of the run whose end started it.
func (h *host) upstream(ctx context.Context, id job.RunID) *sdk.Upstream {
	r, err := h.journal.Run(ctx, string(id))
	var recovered bool
	if err == nil {
		recovered, err = h.journal.Recovered(ctx, r)
	}
	if err != nil {
		h.log.Warn("the run that started another is not known", "run", id, "err", err)
		return nil
	}
	u := &sdk.Upstream{
		Job: r.JobName, Run: string(r.ID), Occurrence: r.Occurrence(), State: string(r.State), Reason: string(r.Reason),
		Recovered: recovered, Attempt: r.Attempt, Error: r.Error, Summary: r.Summary, Due: r.Due, Started: r.Started, Ended: r.Ended,
	}
	if len(r.Output) <= sdk.MaxUpstreamOutput {
		u.Output = r.Output
	}
	return u
}
