package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	"github.com/palyra-go/palyra/host/internal/job"
)

// The types of entities, as in the schema.
const (
	typeUser      cedar.EntityType = "User"
	typeRole      cedar.EntityType = "Role"
	typeSystem    cedar.EntityType = "System"
	typeSkill     cedar.EntityType = "Skill"
	typeJob       cedar.EntityType = "Job"
	typePublisher cedar.EntityType = "Publisher"
	typeMemory    cedar.EntityType = "Memory"
	typeHost      cedar.EntityType = "Host"
	typeAction    cedar.EntityType = "Action"
)

// facts is what one question may look up: its principal, its resource, and the
// owner of that.
type facts struct {
	known [3]cedar.Entity
	n     int
}

func (f *facts) add(e cedar.Entity) {
	f.known[f.n] = e
	f.n++
}

// Get implements the interface of cedar.Authorize. An entity that is not here
// makes the policy that needs its attributes an error, which denies.
func (f *facts) Get(uid cedar.EntityUID) (cedar.Entity, bool) {
	for i := range f.n {
		if f.known[i].UID == uid {
			return f.known[i], true
		}
	}
	return cedar.Entity{}, false
}

// question is what Cedar is asked, in its own words, and who may answer it.
type question struct {
	cedar.Request
	facts facts
	candidates
}

// ask lets Cedar answer. Whatever it could not evaluate denies.
func (s *Set) ask(q *question) job.Decision {
	answer, why := cedar.Authorize(&q.candidates, &q.facts, q.Request)
	d := job.Decision{Allow: answer == cedar.Allow && len(why.Errors) == 0, PolicySet: s.digest}
	for _, r := range why.Reasons {
		d.Policies = append(d.Policies, string(r.PolicyID))
	}
	for _, e := range why.Errors {
		d.Errors = append(d.Errors, fmt.Sprintf("policy %q: %s", e.PolicyID, e.Message))
	}
	slices.Sort(d.Policies)
	slices.Sort(d.Errors)
	return d
}

// principal makes an entity of who asks. Only people and the daemon ask.
func (s *Set) principal(p job.Principal) (cedar.Entity, error) {
	switch {
	case p == job.Daemon:
		return cedar.Entity{UID: cedar.NewEntityUID(typeSystem, "daemon")}, nil
	case p.Type == string(typeUser) && p.ID != "":
		return s.user(p.ID), nil
	}
	return cedar.Entity{}, fmt.Errorf("principal %s: neither a user nor the daemon", p)
}

func (s *Set) user(name string) cedar.Entity {
	e := cedar.Entity{UID: cedar.NewEntityUID(typeUser, cedar.String(name))}
	if s.operators[name] {
		e.Parents = s.operator
	}
	return e
}

// about adds the resource, and its owner, to the question.
func (s *Set) about(q *question, r Resource) error {
	e := cedar.Entity{UID: cedar.NewEntityUID(cedar.EntityType(r.Type), cedar.String(r.ID))}
	if shelf := s.shelves[q.Action]; shelf != nil {
		q.candidates = shelf.find(q.facts.known[0], e.UID)
	}
	switch e.UID.Type {
	case typeJob:
		e.Attributes = s.jobAttributes(q, r)
	case typeSkill:
		e.Attributes = skillAttributes(r)
	case typePublisher, typeMemory, typeHost:
	default:
		return fmt.Errorf("resource %s: unknown type", e.UID)
	}
	q.Resource = e.UID
	q.facts.add(e)
	return nil
}

// jobAttributes makes the attributes of a job, those that are needed.
func (s *Set) jobAttributes(q *question, r Resource) cedar.Record {
	m := cedar.RecordMap{}
	for i, name := range jobNames() {
		if !q.needs.job(i) {
			continue
		}
		if v := s.jobAttribute(name, q, r); v != nil {
			m[name] = v
		}
	}
	return cedar.NewRecord(m)
}

// jobAttribute is nil for one that the job does not have.
func (s *Set) jobAttribute(name cedar.String, q *question, r Resource) cedar.Value {
	switch name {
	case "name":
		return cedar.String(r.Name)
	case "owner":
		if r.Owner.Type != string(typeUser) || r.Owner.ID == "" {
			return nil
		}
		owner := s.user(r.Owner.ID)
		if owner.UID != q.Principal {
			q.facts.add(owner)
		}
		return owner.UID
	case "system":
		return cedar.Boolean(r.Owner.IsSystem())
	case "group":
		return cedar.String(r.Group)
	case "labels":
		return labels(r.Labels)
	case "skill":
		return cedar.String(r.Action.Skill)
	case "entrypoint":
		return cedar.String(r.Action.Entrypoint)
	}
	return nil
}

func skillAttributes(r Resource) cedar.Record {
	return cedar.NewRecord(cedar.RecordMap{
		"publisher":    cedar.String(r.Publisher),
		"version":      cedar.String(r.Version),
		"state":        cedar.String(r.State),
		"capabilities": stringSet(r.Capabilities.Names()),
	})
}

// labels are "key=value". A key has no equals sign, so that no two read alike.
func labels(m map[string]string) cedar.Set {
	list := make([]string, 0, len(m))
	for key, value := range m {
		list = append(list, key+"="+value)
	}
	return stringSet(list)
}

func stringSet(list []string) cedar.Set {
	values := make([]cedar.Value, len(list))
	for i, s := range list {
		values[i] = cedar.String(s)
	}
	return cedar.NewSet(values...)
}

// Refusal says in one sentence for people why a decision denies; it is empty if
// the decision allows.
func Refusal(d job.Decision) string {
	switch {
	case d.Allow:
		return ""
	case len(d.Errors) > 0:
		return "denied because of an error: " + strings.Join(d.Errors, "; ")
	case len(d.Policies) == 0:
		return "denied: no policy permits it"
	case len(d.Policies) == 1:
		return fmt.Sprintf("denied by policy %q", d.Policies[0])
	}
	return `denied by policies "` + strings.Join(d.Policies, `", "`) + `"`
}
