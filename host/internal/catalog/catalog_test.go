package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

var alice, bob = job.User("alice"), job.User("bob")

// store keeps artifacts in memory; a test may alter them.
type store struct {
	data map[bundle.Digest][]byte
	err  error // of Open
}

func (s *store) Put(_ context.Context, r io.Reader) (bundle.Digest, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return bundle.Digest{}, err
	}
	d := bundle.Digest(sha256.Sum256(data))
	s.data[d] = data
	return d, nil
}

func (s *store) Open(d bundle.Digest) (*bundle.Artifact, error) {
	data, ok := s.data[d]
	switch {
	case s.err != nil:
		return nil, s.err
	case !ok:
		return nil, fs.ErrNotExist
	case sha256.Sum256(data) != d:
		return nil, fmt.Errorf("artifact on disk: %w", bundle.ErrContents)
	}
	return bundle.Open(data)
}

func (s *store) Remove(d bundle.Digest) error { delete(s.data, d); return nil }

// journal writes down what happens, in order.
type journal struct {
	log        []string
	skills     []*skill.Skill
	publishers []skill.Publisher
	err        error
}

func (j *journal) note(format string, args ...any) error {
	if j.err == nil {
		j.log = append(j.log, fmt.Sprintf(format, args...))
	}
	return j.err
}

func (j *journal) Skills(context.Context) ([]*skill.Skill, error)        { return j.skills, nil }
func (j *journal) Publishers(context.Context) ([]skill.Publisher, error) { return j.publishers, nil }

func (j *journal) Trust(_ context.Context, p skill.Publisher) error {
	return j.note("trust %s %s", p.Name, p.Prefixes)
}

func (j *journal) Admit(_ context.Context, s *skill.Skill, _ job.Principal) error {
	return j.note("admit %s %d %s", s.ID(), s.Epoch, s.State)
}

func (j *journal) SetSkill(_ context.Context, list []*skill.Skill, kind string, _ job.Principal) error {
	text := kind
	for _, s := range list {
		text += " " + s.ID() + ":" + string(s.State)
	}
	return j.note("%s", text)
}

func (j *journal) RemoveSkill(_ context.Context, id string, _ job.Principal) error {
	return j.note("remove %s", id)
}

// worker audits as it is told: with a verdict by skill id.
type worker struct {
	fails  map[string]bool
	broken error
	during func() // called while an audit runs
	asked  []string
	other  bundle.Digest // what is audited instead
}

func (w *worker) Audit(_ context.Context, p policy.Permit) (bundle.Report, error) {
	w.asked = append(w.asked, p.Skill())
	if w.during != nil {
		w.during()
	}
	if w.broken != nil || !p.Audit() {
		return bundle.Report{}, w.broken
	}
	if !w.other.IsZero() {
		return report(w.other, true), nil
	}
	return report(p.Digest(), !w.fails[p.Skill()]), nil
}

func report(d bundle.Digest, pass bool) bundle.Report {
	r := bundle.Report{Digest: d, Findings: []bundle.Finding{}}
	if !pass {
		r.Findings = append(r.Findings, bundle.Finding{Check: "assets.content", Severity: bundle.SeverityError, File: "assets/x", Message: "bad"})
	}
	return r
}

// house is a catalog with everything around it.
type house struct {
	*Catalog
	t       *testing.T
	store   *store
	journal *journal
	worker  *worker
	key     bundle.PrivateKey // of publisher "example", trusted with prefix "example"
}

func newHouse(t *testing.T) *house {
	t.Helper()
	set, err := policy.Compile(policy.Config{Files: []policy.File{policy.DefaultFile()}, Operators: []string{"alice"}})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, store: &store{data: map[bundle.Digest][]byte{}}, journal: &journal{}, worker: &worker{}, key: newKey(t, "example")}
	h.Catalog, err = Open(t.Context(), Config{
		Artifacts: h.store, Journal: h.journal, Auditor: h.worker, Gate: policy.NewGate(set),
		Stop:    func(d bundle.Digest, r job.Reason) { h.stopped(d, r) },
		Changed: func() { h.Lookup("example.hello") },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Trust(t.Context(), h.key.Public(), []string{"example"}, alice); err != nil {
		t.Fatal(err)
	}
	h.journal.log = nil
	return h
}

// stopped notes what Stop was told, among what was written before and after.
func (h *house) stopped(d bundle.Digest, r job.Reason) {
	if err := h.journal.note("stop %s: %s", h.name(d), r); err != nil {
		h.t.Error(err)
	}
}

// setAside puts a skill into quarantine, by hand.
func (h *house) setAside(d bundle.Digest) {
	h.t.Helper()
	if _, err := h.Quarantine(h.t.Context(), d, "by hand", alice); err != nil {
		h.t.Error(err)
	}
}

// name is the id of a skill that is or was there.
func (h *house) name(d bundle.Digest) string {
	if s := h.ByDigest(d); s != nil {
		return s.ID()
	}
	return "gone"
}

func newKey(t *testing.T, name string) bundle.PrivateKey {
	t.Helper()
	key, err := bundle.GenerateKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// release makes a signed artifact.
func (h *house) release(id string, epoch int64, change ...func(*release)) []byte {
	h.t.Helper()
	r := release{key: h.key, opts: bundle.SignOptions{Epoch: epoch}, text: fmt.Sprintf("epoch %d", epoch)}
	for _, f := range change {
		f(&r)
	}
	data, err := bundle.Pack(map[string][]byte{
		"skill.toml":   []byte("id = \"" + id + "\"\nversion = \"1.0.0\"\nkind = \"native\"\nprogram = \"x\"\ncapabilities = { process = true }\n[entrypoints.run]\n"),
		"assets/x.txt": []byte(r.text),
	})
	if err == nil && !r.unsigned {
		data, err = bundle.Sign(data, r.key, r.opts)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return data
}

type release struct {
	key      bundle.PrivateKey
	opts     bundle.SignOptions
	text     string
	unsigned bool
}

// install installs what must be accepted.
func (h *house) install(data []byte) *skill.Skill {
	h.t.Helper()
	s, _, err := h.Install(h.t.Context(), bytes.NewReader(data), bundle.Digest{}, alice)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *house) expectLog(want ...string) {
	h.t.Helper()
	if !slices.Equal(h.journal.log, want) {
		h.t.Errorf("journal and stops:\n%s\nwant:\n%s", strings.Join(h.journal.log, "\n"), strings.Join(want, "\n"))
	}
	h.journal.log = nil
}

func (h *house) expectState(d bundle.Digest, want skill.State) {
	h.t.Helper()
	if s := h.ByDigest(d); s == nil || s.State != want {
		h.t.Errorf("skill %+v, want state %s", s, want)
	}
}

func kindOf(err error) Kind {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Kind
	}
	return 0
}

func TestInstall(t *testing.T) {
	h := newHouse(t)
	before := time.Now()
	data := h.release("example.hello", 5)
	s := h.install(data)
	if s.ID() != "example.hello" || s.Digest != sha256.Sum256(data) || s.Publisher != "example" || s.Epoch != 5 ||
		!s.Current || s.State != skill.Active || s.Installed.Before(before) || s.Audited.Before(before) {
		t.Errorf("skill %+v", s)
	}
	if h.Lookup("example.hello") != s || h.ByDigest(s.Digest) != s || len(h.List()) != 1 || h.Lookup("example.other") != nil {
		t.Errorf("catalog %+v", h.List())
	}
	h.expectLog("admit example.hello 5 active")

	again, unchanged, err := h.Install(t.Context(), bytes.NewReader(data), s.Digest, bob)
	if err != nil || !unchanged || again != s {
		t.Errorf("again: %v, unchanged %v, %v", again, unchanged, err)
	}
	h.expectLog()

	next := h.install(h.release("example.hello", 6))
	if h.Lookup("example.hello") != next || h.ByDigest(s.Digest).Current || len(h.List()) != 2 || !s.Current {
		t.Errorf("after an update: %+v", h.List())
	}
	if len(h.store.data) != 2 {
		t.Errorf("%d artifacts in the store, want both", len(h.store.data))
	}
}

func TestInstallRefuses(t *testing.T) {
	stranger := newKey(t, "stranger")
	impostor := newKey(t, "example")
	for name, c := range map[string]struct {
		data func(*house) []byte
		by   job.Principal
		kind Kind
		want []string // in the message
	}{
		"no artifact": {func(*house) []byte { return []byte("#!/bin/sh") }, alice, BadArtifact, []string{"palyra skill pack"}},
		"unsigned": {func(h *house) []byte {
			return h.release("example.hello", 9, func(r *release) { r.unsigned = true })
		}, alice, Untrusted, []string{"example.hello", "palyra skill sign"}},
		"unknown publisher": {func(h *house) []byte {
			return h.release("example.hello", 9, func(r *release) { r.key = stranger })
		}, alice, Untrusted, []string{"stranger", stranger.Public().Key.Fingerprint(), "palyra publisher trust"}},
		"key of another": {func(h *house) []byte {
			return h.release("example.hello", 9, func(r *release) { r.key = impostor })
		}, alice, Signature, []string{impostor.Public().Key.Fingerprint()}},
		"prefix of another": {func(h *house) []byte { return h.release("palyra.shell", 9) }, alice, Untrusted, []string{"palyra.shell", "--prefix"}},
		"expired": {func(h *house) []byte {
			return h.release("example.hello", 9, func(r *release) {
				r.opts.Created, r.opts.Expires = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
			})
		}, alice, Signature, []string{"expired"}},
		"altered": {func(h *house) []byte {
			data := h.release("example.hello", 9)
			data[bytes.Index(data, []byte("epoch 9"))] ^= 1
			return data
		}, alice, BadArtifact, []string{"checksum"}},
		"older epoch": {func(h *house) []byte { return h.release("example.hello", 4) }, alice, Rollback, []string{"4 is older than 5"}},
		"same epoch, other bytes": {func(h *house) []byte {
			return h.release("example.hello", 5, func(r *release) { r.text = "other" })
		}, alice, Rollback, []string{"other bytes"}},
		"fails its audit": {func(h *house) []byte { return h.release("example.bad", 1) }, alice, BadArtifact, []string{"assets.content: assets/x: bad"}},
		"not permitted": {
			func(h *house) []byte { return h.release("example.hello", 9) }, bob, Denied,
			[]string{`User::"bob"`, "starts processes with the power of the daemon"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			installed := h.install(h.release("example.hello", 5))
			h.worker.fails = map[string]bool{"example.bad": true}
			h.journal.log = nil
			data := c.data(h)
			_, _, err := h.Install(t.Context(), bytes.NewReader(data), bundle.Digest{}, c.by)
			if kindOf(err) != c.kind {
				t.Fatalf("error %v of kind %d, want %d", err, kindOf(err), c.kind)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("message %q, want %q in it", err, want)
				}
			}
			h.expectLog()
			if len(h.List()) != 1 || h.Lookup("example.hello") != installed || len(h.store.data) != 1 {
				t.Errorf("something was left: %d skills, %d artifacts", len(h.List()), len(h.store.data))
			}
		})
	}
}

func TestInstallOfOtherBytesThanExpected(t *testing.T) {
	h := newHouse(t)
	_, _, err := h.Install(t.Context(), bytes.NewReader(h.release("example.hello", 1)), bundle.Digest{1}, alice)
	if kindOf(err) != Altered || len(h.store.data) != 0 {
		t.Errorf("error %v, %d artifacts in the store", err, len(h.store.data))
	}
}

// What fails for no fault of the artifact is no refusal, and leaves nothing.
func TestInstallThatBreaks(t *testing.T) {
	broken := errors.New("out of luck")
	for name, spoil := range map[string]func(*house){
		"audit":   func(h *house) { h.worker.broken = broken },
		"journal": func(h *house) { h.journal.err = broken },
		"disk":    func(h *house) { h.store.err = broken },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			spoil(h)
			_, _, err := h.Install(t.Context(), bytes.NewReader(h.release("example.hello", 1)), bundle.Digest{}, alice)
			if kindOf(err) != 0 || !strings.Contains(fmt.Sprint(err), "out of luck") || len(h.store.data) != 0 || len(h.List()) != 0 {
				t.Errorf("error %v, %d artifacts, %d skills", err, len(h.store.data), len(h.List()))
			}
		})
	}
}

// A refused artifact that is installed stays in the store.
func TestRefusalKeepsWhatWasAdmitted(t *testing.T) {
	h := newHouse(t)
	old := h.release("example.hello", 1)
	h.install(old)
	h.install(h.release("example.hello", 2))
	if _, _, err := h.Install(t.Context(), bytes.NewReader(old), bundle.Digest{}, alice); kindOf(err) != Rollback {
		t.Errorf("error %v, want a rollback", err)
	}
	if len(h.store.data) != 2 {
		t.Errorf("%d artifacts, want 2", len(h.store.data))
	}
}

// Two releases race; the older one is verified first and admitted last.
func TestWhatWasVerifiedIsVerifiedAgain(t *testing.T) {
	h := newHouse(t)
	newer := h.release("example.hello", 2)
	h.worker.during = func() {
		h.worker.during = nil
		h.install(newer)
	}
	_, _, err := h.Install(t.Context(), bytes.NewReader(h.release("example.hello", 1)), bundle.Digest{}, alice)
	if kindOf(err) != Rollback || h.Lookup("example.hello").Epoch != 2 {
		t.Errorf("error %v, installed %+v", err, h.Lookup("example.hello"))
	}
}

// An audit of something else says nothing about this.
func TestAuditOfAnotherArtifact(t *testing.T) {
	h := newHouse(t)
	h.worker.other = bundle.Digest{1}
	_, _, err := h.Install(t.Context(), bytes.NewReader(h.release("example.hello", 1)), bundle.Digest{}, alice)
	if err == nil || len(h.List()) != 0 {
		t.Errorf("error %v, %d skills", err, len(h.List()))
	}
}

// An artifact that was condemned does not come back as if nothing had happened.
func TestCondemnedArtifactReturns(t *testing.T) {
	h := newHouse(t)
	data := h.release("example.hello", 1)
	s := *h.install(data)
	s.State, s.Reason, s.Current = skill.Quarantined, "because", false
	h.view.Store(h.view.Load().replace([]*skill.Skill{&s}))
	if again := h.install(data); again.State != skill.PendingReview {
		t.Errorf("state %s, want pending_review", again.State)
	}
}

func TestNewReleaseInheritsTheState(t *testing.T) {
	for old, want := range map[skill.State]skill.State{
		skill.Active:        skill.Active,
		skill.Quarantined:   skill.PendingReview,
		skill.Blocked:       skill.PendingReview,
		skill.PendingReview: skill.PendingReview,
		skill.Disabled:      skill.Disabled,
	} {
		h := newHouse(t)
		s := *h.install(h.release("example.hello", 1))
		s.State, s.Reason = old, "because"
		h.view.Store(h.view.Load().replace([]*skill.Skill{&s}))
		next := h.install(h.release("example.hello", 2))
		if next.State != want {
			t.Errorf("after %s: %s, want %s", old, next.State, want)
		}
		if want == skill.PendingReview && !strings.Contains(next.Reason, "because") {
			t.Errorf("after %s: reason %q", old, next.Reason)
		}
	}
}

func TestOpenLoadsTheJournal(t *testing.T) {
	h := newHouse(t)
	h.install(h.release("example.hello", 1))
	h.install(h.release("example.hello", 2))
	h.journal.skills, h.journal.publishers = h.List(), h.Publishers()
	c, err := Open(t.Context(), h.Config)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Lookup("example.hello"); s == nil || s.Epoch != 2 || len(c.List()) != 2 || len(c.Publishers()) != 1 {
		t.Errorf("loaded %+v", c.List())
	}
}
