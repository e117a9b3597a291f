package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// The kinds of journal entries about what a skill may do.
const (
	entryAudit      = "skill.audit"      // by hand, or at the start
	entryJudge      = "skill.judge"      // of a report of the auditor
	entryQuarantine = "skill.quarantine" // by a person or by the host
	entryEnable     = "skill.enable"
)

// set writes other values of a skill, if it is still in the state in which it
// was read; else it is a refusal. The change takes a copy.
func (c *Catalog) set(ctx context.Context, was *skill.Skill, kind string, by job.Principal, change func(*skill.Skill)) (*skill.Skill, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.ByDigest(was.Digest)
	if now == nil || now.State != was.State || now.Reason != was.Reason || now.Current != was.Current {
		return nil, refuse(Conflict, "skill %s was changed meanwhile; look at it with `palyra skill inspect %s` and try again", was.ID(), was.ID())
	}
	next := *now
	change(&next)
	if err := c.Journal.SetSkill(ctx, []*skill.Skill{&next}, kind, by); err != nil {
		return nil, err
	}
	c.view.Store(c.view.Load().replace([]*skill.Skill{&next}))
	return &next, nil
}

// Audit has an artifact audited now. A pass renews its lease and changes no
// state; a failure quarantines. An audit that could not be done is an error and
// changes nothing.
func (c *Catalog) Audit(ctx context.Context, d bundle.Digest, by job.Principal) (*skill.Skill, error) {
	s, err := c.find(d)
	if err != nil {
		return nil, err
	}
	report, err := c.examine(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("skill %s: %w", s.ID(), err)
	}
	if !report.Passed() {
		return c.condemn(ctx, s, report, by)
	}
	s, err = c.set(ctx, s, entryAudit, by, func(s *skill.Skill) { s.Audited, s.Findings = time.Now(), report.Findings })
	if err != nil {
		return nil, err
	}
	c.changed()
	return s, nil
}

// condemn quarantines a skill because of what an audit found, and stops it.
func (c *Catalog) condemn(ctx context.Context, s *skill.Skill, report bundle.Report, by job.Principal) (*skill.Skill, error) {
	return c.quarantine(ctx, s, by, func(s *skill.Skill) {
		s.Findings = report.Findings
		s.Reason = "audit: " + summary(report)
	})
}

// quarantine commits a quarantine, then stops what runs. What is quarantined or
// blocked already keeps its state.
func (c *Catalog) quarantine(ctx context.Context, s *skill.Skill, by job.Principal, change func(*skill.Skill)) (*skill.Skill, error) {
	c.mu.Lock()
	now := c.ByDigest(s.Digest)
	if now == nil {
		c.mu.Unlock()
		return nil, refuse(NotFound, "skill %s was removed meanwhile", s.ID())
	}
	next := *now
	change(&next)
	if now.State == skill.Quarantined || now.State == skill.Blocked {
		next.State, next.Reason = now.State, now.Reason
	} else {
		next.State = skill.Quarantined
	}
	err := c.Journal.SetSkill(ctx, []*skill.Skill{&next}, entryQuarantine, by)
	if err == nil {
		c.view.Store(c.view.Load().replace([]*skill.Skill{&next}))
	}
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	c.Log.Warn("skill quarantined", "skill", next.ID(), "digest", next.Digest.Short(), "reason", next.Reason)
	c.stop(job.ReasonQuarantined, next.Digest)
	c.changed()
	return &next, nil
}

// Quarantine forbids a skill to run until it is enabled again.
func (c *Catalog) Quarantine(ctx context.Context, d bundle.Digest, reason string, by job.Principal) (*skill.Skill, error) {
	s, err := c.find(d)
	if err != nil {
		return nil, err
	}
	if reason == "" {
		reason = "quarantined by " + by.String()
	}
	return c.quarantine(ctx, s, by, func(s *skill.Skill) { s.Reason = reason })
}

// Enable lets a skill run again, after an audit that passes now.
func (c *Catalog) Enable(ctx context.Context, d bundle.Digest, reason string, by job.Principal) (*skill.Skill, error) {
	s, err := c.find(d)
	if err != nil {
		return nil, err
	}
	switch {
	case s.State == skill.Blocked:
		return nil, refuse(Conflict, "skill %s is blocked for ever: %s; install a newer release", s.ID(), s.Reason)
	case !s.Current:
		return nil, refuse(Conflict, "artifact %s is an older release of skill %s; only the current one can run", d.Short(), s.ID())
	}
	report, err := c.examine(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("skill %s: %w", s.ID(), err)
	}
	if !report.Passed() {
		refusal := refuse(BadArtifact, "skill %s fails its audit and stays %s: %s; install it anew",
			s.ID(), s.State, summary(report))
		refusal.Findings = report.Findings
		return nil, refusal
	}
	s, err = c.set(ctx, s, entryEnable, by, func(s *skill.Skill) {
		s.State, s.Reason = skill.Active, reason
		s.Audited, s.Findings = time.Now(), report.Findings
	})
	if err != nil {
		return nil, err
	}
	c.Log.Info("skill enabled", "skill", s.ID(), "digest", d.Short(), "reason", reason)
	c.changed()
	return s, nil
}

// Remove forgets a skill with all its releases, and their bytes. The journal
// remembers how far its epochs had come.
func (c *Catalog) Remove(ctx context.Context, d bundle.Digest, by job.Principal) error {
	s, err := c.find(d)
	if err != nil {
		return err
	}
	if !s.Current {
		return refuse(Conflict, "artifact %s is an older release of skill %s; removing takes all of them: name the skill by its id", d.Short(), s.ID())
	}
	digests, err := c.forget(ctx, s.ID(), by)
	if err != nil {
		return err
	}
	c.Log.Info("skill removed", "skill", s.ID())
	c.stop(job.ReasonCancelled, digests...)
	c.changed()
	var errs []error
	for _, d := range digests {
		errs = append(errs, c.discard(d))
	}
	return errors.Join(errs...)
}

func (c *Catalog) forget(ctx context.Context, id string, by job.Principal) ([]bundle.Digest, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.Journal.RemoveSkill(ctx, id, by); err != nil {
		return nil, err
	}
	v := c.view.Load()
	var digests []bundle.Digest
	for _, s := range v.skills {
		if s.ID() == id {
			digests = append(digests, s.Digest)
		}
	}
	c.view.Store(v.without(id))
	return digests, nil
}
