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

// Jobs returns all jobs, by name.
func (j *Journal) Jobs(ctx context.Context) ([]*job.Job, error) {
	return collect(ctx, j, "jobs", scanJob, `SELECT j.id, j.name, j.generation, j.owner, j.concurrency, COALESCE(c.cursor, 0), j.spec, j.input,
			j.created, j.updated
		FROM jobs j LEFT JOIN cursors c ON c.job = j.id ORDER BY j.name`)
}

func scanJob(row scanner) (*job.Job, error) {
	var j job.Job
	var owner, spec, input string
	var cursor, created, updated int64
	err := row.Scan(&j.ID, &j.Name, &j.Generation, &owner, &j.Concurrency.Policy, &cursor, &spec, &input, &created, &updated)
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
// any other generation.
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
	var n int64
	if v.Generation == 1 {
		n, err = t.exec(`INSERT INTO jobs (id, name, generation, owner, concurrency, spec, input, created, updated)
			VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (id) DO NOTHING`,
			string(v.ID), v.Name, v.Owner.String(), string(v.Concurrency.Policy), spec, string(v.Action.Input),
			micros(v.Created), micros(v.Updated))
	} else {
		n, err = t.exec(`UPDATE jobs SET name = $3, generation = $4, owner = $5, concurrency = $6, spec = $7, input = $8, updated = $9
			WHERE id = $1 AND generation = $2`,
			string(v.ID), v.Generation-1, v.Name, v.Generation, v.Owner.String(), string(v.Concurrency.Policy), spec, string(v.Action.Input),
			micros(v.Updated))
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: generation %d does not follow", ErrConflict, v.Generation)
	}
	// A job made again under an old id goes on after what the old one accounted for.
	if err := t.putCursors([]cursor{{v.ID, micros(v.Cursor)}}); err != nil {
		return err
	}
	return t.record(kind, by.String(), string(v.ID), jobFact{
		Job: v.ID, Name: v.Name, Generation: v.Generation, Owner: v.Owner.String(), Action: v.Action.String(),
		Paused: v.Paused, Reason: clean(v.PauseReason), Spec: sum(spec), Input: sum(string(v.Action.Input)),
	})
}

// DeleteJob removes a job. Its runs stay.
func (j *Journal) DeleteJob(ctx context.Context, id job.ID, by job.Principal) error {
	err := j.write(ctx, func(t *tx) error {
		fact := jobFact{Job: id}
		err := t.row(`DELETE FROM jobs WHERE id = $1 RETURNING name, generation`, string(id)).Scan(&fact.Name, &fact.Generation)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return t.record(kindDelete, by.String(), string(id), fact)
	})
	if err != nil {
		return fmt.Errorf("delete job %s: %w", id, err)
	}
	return nil
}
