package server

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/near"
)

// circle refuses a job whose end would start it again, over however many others.
func (s *Server) circle(want *job.Job) error {
	path := s.way(want, want.Name, map[string]bool{})
	if path == nil {
		return nil
	}
	return problem(Invalid, "take one of these jobs out of the chain of the one before it",
		"chain: %s: the end of %s would start it again", strings.Join(append([]string{want.Name}, path...), " → "), want.Name)
}

// way returns the jobs on the way from one job to a name over what they start;
// nil if there is none.
func (s *Server) way(from *job.Job, to string, seen map[string]bool) []string {
	for _, name := range from.Chain.Targets() {
		if name == to {
			return []string{name}
		}
		next := s.Jobs.Get(name)
		if next == nil || seen[name] {
			continue
		}
		seen[name] = true
		if rest := s.way(next, to, seen); rest != nil {
			return append([]string{name}, rest...)
		}
	}
	return nil
}

// loose warns of jobs that the end of a job is to start, and will not.
func (s *Server) loose(j *job.Job) []string {
	var warnings []string
	for _, name := range j.Chain.Targets() {
		switch target := s.Jobs.Get(name); {
		case target == nil || target.Name != name:
			warnings = append(warnings, fmt.Sprintf("its chain names %s, and there is no such job%s", name, s.meant(name, j.Name)))
		case target.Paused:
			warnings = append(warnings, fmt.Sprintf("its chain names %s, which is paused: it is skipped", name))
		}
	}
	return warnings
}

func (s *Server) meant(name, besides string) string {
	var names []string
	for _, j := range s.Jobs.List() {
		if j.Name != besides {
			names = append(names, j.Name)
		}
	}
	if meant := near.Name(name, names); meant != "" {
		return "; did you mean " + meant + "?"
	}
	return ""
}

// orphans warns of the jobs that name one that has not that name any more.
func (s *Server) orphans(ctx context.Context, name string) []string {
	var warnings []string
	sees := s.sees(ctx, "job.view")
	for _, j := range s.Jobs.List() {
		if slices.Contains(j.Chain.Targets(), name) && sees(j) {
			warnings = append(warnings, fmt.Sprintf("the chain of %s names %s, and there is no such job now", j.Name, name))
		}
	}
	return warnings
}

// links tells which run started a run, and which ones its end started.
func (s *Server) links(ctx context.Context, r *job.Run, p *api.Run) error {
	sees := s.sees(ctx, "run.view")
	if r.Trigger == job.ByChain {
		p.StartedBy = "the end of " + string(r.Parent)
		if parent, err := s.Runs.Run(ctx, string(r.Parent)); err == nil && sees(s.jobOf(parent)) {
			p.StartedBy = fmt.Sprintf("the %s of %s of %s", ending(parent.State), parent.ID, parent.JobName)
		}
	}
	started, err := s.Records.Chained(ctx, r.ID)
	for _, child := range started {
		if !sees(s.jobOf(child)) {
			continue
		}
		how := string(child.State)
		if child.Reason != job.NoReason {
			how += ":" + string(child.Reason)
		}
		p.StartedRuns = append(p.StartedRuns, fmt.Sprintf("%s of %s: %s", child.ID, child.JobName, how))
	}
	return err
}

// ending is a terminal state as a noun.
func ending(s job.State) string {
	switch s {
	case job.Succeeded:
		return "success"
	case job.Failed:
		return "failure"
	case job.TimedOut:
		return "timeout"
	case job.Interrupted:
		return "interruption"
	default:
		return "end"
	}
}
