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
		Context:   runContext(q),
	}}
	out.facts.add(principal)
	resource := JobResource(q.Job)
	resource.Action = q.Action
	return out, s.about(out, resource)
}

// runContext is the context of job.run, as in the schema.
func runContext(q Query) cedar.Record {
	return cedar.NewRecord(cedar.RecordMap{
		"via":          cedar.NewEntityUID(typeSystem, "daemon"),
		"trigger":      cedar.String(q.Trigger),
		"manual":       cedar.Boolean(q.Trigger == job.ByHand),
		"due":          cedar.NewDatetime(q.Due),
		"lateness_ms":  cedar.Long(q.Now.Sub(q.start()).Milliseconds()),
		"attempt":      cedar.Long(q.Attempt),
		"skill":        cedar.String(q.Action.Skill),
		"entrypoint":   cedar.String(q.Action.Entrypoint),
		"digest":       cedar.String(q.Skill.Digest.String()),
		"publisher":    cedar.String(q.Skill.Publisher),
		"capabilities": stringSet(q.Skill.Manifest.Capabilities.Names()),
	})
}
