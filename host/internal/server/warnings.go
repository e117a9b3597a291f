package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
)

// judgedRuns is how many rows of a job its warnings are drawn from.
const judgedRuns = 50

// warnings says what about a job needs a look, from its latest runs and the state
// of its skill.
func (s *Server) warnings(ctx context.Context, j *job.Job) []string {
	h := job.Health{Now: time.Now(), Skill: s.unfit(j.Action)}
	runs, err := s.Runs.Runs(ctx, job.Filter{Job: j.ID, Limit: judgedRuns})
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			s.Log.Warn("runs are not known", "job", j.Name, "err", err)
		}
	} else {
		h.Runs, h.All = runs, len(runs) < judgedRuns
	}
	return j.Warnings(h)
}

// unfit says why the skill of an action cannot run, if it cannot.
func (s *Server) unfit(a job.Action) string {
	found := s.Skills.Lookup(a.Skill)
	if found == nil {
		return fmt.Sprintf("its skill %s is not installed", a.Skill)
	}
	if _, ok := found.Manifest.Entrypoints[a.Entrypoint]; !ok {
		return fmt.Sprintf("its skill %s has no entrypoint %s any more", a.Skill, a.Entrypoint)
	}
	switch state := found.StateAt(time.Now(), s.Lease); state {
	case skill.Active:
		return ""
	case skill.Stale:
		return fmt.Sprintf("its skill %s was audited last at %s, which is too long ago to run it: `palyra skill audit %s`",
			a.Skill, found.Audited.UTC().Format(time.RFC3339), a.Skill)
	default:
		text := fmt.Sprintf("its skill %s is %s", a.Skill, state)
		if found.Reason != "" {
			text += ": " + found.Reason
		}
		return text
	}
}
