package journal

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// terms are what runs of a job have in common as long as nobody changes anything:
// they are written once, and compared with each run after it. Only the terms that
// the cursor of a job names are given to a run; what it named before never is
// again, and goes with the last run that has it.
type terms struct {
	id          int64
	name        string
	generation  int64
	concurrency string
	principal   job.Principal
	action      job.Action
	digest      bundle.Digest
	decision    job.Decision

	// The same for entries and rows.
	as, digestText, decisionText string
	decided                      []byte  // canonical
	said                         runFact // the last that was said of a run
	inCommonText                 string  // what of it is in common
}

// inCommon returns what a fact about a run has in common with others.
func (v *terms) inCommon(f *runFact) string {
	s := &v.said
	if v.inCommonText == "" || s.Trigger != f.Trigger || s.State != f.State || s.Reason != f.Reason || s.Attempt != f.Attempt {
		v.said, v.inCommonText = *f, string(f.append(nil, common))
	}
	return v.inCommonText
}

// newTerms returns the terms of a run.
func newTerms(r *job.Run, concurrency string) (*terms, error) {
	v := &terms{
		name: r.JobName, generation: r.Generation, concurrency: concurrency,
		principal: r.Principal, action: r.Action, digest: r.Digest, decision: r.Decision,
	}
	v.action.Input = bytes.Clone(r.Action.Input)
	v.decision.Policies, v.decision.Errors = slices.Clone(r.Decision.Policies), slices.Clone(r.Decision.Errors)
	text, decided, err := encodeDecision(r.Decision)
	if err != nil {
		return nil, err
	}
	v.decisionText = text
	v.derive(decided)
	return v, nil
}

func (v *terms) derive(decided *decision) {
	v.as = v.principal.String()
	if !v.digest.IsZero() {
		v.digestText = v.digest.String()
	}
	if decided != nil {
		v.decided = decided.append(nil)
	}
}

// of reports whether a run of the job has these terms.
func (v *terms) of(r *job.Run, concurrency string) bool {
	return v.generation == r.Generation && v.digest == r.Digest && v.principal == r.Principal && v.name == r.JobName &&
		v.action.Skill == r.Action.Skill && v.action.Entrypoint == r.Action.Entrypoint && v.concurrency == concurrency &&
		sameDecision(&v.decision, &r.Decision) && bytes.Equal(v.action.Input, r.Action.Input)
}

func sameDecision(a, b *job.Decision) bool {
	return a.Allow == b.Allow && a.PolicySet == b.PolicySet && slices.Equal(a.Policies, b.Policies) && slices.Equal(a.Errors, b.Errors)
}

// termColumns are what reads scans, in its order, of a row that may not be there.
const termColumns = `COALESCE(t.id, 0), COALESCE(t.job_name, ''), COALESCE(t.generation, 0), COALESCE(t.concurrency, ''),
	COALESCE(t.principal, ''), COALESCE(t.skill, ''), COALESCE(t.entrypoint, ''), COALESCE(t.input, ''),
	COALESCE(t.digest, ''), COALESCE(t.decision, '')`

// termRow is a row of terms that is read.
type termRow struct {
	terms
	principal, input string
}

func (v *termRow) into() []any {
	return []any{
		&v.id, &v.name, &v.generation, &v.concurrency, &v.principal, &v.action.Skill, &v.action.Entrypoint, &v.input,
		&v.digestText, &v.decisionText,
	}
}

// read returns the terms of the row, nil if it was not there.
func (v *termRow) read() (*terms, error) {
	if v.id == 0 {
		return nil, nil
	}
	var err error
	if v.terms.principal, err = job.ParsePrincipal(v.principal); err != nil {
		return nil, fmt.Errorf("terms %d: %w", v.id, err)
	}
	if v.decision, err = decodeDecision(v.decisionText); err != nil {
		return nil, fmt.Errorf("terms %d: %w", v.id, err)
	}
	if v.digestText != "" {
		if err := v.digest.UnmarshalText([]byte(v.digestText)); err != nil {
			return nil, fmt.Errorf("terms %d: %w", v.id, err)
		}
	}
	v.action.Input = raw(v.input)
	_, decided, err := encodeDecision(v.decision)
	v.derive(decided)
	return &v.terms, err
}

// intern returns the terms of a run of the job, which are those of the job from
// now on.
func (t *tx) intern(r *job.Run, s *standing) (*terms, error) {
	if s.terms != nil && s.terms.of(r, s.concurrency) {
		return s.terms, nil
	}
	v, err := newTerms(r, s.concurrency)
	if err == nil {
		err = t.putTerms(s.id, v, 0)
	}
	if err == nil && s.terms != nil {
		_, err = t.exec(`UPDATE terms SET uses = $2 WHERE id = $1`, s.terms.id, s.uses)
		if err == nil && s.uses == 0 {
			err = t.dropTerms(s.terms.id)
		}
	}
	if err != nil {
		return nil, err
	}
	s.terms, s.uses = v, 0
	return v, nil
}

// putTerms writes terms and gives them an id.
func (t *tx) putTerms(id job.ID, v *terms, uses int64) error {
	return t.row(`INSERT INTO terms (job, job_name, generation, concurrency, principal, skill, entrypoint, input, digest, decision, uses)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id`,
		string(id), v.name, v.generation, v.concurrency, v.as, v.action.Skill, v.action.Entrypoint, string(v.action.Input),
		v.digestText, v.decisionText, uses).Scan(&v.id)
}

func (t *tx) dropTerms(id int64) error {
	_, err := t.exec(`DELETE FROM terms WHERE id = $1 AND uses <= 0`, id)
	return err
}

// release says that so many runs do not have these terms any more.
func (t *tx) release(id, runs int64) error {
	t.j.known.forget()
	n, err := t.exec(`UPDATE cursors SET uses = uses - $2 WHERE job = (SELECT job FROM terms WHERE id = $1) AND terms = $1`, id, runs)
	if err != nil || n > 0 {
		return err
	}
	if _, err := t.exec(`UPDATE terms SET uses = uses - $2 WHERE id = $1`, id, runs); err != nil {
		return err
	}
	return t.dropTerms(id)
}
