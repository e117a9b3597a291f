package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// compiled makes a Set of policies, with operators root and olga.
func compiled(t testing.TB, files ...File) *Set {
	t.Helper()
	s, err := Compile(Config{Files: files, Operators: []string{"root", "olga"}, Lease: 6 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// file makes a policy file of policies.
func file(policies ...string) File {
	return File{Name: "10-site.cedar", Text: strings.Join(policies, "\n")}
}

const permitAll = `@id("permit-all") permit (principal, action, resource);`

// runs is the policy that lets job.run happen on a condition.
func runs(effect, id, condition string) string {
	return `@id("` + id + `") ` + effect + ` (principal, action == Action::"job.run", resource) when { ` + condition + ` };`
}

func installed(id string, c bundle.Capabilities) *skill.Skill {
	return &skill.Skill{
		Digest: bundle.Digest{1, 2, 3},
		Manifest: bundle.Manifest{
			ID: id, Version: "1.0.0", Kind: bundle.Native, Capabilities: c,
			Entrypoints: map[string]bundle.Entrypoint{"run": {}},
		},
		Publisher: "palyra", Epoch: 1, Current: true, State: skill.Active, Audited: noon.Add(-time.Hour),
	}
}

func healthSkill() *skill.Skill { return installed("palyra.health", bundle.Capabilities{Status: true}) }

func shellSkill() *skill.Skill { return installed("palyra.shell", bundle.Capabilities{Process: true}) }

func auditSkill() *skill.Skill {
	return installed("palyra.reaudit", bundle.Capabilities{Artifacts: true})
}

// query asks whether owner's job on sk may run for its owner at noon.
func query(owner job.Principal, sk *skill.Skill) Query {
	action := job.Action{Skill: sk.ID(), Entrypoint: "run"}
	return Query{
		Run:       "run_01",
		Job:       &job.Job{ID: "job_01", Name: "nightly", Owner: owner, Action: action, Timeout: time.Minute},
		Principal: owner, Action: action, Trigger: job.ByTimer,
		Due: noon.Add(-time.Second), Now: noon, Attempt: 1, Skill: sk,
	}
}
