package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Around returns of a job the run of the last nominal time up to t and that of
// the first after t, nil where there is none. Manual runs have no nominal time.
// The first covers t if t is not after its Last.
func (j *Journal) Around(ctx context.Context, id job.ID, t time.Time) (before, after *job.Run, err error) {
	us := micros(t)
	one := func(where string, to int64) (*job.Run, error) {
		found, err := j.seek(ctx, search{
			job: id, where: ` AND r.manual = '' AND ` + where, args: []any{us}, from: us, to: to, forward: to == forEver, limit: 1,
		})
		if err != nil || len(found) == 0 {
			return nil, err
		}
		return found[0], nil
	}
	if before, err = one(`r.due <= $1`, never); err != nil {
		return nil, nil, err
	}
	after, err = one(`r.due > $1`, forEver)
	return before, after, err
}

// At returns the run of a nominal time of a job, or the range that covers it;
// nil if there is none.
func (j *Journal) At(ctx context.Context, id job.ID, t time.Time) (*job.Run, error) {
	r, _, err := j.Around(ctx, id, t)
	if r == nil || r.Last.Before(t) {
		return nil, err
	}
	return r, err
}

// metaTrimmed is where a trim notes when the last run ended that it took away.
const metaTrimmed = "trimmed"

// TrimmedTo returns when the last run ended that a [Journal.Trim] took away; the
// zero time if none did. A run of a later time is there, or never was.
func (j *Journal) TrimmedTo(ctx context.Context) (time.Time, error) {
	var at int64
	err := j.readers.QueryRowContext(ctx, `SELECT CAST(value AS BIGINT) FROM meta WHERE key = $1`, metaTrimmed).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("what was trimmed: %w", err)
	}
	return instant(at), nil
}

// noteTrimmed remembers that runs that ended up to an instant are gone.
func (t *tx) noteTrimmed(ended int64) error {
	_, err := t.exec(`INSERT INTO meta (key, value) VALUES ($1, CAST($2 AS TEXT)) ON CONFLICT (key) DO UPDATE
		SET value = CASE WHEN CAST(excluded.value AS BIGINT) > CAST(meta.value AS BIGINT) THEN excluded.value ELSE meta.value END`,
		metaTrimmed, ended)
	return err
}
