package catalog

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

func TestJudge(t *testing.T) {
	const stopped = "stop example.hello: quarantined"
	const quarantined, renewed = "skill.quarantine example.hello:quarantined", "skill.judge example.hello:active"
	alter := func(h *house, d bundle.Digest) { h.store.data[d][40] ^= 1 }
	pass := func(d bundle.Digest) []bundle.Report { return []bundle.Report{report(d, true)} }
	accuse := func(d bundle.Digest) []bundle.Report { return []bundle.Report{report(d, false)} }
	for name, c := range map[string]struct {
		before  func(*house, bundle.Digest)
		reports func(bundle.Digest) []bundle.Report
		log     []string
		state   skill.State
	}{
		"pass":                     {nil, pass, []string{renewed}, skill.Active},
		"altered, auditor says so": {alter, accuse, []string{quarantined, stopped}, skill.Quarantined},
		"altered, auditor lies":    {alter, pass, []string{quarantined, stopped}, skill.Quarantined},
		"altered, under its new digest": {alter, func(bundle.Digest) []bundle.Report {
			return accuse(bundle.Digest{1})
		}, []string{quarantined, stopped}, skill.Quarantined},
		"altered, no report":     {alter, func(bundle.Digest) []bundle.Report { return nil }, []string{quarantined, stopped}, skill.Quarantined},
		"accused, worker agrees": {func(h *house, _ bundle.Digest) { h.worker.fails = map[string]bool{"example.hello": true} }, accuse, []string{quarantined, stopped}, skill.Quarantined},
		"accused, worker clears": {nil, accuse, []string{renewed}, skill.Active},
		"accused, worker broken": {func(h *house, _ bundle.Digest) { h.worker.broken = errors.New("x") }, accuse, nil, skill.Active},
		"audit not done":         {nil, func(d bundle.Digest) []bundle.Report { return []bundle.Report{{Digest: d, Error: "disk"}} }, nil, skill.Active},
		"no report":              {nil, func(bundle.Digest) []bundle.Report { return nil }, nil, skill.Active},
		"two reports, one accuses": {func(h *house, _ bundle.Digest) { h.worker.fails = map[string]bool{"example.hello": true} }, func(d bundle.Digest) []bundle.Report {
			return append(accuse(d), pass(d)...)
		}, []string{quarantined, stopped}, skill.Quarantined},
		"file is gone":             {func(h *house, d bundle.Digest) { delete(h.store.data, d) }, pass, nil, skill.Active},
		"disk is broken":           {func(h *house, _ bundle.Digest) { h.store.err = fs.ErrPermission }, accuse, nil, skill.Active},
		"report about nobody":      {nil, func(bundle.Digest) []bundle.Report { return accuse(bundle.Digest{1}) }, nil, skill.Active},
		"publisher lost its trust": {func(h *house, _ bundle.Digest) { h.view.Store(newSnapshot(h.List(), nil)) }, pass, []string{quarantined, stopped}, skill.Quarantined},
		"quarantined meanwhile": {func(h *house, d bundle.Digest) {
			h.worker.during = func() { h.worker.during = nil; h.setAside(d) }
		}, accuse, []string{quarantined, stopped}, skill.Quarantined},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			s := h.install(h.release("example.hello", 1))
			h.journal.log = nil
			if c.before != nil {
				c.before(h, s.Digest)
			}
			if err := h.Judge(t.Context(), c.reports(s.Digest)); err != nil {
				t.Fatal(err)
			}
			h.expectLog(c.log...)
			h.expectState(s.Digest, c.state)
			renews := slices.Contains(c.log, renewed)
			if now := h.ByDigest(s.Digest); now.Audited.After(s.Audited) != renews {
				t.Errorf("audited %v, was %v; renewed: want %v", now.Audited, s.Audited, renews)
			}
			if now := h.ByDigest(s.Digest); c.state == skill.Quarantined && now.Reason == "" {
				t.Error("quarantined without a reason")
			}
		})
	}
}

func TestJudgeFindsWhatHasExpired(t *testing.T) {
	h := newHouse(t)
	now := time.Now()
	s := h.install(h.release("example.hello", 1, func(r *release) {
		r.opts.Created, r.opts.Expires = now.Add(-time.Hour), now.Add(time.Hour)
	}))
	finding, err := h.check(s, now.Add(2*time.Hour))
	if err != nil || finding == nil || finding.Check != checkTrust {
		t.Errorf("finding %+v, %v", finding, err)
	}
	if finding, err = h.check(s, now); err != nil || finding != nil {
		t.Errorf("before: finding %+v, %v", finding, err)
	}
}

// A quarantine that cannot be written is no quarantine, and is tried again.
func TestJudgeWithoutAJournal(t *testing.T) {
	h := newHouse(t)
	s := h.install(h.release("example.hello", 1))
	h.journal.log, h.journal.err = nil, errors.New("disk full")
	h.store.data[s.Digest][40] ^= 1
	if err := h.Judge(t.Context(), nil); err == nil {
		t.Error("no error")
	}
	h.expectLog()
	h.expectState(s.Digest, skill.Active)
	h.journal.err = nil
	if err := h.Judge(t.Context(), nil); err != nil {
		t.Error(err)
	}
	h.expectLog("skill.quarantine example.hello:quarantined", "stop example.hello: quarantined")
}

// What is not active is judged no more: a pass ends no quarantine.
func TestJudgeEndsNoQuarantine(t *testing.T) {
	h := newHouse(t)
	s := h.install(h.release("example.hello", 1))
	if _, err := h.Quarantine(t.Context(), s.Digest, "", alice); err != nil {
		t.Fatal(err)
	}
	h.journal.log = nil
	if err := h.Judge(t.Context(), []bundle.Report{report(s.Digest, true)}); err != nil {
		t.Fatal(err)
	}
	h.expectLog()
	h.expectState(s.Digest, skill.Quarantined)
}

func TestAuditExpired(t *testing.T) {
	h := newHouse(t)
	if _, err := h.Trust(t.Context(), newKey(t, "palyra").Public(), []string{"other"}, alice); err != nil {
		t.Fatal(err)
	}
	palyra := newKey(t, "palyra-go")
	if _, err := h.Trust(t.Context(), palyra.Public(), []string{"palyra"}, alice); err != nil {
		t.Fatal(err)
	}
	byPalyra := func(r *release) { r.key = palyra }
	good := h.install(h.release("example.good", 1))
	bad := h.install(h.release("example.bad", 1))
	fresh := h.install(h.release("example.fresh", 1))
	held := h.install(h.release("example.held", 1))
	reaudit := h.install(h.release("palyra.reaudit", 1, byPalyra))
	if _, err := h.Quarantine(t.Context(), held.Digest, "", alice); err != nil {
		t.Fatal(err)
	}
	var old []*skill.Skill
	for _, s := range h.List() {
		if s.Digest != fresh.Digest {
			stale := *s
			stale.Audited = s.Audited.Add(-2 * time.Hour)
			old = append(old, &stale)
		}
	}
	h.view.Store(h.view.Load().replace(old))
	h.worker.fails, h.worker.asked, h.journal.log = map[string]bool{"example.bad": true}, nil, nil

	if err := h.AuditExpired(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if want := []string{"palyra.reaudit", "example.bad", "example.good"}; !slices.Equal(h.worker.asked, want) {
		t.Errorf("audited %q, want %q", h.worker.asked, want)
	}
	h.expectLog("skill.audit palyra.reaudit:active", "skill.quarantine example.bad:quarantined", "stop example.bad: quarantined", "skill.audit example.good:active")
	for _, d := range []bundle.Digest{reaudit.Digest, good.Digest} {
		if s := h.ByDigest(d); s.StateAt(time.Now(), time.Hour) != skill.Active {
			t.Errorf("%s is %s", s.ID(), s.StateAt(time.Now(), time.Hour))
		}
	}
	h.expectState(bad.Digest, skill.Quarantined)
	h.expectState(held.Digest, skill.Quarantined)
}

// A worker that cannot audit leaves a skill stale; the daemon starts all the same.
func TestAuditExpiredThatBreaks(t *testing.T) {
	h := newHouse(t)
	s := *h.install(h.release("example.hello", 1))
	s.Audited = s.Audited.Add(-2 * time.Hour)
	h.view.Store(h.view.Load().replace([]*skill.Skill{&s}))
	h.worker.broken, h.journal.log = errors.New("no worker"), nil
	if err := h.AuditExpired(t.Context(), time.Hour); err != nil {
		t.Error(err)
	}
	h.expectLog()
	if state := h.ByDigest(s.Digest).StateAt(time.Now(), time.Hour); state != skill.Stale {
		t.Errorf("state %s, want stale", state)
	}
}
