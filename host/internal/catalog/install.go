package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// Install makes a skill of the artifact that r gives. A digest that is not zero
// must be the artifact's. Unchanged says that it is the current release already.
func (c *Catalog) Install(ctx context.Context, r io.Reader, expect bundle.Digest, by job.Principal) (s *skill.Skill, unchanged bool, err error) {
	d, err := c.Artifacts.Put(ctx, r)
	if err != nil {
		return nil, false, unreadable(err)
	}
	s, unchanged, err = c.install(ctx, d, expect, by)
	if err != nil {
		c.Log.Warn("artifact refused", "digest", d.Short(), "err", err)
		return nil, false, errors.Join(err, c.discard(d))
	}
	if !unchanged {
		c.Log.Info("skill installed", "skill", s.ID(), "digest", d.Short(), "reason", string(s.State))
		c.changed()
	}
	return s, unchanged, nil
}

func (c *Catalog) install(ctx context.Context, d, expect bundle.Digest, by job.Principal) (*skill.Skill, bool, error) {
	if !expect.IsZero() && d != expect {
		return nil, false, refuse(Altered, "the artifact has the digest %s, expected %s; get it again from its publisher", d, expect)
	}
	s, unchanged, err := c.verify(d, c.view.Load(), time.Now())
	if err != nil || unchanged {
		return s, unchanged, err
	}
	report, err := c.audit(ctx, s)
	if err != nil {
		return nil, false, fmt.Errorf("install %s: %w", s.ID(), err)
	}
	if !report.Passed() {
		refusal := refuse(BadArtifact, "artifact %s of skill %s fails its audit: %s", d.Short(), s.ID(), summary(report))
		refusal.Findings = report.Findings
		return nil, false, refusal
	}
	return c.admit(ctx, d, report, by)
}

// permitted asks policy whether the principal may install this.
func (c *Catalog) permitted(s *skill.Skill, by job.Principal) error {
	decision := c.Gate.Authorize(policy.Request{Principal: by, Action: "skill.install", Resource: policy.SkillResource(s)})
	if decision.Allow {
		return nil
	}
	power := ""
	if lines := s.Manifest.Capabilities.Explain(); len(lines) > 0 {
		power = ", which " + strings.Join(lines, ", ")
	}
	refusal := refuse(Denied, "%s may not install skill %s%s: %s", by, s.ID(), power, policy.Refusal(decision))
	refusal.Decision = decision
	return refusal
}

// admit writes the skill, if what was verified still holds and policy agrees.
func (c *Catalog) admit(ctx context.Context, d bundle.Digest, report bundle.Report, by job.Principal) (*skill.Skill, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	s, unchanged, err := c.verify(d, c.view.Load(), now)
	if err != nil || unchanged {
		return s, unchanged, err
	}
	if err := c.permitted(s, by); err != nil {
		return nil, false, err
	}
	s.Installed, s.Audited, s.Findings = now, now, report.Findings
	if err := c.Journal.Admit(ctx, s, by); err != nil {
		return nil, false, err
	}
	c.view.Store(c.view.Load().with(s))
	return s, false, nil
}

// discard takes a refused artifact out of the store again.
func (c *Catalog) discard(d bundle.Digest) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ByDigest(d) != nil {
		return nil
	}
	return c.Artifacts.Remove(d)
}

// unreadable turns what the store says about bytes into a refusal if it is
// about them and not about the disk.
func unreadable(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse(Conflict, "the artifact was taken away while it was looked at; install it again")
	case errors.Is(err, bundle.ErrContents):
		return refuse(Altered, "%v; install it again", err)
	case errors.Is(err, bundle.ErrContainer), errors.Is(err, bundle.ErrManifest):
		return refuse(BadArtifact, "%v; pack it with `palyra skill pack`", err)
	}
	return err
}

// summary says in one line what an audit found.
func summary(r bundle.Report) string {
	if r.Error != "" {
		return r.Error
	}
	var errs []string
	for _, f := range r.Findings {
		if f.Severity != bundle.SeverityError {
			continue
		}
		where := ""
		if f.File != "" {
			where = f.File + ": "
		}
		errs = append(errs, fmt.Sprintf("%s: %s%s", f.Check, where, f.Message))
	}
	return strings.Join(errs, "; ")
}
