package dispatch

import (
	"context"
	"fmt"

	"github.com/palyra-go/palyra/host/internal/job"
)

// MaxDepth is how many runs long a chain may be, in which the end of one starts
// the next.
const MaxDepth = 16

// Chain starts a run of a job, for a principal, because a run of another job, the
// parent, has ended: through the same gate, and under the same concurrency policy.
// Depth is how many runs led to this one. What a parent started it does not start
// again: the journal refuses that.
func (d *Dispatch) Chain(ctx context.Context, j *job.Job, by job.Principal, parent job.RunID, depth int) (*job.Run, error) {
	b, err := d.begin(ctx, func(b *batch) {
		run := b.run(j, job.ByChain, b.now, b.now)
		run.Parent, run.Principal = parent, by
		switch {
		case depth >= MaxDepth:
			run.State, run.Reason = job.Skipped, job.ReasonChainDepth
		case j.Paused:
			run.State, run.Reason = job.Skipped, job.ReasonPaused
		}
		c := job.Claim{Job: j.ID, Generation: j.Generation}
		if run.State == "" {
			b.add(c, j, run)
			return
		}
		run.Ended, c.Run = b.now, run
		b.claims, b.lives = append(b.claims, c), append(b.lives, nil)
	})
	if err != nil {
		return nil, err
	}
	if err := b.refused[0]; err != nil {
		return nil, fmt.Errorf("start job %s: %w", j.Name, err)
	}
	return &b.born[0], nil
}

// chainOf is what the end of a run starts, by its job; nothing if that is gone.
func (d *Dispatch) chainOf(id job.ID) (job.Chain, error) {
	j, err := d.cfg.Jobs(id)
	if j == nil || err != nil {
		return job.Chain{}, err
	}
	return d.chain(j), nil
}

// chain is what the end of a run of the job starts.
func (d *Dispatch) chain(j *job.Job) job.Chain {
	if d.cfg.Chain == nil {
		return j.Chain
	}
	return d.cfg.Chain(j)
}
