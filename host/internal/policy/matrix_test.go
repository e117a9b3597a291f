package policy

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
)

var update = flag.Bool("update", false, "write testdata/decisions.txt anew")

// TestDefaultDecisions shows what the default policies answer, in a table that
// is read when it changes: testdata/decisions.txt.
func TestDefaultDecisions(t *testing.T) {
	gate := NewGate(compiled(t, DefaultFile()))
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	row := func(who job.Principal, action, what string, d job.Decision) {
		answer := "deny"
		if d.Allow {
			answer = "allow"
		}
		if len(d.Errors) > 0 {
			t.Errorf("%s %s %s: %v", who, action, what, d.Errors)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", who, action, what, answer, strings.Join(d.Policies, " "))
	}
	who := []job.Principal{alice, olga, job.Daemon, job.User("daemon")}
	for _, principal := range who {
		for _, r := range runRows() {
			q := query(r.owner, r.skill)
			q.Principal = principal
			q.Job.Labels = r.labels
			row(principal, "job.run", r.name, gate.Judge(q).Decision)
		}
	}
	for _, principal := range who {
		for _, r := range requestRows() {
			row(principal, r.action, r.name, gate.Authorize(Request{principal, r.action, r.resource}))
		}
	}
	table.Flush()
	compare(t, "testdata/decisions.txt", text.String())
}

type runRow struct {
	name   string
	owner  job.Principal
	skill  *skill.Skill
	labels map[string]string
}

func runRows() []runRow {
	return []runRow{
		{"alice's health", alice, healthSkill(), nil},
		{"alice's health, held", alice, healthSkill(), map[string]string{"hold": "true"}},
		{"alice's shell", alice, shellSkill(), nil},
		{"alice's reaudit", alice, auditSkill(), nil},
		{"bob's health", bob, healthSkill(), nil},
		{"olga's shell", olga, shellSkill(), nil},
		{"olga's shell, held", olga, shellSkill(), map[string]string{"hold": "true"}},
		{"system reaudit", job.Daemon, auditSkill(), nil},
		{"system shell", job.Daemon, shellSkill(), nil},
		{"system health", job.Daemon, healthSkill(), nil},
		{"nobody's health", job.Principal{}, healthSkill(), nil},
	}
}

type requestRow struct {
	action, name string
	resource     Resource
}

func requestRows() []requestRow {
	var rows []requestRow
	for _, action := range []string{"job.create", "job.view", "job.update", "job.pause", "job.delete", "job.backfill", "run.view", "run.cancel"} {
		rows = append(rows,
			requestRow{action, "alice's", JobResource(query(alice, healthSkill()).Job)},
			requestRow{action, "bob's", JobResource(query(bob, healthSkill()).Job)},
			requestRow{action, "system", JobResource(query(job.Daemon, auditSkill()).Job)})
	}
	for _, action := range []string{"skill.install", "skill.view", "skill.audit", "skill.quarantine", "skill.enable", "skill.remove"} {
		rows = append(rows, requestRow{action, "palyra.health", SkillResource(healthSkill())})
	}
	for _, action := range []string{"publisher.view", "publisher.trust"} {
		rows = append(rows, requestRow{action, "palyra", PublisherResource("palyra")})
	}
	for _, action := range []string{
		"memory.put", "memory.search", "memory.list", "memory.status", "policy.view", "policy.check", "host.view",
		"journal.view", "journal.verify", "journal.checkpoint", "journal.backup",
	} {
		rows = append(rows, requestRow{action, "", Resource{}})
	}
	return rows
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("decisions changed (-was +is); if they are meant to, run with -update:\n%s", diff)
	}
}
