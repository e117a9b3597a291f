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
func (t *tx) owe(e *ending, owed *rows) error {
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
		before, err := stateBefore(t.row, o.Job, o.Run, e.ended)
		if err != nil {
			return err
		}
		if before.Failure() {
			add(job.StartOnRecovery, o.Chain.OnRecovery...)
		}
	}
	return nil
}

var intoEffects = newInsert(`INSERT INTO effects (run, effect, target, created) VALUES `, 4, ` ON CONFLICT DO NOTHING`)

// recent is how many runs of a job are looked at, the latest nominal times, for
// the one that ended last.
const recent = 64

// stateBefore returns how the run of the job that ended last before another did,
// of those that succeeded or failed; empty if there is none.
func stateBefore(row func(query string, args ...any) scanner, of job.ID, run job.RunID, ended int64) (job.State, error) {
	var state job.State
	err := row(`SELECT state FROM (
			SELECT seq, state, ended FROM runs
			WHERE job = $1 AND id <> $2 AND ended > 0 AND ended <= $3
				AND state IN ('succeeded', 'failed', 'timed_out', 'interrupted')
			ORDER BY due DESC LIMIT $4)
		ORDER BY ended DESC, seq DESC LIMIT 1`, string(of), string(run), ended, recent).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return state, err
}

// Recovered reports whether a run that has ended was the first success after a
// failure.
func (j *Journal) Recovered(ctx context.Context, r *job.Run) (bool, error) {
	if r.State != job.Succeeded {
		return false, nil
	}
	before, err := stateBefore(func(query string, args ...any) scanner {
		return j.readers.QueryRowContext(ctx, query, args...)
	}, r.Job, r.ID, micros(r.Ended))
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
