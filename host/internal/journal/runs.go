package journal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// OpenRuns returns the runs that are queued or running, oldest first.
func (j *Journal) OpenRuns(ctx context.Context) ([]*job.Run, error) {
	return collect(ctx, j, "open runs", scanRun, `SELECT `+runColumns+` FROM runs WHERE ended = 0 ORDER BY seq`)
}

// LastRun returns the run of the latest nominal time of a job, nil if there is
// none.
func (j *Journal) LastRun(ctx context.Context, id job.ID) (*job.Run, error) {
	found, err := collect(ctx, j, "last run", scanRun, `SELECT `+runColumns+` FROM runs WHERE seq =
		(SELECT r.seq FROM cursors c JOIN run_rows r ON r.seq = c.run AND r.job = c.nth WHERE c.job = $1)`, string(id))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

const (
	defaultRuns = 20
	maxRuns     = 100_000
)

// Runs returns the runs that the filter selects, newest first: of one job by
// nominal time, of all in the order in which they were written.
func (j *Journal) Runs(ctx context.Context, f job.Filter) ([]*job.Run, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultRuns
	}
	limit = min(limit, maxRuns)
	const from = `SELECT ` + runColumns + ` FROM runs WHERE `
	switch {
	case f.Job != "" && f.State != "":
		return j.seek(ctx, search{job: f.Job, where: ` AND r.state = $1`, args: []any{string(f.State)}, from: forEver, to: never, limit: limit})
	case f.Job != "":
		return j.seek(ctx, search{job: f.Job, from: forEver, to: never, limit: limit})
	case f.State != "":
		return collect(ctx, j, "runs", scanRun, from+`state = $1 ORDER BY seq DESC LIMIT $2`, string(f.State), limit)
	}
	return collect(ctx, j, "runs", scanRun, from+`seq > 0 ORDER BY seq DESC LIMIT $1`, limit)
}

// Run returns the run with this id, or the only one whose id starts with it.
// "run_" may be left out.
func (j *Journal) Run(ctx context.Context, idOrPrefix string) (*job.Run, error) {
	for _, prefix := range []string{idOrPrefix, "run_" + strings.ToUpper(strings.TrimPrefix(idOrPrefix, "run_"))} {
		found, err := j.withPrefix(ctx, prefix)
		if err != nil || found != nil {
			return found, err
		}
	}
	return nil, fmt.Errorf("run %q: %w", idOrPrefix, ErrNotFound)
}

// withPrefix returns nil if there is none.
func (j *Journal) withPrefix(ctx context.Context, prefix string) (*job.Run, error) {
	if prefix == "" {
		return nil, nil
	}
	found, err := collect(ctx, j, "run", scanRun, `SELECT `+runColumns+` FROM runs WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 2`,
		prefix, prefix+"\U0010FFFF")
	switch {
	case err != nil || len(found) == 0:
		return nil, err
	case len(found) == 1 || string(found[0].ID) == prefix:
		return found[0], nil
	}
	return nil, fmt.Errorf("run %q: %w: %s, %s, …", prefix, ErrAmbiguous, found[0].ID, found[1].ID)
}

// Attempts returns the attempts of a run that have ended, in order.
func (j *Journal) Attempts(ctx context.Context, run job.RunID) ([]job.Attempt, error) {
	return collect(ctx, j, "attempts", func(row scanner) (job.Attempt, error) {
		var a job.Attempt
		var started, ended int64
		err := row.Scan(&a.Run, &a.Number, &started, &ended, &a.State, &a.Reason, &a.Error)
		a.Started, a.Ended = instant(started), instant(ended)
		return a, err
	}, `SELECT run, number, started, ended, state, reason, error FROM attempts WHERE run = $1
			AND number NOT IN (SELECT attempt FROM run_rows WHERE id = $1 AND began <> 0)
		UNION ALL SELECT id, attempt, began, ended, state, reason, error FROM run_rows WHERE id = $1 AND began <> 0
		ORDER BY number`, string(run))
}

// Latest returns the latest run of each of the jobs, by nominal time, without
// input and output.
func (j *Journal) Latest(ctx context.Context, ids ...job.ID) (map[job.ID]*job.Run, error) {
	const query = `SELECT r.id, r.job, r.job_name, r.generation, r.trigger, r.parent, r.due, r.last,
			r.count, r.fire, r.principal, r.skill, r.entrypoint, '', r.digest, r.decision, r.state, r.reason, r.attempt, r.retry,
			r.created, r.started, r.ended, '', r.summary, r.error
		FROM jobs j JOIN cursors c ON c.job = j.id JOIN runs r ON r.seq = c.latest AND r.job = j.id
		WHERE j.id IN `
	latest := make(map[job.ID]*job.Run, len(ids))
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = string(id)
	}
	for _, portion := range portions {
		for ; len(args) >= portion; args = args[portion:] {
			runs, err := collect(ctx, j, "latest runs", scanRun, query+sqlite.list(portion), args[:portion]...)
			if err != nil {
				return nil, err
			}
			for _, r := range runs {
				latest[r.Job] = r
			}
		}
	}
	return latest, nil
}

// Tallies counts the nominal times of runs that ended at or after since, by job,
// state and reason. A range counts whole if its end is.
func (j *Journal) Tallies(ctx context.Context, since time.Time) ([]job.Tally, error) {
	from := micros(since)
	if from <= 0 {
		from = 1
	}
	first, err := j.writtenSince(ctx, from-hour)
	if err != nil {
		return nil, fmt.Errorf("read tallies: %w", err)
	}
	return collect(ctx, j, "tallies", func(row scanner) (job.Tally, error) {
		var t job.Tally
		return t, row.Scan(&t.Job, &t.State, &t.Reason, &t.Count)
	}, `SELECT t.job_name, e.state, e.reason, SUM(e.count) FROM (
			SELECT terms, state, reason, count FROM run_rows WHERE seq >= $2 AND ended >= $1 AND NOT ended > created + 3600000000
			UNION ALL
			SELECT terms, state, reason, count FROM run_rows WHERE ended >= $1 AND ended > created + 3600000000
		) e JOIN terms t ON t.id = e.terms
		GROUP BY t.job_name, e.state, e.reason ORDER BY t.job_name, e.state, e.reason`, from, first)
}

// hour is what a run takes at most of which no index says when it ended.
const hour = 3_600_000_000

// writtenSince returns a seq before which there is no run that was written at or
// after an instant. Runs are in the order of writing; a clock that was set back
// has them out of order by little.
func (j *Journal) writtenSince(ctx context.Context, at int64) (int64, error) {
	const stretch = 10_000
	var first, last int64
	err := j.readers.QueryRowContext(ctx, `SELECT COALESCE((SELECT MIN(seq) FROM run_rows), 0), COALESCE((SELECT MAX(seq) FROM run_rows), 0)`).
		Scan(&first, &last)
	for ; err == nil && last >= first; last -= stretch {
		var latest int64
		err = j.readers.QueryRowContext(ctx, `SELECT COALESCE(MAX(created), $3) FROM run_rows WHERE seq > $1 AND seq <= $2`,
			last-stretch, last, at).Scan(&latest)
		if latest < at {
			break
		}
	}
	return last + 1, err
}
