package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/palyra-go/palyra/host/internal/job"
)

// owe adds what the end of a run owes to the rows of the outbox, which the
// transaction that ends it inserts.
func (t *tx) owe(e *ending, owed *values) error {
	o := e.outcome
	add := func(effect job.Effect, targets ...string) {
		for _, target := range targets {
			owed.add(string(o.Run), string(effect), target, t.at)
		}
	}
	if o.Effect != job.NoEffect {
		add(o.Effect, "")
	}
	switch {
	case o.State.Failure():
		add(job.StartOnFailure, o.Chain.OnFailure...)
	case o.State == job.Succeeded:
		add(job.StartOnSuccess, o.Chain.OnSuccess...)
		if len(o.Chain.OnRecovery) == 0 {
			break
		}
		before, err := stateBefore(t.ctx, t.j.conn, o.Job, o.Run, e.ended)
		if err != nil {
			return err
		}
		if before.Failure() {
			add(job.StartOnRecovery, o.Chain.OnRecovery...)
		}
	}
	return nil
}

var intoEffects = newInsert(`INSERT INTO effects (run, effect, target, created) VALUES `, sqlite.list(4), ` ON CONFLICT DO NOTHING`)

// overlap is how much earlier than the nominal time of a failed run that of one is
// which ended after it, at most: an older one is not looked for.
const overlap = 24 * hour

// ended is how a run ended.
type ended struct {
	state   job.State
	seq, at int64
	due     int64
}

// stateBefore returns how the run of the job that ended last before another did,
// if it failed; empty if it did not, or there is none.
func stateBefore(ctx context.Context, db asker, of job.ID, run job.RunID, before int64) (job.State, error) {
	var last ended
	err := db.QueryRowContext(ctx, `SELECT state, seq, ended, due FROM run_rows
		WHERE job = (SELECT nth FROM cursors WHERE job = $1) AND ended <= $2 AND id <> $3
			AND (state = 'failed' OR state = 'timed_out' OR state = 'interrupted')
		ORDER BY ended DESC, seq DESC LIMIT 1`, string(of), before, string(run)).Scan(&last.state, &last.seq, &last.at, &last.due)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	since, err := inEras(ctx, db, search{
		job: of, args: []any{before, last.at, last.seq, string(run)}, from: forEver, to: last.due - overlap, limit: 1,
		where: ` AND r.state = 'succeeded' AND r.ended <= $1 AND (r.ended > $2 OR r.ended = $2 AND r.seq > $3) AND r.id <> $4`,
	}, func(row scanner) (seq int64, err error) { return seq, row.Scan(&seq) },
		func(part, _ string) string { return `SELECT r.seq ` + part })
	if err != nil || len(since) > 0 {
		return "", err
	}
	return last.state, nil
}

// Recovered reports whether a run that has ended was the first success after a
// failure.
func (j *Journal) Recovered(ctx context.Context, r *job.Run) (bool, error) {
	if r.State != job.Succeeded {
		return false, nil
	}
	before, err := stateBefore(ctx, j.readers, r.Job, r.ID, micros(r.Ended))
	if err != nil {
		return false, fmt.Errorf("run before %s: %w", r.ID, err)
	}
	return before.Failure(), nil
}

// Chained returns the runs that the end of a run started, in order.
func (j *Journal) Chained(ctx context.Context, parent job.RunID) ([]*job.Run, error) {
	return collect(ctx, j, "chained runs", scanRun,
		`SELECT `+runColumns+` FROM runs WHERE parent = $1 AND parent <> '' ORDER BY seq LIMIT $2`, string(parent), 3*job.MaxChain)
}

// Effects returns the outbox, oldest first.
func (j *Journal) Effects(ctx context.Context) ([]job.PendingEffect, error) {
	return collect(ctx, j, "effects", func(row scanner) (job.PendingEffect, error) {
		var e job.PendingEffect
		var output string
		err := row.Scan(&e.Run, &e.Effect, &e.Target, &output)
		e.Output = raw(output)
		return e, err
	}, `SELECT e.run, e.effect, e.target, CASE WHEN e.target = '' THEN r.output ELSE '' END
		FROM effects e JOIN runs r ON r.id = e.run ORDER BY e.created, r.seq, e.effect, e.target`)
}

// EffectDone takes something out of the outbox, because it is done, or because
// of a problem that no other try would solve.
func (j *Journal) EffectDone(ctx context.Context, e job.PendingEffect, problem string) error {
	err := j.write(ctx, func(t *tx) error {
		n, err := t.exec(`DELETE FROM effects WHERE run = $1 AND effect = $2 AND target = $3`,
			string(e.Run), string(e.Effect), e.Target)
		if err != nil || n == 0 {
			return err
		}
		return t.record(kindEffect, daemon, string(e.Run), effectFact{
			Run: e.Run, Effect: e.Effect, Target: e.Target, Error: capped(problem, 1<<10),
		})
	})
	if err != nil {
		return fmt.Errorf("effect %s of run %s: %w", e.Effect, e.Run, err)
	}
	return nil
}

// effectFact is what an entry says about an effect.
type effectFact struct {
	Run    job.RunID  `json:"run"`
	Effect job.Effect `json:"effect"`
	Target string     `json:"target,omitempty"`
	Error  string     `json:"error,omitempty"`
}
