package journal

import (
	"context"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Recent returns the latest runs of a job that tell how it does, those that
// succeeded or failed, newest first by nominal time: id, generation, state, reason
// and error of each. What the stop of the daemon interrupted tells nothing, and
// backfills are not of now.
func (j *Journal) Recent(ctx context.Context, id job.ID, limit int) ([]*job.Run, error) {
	return collect(ctx, j, "recent runs", func(row scanner) (*job.Run, error) {
		r := &job.Run{Job: id}
		return r, row.Scan(&r.ID, &r.Generation, &r.State, &r.Reason, &r.Error)
	}, `SELECT id, generation, state, reason, error FROM runs
		WHERE job = $1 AND state IN ('succeeded', 'failed', 'timed_out', 'interrupted') AND reason <> 'shutdown' AND trigger <> 'backfill'
		ORDER BY due DESC, seq DESC LIMIT $2`, string(id), limit)
}

// PausedByFailure returns the jobs that ask to be paused after failed runs, and
// maybe a few others.
func (j *Journal) PausedByFailure(ctx context.Context) ([]job.ID, error) {
	return collect(ctx, j, "jobs", func(row scanner) (id job.ID, err error) {
		return id, row.Scan(&id)
	}, `SELECT id FROM jobs WHERE spec LIKE '%"pause_after":%'`)
}
