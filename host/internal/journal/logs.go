package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Commits counts the transactions that changed something, since it was opened.
func (j *Journal) Commits() int64 { return j.commits.Load() }

// AttemptLog returns what an attempt of a run (from 1) logged; ended tells
// whether there is one that has ended.
func (j *Journal) AttemptLog(ctx context.Context, run job.RunID, attempt int) (log string, ended bool, err error) {
	err = j.readers.QueryRowContext(ctx, `SELECT log FROM attempts WHERE run = $1 AND number = $2
		UNION ALL SELECT '' FROM run_rows WHERE id = $1 AND attempt = $2 AND began <> 0 LIMIT 1`, string(run), attempt).Scan(&log)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("log of run %s: %w", run, err)
	}
	return log, true, nil
}
