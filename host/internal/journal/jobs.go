package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// jobSpec is the part of a job that no query asks for.
type jobSpec struct {
	Group       string            `json:"group,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Schedule    json.RawMessage   `json:"schedule"`
	Skill       string            `json:"skill"`
	Entrypoint  string            `json:"entrypoint"`
	Max         int               `json:"max"`
	Misfire     misfireSpec       `json:"misfire"`
	Retry       retrySpec         `json:"retry"`
	Timeout     time.Duration     `json:"timeout_ns"`
	RunTimeout  time.Duration     `json:"run_timeout_ns,omitempty"`
	Priority    int               `json:"priority,omitempty"`
	PauseAfter  int               `json:"pause_after,omitempty"`
	AtLeastOnce bool              `json:"at_least_once,omitempty"`
	Chain       chainSpec         `json:"chain,omitzero"`
	Paused      bool              `json:"paused,omitempty"`
	PauseReason string            `json:"pause_reason,omitempty"`
	PauseUntil  time.Time         `json:"pause_until,omitzero"`
	Effect      job.Effect        `json:"effect,omitempty"`
}

type misfireSpec struct {
	Policy   job.MisfirePolicy `json:"policy"`
	Grace    time.Duration     `json:"grace_ns"`
	Window   time.Duration     `json:"window_ns"`
	Coalesce job.Coalesce      `json:"coalesce,omitempty"`
	Max      int               `json:"max,omitempty"`
}

type chainSpec struct {
	OnSuccess  []string `json:"on_success,omitempty"`
	OnFailure  []string `json:"on_failure,omitempty"`
	OnRecovery []string `json:"on_recovery,omitempty"`
}

// IsZero implements the omitzero option of encoding/json.
func (c chainSpec) IsZero() bool { return job.Chain(c).Empty() }

type retrySpec struct {
	Attempts int           `json:"attempts"`
	Backoff  time.Duration `json:"backoff_ns"`
	Cap      time.Duration `json:"cap_ns"`
}

func encodeSpec(j *job.Job) (string, error) {
	schedule, err := encode("schedule", j.Schedule)
	if err != nil {
		return "", err
	}
	return encode("job", jobSpec{
		Group: j.Group, Labels: j.Labels, Schedule: json.RawMessage(schedule),
		Skill: j.Action.Skill, Entrypoint: j.Action.Entrypoint,
		Max: j.Concurrency.Max, Misfire: misfireSpec(j.Misfire), Retry: retrySpec(j.Retry),
		Timeout: j.Timeout, RunTimeout: j.RunTimeout, Priority: j.Priority, PauseAfter: j.PauseAfter,
		AtLeastOnce: j.AtLeastOnce, Chain: chainSpec(j.Chain),
		Paused: j.Paused, PauseReason: j.PauseReason, PauseUntil: j.PauseUntil, Effect: j.Effect,
	})
}

func decodeSpec(text string, j *job.Job) error {
	var s jobSpec
	if err := decode("job", text, &s); err != nil {
		return err
	}
	if err := json.Unmarshal(s.Schedule, &j.Schedule); err != nil {
		return fmt.Errorf("decode schedule: %w", err)
	}
	j.Group, j.Labels = s.Group, s.Labels
	j.Action = job.Action{Skill: s.Skill, Entrypoint: s.Entrypoint}
	j.Concurrency.Max = s.Max
	j.Misfire, j.Retry = job.Misfire(s.Misfire), job.Retry(s.Retry)
	j.Timeout, j.RunTimeout, j.Effect = s.Timeout, s.RunTimeout, s.Effect
	j.Priority, j.PauseAfter, j.AtLeastOnce, j.Chain = s.Priority, s.PauseAfter, s.AtLeastOnce, job.Chain(s.Chain)
	j.Paused, j.PauseReason, j.PauseUntil = s.Paused, s.PauseReason, s.PauseUntil
	return nil
}

func scanJob(row scanner) (*job.Job, error) {
	var j job.Job
	var owner, spec, input string
	var cursor, created, updated int64
	err := row.Scan(&j.Key, &j.ID, &j.Name, &j.Generation, &owner, &j.Concurrency.Policy, &cursor, &spec, &input, &created, &updated)
	if err != nil {
		return nil, err
	}
	if j.Owner, err = job.ParsePrincipal(owner); err != nil {
		return nil, fmt.Errorf("job %s: %w", j.Name, err)
	}
	if err := decodeSpec(spec, &j); err != nil {
		return nil, fmt.Errorf("job %s: %w", j.Name, err)
	}
	j.Action.Input = raw(input)
	j.Cursor, j.Created, j.Updated = instant(cursor), instant(created), instant(updated)
	j = j.WithDefaults() // an older daemon knew fewer policies
	return &j, nil
}

// jobFact is what an entry says about a job.
type jobFact struct {
	Job        job.ID `json:"job"`
	Name       string `json:"name"`
	Generation int64  `json:"generation"`
	Owner      string `json:"owner,omitempty"`
	Action     string `json:"action,omitempty"`
	Paused     bool   `json:"paused,omitempty"`
	Reason     string `json:"reason,omitempty"`
	Spec       string `json:"spec,omitempty"`  // SHA-256 of the row's
	Input      string `json:"input,omitempty"` // SHA-256 of the row's
}

// PutJob writes a job of generation 1 that does not exist, or the next
// generation of one that does, and an entry of the given kind (job.create,
// job.update, job.pause, …). The stored cursor becomes the greater of the two.
// It refuses with [ErrExists] a name that another job has, and with [ErrConflict]
// any other generation, or a key that another job has.
func (j *Journal) PutJob(ctx context.Context, v *job.Job, by job.Principal, kind string) error {
	spec, err := encodeSpec(v)
	if err == nil {
		_, err = job.ParsePrincipal(v.Owner.String())
	}
	if err == nil {
		err = j.write(ctx, func(t *tx) error { return t.putJob(v, spec, by, kind) })
	}
	if err != nil {
		return fmt.Errorf("put job %s: %w", v.Name, err)
	}
	return nil
}

func (t *tx) putJob(v *job.Job, spec string, by job.Principal, kind string) error {
	var taken job.ID
	err := t.row(`SELECT id FROM jobs WHERE name = $1 AND id <> $2`, v.Name, string(v.ID)).Scan(&taken)
	if err == nil {
		return fmt.Errorf("%w: by job %s", ErrExists, taken)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err := t.row(`SELECT id FROM jobs WHERE key = $1 AND id <> $2`, int64(v.Key), string(v.ID)).Scan(&taken); !errors.Is(err, sql.ErrNoRows) {
		return errors.Join(err, fmt.Errorf("%w: job %s has its key", ErrConflict, taken))
	}
	key, err := t.putRow(v, spec)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: generation %d does not follow", ErrConflict, v.Generation)
	}
	if err != nil {
		return err
	}
	// A job made again under an old id goes on after what the old one accounted for.
	delete(t.j.known.jobs, v.ID)
	if _, err := t.exec(`INSERT INTO cursors (job, cursor, key, arms, nth, run, latest, terms, uses)
		VALUES ($1, $2, $3, $4, (SELECT COALESCE(MAX(nth), 0) + 1 FROM cursors), 0, 0, 0, 0)
		ON CONFLICT (job) DO UPDATE SET key = excluded.key, arms = excluded.arms,
			cursor = CASE WHEN excluded.cursor > cursors.cursor THEN excluded.cursor ELSE cursors.cursor END`,
		string(v.ID), micros(v.Cursor), key, v.Arms); err != nil {
		return err
	}
	return t.record(kind, by.String(), string(v.ID), jobFact{
		Job: v.ID, Name: v.Name, Generation: v.Generation, Owner: v.Owner.String(), Action: v.Action.String(),
		Paused: v.Paused, Reason: clean(v.PauseReason), Spec: sum(spec), Input: sum(string(v.Action.Input)),
	})
}

// putRow writes the row of a job and returns its key; [sql.ErrNoRows] if the
// generation is not the next one.
func (t *tx) putRow(v *job.Job, spec string) (key int64, err error) {
	if v.Generation > 1 {
		err = t.row(`UPDATE jobs SET name = $3, generation = $4, owner = $5, concurrency = $6, spec = $7, input = $8, updated = $9
			WHERE id = $1 AND generation = $2 RETURNING key`,
			string(v.ID), v.Generation-1, v.Name, v.Generation, v.Owner.String(), string(v.Concurrency.Policy), spec,
			string(v.Action.Input), micros(v.Updated)).Scan(&key)
		return key, err
	}
	err = t.row(`INSERT INTO jobs (key, id, name, generation, owner, concurrency, spec, input, created, updated)
		VALUES (CASE WHEN $9 > 0 THEN $9 ELSE (SELECT COALESCE(MAX(key), 0) + 1 FROM jobs) END, $1, $2, 1, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO NOTHING RETURNING key`,
		string(v.ID), v.Name, v.Owner.String(), string(v.Concurrency.Policy), spec, string(v.Action.Input),
		micros(v.Created), micros(v.Updated), int64(v.Key)).Scan(&key)
	return key, err
}

// DeleteJob removes a job. Its runs stay.
func (j *Journal) DeleteJob(ctx context.Context, id job.ID, by job.Principal) error {
	err := j.write(ctx, func(t *tx) error {
		delete(t.j.known.jobs, id)
		fact := jobFact{Job: id}
		err := t.row(`DELETE FROM jobs WHERE id = $1 RETURNING name, generation`, string(id)).Scan(&fact.Name, &fact.Generation)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE cursors SET key = 0, arms = 0 WHERE job = $1`, string(id)); err != nil {
			return err
		}
		return t.record(kindDelete, by.String(), string(id), fact)
	})
	if err != nil {
		return fmt.Errorf("delete job %s: %w", id, err)
	}
	return nil
}
