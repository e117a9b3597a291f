package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/palyra-go/palyra/host/internal/job"
)

// era is how many microseconds of nominal times are together in the index of
// occurrences. Within an era it is sorted by job, and so the runs of a job are
// found era by era. An index by job alone would dirty a page for every run that is
// written, and one by time alone would not find the runs of a job.
const era = 300_000_000

// search is for runs of a job, by nominal time.
type search struct {
	job     job.ID
	where   string // what else they have to be, of run_rows r; not their nominal time alone
	args    []any  // of where; the first is $1
	from    int64  // nominal time from which on, in microseconds
	to      int64  // up to which; nothing beyond its era is looked at
	forward bool   // to is after from
	limit   int
}

// asker is what answers queries: readers, or the connection of who has the turn.
type asker interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// seek returns the runs, the nearest to from first.
func (j *Journal) seek(ctx context.Context, s search) ([]*job.Run, error) {
	found, err := inEras(ctx, j.readers, s, scanRun, func(part, order string) string {
		return `SELECT ` + runColumns + ` FROM runs WHERE seq IN (SELECT r.seq ` + part + `) ORDER BY due ` + order + `, seq ` + order
	})
	if err != nil {
		return nil, fmt.Errorf("read runs of %s: %w", s.job, err)
	}
	return found, nil
}

// inEras asks for runs, some eras at a time. The query is made of a part that
// begins with FROM and selects them as r, in order.
func inEras[T any](ctx context.Context, db asker, s search, scan func(scanner) (T, error), query func(part, order string) string) ([]T, error) {
	var nth int64
	err := db.QueryRowContext(ctx, `SELECT nth FROM cursors WHERE job = $1`, string(s.job)).Scan(&nth)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	order := "DESC"
	if s.forward {
		order = "ASC"
	}
	var found []T
	from := s.from / era
	for n := 1; len(found) < s.limit; n = min(4*n, 1024) {
		eras, err := listEras(ctx, db, from, s.to/era, n, s.forward)
		if err != nil || len(eras) == 0 {
			return found, err
		}
		some, err := gather(ctx, db, scan, query(`FROM run_rows r WHERE (r.due / 300000000) IN (`+strings.Join(eras, ", ")+`)
			AND r.job = `+strconv.FormatInt(nth, 10)+s.where+`
			ORDER BY r.due `+order+`, r.seq `+order+` LIMIT `+strconv.Itoa(s.limit-len(found)), order), s.args...)
		found = append(found, some...)
		if err != nil || len(eras) < n {
			return found, err
		}
		if from, err = strconv.ParseInt(eras[len(eras)-1], 10, 64); err != nil {
			return nil, err
		}
		if s.forward {
			from++
		} else {
			from--
		}
	}
	return found, nil
}

const erasBack = `WITH RECURSIVE eras (era) AS (
		SELECT (SELECT due / 300000000 FROM run_rows WHERE (due / 300000000) <= $1 ORDER BY (due / 300000000) DESC LIMIT 1)
		UNION ALL
		SELECT (SELECT due / 300000000 FROM run_rows WHERE (due / 300000000) < era ORDER BY (due / 300000000) DESC LIMIT 1)
		FROM eras WHERE era >= $2
	) SELECT era FROM eras WHERE era >= $2 LIMIT $3`

// listEras returns up to n eras that have runs.
func listEras(ctx context.Context, db asker, from, to int64, n int, forward bool) ([]string, error) {
	query := erasBack
	if forward {
		query = strings.NewReplacer("<=", ">=", ">=", "<=", "<", ">", "DESC", "ASC").Replace(query)
	}
	return gather(ctx, db, func(row scanner) (string, error) {
		var era int64
		err := row.Scan(&era)
		return strconv.FormatInt(era, 10), err
	}, query, from, to, n)
}

// The bounds of nominal times.
const (
	never   = math.MinInt64
	forEver = math.MaxInt64
)
