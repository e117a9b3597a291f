package journal

import (
	"context"
	"fmt"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Recent returns the latest runs of a job that tell how it does, those that
// succeeded or failed, newest first by nominal time: id, generation, state, reason
// and error of each. What the stop of the daemon interrupted tells nothing, and
// backfills are not of now.
func (j *Journal) Recent(ctx context.Context, id job.ID, limit int) ([]*job.Run, error) {
	found, err := inEras(ctx, j.readers, search{
		job: id, from: forEver, to: never, limit: limit,
		where: ` AND r.state IN ('succeeded', 'failed', 'timed_out', 'interrupted') AND r.reason <> 'shutdown' AND r.trigger <> 'backfill'`,
	}, func(row scanner) (*job.Run, error) {
		r := &job.Run{Job: id}
		return r, row.Scan(&r.ID, &r.Generation, &r.State, &r.Reason, &r.Error)
	}, func(part, order string) string {
		return `SELECT id, generation, state, reason, error FROM runs WHERE seq IN (SELECT r.seq ` + part + `) ORDER BY due ` + order + `, seq ` + order
	})
	if err != nil {
		return nil, fmt.Errorf("read recent runs: %w", err)
	}
	return found, nil
}

// PausedByFailure returns the jobs that ask to be paused after failed runs, and
// maybe a few others.
func (j *Journal) PausedByFailure(ctx context.Context) ([]job.ID, error) {
	return collect(ctx, j, "jobs", func(row scanner) (id job.ID, err error) {
		return id, row.Scan(&id)
	}, `SELECT id FROM jobs WHERE spec LIKE '%"pause_after":%'`)
}
