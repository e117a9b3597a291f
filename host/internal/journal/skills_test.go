package journal

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

func version(id string, epoch int64, content byte) *skill.Skill {
	return &skill.Skill{
		Digest: bundle.Digest{content},
		Manifest: bundle.Manifest{
			ID: id, Version: "1.2.3", Kind: bundle.WASM, Description: "d", Program: "p",
			Capabilities: bundle.Capabilities{Status: true, Network: true},
			Entrypoints:  map[string]bundle.Entrypoint{"greet": {Description: "says hello"}},
		},
		Publisher: "palyra", Epoch: epoch, Current: true, State: skill.Active, Installed: noon, Audited: noon,
	}
}

func TestAdmit(t *testing.T) {
	for _, c := range []struct {
		name string
		next *skill.Skill
		want error
	}{
		{"newer", version("palyra.a", 6, 2), nil},
		{"the same bytes again", version("palyra.a", 5, 1), nil},
		{"older", version("palyra.a", 4, 2), ErrRollback},
		{"same epoch, other bytes", version("palyra.a", 5, 2), ErrRollback},
		{"another skill", version("palyra.b", 1, 2), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, removed := range []bool{false, true} { // a mark outlives its skill
				j := open(t)
				if err := j.Admit(t.Context(), version("palyra.a", 5, 1), job.Daemon); err != nil {
					t.Fatal(err)
				}
				if removed {
					if err := j.RemoveSkill(t.Context(), "palyra.a", job.Daemon); err != nil {
						t.Fatal(err)
					}
				}
				if err := j.Admit(t.Context(), c.next, job.User("alice")); !errors.Is(err, c.want) {
					t.Fatalf("removed %t: %v, want %v", removed, err, c.want)
				}
				skills, err := j.Skills(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				current := map[string]bundle.Digest{}
				for _, s := range skills {
					if s.Current {
						current[s.ID()] = s.Digest
					}
				}
				if c.want == nil && current[c.next.ID()] != c.next.Digest {
					t.Errorf("removed %t: current is %v", removed, current)
				}
				if c.want != nil && !removed && current["palyra.a"] != (bundle.Digest{1}) {
					t.Errorf("the refused one displaced the current one: %v", current)
				}
			}
		})
	}
}

func TestSkillRoundTrip(t *testing.T) {
	j := open(t)
	old, s := version("palyra.a", 1, 1), version("palyra.a", 2, 2)
	s.Reason, s.State = "because", skill.PendingReview
	s.Findings = []bundle.Finding{{Check: "container.layout", Severity: bundle.SeverityError, File: "f", Offset: 3, Message: "m"}}
	for _, v := range []*skill.Skill{old, s} {
		if err := j.Admit(t.Context(), v, job.Daemon); err != nil {
			t.Fatal(err)
		}
	}
	old.Current, old.Findings = false, []bundle.Finding{}
	expect := func(want ...*skill.Skill) {
		t.Helper()
		got, err := j.Skills(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	expect(old, s)

	s.State, s.Reason, s.Audited, s.Findings = skill.Quarantined, "altered", noon.Add(time.Hour), []bundle.Finding{}
	s.Current, old.Current = false, true
	if err := j.SetSkill(t.Context(), []*skill.Skill{old, s}, "skill.quarantine", job.Daemon); err != nil {
		t.Fatal(err)
	}
	expect(old, s)

	old.State = skill.Blocked
	stranger := version("palyra.x", 1, 9)
	if err := j.SetSkill(t.Context(), []*skill.Skill{old, stranger}, "skill.block", job.Daemon); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown skill: %v", err)
	}
	old.State = skill.Active
	expect(old, s) // all or none
	if err := j.RemoveSkill(t.Context(), "palyra.x", job.Daemon); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed an unknown skill: %v", err)
	}
}

// The stored form of a manifest outlives the Go type: renaming a field of it
// would lose what was admitted.
func TestManifestForm(t *testing.T) {
	got, err := encode("manifest", version("palyra.a", 1, 1).Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"ID":"palyra.a"`, `"Version":"1.2.3"`, `"Kind":"wasm"`, `"Description":"d"`, `"Program":"p"`,
		`"Capabilities":{`, `"Status":true`, `"Data":false`, `"Artifacts":false`, `"Process":false`, `"Network":true`,
		`"Entrypoints":{"greet":{"Description":"says hello"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}

func TestPublishers(t *testing.T) {
	j := open(t)
	a := skill.Publisher{Name: "a", Key: bundle.PublicKey{1, 2, 3}, Prefixes: []string{"a", "b.c"}, Trusted: noon, By: `User::"alice"`}
	b := skill.Publisher{Name: "b", Key: bundle.PublicKey{4}, Prefixes: []string{"b"}, Trusted: noon, By: `User::"alice"`}
	for _, p := range []skill.Publisher{b, {Name: "a"}, a} {
		if err := j.Trust(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	got, err := j.Publishers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]skill.Publisher{a, b}, got); diff != "" {
		t.Error(diff)
	}
}
