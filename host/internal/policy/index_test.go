package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/google/go-cmp/cmp"
	"github.com/palyra-go/palyra/host/internal/job"
)

// plain returns the set without its index: every question meets every policy, and
// has every attribute.
func plain(s *Set) *Set {
	p := *s
	p.shelves = map[cedar.EntityUID]*shelf{}
	for action := range s.shelves {
		p.shelves[action] = &shelf{common: pile{rules: s.policies, needs: everything}}
	}
	return &p
}

// Of random sets, in which many policies may match and some cannot be evaluated,
// the index answers as all policies do.
func TestIndexAnswersLikeAllPolicies(t *testing.T) {
	const seed = 20261123
	random := rand.New(rand.NewPCG(seed, seed))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	answers := map[string]int{}
	for round := range 60 {
		var policies []string
		for i := range random.IntN(30) {
			policies = append(policies, fmt.Sprintf(`@id("p%d") %s (%s, %s, %s)%s%s;`, i, pick("permit", "permit", "forbid"),
				pick("principal", `principal == User::"alice"`, `principal == User::"bob"`, `principal in Role::"operator"`, "principal is User",
					`principal == System::"daemon"`, `principal is User in Role::"operator"`),
				pick("action", `action == Action::"job.run"`, `action in [Action::"job.run", Action::"job.view"]`, `action == Action::"job.view"`),
				pick("resource", "resource is Job", `resource == Job::"job_01"`, `resource == Job::"job_02"`),
				pick("", "", ` when { resource is Job && resource.labels.contains("a=b") }`, ` when { resource is Job && resource has owner && resource.owner == principal }`,
					` when { resource is Job && resource.group == "g" }`, ` when { resource is Job && resource has owner && resource.owner in Role::"operator" }`,
					` when { User::"olga" in Role::"operator" }`, ` when { resource == Job::"job_02" }`, ` when { action == Action::"job.run" }`),
				pick("", "", ` unless { principal in Role::"operator" }`, ` unless { resource is Job && resource.system }`)))
		}
		for i := range random.IntN(6) {
			policies = append(policies, runs(pick("permit", "forbid"), fmt.Sprintf("r%d", i), pick(
				"context.attempt + 9223372036854775807 > 0", `context.capabilities.contains("process")`, `context has publisher && context.publisher like "pal*"`,
				"context.lateness_ms > 5 || context.manual", `context == context`, `context.via == System::"daemon" && resource.entrypoint == context.entrypoint`,
				`context.due < datetime("2027-01-01")`)))
		}
		set := compiled(t, file(policies...))
		all := plain(set)
		for range 40 {
			q := query([]job.Principal{alice, bob, olga, job.Daemon, {}}[random.IntN(5)], shellSkill())
			q.Principal = []job.Principal{alice, bob, olga, job.Daemon}[random.IntN(4)]
			q.Job.ID = job.ID(pick("job_01", "job_02", "job_03"))
			q.Job.Group = pick("", "g")
			q.Attempt, q.Now = random.IntN(2), q.Due.Add(time.Duration(random.IntN(10))*time.Millisecond)
			if random.IntN(2) == 0 {
				q.Job.Labels = map[string]string{"a": "b"}
			}
			got, want := NewGate(set).Judge(q), NewGate(all).Judge(q)
			if diff := cmp.Diff(want.Decision, got.Decision); diff != "" || got.Reason != want.Reason {
				t.Fatalf("seed %d, round %d: %s, want %s\n%s\n%s", seed, round, got.Reason, want.Reason, diff, strings.Join(policies, "\n"))
			}
			r := Request{q.Principal, "job.view", JobResource(q.Job)}
			if diff := cmp.Diff(NewGate(all).Authorize(r), NewGate(set).Authorize(r)); diff != "" {
				t.Fatalf("seed %d, round %d: %s\n%s", seed, round, diff, strings.Join(policies, "\n"))
			}
			answers[string(got.Reason)]++
		}
	}
	for _, reason := range []job.Reason{job.NoReason, job.ReasonPolicy, job.ReasonPolicyError} {
		if answers[string(reason)] < 100 {
			t.Errorf("only %d answers with reason %q: the sets are not varied enough", answers[string(reason)], reason)
		}
	}
}
