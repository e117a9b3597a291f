package policy

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
	"github.com/google/go-cmp/cmp"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

var (
	alice = job.User("alice")
	bob   = job.User("bob")
	olga  = job.User("olga") // an operator
)

// No policy outweighs a built-in invariant, and each denial names its own.
func TestInvariants(t *testing.T) {
	gate := NewGate(compiled(t, file(permitAll)))
	tests := []struct {
		name   string
		change func(*Query)
		reason job.Reason // NoReason: allowed
		say    string
	}{
		{"all well", func(*Query) {}, job.NoReason, ""},
		{"not installed", func(q *Query) { q.Skill = nil }, job.ReasonNoSkill, "skill palyra.health is not installed"},
		{"another skill", func(q *Query) { q.Skill = shellSkill() }, job.ReasonNoSkill, "not installed"},
		{"no digest", func(q *Query) { q.Skill.Digest = bundle.Digest{} }, job.ReasonNoSkill, "not installed"},
		{"no such entrypoint", func(q *Query) { q.Action.Entrypoint = "walk" }, job.ReasonNoEntry, `no entrypoint "walk"`},
		{"no entrypoint", func(q *Query) { q.Action.Entrypoint = "" }, job.ReasonNoEntry, `no entrypoint ""`},
		{"superseded", func(q *Query) { q.Skill.Current = false }, job.ReasonSkillState, "artifact 010203000000 is not the one"},
		{"quarantined", func(q *Query) { q.Skill.State, q.Skill.Reason = skill.Quarantined, "hash mismatch" }, job.ReasonSkillState, "palyra.health is quarantined: hash mismatch"},
		{"blocked", func(q *Query) { q.Skill.State = skill.Blocked }, job.ReasonSkillState, "is blocked"},
		{"disabled", func(q *Query) { q.Skill.State = skill.Disabled }, job.ReasonSkillState, "is disabled"},
		{"awaiting review", func(q *Query) { q.Skill.State = skill.PendingReview }, job.ReasonSkillState, "is pending_review"},
		{"stored as stale", func(q *Query) { q.Skill.State = skill.Stale }, job.ReasonStale, "not audited within 6h0m0s"},
		{"in no state", func(q *Query) { q.Skill.State = "" }, job.ReasonSkillState, "is "},
		{"audited just in time", func(q *Query) { q.Skill.Audited = noon.Add(-6 * time.Hour) }, job.NoReason, ""},
		{"audited too long ago", func(q *Query) { q.Skill.Audited = noon.Add(-6*time.Hour - 1) }, job.ReasonStale, "last at 2026-03-01T05:59:59Z"},
		{"never audited", func(q *Query) { q.Skill.Audited = time.Time{} }, job.ReasonStale, "not audited"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := query(alice, healthSkill())
			tt.change(&q)
			v := gate.Judge(q)
			if v.Reason != tt.reason || v.Decision.Allow != (tt.reason == job.NoReason) || v.Permit.Valid() != v.Decision.Allow {
				t.Fatalf("got %+v, want reason %q", v, tt.reason)
			}
			if !strings.Contains(v.Message, tt.say) {
				t.Errorf("message %q lacks %q", v.Message, tt.say)
			}
			want := "permit-all"
			if tt.reason != job.NoReason {
				want = "builtin:" + string(tt.reason)
			}
			if !slices.Equal(v.Decision.Policies, []string{want}) || v.Decision.PolicySet != gate.Set().Digest() {
				t.Errorf("decision %+v, want policy %q of the set in force", v.Decision, want)
			}
		})
	}
}

// A policy that cannot be evaluated denies, although Cedar would skip it.
func TestErrorsDeny(t *testing.T) {
	tests := []struct {
		name   string
		policy string
		want   string // in the error
	}{
		{"erroring forbid", runs("forbid", "bad", "context.attempt + 9223372036854775807 > 0"), "overflow"},
		{"erroring permit", runs("permit", "bad", "context.attempt * 9223372036854775807 * 2 > 0"), "overflow"},
		{"missing entity", runs("forbid", "bad", `Skill::"palyra.shell".publisher == "x"`), `Skill::"palyra.shell"`},
		{"missing job", runs("forbid", "bad", `Job::"job_99".system`), `Job::"job_99"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := NewGate(compiled(t, file(permitAll, tt.policy))).Judge(query(alice, healthSkill()))
			if v.Decision.Allow || v.Permit.Valid() || v.Reason != job.ReasonPolicyError {
				t.Fatalf("got %+v, want a denial for %s", v, job.ReasonPolicyError)
			}
			if len(v.Decision.Errors) != 1 || !strings.Contains(v.Decision.Errors[0], `policy "bad": `) || !strings.Contains(v.Decision.Errors[0], tt.want) {
				t.Errorf("errors %q, want one of policy bad with %q", v.Decision.Errors, tt.want)
			}
			if !strings.Contains(v.Message, `policy "bad"`) {
				t.Errorf("message %q does not name the policy", v.Message)
			}
		})
	}
}

func TestJudgeDeniesWhatItCannotAsk(t *testing.T) {
	open := NewGate(compiled(t, file(permitAll)))
	changed := func(f func(*Query)) Query {
		q := query(alice, healthSkill())
		f(&q)
		return q
	}
	tests := []struct {
		name string
		gate *Gate
		q    Query
		want job.Reason
	}{
		{"empty set", NewGate(compiled(t)), query(alice, healthSkill()), job.ReasonPolicy},
		{"no set", NewGate(nil), query(alice, healthSkill()), job.ReasonPolicyError},
		{"no job", open, changed(func(q *Query) { q.Job = nil }), job.ReasonPolicyError},
		{"nobody", open, changed(func(q *Query) { q.Principal = job.Principal{} }), job.ReasonPolicyError},
		{"nameless user", open, changed(func(q *Query) { q.Principal = job.User("") }), job.ReasonPolicyError},
		{"another system", open, changed(func(q *Query) { q.Principal = job.Principal{Type: "System", ID: "Daemon"} }), job.ReasonPolicyError},
		{"a role", open, changed(func(q *Query) { q.Principal = job.Principal{Type: "Role", ID: "operator"} }), job.ReasonPolicyError},
		{"a skill", open, changed(func(q *Query) { q.Principal = job.Principal{Type: "Skill", ID: "palyra.health"} }), job.ReasonPolicyError},
		{"zero query", open, Query{}, job.ReasonPolicyError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := tt.gate.Judge(tt.q)
			if v.Decision.Allow || v.Permit.Valid() || v.Reason != tt.want || v.Message == "" {
				t.Errorf("got %+v, want a denial for %s with a message", v, tt.want)
			}
		})
	}
}

// Names of users are data: no spelling of one makes it the daemon or an operator.
func TestNamesAreNotPrincipals(t *testing.T) {
	gate := NewGate(compiled(t, DefaultFile()))
	for _, name := range []string{
		"daemon", `System::"daemon"`, `daemon"`, `x" in Role::"operator`, "operator", `Role::"operator"`,
		"Olga", "olga ", "olga\x00", "*", `\`, "\xff", "root\n",
	} {
		q := query(job.Daemon, auditSkill())
		q.Principal = job.User(name)
		if v := gate.Judge(q); v.Decision.Allow {
			t.Errorf("user %q runs a system job: %+v", name, v.Decision)
		}
		if d := gate.Authorize(Request{job.User(name), "skill.remove", SkillResource(healthSkill())}); d.Allow {
			t.Errorf("user %q removes a skill: %+v", name, d)
		}
		q = query(job.User("daemon"), healthSkill())
		q.Principal = job.Daemon
		if v := gate.Judge(q); v.Decision.Allow {
			t.Errorf("the daemon runs the job of a user called daemon: %+v", v.Decision)
		}
	}
}

func TestPermit(t *testing.T) {
	gate := NewGate(compiled(t, DefaultFile()))
	q := query(alice, healthSkill())
	q.Job.Action.Entrypoint = "edited since"
	p := gate.Judge(q).Permit
	if p.Run() != "run_01" || p.Skill() != "palyra.health" || p.Entrypoint() != "run" || p.Digest() != q.Skill.Digest ||
		!p.Grants().Status || p.Manifest().ID != "palyra.health" || !p.Until().Equal(noon.Add(time.Minute)) || p.Audit() {
		t.Errorf("permit %+v is not for what was asked", p)
	}
	for _, timeout := range []time.Duration{0, -1, 1 << 62} {
		q.Job.Timeout = timeout
		if until := gate.Judge(q).Permit.Until(); !until.Equal(noon.Add(job.DefaultTimeout)) {
			t.Errorf("a timeout of %v permits until %v", timeout, until)
		}
	}
	audit := gate.PermitAudit(bundle.Digest{9}, healthSkill().Manifest, noon)
	if !audit.Valid() || !audit.Audit() || audit.Digest() != (bundle.Digest{9}) || audit.Entrypoint() != "" || !audit.Until().Equal(noon) {
		t.Errorf("permit to audit: %+v", audit)
	}
	if (Permit{}).Valid() {
		t.Error("the zero permit is valid")
	}
}

func TestServe(t *testing.T) {
	memory := installed("palyra.memory", bundle.Capabilities{Data: true})
	memory.Manifest.Entrypoints["search"] = bundle.Entrypoint{}
	call := func(f func(*Call)) Call {
		c := Call{ID: "call_1", Principal: olga, Action: "memory.search", Skill: memory, Entrypoint: "run", Now: noon, Timeout: time.Second}
		f(&c)
		return c
	}
	stale := *memory
	stale.Audited = time.Time{}
	tests := []struct {
		name   string
		call   Call
		reason job.Reason
	}{
		{"an operator searches", call(func(*Call) {}), job.NoReason},
		{"a user searches", call(func(c *Call) { c.Principal = alice }), job.ReasonPolicy},
		{"a user asks how it is", call(func(c *Call) { c.Principal, c.Action = alice, "memory.status" }), job.NoReason},
		{"not installed", call(func(c *Call) { c.Skill = nil }), job.ReasonNoSkill},
		{"stale", call(func(c *Call) { c.Skill = &stale }), job.ReasonStale},
		{"no such entrypoint", call(func(c *Call) { c.Entrypoint = "walk" }), job.ReasonNoEntry},
		{"by its entrypoint", call(func(c *Call) { c.Action, c.Entrypoint = "", "search" }), job.NoReason},
		{"a user, by its entrypoint", call(func(c *Call) { c.Principal, c.Action, c.Entrypoint = alice, "", "search" }), job.ReasonPolicy},
		{"an entrypoint that is no action", call(func(c *Call) { c.Action = "" }), job.ReasonPolicyError},
		{"no action of another skill", call(func(c *Call) { c.Action, c.Skill = "", healthSkill() }), job.ReasonPolicyError},
		{"the daemon asks how it is", call(func(c *Call) { c.Principal, c.Action = job.Daemon, "memory.status" }), job.NoReason},
		{"the daemon searches", call(func(c *Call) { c.Principal = job.Daemon }), job.ReasonPolicy},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := NewGate(compiled(t, DefaultFile())).Serve(tt.call)
			if v.Reason != tt.reason || v.Permit.Valid() != (tt.reason == job.NoReason) {
				t.Fatalf("got %+v, want reason %q", v, tt.reason)
			}
			if v.Permit.Valid() && (v.Permit.Run() != "call_1" || !v.Permit.Until().Equal(noon.Add(time.Second))) {
				t.Errorf("permit %+v is not for the call", v.Permit)
			}
		})
	}
}

func TestAuthorizeUnknown(t *testing.T) {
	gate := NewGate(compiled(t, file(permitAll)))
	nightly := JobResource(query(alice, healthSkill()).Job)
	tests := []struct {
		name string
		r    Request
		want string
	}{
		{"action", Request{alice, "job.explode", nightly}, `"job.explode": no such action`},
		{"no action", Request{alice, "", nightly}, `"": no such action`},
		{"dispatch by request", Request{alice, "job.run", nightly}, "judged when it happens"},
		{"use of a capability", Request{alice, "capability.use", nightly}, "judged when it happens"},
		{"resource of another type", Request{alice, "job.view", PublisherResource("palyra")}, `not on a resource of type "Publisher"`},
		{"resource of no type", Request{alice, "job.view", Resource{}}, `not on a resource of type ""`},
		{"unknown type", Request{alice, "job.view", Resource{Type: "Jobs", ID: "x"}}, `not on a resource of type "Jobs"`},
		{"nameless publisher", Request{alice, "publisher.view", Resource{Type: "Publisher"}}, "a Publisher without a name"},
		{"nobody", Request{job.Principal{}, "host.view", Resource{}}, "neither a user nor the daemon"},
		{"a skill", Request{job.Principal{Type: "Skill", ID: "a.b"}, "host.view", Resource{}}, "neither a user nor the daemon"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := gate.Authorize(tt.r)
			if d.Allow || len(d.Errors) != 1 || !strings.Contains(d.Errors[0], tt.want) || !strings.Contains(Refusal(d), tt.want) {
				t.Errorf("got %+v, want a denial with %q", d, tt.want)
			}
		})
	}
	for _, r := range []Request{{alice, "job.create", nightly}, {alice, "job.create", Resource{Type: "Job"}}, {alice, "skill.install", Resource{Type: "Skill"}}} {
		if d := gate.Authorize(r); !d.Allow || Refusal(d) != "" {
			t.Errorf("permit-all does not permit %+v: %+v", r, d)
		}
	}
	if d := NewGate(nil).Authorize(Request{alice, "host.view", Resource{}}); d.Allow || len(d.Errors) == 0 {
		t.Errorf("a gate without policies: %+v", d)
	}
}

func TestRefusal(t *testing.T) {
	for want, d := range map[string]job.Decision{
		"":                                 {Allow: true, Policies: []string{"a"}},
		"denied: no policy permits it":     {},
		`denied by policy "a"`:             {Policies: []string{"a"}},
		`denied by policies "a", "b"`:      {Policies: []string{"a", "b"}},
		"denied because of an error: x; y": {Errors: []string{"x", "y"}, Policies: []string{"a"}},
	} {
		if got := Refusal(d); got != want {
			t.Errorf("%+v: got %q, want %q", d, got, want)
		}
	}
}

// The answer to the same question does not vary, whatever the order in which
// policies are kept.
func TestDeterminism(t *testing.T) {
	var policies []string
	for _, id := range strings.Split("qwertyuiopasdfghjklzxcvbnm", "") {
		policies = append(policies, runs("forbid", id, "true"), runs("forbid", "bad-"+id, "context.attempt + 9223372036854775807 > 0"))
	}
	q := query(alice, healthSkill())
	first := NewGate(compiled(t, file(policies...))).Judge(q)
	if len(first.Decision.Policies) != 26 || !slices.IsSorted(first.Decision.Policies) || len(first.Decision.Errors) != 26 || !slices.IsSorted(first.Decision.Errors) {
		t.Fatalf("decision is not complete and sorted: %+v", first.Decision)
	}
	for range 20 {
		slices.Reverse(policies)
		again := NewGate(compiled(t, file(policies...))).Judge(q).Decision
		again.PolicySet = first.Decision.PolicySet // of other bytes
		if diff := cmp.Diff(first.Decision, again); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestSwap(t *testing.T) {
	open, shut := compiled(t, file(permitAll)), compiled(t)
	gate := NewGate(shut)
	q := query(alice, healthSkill())
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			for range 500 {
				d := gate.Judge(q).Decision
				if d.Allow != (d.PolicySet == open.Digest()) {
					t.Errorf("%+v is the answer of neither set", d)
				}
			}
		})
	}
	for range 100 {
		gate.Swap(open)
		gate.Swap(shut)
	}
	askers.Wait()
	gate.Swap(open)
	if gate.Set() != open || !gate.Judge(q).Decision.Allow {
		t.Error("the set in force is not the one swapped in last")
	}
}

// Every question that is put to Cedar is one that the schema describes: else
// policies would be validated against something else than what they meet.
func TestQuestionsFollowTheSchema(t *testing.T) {
	known, err := resolveSchema()
	if err != nil {
		t.Fatal(err)
	}
	check := validate.New(known)
	s := plain(compiled(t)) // asked for every attribute
	asked := map[string]bool{}
	validated := func(q *question, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		asked[string(q.Action.ID)] = true
		if err := check.Request(q.Request); err != nil {
			t.Error(err)
		}
		for _, e := range q.facts.known[:q.facts.n] {
			if err := check.Entity(e); err != nil {
				t.Errorf("%s: %v", e.UID, err)
			}
		}
	}
	for _, who := range []job.Principal{alice, olga, job.Daemon} {
		for _, owner := range []job.Principal{alice, bob, job.Daemon, {}, {Type: "Skill", ID: "a.b"}} {
			q := query(owner, shellSkill())
			q.Principal = who
			q.Job.Labels = map[string]string{"a": "b", "c": ""}
			validated(s.dispatch(q))
			validated(s.request(Request{who, "job.view", JobResource(q.Job)}))
		}
		validated(s.request(Request{who, "skill.view", SkillResource(shellSkill())}))
		validated(s.request(Request{who, "publisher.trust", PublisherResource("palyra")}))
		validated(s.request(Request{who, "memory.put", Resource{}}))
		validated(s.request(Request{who, "host.view", Resource{}}))
	}
	if len(asked) != 6 {
		t.Errorf("asked %v", asked)
	}
}

func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{0, 3, 93, 993} {
		policies := make([]string, n)
		for i := range policies {
			id := "p" + strconv.Itoa(i)
			policies[i] = `@id("` + id + `") permit (principal == User::"u` + id + `", action == Action::"job.run", resource) when { resource.group == "g" };`
		}
		s := compiled(b, DefaultFile(), file(policies...))
		gate, q := NewGate(s), query(alice, healthSkill())
		b.Run(strconv.Itoa(s.Len())+" policies", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !gate.Judge(q).Decision.Allow {
					b.Fatal("denied")
				}
			}
		})
	}
}
