package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Begin writes the claims in one transaction. The first result has one error for
// each claim: nil, or why it alone was refused ([ErrClaimed], [ErrGeneration],
// [ErrBusy]); a refused claim leaves no trace. The second is set if nothing was
// written at all.
func (j *Journal) Begin(ctx context.Context, claims []job.Claim) ([]error, error) {
	refused := make([]error, len(claims))
	err := j.write(ctx, func(t *tx) error {
		for i := range claims {
			err := t.claim(&claims[i])
			if err != nil && !isRefusal(err) {
				return err
			}
			refused[i] = err
		}
		return nil
	})
	if err != nil && len(claims) > 1 && !unwritable(err) && !errors.Is(err, ErrClosed) {
		refused, err = j.beginEach(ctx, claims)
	}
	if err != nil {
		return nil, fmt.Errorf("begin %d claims: %w", len(claims), err)
	}
	return refused, nil
}

// beginEach writes the claims one by one, after one of them broke the batch in a
// way that nobody foresaw: it must not hold up the others.
func (j *Journal) beginEach(ctx context.Context, claims []job.Claim) ([]error, error) {
	refused := make([]error, len(claims))
	for i := range claims {
		err := j.write(ctx, func(t *tx) error { return t.claim(&claims[i]) })
		if unwritable(err) || errors.Is(err, ErrClosed) || errors.Is(err, context.Canceled) {
			return nil, err
		}
		refused[i] = err
	}
	return refused, nil
}

// malformed is a claim that contradicts itself.
type malformed string

func (m malformed) Error() string { return "claim: " + string(m) }

func isRefusal(err error) bool {
	var m malformed
	return errors.Is(err, ErrClaimed) || errors.Is(err, ErrGeneration) || errors.Is(err, ErrBusy) || errors.As(err, &m)
}

// claim writes one claim. It refuses before it writes anything, so that a
// refusal needs no savepoint.
func (t *tx) claim(c *job.Claim) error {
	first, last, err := span(c)
	if err != nil {
		return err
	}
	concurrency, err := t.admissible(c, first)
	if err != nil {
		return err
	}
	for i := range c.Missed {
		if err := t.putRun(&c.Missed[i], concurrency); err != nil {
			return err
		}
	}
	if c.Run != nil {
		if err := t.putRun(c.Run, concurrency); err != nil {
			return err
		}
	}
	if cursor := max(micros(c.Cursor), last); cursor != 0 {
		_, err = t.exec(`UPDATE jobs SET cursor = $2 WHERE id = $1 AND cursor < $2`, string(c.Job), cursor)
	}
	return err
}

// span returns the first and the last nominal time of the claim, 0 if it has
// none, having checked that they are in order.
func span(c *job.Claim) (first, last int64, err error) {
	take := func(r *job.Run) error {
		due, end := micros(r.Due), max(micros(r.Due), micros(r.Last))
		switch {
		case first != 0 && due <= last:
			return malformed("nominal times out of order")
		case first == 0:
			first = due
		}
		last = end
		return nil
	}
	for i := range c.Missed {
		r := &c.Missed[i]
		if !isNonRun(r) {
			return 0, 0, malformed("a missed run that is not one: " + string(r.State))
		}
		if err := errors.Join(wellFormed(c, r), take(r)); err != nil {
			return 0, 0, err
		}
	}
	if c.Run == nil {
		return first, last, nil
	}
	if err := wellFormed(c, c.Run); err != nil {
		return 0, 0, err
	}
	if c.Run.Trigger == job.ByHand {
		return first, last, nil
	}
	return first, last, take(c.Run)
}

// wellFormed refuses a run that the journal could not give back.
func wellFormed(c *job.Claim, r *job.Run) error {
	_, err := job.ParsePrincipal(r.Principal.String())
	switch {
	case err != nil:
		return malformed(err.Error())
	case r.ID == "":
		return malformed("run without an id")
	case r.Job != c.Job:
		return malformed(fmt.Sprintf("run of job %q among those of %q", r.Job, c.Job))
	case r.Due.IsZero():
		return malformed("run without a nominal time")
	}
	return nil
}

// admissible refuses a claim that comes too late, or returns the concurrency
// policy of its job.
func (t *tx) admissible(c *job.Claim, first int64) (string, error) {
	var generation, cursor int64
	var concurrency string
	var running, queued bool
	err := t.row(`SELECT generation, cursor, concurrency,
			EXISTS (SELECT 1 FROM runs WHERE job = $1 AND ended = 0 AND state = 'running'),
			EXISTS (SELECT 1 FROM runs WHERE job = $1 AND ended = 0 AND state = 'queued')
		FROM jobs WHERE id = $1`, string(c.Job)).Scan(&generation, &cursor, &concurrency, &running, &queued)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("%w: job %s is gone", ErrGeneration, c.Job)
	}
	if err != nil {
		return "", err
	}
	if generation != c.Generation {
		return "", fmt.Errorf("%w: job %s has generation %d, the claim %d", ErrGeneration, c.Job, generation, c.Generation)
	}
	if first != 0 && first <= cursor {
		return "", fmt.Errorf("%w: job %s is at %s", ErrClaimed, c.Job, instant(cursor).Format(timeForm))
	}
	if c.Run == nil {
		return concurrency, nil
	}
	single := concurrency != string(job.Allow) && c.Run.State == job.Running
	if running && (c.Exclusive || single) {
		return "", fmt.Errorf("%w: one of job %s is running", ErrBusy, c.Job)
	}
	if queued && c.Run.State == job.Queued && concurrency == string(job.QueueOne) {
		return "", fmt.Errorf("%w: one of job %s is queued", ErrBusy, c.Job)
	}
	return concurrency, nil
}

const timeForm = "2006-01-02T15:04:05.999999Z07:00"

// isNonRun reports whether r is of a nominal time that did not run.
func isNonRun(r *job.Run) bool {
	switch r.State {
	case job.Denied, job.Skipped, job.Missed, job.Expired:
		return r.Trigger != job.ByHand
	default:
		return false
	}
}

// runFact is what an entry says about a run.
type runFact struct {
	Run      job.RunID   `json:"run"`
	Job      job.ID      `json:"job,omitempty"`
	Due      int64       `json:"due,omitempty"`
	Last     int64       `json:"last,omitempty"`
	Count    int64       `json:"count,omitempty"`
	Trigger  job.Trigger `json:"trigger,omitempty"`
	As       string      `json:"as,omitempty"` // principal for whom it runs
	State    job.State   `json:"state"`
	Reason   job.Reason  `json:"reason,omitempty"`
	Attempt  int         `json:"attempt,omitempty"`
	Digest   string      `json:"digest,omitempty"`
	Decision *decision   `json:"decision,omitempty"`
	Output   string      `json:"output,omitempty"` // SHA-256 of the row's
	Log      string      `json:"log,omitempty"`    // SHA-256 of the attempt's
	Error    string      `json:"error,omitempty"`
}

// putRun writes a new run, or extends the latest row of its job by it.
func (t *tx) putRun(r *job.Run, concurrency string) error {
	v, err := encodeRun(r, concurrency, t.at)
	if err != nil {
		return err
	}
	id := v.id
	if isNonRun(r) {
		into, err := t.extend(v)
		if err != nil {
			return err
		}
		if into != "" {
			id = into
		}
	}
	if id == v.id {
		if err := t.insertRun(v); err != nil {
			return err
		}
	}
	by := job.Daemon
	if r.Trigger == job.ByHand {
		by = r.Principal
	}
	fact := runFact{
		Run: job.RunID(id), Job: r.Job, Due: v.due, Trigger: r.Trigger, As: v.principal,
		State: r.State, Reason: r.Reason, Attempt: r.Attempt, Digest: v.digest, Decision: v.decided,
	}
	if v.count > 1 {
		fact.Last, fact.Count = v.last, v.count
	}
	t.note(kindBegin, by.String(), id, fact)
	return nil
}

// extend adds a non-run to the latest scheduled row of its job, if that is like
// it, and returns the id of the row; else "".
func (t *tx) extend(v *runRow) (string, error) {
	var id string
	err := t.row(`UPDATE runs SET last = $2, count = count + $3, ended = $4
		WHERE seq = (SELECT seq FROM runs WHERE job = $1 AND manual = '' ORDER BY due DESC LIMIT 1)
			AND state = $5 AND reason = $6 AND decision = $7 AND generation = $8 AND principal = $9 AND digest = $10
		RETURNING id`,
		v.job, v.last, v.count, v.ended, v.state, v.reason, v.decision, v.generation, v.principal, v.digest).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

func (t *tx) insertRun(v *runRow) error {
	n, err := t.exec(`INSERT INTO runs (id, job, job_name, generation, concurrency, trigger, manual, due, last, count, fire,
			principal, skill, entrypoint, input, digest, decision, state, reason, attempt, retry, created, started, ended,
			output, summary, error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
			$25, $26, $27)
		ON CONFLICT DO NOTHING`,
		v.id, v.job, v.name, v.generation, v.concurrency, v.trigger, v.manual, v.due, v.last, v.count, v.fire,
		v.principal, v.skill, v.entrypoint, v.input, v.digest, v.decision, v.state, v.reason, v.attempt, v.retry,
		v.created, v.started, v.ended, v.output, v.summary, v.problem)
	if err == nil && n == 0 {
		// The cursor and the open runs allowed it: the journal contradicts itself,
		// or an id was used twice. Nothing of the batch is written then.
		err = fmt.Errorf("run %s of job %s at %s: a constraint refuses it", v.id, v.job, instant(v.due).Format(timeForm))
	}
	return err
}
