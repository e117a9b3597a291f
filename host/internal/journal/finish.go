package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/palyra-go/palyra/host/internal/job"
)

// Advance writes the new state of an open run: from queued to running or an end,
// from running to its next attempt or an end. It refuses with [ErrGone] a run
// that has ended or is unknown, and with [ErrBusy] one that would be a second
// live run where its job allows one, and with [ErrTrust] the start of a skill
// that is not active.
func (j *Journal) Advance(ctx context.Context, r *job.Run, by job.Principal) error {
	err := j.write(ctx, func(t *tx) error { return t.advance(r, by) })
	if err != nil {
		return fmt.Errorf("advance run %s to %s: %w", r.ID, r.State, err)
	}
	return nil
}

func (t *tx) advance(r *job.Run, by job.Principal) error {
	v, err := encodeRun(r, "", t.at)
	if err != nil {
		return err
	}
	was, err := t.openState(r.ID)
	if err != nil {
		return err
	}
	if r.State == job.Queued {
		return fmt.Errorf("a run that is %s does not become queued", was)
	}
	fallen, err := t.fallen([]job.Claim{{Run: r}})
	if err == nil {
		err = trusted(r, fallen)
	}
	if err != nil {
		return err
	}
	if r.State == job.Running && was == job.Queued {
		if err := t.alone(r.ID); err != nil {
			return err
		}
	}
	if _, err := t.exec(`UPDATE runs SET state = $2, reason = $3, decision = $4, digest = $5, attempt = $6, retry = $7,
			started = $8, ended = $9, output = $10, summary = $11, error = $12
		WHERE id = $1 AND ended = 0`,
		v.id, v.state, v.reason, v.decision, v.digest, v.attempt, v.retry, v.started, v.ended,
		v.output, v.summary, v.problem); err != nil {
		return err
	}
	fact := runFact{
		Run: r.ID, Job: r.Job, State: r.State, Reason: r.Reason, Attempt: r.Attempt,
		Digest: v.digest, Decision: v.decided, Error: v.problem,
	}
	t.note(kindAdvance, by.String(), v.id, fact.append(nil))
	return nil
}

func (t *tx) openState(id job.RunID) (job.State, error) {
	var state job.State
	err := t.row(`SELECT state FROM runs WHERE id = $1 AND ended = 0`, string(id)).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrGone
	}
	return state, err
}

// alone refuses a run that may not run beside the one of its job that does.
func (t *tx) alone(id job.RunID) error {
	var other string
	err := t.row(`SELECT o.id FROM runs r JOIN runs o ON o.job = r.job
		WHERE r.id = $1 AND r.concurrency <> 'allow' AND o.ended = 0 AND o.state = 'running' AND o.id <> $1
		LIMIT 1`, string(id)).Scan(&other)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: run %s", ErrBusy, other)
}

// Finish writes how an attempt ended: the attempt with its log, the run, and the
// effect that the host owes it. It refuses with [ErrGone] a run that has ended
// or is unknown.
func (j *Journal) Finish(ctx context.Context, o job.Outcome) error {
	e, err := newEnding(&o)
	if err == nil {
		err = j.enqueue(ctx, &op{end: e})
	}
	if err != nil {
		return fmt.Errorf("finish run %s: %w", o.Run, err)
	}
	return nil
}

// ending is an outcome made ready by its caller, so that whoever commits it for
// all has the less to do.
type ending struct {
	outcome                       *job.Outcome
	output, problem, summary, log string
	retry, started, ended         int64 // ended 0: when it is written
	fact                          []byte
}

func newEnding(o *job.Outcome) (*ending, error) {
	if o.State == job.Queued {
		return nil, errors.New("an outcome is not queued")
	}
	e := &ending{
		outcome: o, summary: capped(o.Summary, MaxText), log: capped(o.Log, MaxLog),
		retry: micros(o.Retry), started: micros(o.Attempt.Started), ended: micros(o.Attempt.Ended),
	}
	e.output, e.problem = capOutput(o.Output, o.Error)
	fact := runFact{
		Run: o.Run, Job: o.Job, State: o.State, Reason: o.Reason, Attempt: o.Attempt.Number,
		Output: sum(e.output), Log: sum(e.log), Error: capped(e.problem, 1<<10),
	}
	e.fact = fact.append(nil)
	return e, nil
}

// finish writes the endings of operations and sets their errors. The error it
// returns is of the transaction as a whole.
func (t *tx) finish(ops []*op) error {
	var attempts, owed rows
	for _, o := range ops {
		n, err := t.end(o.end)
		switch {
		case err != nil:
			return err
		case n == 0:
			o.err = ErrGone
			continue
		}
		out := o.end.outcome
		if a := &out.Attempt; a.Number != 0 { // 0: it ended between or before attempts
			attempts.add(string(out.Run), int64(a.Number), o.end.started, micros(a.Ended), string(a.State), string(a.Reason),
				capped(a.Error, MaxText), o.end.log)
		}
		if out.State.Terminal() {
			if err := t.owe(o.end, &owed); err != nil {
				return err
			}
		}
		t.note(kindFinish, daemon, string(out.Run), o.end.fact)
	}
	_, err := t.insert(&intoAttempts, &attempts)
	if err == nil {
		_, err = t.insert(&intoEffects, &owed)
	}
	return err
}

// intoAttempts replaces what is there: the end of a run may be told twice, once
// with its last attempt and once after it.
var intoAttempts = newInsert(`INSERT INTO attempts (run, number, started, ended, state, reason, error, log) VALUES `, 8,
	` ON CONFLICT (run, number) DO UPDATE SET started = excluded.started, ended = excluded.ended, state = excluded.state,
		reason = excluded.reason, error = excluded.error, log = excluded.log`)

// end writes the new state of a run and returns how many there are: 1 or 0.
func (t *tx) end(e *ending) (int64, error) {
	o := e.outcome
	var ended int64
	if o.State.Terminal() {
		if e.ended == 0 {
			e.ended = t.at
		}
		ended = e.ended
	}
	return t.exec(`UPDATE runs SET state = $2, reason = $3, retry = $4, ended = $5, output = $6, summary = $7, error = $8,
			attempt = CASE WHEN attempt > $9 THEN attempt ELSE $9 END,
			started = CASE WHEN started = 0 THEN $10 ELSE started END
		WHERE id = $1 AND ended = 0`,
		string(o.Run), string(o.State), string(o.Reason), e.retry, ended, e.output, e.summary, e.problem,
		o.Attempt.Number, e.started)
}
