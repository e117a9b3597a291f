package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/palyra-go/palyra/host/internal/job"
)

const (
	jobColumns = `SELECT j.key, j.id, j.name, j.generation, j.owner, j.concurrency, COALESCE(c.cursor, 0), j.spec, j.input,
			j.created, j.updated
		FROM jobs j LEFT JOIN cursors c ON c.job = j.id `

	everyJob = -1 // as a limit
)

// Jobs returns all jobs, by name.
func (j *Journal) Jobs(ctx context.Context) ([]*job.Job, error) { return j.FindJobs(ctx, job.Pick{}) }

// FindJobs returns the jobs that are picked: in the order of names or keys, if
// these were not listed, and none where there is none.
func (j *Journal) FindJobs(ctx context.Context, p job.Pick) ([]*job.Job, error) {
	limit := p.Limit
	if limit <= 0 {
		limit = everyJob
	}
	switch {
	case len(p.Keys) > 0:
		return j.jobsByKey(ctx, p.Keys)
	case p.ID != "":
		return collect(ctx, j, "job", scanJob, jobColumns+`WHERE j.id = $1`, string(p.ID))
	case p.Name != "":
		return collect(ctx, j, "job", scanJob, jobColumns+`WHERE j.name = $1`, p.Name)
	case p.ByKey:
		return collect(ctx, j, "jobs", scanJob, jobColumns+`WHERE j.key > $1 ORDER BY j.key LIMIT $2`, int64(p.Above), limit)
	}
	return collect(ctx, j, "jobs", scanJob, jobColumns+`WHERE j.name > $1 ORDER BY j.name LIMIT $2`, p.After, limit)
}

// keyLists are the queries for so many keys at once.
var keyLists = [...]struct {
	size  int
	query string
}{{1, byKeys(1)}, {32, byKeys(32)}, {512, byKeys(512)}}

func byKeys(n int) string { return jobColumns + `WHERE j.key IN ` + sqlite.list(n) }

// jobsByKey asks for many at once; the last key fills a list up.
func (j *Journal) jobsByKey(ctx context.Context, keys []uint32) ([]*job.Job, error) {
	var all []*job.Job
	for len(keys) > 0 {
		list := keyLists[0]
		for _, longer := range keyLists[1:] {
			if len(keys) > list.size {
				list = longer
			}
		}
		args := make([]any, list.size)
		for i := range args {
			args[i] = int64(keys[min(i, len(keys)-1)])
		}
		keys = keys[min(list.size, len(keys)):]
		found, err := collect(ctx, j, "jobs", scanJob, list.query, args...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// metaArms is who computed when the scheduler has to look at jobs.
const metaArms = "arms"

// Arms hands over when the scheduler has to look at each job. What was not
// computed by the one who asks is not told.
func (j *Journal) Arms(ctx context.Context, by string, f func(job.Arm)) error {
	var was string
	err := j.readers.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = $1`, metaArms).Scan(&was)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read arms: %w", err)
	}
	rows, err := j.readers.QueryContext(ctx, `SELECT key, cursor, arms FROM cursors WHERE key > 0`)
	if err != nil {
		return fmt.Errorf("read arms: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var a job.Arm
		if err := rows.Scan(&a.Key, &a.Cursor, &a.At); err != nil {
			return fmt.Errorf("read arms: %w", err)
		}
		if was != by || by == "" {
			a.At = job.Unarmed
		}
		f(a)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read arms: %w", err)
	}
	return nil
}

// PutArms writes when the scheduler has to look at jobs. If by is not empty, all
// that is stored was computed by that one.
func (j *Journal) PutArms(ctx context.Context, arms []job.Arm, by string) error {
	err := j.write(ctx, func(t *tx) error {
		for _, a := range arms {
			if _, err := t.exec(`UPDATE cursors SET arms = $2 WHERE job = (SELECT id FROM jobs WHERE key = $1)`, int64(a.Key), a.At); err != nil {
				return err
			}
		}
		if by == "" {
			return nil
		}
		_, err := t.exec(`INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, metaArms, by)
		return err
	})
	if err != nil {
		return fmt.Errorf("write arms: %w", err)
	}
	return nil
}

// repairFact is what an entry says about a repair.
type repairFact struct {
	Job    job.ID `json:"job"`
	Was    int64  `json:"was,omitempty"`
	Now    int64  `json:"now,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Repaired records that jobs were not armed as they should have been.
func (j *Journal) Repaired(ctx context.Context, repairs []job.Repair) error {
	err := j.write(ctx, func(t *tx) error {
		for _, r := range repairs {
			fact := repairFact{Job: r.Job, Was: micros(r.Was), Now: micros(r.Now), Reason: clean(r.Reason)}
			if err := t.record(kindRepair, daemon, string(r.Job), fact); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record %d repairs: %w", len(repairs), err)
	}
	return nil
}
