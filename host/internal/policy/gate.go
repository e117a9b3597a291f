package policy

import (
	"sync/atomic"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// Gate is what every start and every request passes. Its methods may be called
// by many at once. A gate without a Set denies everything.
type Gate struct {
	set atomic.Pointer[Set]
}

// NewGate returns a gate that asks set.
func NewGate(set *Set) *Gate {
	g := &Gate{}
	g.set.Store(set)
	return g
}

// Swap puts another set in force, from the next question on.
func (g *Gate) Swap(set *Set) { g.set.Store(set) }

// Set returns the set in force.
func (g *Gate) Set() *Set { return g.set.Load() }

// Query asks whether a run may start.
type Query struct {
	Run       job.RunID
	Job       *job.Job
	Principal job.Principal // for whom: the owner of the job, or who triggered it
	Action    job.Action    // of the run; an edit of the job since does not change it
	Trigger   job.Trigger
	Due       time.Time
	Fire      time.Time // when it was to start: Due, plus jitter; zero: Due
	Now       time.Time
	Attempt   int          // from 1
	Skill     *skill.Skill // nil if it is not installed
}

// start is when the run was to start.
func (q Query) start() time.Time {
	if q.Fire.IsZero() {
		return q.Due
	}
	return q.Fire
}

// Verdict is the answer to a Query or a Call.
type Verdict struct {
	Decision job.Decision
	Reason   job.Reason   // NoReason if it was allowed
	Skill    *skill.Skill // what was judged
	Permit   Permit       // zero if it was denied
	Message  string       // why it was denied, in one sentence for people
}

// Judge says whether a run may start now. The permit lasts for the timeout of
// the job.
func (g *Gate) Judge(q Query) Verdict {
	s := g.Set()
	if s == nil {
		return unanswerable("", q.Skill, "no policies are loaded")
	}
	if q.Job == nil {
		return unanswerable(s.digest, q.Skill, "a run without a job")
	}
	if f := s.check(q.Skill, q.Action.Skill, q.Action.Entrypoint, q.Now); f != nil {
		return f.verdict(s.digest, q.Skill)
	}
	ask, err := s.dispatch(q)
	if err != nil {
		return unanswerable(s.digest, q.Skill, err.Error())
	}
	timeout := q.Job.Timeout
	if timeout <= 0 || timeout > job.MaxTimeout {
		timeout = job.DefaultTimeout
	}
	return verdict(s.ask(ask), q.Skill, permit(q.Run, q.Skill, q.Action.Entrypoint, q.Now.Add(timeout)))
}

// Call asks whether a skill may serve a request of the API, such as a search
// in the memory. There is no run.
type Call struct {
	ID         string // names the call; no journal row carries it
	Principal  job.Principal
	Action     string   // what the principal does by it; empty, of palyra.memory: "memory." and the entrypoint
	Resource   Resource // zero for memory.*
	Skill      *skill.Skill
	Entrypoint string
	Now        time.Time
	Timeout    time.Duration
}

// Serve says whether a skill may serve a call now: the built-in invariants hold
// for the skill, and the principal may do what the call does.
func (g *Gate) Serve(c Call) Verdict {
	s := g.Set()
	if s == nil {
		return unanswerable("", c.Skill, "no policies are loaded")
	}
	id := ""
	if c.Skill != nil {
		id = c.Skill.ID()
	}
	if f := s.check(c.Skill, id, c.Entrypoint, c.Now); f != nil {
		return f.verdict(s.digest, c.Skill)
	}
	if c.Action == "" && id == memorySkill {
		c.Action = "memory." + c.Entrypoint
	}
	d := s.authorize(Request{Principal: c.Principal, Action: c.Action, Resource: c.Resource})
	return verdict(d, c.Skill, permit(job.RunID(c.ID), c.Skill, c.Entrypoint, c.Now.Add(c.Timeout)))
}

// PermitAudit permits to look at an artifact, not to run it: an artifact is
// audited before anything else about it is known, and when nothing may run.
func (g *Gate) PermitAudit(d bundle.Digest, m bundle.Manifest, until time.Time) Permit {
	return Permit{digest: d, skill: m.ID, manifest: m, until: until, audit: true}
}

func permit(id job.RunID, s *skill.Skill, entrypoint string, until time.Time) Permit {
	return Permit{
		run: id, skill: s.ID(), entrypoint: entrypoint,
		digest: s.Digest, manifest: s.Manifest, until: until,
	}
}

// verdict joins what Cedar answered with the permit that goes with a yes.
func verdict(d job.Decision, s *skill.Skill, p Permit) Verdict {
	v := Verdict{Decision: d, Skill: s}
	switch {
	case d.Allow:
		v.Permit = p
		return v
	case len(d.Errors) > 0:
		v.Reason = job.ReasonPolicyError
	default:
		v.Reason = job.ReasonPolicy
	}
	v.Message = Refusal(d)
	return v
}

// unanswerable is the verdict on a question that cannot be put to Cedar.
func unanswerable(set string, s *skill.Skill, why string) Verdict {
	return verdict(job.Decision{Errors: []string{why}, PolicySet: set}, s, Permit{})
}
