package policy

import (
	"fmt"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
)

// breach is a built-in invariant that does not hold. No policy outweighs it.
type breach struct {
	reason  job.Reason
	message string
}

// check asks the built-in invariants whether an entrypoint of a skill may start
// at all; nil if it may.
func (s *Set) check(sk *skill.Skill, id, entrypoint string, now time.Time) *breach {
	switch {
	case sk == nil || sk.Digest.IsZero() || sk.ID() != id:
		return &breach{job.ReasonNoSkill, fmt.Sprintf("skill %s is not installed", id)}
	case !sk.Current:
		return &breach{job.ReasonSkillState, fmt.Sprintf("artifact %s is not the one of skill %s that runs", sk.Digest.Short(), id)}
	}
	if state := sk.StateAt(now, s.lease); state != skill.Active {
		return s.inactive(sk, state)
	}
	if _, ok := sk.Manifest.Entrypoints[entrypoint]; !ok {
		return &breach{job.ReasonNoEntry, fmt.Sprintf("skill %s has no entrypoint %q", id, entrypoint)}
	}
	return nil
}

func (s *Set) inactive(sk *skill.Skill, state skill.State) *breach {
	if state == skill.Stale {
		return &breach{job.ReasonStale, fmt.Sprintf("skill %s was not audited within %v: last at %s",
			sk.ID(), s.lease, sk.Audited.UTC().Format(time.RFC3339))}
	}
	message := fmt.Sprintf("skill %s is %s", sk.ID(), state)
	if sk.Reason != "" {
		message += ": " + sk.Reason
	}
	return &breach{job.ReasonSkillState, message}
}

// verdict denies in the name of the invariant. No policy can have such an id.
func (b *breach) verdict(set string, s *skill.Skill) Verdict {
	return Verdict{
		Decision: job.Decision{Policies: []string{"builtin:" + string(b.reason)}, PolicySet: set},
		Reason:   b.reason,
		Skill:    s,
		Message:  b.message,
	}
}
