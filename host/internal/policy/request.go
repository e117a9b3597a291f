package policy

import (
	"fmt"
	"slices"

	"github.com/cedar-policy/cedar-go"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// Request asks whether a principal may do something through the API.
type Request struct {
	Principal job.Principal
	Action    string   // as in the schema, for example "job.create"
	Resource  Resource // zero for memory.*, policy.* and host.*
}

// Resource is what a request is about. The zero Resource is the memory or the
// host, of which there is one.
type Resource struct {
	Type string // Job, Skill, Publisher, Memory or Host
	ID   string // empty for a job or a skill that is not known yet

	// Of a Job.
	Name   string
	Owner  job.Principal
	Group  string
	Labels map[string]string
	Action job.Action

	// Of a Skill.
	Publisher    string
	Version      string
	State        skill.State
	Capabilities bundle.Capabilities
}

// JobResource is a job as a resource. What is asked about a run is asked about
// its job.
func JobResource(j *job.Job) Resource {
	return Resource{
		Type: string(typeJob), ID: string(j.ID),
		Name: j.Name, Owner: j.Owner, Group: j.Group, Labels: j.Labels, Action: j.Action,
	}
}

// SkillResource is a skill as a resource. One that is to be installed has no
// state yet.
func SkillResource(s *skill.Skill) Resource {
	return Resource{
		Type: string(typeSkill), ID: s.ID(),
		Publisher: s.Publisher, Version: s.Manifest.Version, State: s.State, Capabilities: s.Manifest.Capabilities,
	}
}

// PublisherResource is a publisher as a resource.
func PublisherResource(name string) Resource { return Resource{Type: string(typePublisher), ID: name} }

// Authorize says whether a principal may do something through the API. What the
// schema does not know is an error, and denies.
func (g *Gate) Authorize(r Request) job.Decision {
	s := g.Set()
	if s == nil {
		return job.Decision{Errors: []string{"no policies are loaded"}}
	}
	return s.authorize(r)
}

func (s *Set) authorize(r Request) job.Decision {
	q, err := s.request(r)
	if err != nil {
		return job.Decision{Errors: []string{err.Error()}, PolicySet: s.digest}
	}
	return s.ask(q)
}

// request puts r into Cedar's words.
func (s *Set) request(r Request) (*question, error) {
	uid := cedar.NewEntityUID(typeAction, cedar.String(r.Action))
	action, ok := s.actions[uid]
	if !ok || action.AppliesTo == nil {
		return nil, fmt.Errorf("action %q: no such action", r.Action)
	}
	if len(action.AppliesTo.Context) > 0 {
		return nil, fmt.Errorf("action %q: judged when it happens, not asked for", r.Action)
	}
	if r.Resource.Type == "" {
		r.Resource = only(action.AppliesTo.Resources)
	}
	if !slices.Contains(action.AppliesTo.Resources, cedar.EntityType(r.Resource.Type)) {
		return nil, fmt.Errorf("action %q: not on a resource of type %q", r.Action, r.Resource.Type)
	}
	if r.Resource.ID == "" && r.Resource.Type != string(typeJob) && r.Resource.Type != string(typeSkill) {
		return nil, fmt.Errorf("action %q: a %s without a name", r.Action, r.Resource.Type)
	}
	principal, err := s.principal(r.Principal)
	if err != nil {
		return nil, err
	}
	q := &question{Request: cedar.Request{Principal: principal.UID, Action: uid}}
	q.facts.add(principal)
	return q, s.about(q, r.Resource)
}

// memorySkill is the skill that keeps the memory.
const memorySkill = "palyra.memory"

// only returns the resource of an action that has but one.
func only(types []cedar.EntityType) Resource {
	switch {
	case slices.Contains(types, typeMemory):
		return Resource{Type: string(typeMemory), ID: memorySkill}
	case slices.Contains(types, typeHost):
		return Resource{Type: string(typeHost), ID: "local"}
	}
	return Resource{}
}
