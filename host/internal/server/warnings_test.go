package server

import (
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
)

// oneSkill is a host on which acme.tar is as it says.
type oneSkill struct {
	fakeSkills
	change func(*skill.Skill)
}

func (s oneSkill) Lookup(id string) *skill.Skill {
	found := s.fakeSkills.Lookup(id)
	if found != nil && s.change != nil {
		s.change(found)
	}
	return found
}

func TestAJobIsWarnedOfItsSkill(t *testing.T) {
	for _, c := range []struct {
		name   string
		action string
		change func(*skill.Skill)
		want   string // the beginning
	}{
		{name: "fit"},
		{name: "gone", action: "acme.zip", want: "its skill acme.zip is not installed"},
		{name: "quarantined", change: func(s *skill.Skill) { s.State, s.Reason = skill.Quarantined, "it lies" }, want: "its skill acme.tar is quarantined: it lies"},
		{name: "stale", change: func(s *skill.Skill) { s.Audited = time.Now().Add(-2 * time.Hour) }, want: "its skill acme.tar was audited last at "},
		{name: "other entrypoints", change: func(s *skill.Skill) { s.Manifest.Entrypoints = nil }, want: "its skill acme.tar has no entrypoint pack any more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.run.Started = time.Now()
			if c.action != "" {
				f.jobs[0].Action.Skill = c.action
			}
			config := f.config()
			config.Skills = oneSkill{fakeSkills{f}, c.change}
			client := serve(t, config)
			j, err := client.Jobs.Get(t.Context(), &api.GetJobRequest{Job: "backup"})
			if err != nil {
				t.Fatal(err)
			}
			list, err := client.Jobs.List(t.Context(), &api.ListJobsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			for what, got := range map[string][]string{"Get": j.GetWarnings(), "List": list.GetJobs()[0].GetWarnings()} {
				if text := strings.Join(got, " / "); !strings.HasPrefix(text, c.want) || (text == "") != (c.want == "") {
					t.Errorf("%s warns %q, want %q", what, text, c.want)
				}
			}
		})
	}
}

// What the journal says of the runs is told by Get alone: a list would read it for
// every job.
func TestAJobIsWarnedOfItsRuns(t *testing.T) {
	f := newFake()
	f.run.State, f.run.Reason, f.run.Count = job.Denied, job.ReasonPolicy, 5
	j, err := serve(t, f.config()).Jobs.Get(t.Context(), &api.GetJobRequest{Job: "backup"})
	if err != nil || len(j.GetWarnings()) != 1 || !strings.HasPrefix(j.GetWarnings()[0], "its last 5 occurrences were denied") {
		t.Errorf("Get warns %q, %v", j.GetWarnings(), err)
	}
}
