package catalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// verify opens a stored artifact and says which skill it would be, in the state
// it would have. Unchanged says that it is the current release already.
func (c *Catalog) verify(d bundle.Digest, v *snapshot, now time.Time) (s *skill.Skill, unchanged bool, err error) {
	a, err := c.Artifacts.Open(d)
	if err != nil {
		return nil, false, unreadable(err)
	}
	statement, err := trusted(a, v, now)
	if err != nil {
		return nil, false, err
	}
	s = &skill.Skill{
		Digest: d, Manifest: a.Manifest, Publisher: statement.Publisher, Epoch: statement.Epoch,
		Current: true, State: skill.Active,
	}
	if newest := v.newest(s.Publisher, s.ID()); newest != nil {
		if newest.Digest == d && newest.Current {
			return newest, true, nil
		}
		if err := newer(s, newest); err != nil {
			return nil, false, err
		}
	}
	inherit(s, v.current[s.ID()])
	inherit(s, v.digests[d])
	return s, false, nil
}

// trusted checks who signed an artifact and whether they may.
func trusted(a *bundle.Artifact, v *snapshot, now time.Time) (bundle.Statement, error) {
	what := fmt.Sprintf("artifact %s of skill %s %s", a.Digest.Short(), a.Manifest.ID, a.Manifest.Version)
	statement, err := a.Statement()
	if errors.Is(err, bundle.ErrUnsigned) {
		return statement, refuse(Untrusted, "%s is not signed; sign it with `palyra skill sign`, or get it from its publisher", what)
	}
	if err != nil {
		return statement, refuse(Signature, "%s: %v; get it again from its publisher", what, err)
	}
	keyID, err := a.KeyID()
	if err != nil {
		return statement, refuse(Signature, "%s: %v; get it again from its publisher", what, err)
	}
	p, ok := v.publisher(statement.Publisher)
	if !ok {
		return statement, refuse(Untrusted, "%s is signed by publisher %s with key %s, who is not trusted; "+
			"if you trust them: palyra publisher trust KEY --prefix %s, with the public key from them (digest %s)",
			what, statement.Publisher, keyID, statement.Publisher, a.Digest)
	}
	if err := a.Verify(p.Key, now); err != nil {
		return statement, refuse(Signature, "%s: %v; publisher %s is trusted with key %s; get it again from them",
			what, err, p.Name, p.Key.Fingerprint())
	}
	if !bundle.Owns(p.Prefixes, a.Manifest.ID) {
		return statement, refuse(Untrusted, "%s is signed by publisher %s (key %s), whose skills start with %q; "+
			"if this one may be theirs: palyra publisher trust KEY --prefix PREFIX",
			what, p.Name, p.Key.Fingerprint(), p.Prefixes)
	}
	return statement, nil
}

// newer refuses a release that is not newer than the newest.
func newer(s, newest *skill.Skill) error {
	switch {
	case s.Epoch > newest.Epoch:
		return nil
	case s.Epoch == newest.Epoch && s.Digest == newest.Digest:
		return nil
	case s.Epoch == newest.Epoch:
		return refuse(Rollback, "skill %s: release epoch %d was used for other bytes (%s, this is %s); sign it with a newer epoch",
			s.ID(), s.Epoch, newest.Digest.Short(), s.Digest.Short())
	}
	return refuse(Rollback, "skill %s: release epoch %d is older than %d, which was installed (%s, this is %s); "+
		"an old release can come back only under a newer epoch",
		s.ID(), s.Epoch, newest.Epoch, newest.Digest.Short(), s.Digest.Short())
}

// inherit gives a new release the state that the old one left behind.
func inherit(s, old *skill.Skill) {
	if old == nil {
		return
	}
	switch old.State {
	case skill.Quarantined, skill.Blocked, skill.PendingReview:
		s.State = skill.PendingReview
		s.Reason = fmt.Sprintf("release %s was %s: %s", old.Digest.Short(), old.State, old.Reason)
	case skill.Disabled:
		s.State, s.Reason = old.State, old.Reason
	case skill.Active, skill.Stale:
	}
}

// audit has our own worker look at a skill. An error says nothing about the
// skill.
func (c *Catalog) audit(ctx context.Context, s *skill.Skill) (bundle.Report, error) {
	until := time.Now().Add(c.AuditTimeout)
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	report, err := c.Auditor.Audit(ctx, c.Gate.PermitAudit(s.Digest, s.Manifest, until))
	switch {
	case err != nil:
		return report, fmt.Errorf("audit: %w", err)
	case report.Error != "":
		return report, fmt.Errorf("audit: %s", report.Error)
	case report.Digest != s.Digest:
		return report, fmt.Errorf("audit: of %s where %s was asked for", report.Digest.Short(), s.Digest.Short())
	}
	return report, nil
}

// The checks of the host, as findings name them.
const (
	checkBytes = "host.bytes" // hash, container
	checkTrust = "host.trust" // signature, statement, publisher, expiry
)

// check is what the host itself looks at whenever a lease is renewed: hash,
// signature, statement, publisher, expiry. It returns what condemns the skill, or
// an error that says nothing about it.
func (c *Catalog) check(s *skill.Skill, now time.Time) (*bundle.Finding, error) {
	a, err := c.Artifacts.Open(s.Digest)
	if err == nil {
		_, err = trusted(a, c.view.Load(), now)
	} else if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		return nil, nil
	}
	condemned := func(check string) *bundle.Finding {
		return &bundle.Finding{Check: check, Severity: bundle.SeverityError, Message: err.Error()}
	}
	switch {
	case isRefusal(err):
		return condemned(checkTrust), nil
	case errors.Is(err, bundle.ErrContents), errors.Is(err, bundle.ErrContainer), errors.Is(err, bundle.ErrManifest):
		return condemned(checkBytes), nil
	}
	return nil, err
}

// examine checks a skill and, if that finds nothing, has our own worker audit it.
func (c *Catalog) examine(ctx context.Context, s *skill.Skill) (bundle.Report, error) {
	finding, err := c.check(s, time.Now())
	if err != nil {
		return bundle.Report{}, err
	}
	if finding != nil {
		return bundle.Report{Digest: s.Digest, Findings: []bundle.Finding{*finding}}, nil
	}
	return c.audit(ctx, s)
}
