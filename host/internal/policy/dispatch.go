package policy

import (
	"github.com/cedar-policy/cedar-go"
	"github.com/palyra-go/palyra/host/internal/job"
)

// dispatch puts a query whose skill has passed the invariants into Cedar's
// words.
func (s *Set) dispatch(q Query) (*question, error) {
	principal, err := s.principal(q.Principal)
	if err != nil {
		return nil, err
	}
	out := &question{Request: cedar.Request{
		Principal: principal.UID,
		Action:    cedar.NewEntityUID(typeAction, "job.run"),
	}}
	out.facts.add(principal)
	resource := JobResource(q.Job)
	resource.Action = q.Action
	if err := s.about(out, resource); err != nil {
		return nil, err
	}
	out.Context = runContext(&q, out.needs)
	return out, nil
}

// runContext is the context of job.run, as in the schema: what of it is needed.
func runContext(q *Query, n needs) cedar.Record {
	m := cedar.RecordMap{}
	for i, name := range contextNames() {
		if n.context(i) {
			m[name] = contextAttribute(name, q)
		}
	}
	return cedar.NewRecord(m)
}

func contextAttribute(name cedar.String, q *Query) cedar.Value {
	switch name {
	case "via":
		return cedar.NewEntityUID(typeSystem, "daemon")
	case "trigger":
		return cedar.String(q.Trigger)
	case "manual":
		return cedar.Boolean(q.Trigger == job.ByHand)
	case "due":
		return cedar.NewDatetime(q.Due)
	case "lateness_ms":
		return cedar.Long(q.Now.Sub(q.start()).Milliseconds())
	case "attempt":
		return cedar.Long(q.Attempt)
	case "skill":
		return cedar.String(q.Action.Skill)
	case "entrypoint":
		return cedar.String(q.Action.Entrypoint)
	case "digest":
		return cedar.String(q.Skill.Digest.String())
	case "publisher":
		return cedar.String(q.Skill.Publisher)
	case "capabilities":
		return stringSet(q.Skill.Manifest.Capabilities.Names())
	}
	return nil
}
