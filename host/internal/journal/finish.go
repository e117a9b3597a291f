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
	was, err := t.opened(r.ID)
	if err != nil {
		return err
	}
	if r.State == job.Queued {
		return fmt.Errorf("a run that is %s does not become queued", was.state)
	}
	fallen, err := t.fallen([]job.Claim{{Run: r}})
	if err == nil {
		err = trusted(r, fallen)
	}
	if err != nil {
		return err
	}
	if r.State == job.Running && was.state == job.Queued {
		if err := t.alone(r.ID); err != nil {
			return err
		}
	}
	of, err := t.judged(r, was)
	if err != nil {
		return err
	}
	v := encodeRun(r, of, t.at)
	if v.state == string(job.Running) && of.concurrency == string(job.Allow) {
		v.slot = was.seq
	}
	if _, err := t.exec(`UPDATE run_rows SET state = $2, reason = $3, terms = $4, slot = $5, attempt = $6, retry = $7,
			started = $8, ended = $9, output = $10, summary = $11, error = $12
		WHERE seq = $1 AND ended = 0`,
		was.seq, v.state, v.reason, v.terms, v.slot, v.attempt, v.retry, v.started, v.ended,
		v.output, v.summary, v.problem); err != nil {
		return err
	}
	t.j.known.became(r.ID, was, &opened{
		seq: was.seq, job: was.job, state: r.State, attempt: v.attempt, retry: v.retry, started: v.started,
	})
	t.noteRun(kindAdvance, by.String(), &runFact{
		Run: r.ID, Job: r.Job, State: r.State, Reason: r.Reason, Attempt: r.Attempt,
		Digest: of.digestText, Decision: of.decided, Error: v.problem,
	}, "")
	return nil
}

// judged returns the terms of an open run, with the digest and the decision of r
// if these are others.
func (t *tx) judged(r *job.Run, was *opened) (*terms, error) {
	var row termRow
	if err := t.row(`SELECT `+termColumns+` FROM run_rows r JOIN terms t ON t.id = r.terms WHERE r.seq = $1`,
		was.seq).Scan(row.into()...); err != nil {
		return nil, err
	}
	of, err := row.read()
	if err != nil || of.digest == r.Digest && sameDecision(&of.decision, &r.Decision) {
		return of, err
	}
	old := of.id
	same := job.Run{
		JobName: of.name, Generation: of.generation, Principal: of.principal, Action: of.action,
		Digest: r.Digest, Decision: r.Decision,
	}
	if of, err = newTerms(&same, of.concurrency); err == nil {
		err = t.putTerms(was.job, of, 1)
	}
	if err == nil {
		err = t.release(old, 1)
	}
	return of, err
}

// alone refuses a run that may not run beside the one of its job that does.
func (t *tx) alone(id job.RunID) error {
	var other string
	err := t.row(`SELECT o.id FROM run_rows r JOIN terms t ON t.id = r.terms JOIN run_rows o ON o.job = r.job
		WHERE r.id = $1 AND t.concurrency <> 'allow' AND o.ended = 0 AND o.state = 'running' AND o.id <> $1
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
	last                          bool  // the attempt ended as the run, and logged nothing
	fact, own                     []byte
	common                        string
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
	a := &o.Attempt
	e.last = o.State.Terminal() && a.Number > 0 && e.started != 0 && e.ended != 0 && e.log == "" &&
		a.State == o.State && a.Reason == o.Reason && capped(a.Error, MaxText) == e.problem
	fact := runFact{
		Run: o.Run, Job: o.Job, State: o.State, Reason: o.Reason, Attempt: a.Number,
		Output: sum(e.output), Log: sum(e.log), Error: capped(e.problem, 1<<10),
	}
	e.fact, e.own, e.common = fact.append(nil, whole), fact.append(nil, own), string(fact.append(nil, common))
	return e, nil
}

// finish writes the endings of operations and sets their errors. The error it
// returns is of the transaction as a whole.
func (t *tx) finish(ops []*op) error {
	var attempts, owed, args values
	for _, o := range ops {
		out := o.end.outcome
		told, err := t.end(o.end, &args)
		switch {
		case errors.Is(err, ErrGone):
			o.err = ErrGone
			continue
		case err != nil:
			return err
		}
		if a := &out.Attempt; a.Number != 0 && !told { // 0: it ended between or before attempts
			attempts.add(string(out.Run), int64(a.Number), o.end.started, micros(a.Ended), string(a.State), string(a.Reason),
				capped(a.Error, MaxText), o.end.log)
		}
		if out.State.Terminal() {
			if err := t.owe(o.end, &owed); err != nil {
				return err
			}
		}
		t.notes = append(t.notes, noted{
			kind: kindFinish, actor: daemon, subject: string(out.Run), fact: o.end.fact, own: o.end.own, common: o.end.common,
		})
	}
	_, err := t.insert(&intoAttempts, &attempts)
	if err == nil {
		_, err = t.insert(&intoEffects, &owed)
	}
	return err
}

// intoAttempts replaces what is there: the end of a run may be told twice, once
// with its last attempt and once after it.
var intoAttempts = newInsert(`INSERT INTO attempts (run, number, started, ended, state, reason, error, log) VALUES `, sqlite.list(8),
	` ON CONFLICT (run, number) DO UPDATE SET started = excluded.started, ended = excluded.ended, state = excluded.state,
		reason = excluded.reason, error = excluded.error, log = excluded.log`)

// endRunUsual is the end of a run that succeeded at its first attempt.
const (
	endRunUsual = `UPDATE run_rows SET ended = ?, began = ?, output = ?, summary = ?, state = 'succeeded', reason = '', error = ''
		WHERE seq = ? AND ended = 0`
	endRun = `UPDATE run_rows SET ended = ?, began = ?, output = ?, summary = ?, state = ?, retry = ?, reason = ?, error = ?,
		attempt = ?, started = ? WHERE seq = ? AND ended = 0`
)

// end writes the new state of a run, or answers [ErrGone]. It reports whether the
// row tells of the attempt too.
func (t *tx) end(e *ending, args *values) (bool, error) {
	o := e.outcome
	was, err := t.opened(o.Run)
	if err != nil {
		return false, err
	}
	var ended int64
	if o.State.Terminal() {
		if e.ended == 0 {
			e.ended = t.at
		}
		ended = e.ended
	}
	now := opened{
		seq: was.seq, job: was.job, state: o.State,
		attempt: max(was.attempt, int64(o.Attempt.Number)), retry: e.retry, started: was.started,
	}
	if now.started == 0 {
		now.started = e.started
	}
	var began int64
	if e.last && now.attempt == int64(o.Attempt.Number) {
		began = e.started
	}
	query := endRun
	*args = (*args)[:0]
	args.add(ended, began, e.output, e.summary)
	if o.State == job.Succeeded && now.attempt == was.attempt && now.started == was.started && now.retry == was.retry &&
		o.Reason == "" && e.problem == "" {
		query = endRunUsual
	} else {
		args.add(string(o.State), now.retry, string(o.Reason), e.problem, now.attempt, now.started)
	}
	args.add(was.seq)
	n, err := t.run(query, *args)
	if err == nil && n == 0 {
		err = ErrGone
	}
	if err == nil {
		t.j.known.became(o.Run, was, &now)
	}
	return began != 0, err
}
