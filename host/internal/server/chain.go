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
	path, err := s.way(want, want.Name, map[string]bool{})
	if path == nil || err != nil {
		return err
	}
	return problem(Invalid, "take one of these jobs out of the chain of the one before it",
		"chain: %s: the end of %s would start it again", strings.Join(append([]string{want.Name}, path...), " → "), want.Name)
}

// way returns the jobs on the way from one job to a name over what they start;
// nil if there is none.
func (s *Server) way(from *job.Job, to string, seen map[string]bool) ([]string, error) {
	for _, name := range from.Chain.Targets() {
		if name == to {
			return []string{name}, nil
		}
		next, err := s.Jobs.Get(name)
		if err != nil {
			return nil, err
		}
		if next == nil || seen[name] {
			continue
		}
		seen[name] = true
		rest, err := s.way(next, to, seen)
		if err != nil {
			return nil, err
		}
		if rest != nil {
			return append([]string{name}, rest...), nil
		}
	}
	return nil, nil
}

// loose warns of jobs that the end of a job is to start, and will not.
func (s *Server) loose(j *job.Job) []string {
	var warnings []string
	for _, name := range j.Chain.Targets() {
		switch target, err := s.Jobs.Get(name); {
		case err != nil:
			warnings = append(warnings, fmt.Sprintf("its chain names %s, which cannot be read: %v", name, err))
		case target == nil || target.Name != name:
			warnings = append(warnings, fmt.Sprintf("its chain names %s, and there is no such job%s", name, s.meant(name, j.Name)))
		case target.Paused:
			warnings = append(warnings, fmt.Sprintf("its chain names %s, which is paused: it is skipped", name))
		}
	}
	return warnings
}

func (s *Server) meant(name, besides string) string {
	jobs, _ := s.Jobs.List("", mostMeant) // an error means that nothing is suggested
	var names []string
	for _, j := range jobs {
		if j.Name != besides {
			names = append(names, j.Name)
		}
	}
	if meant := near.Name(name, names); meant != "" {
		return "; did you mean " + meant + "?"
	}
	return ""
}

// mostSearched is how many jobs are searched for chains.
const mostSearched = 10_000

// orphans warns of the jobs that name one that has not that name any more.
func (s *Server) orphans(ctx context.Context, name string) []string {
	var warnings []string
	sees := s.sees(ctx, "job.view")
	jobs, err := s.Jobs.List("", mostSearched)
	if all, _ := s.Jobs.Count(); err == nil && all > mostSearched {
		err = fmt.Errorf("there are %d", all)
	}
	if err != nil {
		warnings = append(warnings, fmt.Sprintf("chains that name %s were not looked for in all jobs: %v", name, err))
	}
	for _, j := range jobs {
		if slices.Contains(j.Chain.Targets(), name) && sees(j) {
			warnings = append(warnings, fmt.Sprintf("the chain of %s names %s, and there is no such job now", j.Name, name))
		}
	}
	return warnings
}

// seesRun reports whether the job of a run is seen; one that cannot be read is not.
func (s *Server) seesRun(r *job.Run, sees func(*job.Job) bool) bool {
	j, err := s.jobOf(r)
	return err == nil && sees(j)
}

// links tells which run started a run, and which ones its end started.
func (s *Server) links(ctx context.Context, r *job.Run, p *api.Run) error {
	sees := s.sees(ctx, "run.view")
	if r.Trigger == job.ByChain {
		p.StartedBy = "the end of " + string(r.Parent)
		if parent, err := s.Runs.Run(ctx, string(r.Parent)); err == nil && s.seesRun(parent, sees) {
			p.StartedBy = fmt.Sprintf("the %s of %s of %s", ending(parent.State), parent.ID, parent.JobName)
		}
	}
	started, err := s.Records.Chained(ctx, r.ID)
	for _, child := range started {
		if !s.seesRun(child, sees) {
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
