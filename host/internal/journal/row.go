package journal

import (
	"fmt"

	"github.com/palyra-go/palyra/host/internal/job"
)

// decision is the form of a decision in rows and entries.
type decision struct {
	Allow    bool     `json:"allow"`
	Errors   []string `json:"errors,omitempty"`
	Policies []string `json:"policies,omitempty"`
	Set      string   `json:"set,omitempty"`
}

const maxDecisionErrors = 32

func encodeDecision(d job.Decision) (string, *decision, error) {
	if !d.Allow && len(d.Policies) == 0 && len(d.Errors) == 0 && d.PolicySet == "" {
		return "", nil, nil
	}
	v := &decision{Allow: d.Allow, Policies: d.Policies, Set: d.PolicySet}
	for _, e := range d.Errors[:min(len(d.Errors), maxDecisionErrors)] {
		v.Errors = append(v.Errors, capped(e, 1<<10))
	}
	text, err := encode("decision", v)
	return text, v, err
}

func decodeDecision(text string) (job.Decision, error) {
	if text == "" {
		return job.Decision{}, nil
	}
	var v decision
	err := decode("decision", text, &v)
	return job.Decision{Allow: v.Allow, Policies: v.Policies, Errors: v.Errors, PolicySet: v.Set}, err
}

// runRow is a run as the table has it.
type runRow struct {
	seq, terms, nth, slot int64

	id, trigger, manual, parent             string
	state, reason, output, summary, problem string

	due, last, count, fire, attempt, retry, created, started, ended int64
}

// encodeRun makes the row of a run. A run that has ended must say when; now is
// taken if it does not.
func encodeRun(r *job.Run, of *terms, now int64) *runRow {
	v := &runRow{
		id: string(r.ID), terms: of.id, trigger: string(r.Trigger), parent: string(r.Parent),
		state: string(r.State), reason: string(r.Reason), summary: capped(r.Summary, MaxText),
		due: micros(r.Due), last: micros(r.Last), count: max(r.Count, 1),
		fire: micros(r.Fire), attempt: int64(r.Attempt), retry: micros(r.Retry),
		created: micros(r.Created), started: micros(r.Started),
	}
	if v.last <= v.due {
		v.last = 0
	}
	if v.fire == v.due {
		v.fire = 0
	}
	if !r.Trigger.Scheduled() {
		v.manual = v.id
	}
	if v.created == 0 {
		v.created = now
	}
	if r.State.Terminal() {
		if v.ended = micros(r.Ended); v.ended == 0 {
			v.ended = now
		}
	}
	v.output, v.problem = capOutput(r.Output, r.Error)
	return v
}

// runColumns are what scanRun reads, in its order.
const runColumns = `id, job, job_name, generation, trigger, parent, due, last, count, fire, principal, skill, entrypoint, input, digest,
	decision, state, reason, attempt, retry, created, started, ended, output, summary, error`

func scanRun(row scanner) (*job.Run, error) {
	var r job.Run
	var v struct {
		principal, input, digest, decision, output      string
		due, last, fire, retry, created, started, ended int64
	}
	err := row.Scan(&r.ID, &r.Job, &r.JobName, &r.Generation, &r.Trigger, &r.Parent, &v.due, &v.last, &r.Count, &v.fire, &v.principal,
		&r.Action.Skill, &r.Action.Entrypoint, &v.input, &v.digest, &v.decision, &r.State, &r.Reason, &r.Attempt,
		&v.retry, &v.created, &v.started, &v.ended, &v.output, &r.Summary, &r.Error)
	if err != nil {
		return nil, err
	}
	if r.Principal, err = job.ParsePrincipal(v.principal); err != nil {
		return nil, fmt.Errorf("run %s: %w", r.ID, err)
	}
	if r.Decision, err = decodeDecision(v.decision); err != nil {
		return nil, fmt.Errorf("run %s: %w", r.ID, err)
	}
	if v.digest != "" {
		if err := r.Digest.UnmarshalText([]byte(v.digest)); err != nil {
			return nil, fmt.Errorf("run %s: %w", r.ID, err)
		}
	}
	r.Action.Input, r.Output = raw(v.input), raw(v.output)
	r.Due, r.Last, r.Fire, r.Retry = instant(v.due), instant(v.last), instant(v.fire), instant(v.retry)
	r.Created, r.Started, r.Ended = instant(v.created), instant(v.started), instant(v.ended)
	return &r, nil
}
