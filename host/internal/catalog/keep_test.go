package catalog

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

func TestQuarantineAndEnable(t *testing.T) {
	h := newHouse(t)
	s := h.install(h.release("example.hello", 1))
	h.journal.log = nil
	q, err := h.Quarantine(t.Context(), s.Digest, "smells", alice)
	if err != nil || q.State != skill.Quarantined || q.Reason != "smells" || h.Lookup("example.hello") != q {
		t.Fatalf("skill %+v, %v", q, err)
	}
	h.expectLog("skill.quarantine example.hello:quarantined", "stop example.hello: quarantined")

	h.worker.fails = map[string]bool{"example.hello": true}
	if _, err := h.Enable(t.Context(), s.Digest, "fine", alice); kindOf(err) != BadArtifact || !strings.Contains(err.Error(), "assets.content") {
		t.Errorf("with a failing audit: %v", err)
	}
	h.worker.fails, h.worker.broken = nil, errors.New("no worker")
	if _, err := h.Enable(t.Context(), s.Digest, "fine", alice); err == nil || kindOf(err) != 0 {
		t.Errorf("without an audit: %v", err)
	}
	h.expectLog()
	h.expectState(s.Digest, skill.Quarantined)

	h.worker.broken = nil
	e, err := h.Enable(t.Context(), s.Digest, "fine", alice)
	if err != nil || e.State != skill.Active || e.Reason != "fine" || !e.Audited.After(s.Audited) {
		t.Errorf("skill %+v, %v", e, err)
	}
	h.expectLog("skill.enable example.hello:active")
}

// What happens while the audit of Enable runs is not overwritten.
func TestEnableYieldsToAQuarantine(t *testing.T) {
	h := newHouse(t)
	s := *h.install(h.release("example.hello", 1))
	s.State, s.Reason = skill.Disabled, "by hand"
	h.view.Store(h.view.Load().replace([]*skill.Skill{&s}))
	h.worker.during = func() { h.setAside(s.Digest) }
	if _, err := h.Enable(t.Context(), s.Digest, "", alice); kindOf(err) != Conflict {
		t.Errorf("error %v, want a conflict", err)
	}
	h.expectState(s.Digest, skill.Quarantined)
}

func TestWhatCannotBeEnabled(t *testing.T) {
	h := newHouse(t)
	old := h.install(h.release("example.hello", 1))
	s := *h.install(h.release("example.hello", 2))
	if _, err := h.Enable(t.Context(), old.Digest, "", alice); kindOf(err) != Conflict {
		t.Errorf("an older release: %v", err)
	}
	if err := h.Remove(t.Context(), old.Digest, alice); kindOf(err) != Conflict {
		t.Errorf("removing an older release: %v", err)
	}
	s.State = skill.Blocked
	h.view.Store(h.view.Load().replace([]*skill.Skill{&s}))
	if _, err := h.Enable(t.Context(), s.Digest, "", alice); kindOf(err) != Conflict {
		t.Errorf("blocked: %v", err)
	}
	if q, err := h.Quarantine(t.Context(), s.Digest, "", alice); err != nil || q.State != skill.Blocked {
		t.Errorf("a quarantine of what is blocked: %+v, %v", q, err)
	}
	if _, err := h.Enable(t.Context(), bundle.Digest{1}, "", alice); kindOf(err) != NotFound {
		t.Errorf("not there: %v", err)
	}
}

func TestAuditByHand(t *testing.T) {
	h := newHouse(t)
	s := h.install(h.release("example.hello", 1))
	h.journal.log = nil
	a, err := h.Audit(t.Context(), s.Digest, alice)
	if err != nil || a.State != skill.Active || !a.Audited.After(s.Audited) {
		t.Errorf("skill %+v, %v", a, err)
	}
	h.expectLog("skill.audit example.hello:active")
	h.store.data[s.Digest][40] ^= 1
	a, err = h.Audit(t.Context(), s.Digest, alice)
	if err != nil || a.State != skill.Quarantined || len(a.Findings) != 1 || a.Findings[0].Check != checkBytes {
		t.Errorf("skill %+v, %v", a, err)
	}
	h.expectLog("skill.quarantine example.hello:quarantined", "stop example.hello: quarantined")
}

func TestRemove(t *testing.T) {
	h := newHouse(t)
	h.install(h.release("example.hello", 1))
	s := h.install(h.release("example.hello", 2))
	h.install(h.release("example.other", 1))
	h.journal.log = nil
	if err := h.Remove(t.Context(), s.Digest, alice); err != nil {
		t.Fatal(err)
	}
	h.expectLog("remove example.hello", "stop gone: cancelled", "stop gone: cancelled")
	if h.Lookup("example.hello") != nil || len(h.List()) != 1 || len(h.store.data) != 1 {
		t.Errorf("left: %+v, %d artifacts", h.List(), len(h.store.data))
	}
	if err := h.Remove(t.Context(), s.Digest, alice); kindOf(err) != NotFound {
		t.Errorf("again: %v", err)
	}
}

func TestTrust(t *testing.T) {
	h := newHouse(t)
	other := newKey(t, "other").Public()
	again := h.key.Public()
	for name, c := range map[string]struct {
		key      bundle.NamedKey
		prefixes []string
		kind     Kind
	}{
		"a newcomer":            {other, []string{"other", "others.x"}, 0},
		"another prefix":        {again, []string{"example-labs"}, 0},
		"another key":           {newKey(t, "example").Public(), []string{"example"}, Conflict},
		"prefix of another":     {other, []string{"example"}, Conflict},
		"below that of another": {other, []string{"example.x"}, Conflict},
		"no prefix":             {other, nil, Invalid},
		"malformed prefix":      {other, []string{"Other."}, Invalid},
		"unsafe key":            {bundle.NamedKey{Name: "zero"}, []string{"zero"}, Invalid},
		"malformed name":        {bundle.NamedKey{Name: "No Name", Key: other.Key}, []string{"x"}, Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			key := c.key
			if key == again {
				key = h.key.Public()
			}
			p, err := h.Trust(t.Context(), key, c.prefixes, alice)
			if kindOf(err) != c.kind || (err == nil) != (c.kind == 0) {
				t.Fatalf("error %v of kind %d, want %d", err, kindOf(err), c.kind)
			}
			if err != nil {
				h.expectLog()
				return
			}
			if len(h.journal.log) != 1 || p.By != alice.String() || !slices.Contains(p.Prefixes, c.prefixes[0]) {
				t.Errorf("publisher %+v, journal %q", p, h.journal.log)
			}
		})
	}
	if _, err := h.Trust(t.Context(), again, []string{"labs"}, alice); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Trust(t.Context(), newKey(t, "deep").Public(), []string{"deep.a"}, alice); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Trust(t.Context(), other, []string{"deep"}, alice); kindOf(err) != Conflict {
		t.Errorf("a prefix above that of another: %v", err)
	}
	if p := slices.DeleteFunc(h.Publishers(), func(p skill.Publisher) bool { return p.Name != "example" }); len(p) != 1 || !slices.Equal(p[0].Prefixes, []string{"example", "labs"}) {
		t.Errorf("publishers %+v, want the prefixes joined", p)
	}
}
