package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// The kinds of entries of a backfill.
const (
	kindFill   = "backfill.create"
	kindFilled = "backfill.end"
)

// backfillFact is what an entry says about a backfill.
type backfillFact struct {
	Backfill job.BackfillID    `json:"backfill"`
	Job      job.ID            `json:"job"`
	From     int64             `json:"from,omitempty"`
	To       int64             `json:"to,omitempty"`
	Total    int64             `json:"total,omitempty"`
	Again    bool              `json:"again,omitempty"`
	Started  int64             `json:"started,omitempty"`
	State    job.BackfillState `json:"state"`
	Reason   string            `json:"reason,omitempty"`
}

// PutBackfill writes a new backfill.
func (j *Journal) PutBackfill(ctx context.Context, b *job.Backfill) error {
	again := 0
	if b.Again {
		again = 1
	}
	err := j.write(ctx, func(t *tx) error {
		if _, err := t.exec(`INSERT INTO backfills (id, job, job_name, first, last, cursor, parallel, rate, again, by, total, started,
				state, reason, created, ended) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12, '', $13, 0)`,
			string(b.ID), string(b.Job), b.JobName, micros(b.From), micros(b.To), micros(b.Cursor), b.Parallel, b.Rate, again,
			b.By.String(), b.Total, string(job.Filling), micros(b.Created)); err != nil {
			return err
		}
		return t.record(kindFill, b.By.String(), string(b.ID), backfillFact{
			Backfill: b.ID, Job: b.Job, From: micros(b.From), To: micros(b.To), Total: b.Total, Again: b.Again, State: job.Filling,
		})
	})
	if err != nil {
		return fmt.Errorf("put backfill %s: %w", b.ID, err)
	}
	return nil
}

// EndBackfill writes that a backfill begins no more runs. It refuses with
// [ErrGone] one that has ended or is unknown.
func (j *Journal) EndBackfill(ctx context.Context, id job.BackfillID, state job.BackfillState, reason string, by job.Principal) error {
	err := j.write(ctx, func(t *tx) error {
		fact := backfillFact{Backfill: id, State: state, Reason: clean(reason)}
		err := t.row(`UPDATE backfills SET state = $2, reason = $3, ended = $4 WHERE id = $1 AND ended = 0 RETURNING job, started`,
			string(id), string(state), fact.Reason, t.at).Scan(&fact.Job, &fact.Started)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrGone
		}
		if err != nil {
			return err
		}
		return t.record(kindFilled, by.String(), string(id), fact)
	})
	if err != nil {
		return fmt.Errorf("end backfill %s: %w", id, err)
	}
	return nil
}

const selectBackfills = `SELECT b.id, b.job, b.job_name, b.first, b.last, b.cursor, b.parallel, b.rate, b.again, b.by, b.total,
		b.started, b.state, b.reason, b.created, b.ended,
		(SELECT COUNT(*) FROM runs WHERE parent = b.id AND parent <> '' AND state = 'succeeded'),
		(SELECT COUNT(*) FROM runs WHERE parent = b.id AND parent <> '' AND ended = 0)
	FROM backfills b WHERE `

func scanBackfill(row scanner) (*job.Backfill, error) {
	var b job.Backfill
	var first, last, at, created, ended int64
	var by string
	err := row.Scan(&b.ID, &b.Job, &b.JobName, &first, &last, &at, &b.Parallel, &b.Rate, &b.Again, &by, &b.Total,
		&b.Started, &b.State, &b.Reason, &created, &ended, &b.Succeeded, &b.Open)
	if err != nil {
		return nil, err
	}
	if b.By, err = job.ParsePrincipal(by); err != nil {
		return nil, fmt.Errorf("backfill %s: %w", b.ID, err)
	}
	b.From, b.To, b.Cursor, b.Created, b.Ended = instant(first), instant(last), instant(at), instant(created), instant(ended)
	return &b, nil
}

// RunningBackfills returns the backfills that have not ended, oldest first.
func (j *Journal) RunningBackfills(ctx context.Context) ([]*job.Backfill, error) {
	return collect(ctx, j, "backfills", scanBackfill, selectBackfills+`b.ended = 0 ORDER BY b.seq`)
}

// Backfills returns backfills, newest first.
func (j *Journal) Backfills(ctx context.Context, limit int) ([]*job.Backfill, error) {
	return collect(ctx, j, "backfills", scanBackfill, selectBackfills+`b.seq > 0 ORDER BY b.seq DESC LIMIT $1`, limit)
}

// Backfill returns the backfill with this id, or the only one whose id starts with
// it. "bf_" may be left out.
func (j *Journal) Backfill(ctx context.Context, idOrPrefix string) (*job.Backfill, error) {
	prefix := "bf_" + strings.ToUpper(strings.TrimPrefix(idOrPrefix, "bf_"))
	found, err := collect(ctx, j, "backfill", scanBackfill, selectBackfills+`b.id >= $1 AND b.id < $2 ORDER BY b.id LIMIT 2`,
		prefix, prefix+"\U0010FFFF")
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0 || idOrPrefix == "":
		return nil, fmt.Errorf("backfill %q: %w", idOrPrefix, ErrNotFound)
	case len(found) > 1:
		return nil, fmt.Errorf("backfill %q: %w: %s, %s, …", idOrPrefix, ErrAmbiguous, found[0].ID, found[1].ID)
	}
	return found[0], nil
}

// Ran returns the nominal times of a job, from one instant up to and with another,
// of which an attempt was made or is about to be, in order.
func (j *Journal) Ran(ctx context.Context, id job.ID, from, to time.Time, limit int) ([]time.Time, error) {
	s := search{
		job: id, args: []any{micros(from), micros(to)}, from: micros(from), to: micros(to), forward: true, limit: limit,
		where: ` AND r.due >= $1 AND r.due <= $2 AND (r.attempt > 0 OR r.ended = 0) AND r.trigger IN ('timer', 'catch-up', 'backfill')
			GROUP BY r.due`,
	}
	found, err := inEras(ctx, j.readers, s, func(row scanner) (time.Time, error) {
		var due int64
		err := row.Scan(&due)
		return instant(due), err
	}, func(part, _ string) string { return `SELECT r.due ` + strings.Replace(part, ", r.seq ASC", "", 1) })
	if err != nil {
		return nil, fmt.Errorf("read what ran: %w", err)
	}
	return found, nil
}

// Backfilled returns the latest run of a nominal time of a job that a backfill
// began, nil if there is none.
func (j *Journal) Backfilled(ctx context.Context, id job.ID, due time.Time) (*job.Run, error) {
	us := micros(due)
	found, err := j.seek(ctx, search{
		job: id, where: ` AND r.due = $1 AND r.trigger = 'backfill'`, args: []any{us}, from: us, to: us, limit: 1,
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// filling refuses a run of a backfill that has ended, or has gone on.
func (t *tx) filling(r *job.Run) error {
	var at, last, ended int64
	err := t.row(`SELECT cursor, last, ended FROM backfills WHERE id = $1 AND job = $2`, string(r.Parent), string(r.Job)).Scan(&at, &last, &ended)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && ended != 0:
		return fmt.Errorf("%w: backfill %s", ErrGone, r.Parent)
	case err != nil:
		return err
	case micros(r.Due) <= at:
		return fmt.Errorf("%w: backfill %s is at %s", ErrClaimed, r.Parent, instant(at).Format(timeForm))
	case micros(r.Due) > last:
		return malformed("a nominal time beyond its backfill")
	}
	return nil
}

// fill moves the cursor of a backfill to the run that is written with it.
func (t *tx) fill(r *job.Run) error {
	_, err := t.exec(`UPDATE backfills SET cursor = $2, started = started + 1 WHERE id = $1`, string(r.Parent), micros(r.Due))
	return err
}
