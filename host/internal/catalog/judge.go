package catalog

import (
	"context"
	"slices"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// auditor is the skill that makes the reports; at the start it goes first, so
// that it can make them for the others.
const auditor = "palyra.reaudit"

// Judge takes the reports of the auditor, one an artifact. A report names the
// digest of the bytes that were read, so that altered bytes have no report under
// the name of their skill: every skill that could run is checked by the host,
// reported on or not. Judging twice does no harm. An error means that the
// journal could not be written.
func (c *Catalog) Judge(ctx context.Context, reports []bundle.Report) error {
	byDigest := make(map[bundle.Digest]bundle.Report, len(reports))
	for _, r := range reports {
		if old, twice := byDigest[r.Digest]; !twice || old.Passed() {
			byDigest[r.Digest] = r // of two, the one that does not pass
		}
	}
	var renewed []renewal
	for _, s := range c.List() {
		if s.State != skill.Active && s.State != skill.Disabled {
			continue
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		report, known := byDigest[s.Digest]
		r, err := c.judge(ctx, s, report, known)
		if err != nil {
			return err
		}
		if r != nil {
			renewed = append(renewed, *r)
		}
	}
	return c.renew(ctx, renewed)
}

// renewal is a passed audit.
type renewal struct {
	digest   bundle.Digest
	at       time.Time
	findings []bundle.Finding
}

// judge decides about one skill: it is condemned here, or has its lease renewed,
// or neither.
func (c *Catalog) judge(ctx context.Context, s *skill.Skill, report bundle.Report, known bool) (*renewal, error) {
	log := c.Log.With("skill", s.ID(), "digest", s.Digest.Short())
	now := time.Now()
	finding, err := c.check(s, now)
	switch {
	case err != nil:
		log.Warn("artifact not readable, lease not renewed", "err", err)
		return nil, nil
	case finding != nil:
		return nil, c.condemned(ctx, s, bundle.Report{Digest: s.Digest, Findings: []bundle.Finding{*finding}})
	case !known:
		log.Warn("no audit report, lease not renewed")
		return nil, nil
	case report.Error != "":
		log.Warn("audit not done, lease not renewed", "reason", report.Error)
		return nil, nil
	case report.Passed():
		return &renewal{s.Digest, now, report.Findings}, nil
	}
	return c.second(ctx, s, report)
}

// second asks our own worker about a skill that the auditor accuses.
func (c *Catalog) second(ctx context.Context, s *skill.Skill, accusation bundle.Report) (*renewal, error) {
	log := c.Log.With("skill", s.ID(), "digest", s.Digest.Short())
	own, err := c.audit(ctx, s)
	if err != nil {
		log.Warn("accused and not audited again, lease not renewed", "reason", summary(accusation), "err", err)
		return nil, nil
	}
	if !own.Passed() {
		return nil, c.condemned(ctx, s, own)
	}
	log.Warn("accused by the auditor, cleared by our own worker", "reason", summary(accusation))
	return &renewal{s.Digest, time.Now(), own.Findings}, nil
}

// condemned is condemn for the host itself. A skill that was removed meanwhile
// is no error.
func (c *Catalog) condemned(ctx context.Context, s *skill.Skill, report bundle.Report) error {
	_, err := c.condemn(ctx, s, report, job.Daemon)
	if isRefusal(err) {
		return nil
	}
	return err
}

// renew writes passed audits in one transaction.
func (c *Catalog) renew(ctx context.Context, renewed []renewal) error {
	c.mu.Lock()
	var changed []*skill.Skill
	for _, r := range renewed {
		s := c.ByDigest(r.digest)
		if s == nil || s.State != skill.Active && s.State != skill.Disabled {
			continue // changed meanwhile
		}
		next := *s
		next.Audited, next.Findings = r.at, r.findings
		changed = append(changed, &next)
	}
	var err error
	if len(changed) > 0 {
		if err = c.Journal.SetSkill(ctx, changed, entryJudge, job.Daemon); err == nil {
			c.view.Store(c.view.Load().replace(changed))
		}
	}
	c.mu.Unlock()
	if err == nil && len(changed) > 0 {
		c.changed()
	}
	return err
}

// AuditExpired has our own worker audit every skill that would run if its lease
// had not run out, the auditor first. A skill whose audit cannot be done stays
// stale.
func (c *Catalog) AuditExpired(ctx context.Context, lease time.Duration) error {
	var expired []*skill.Skill
	now := time.Now()
	for _, s := range c.List() {
		if s.Current && s.StateAt(now, lease) == skill.Stale {
			expired = append(expired, s)
		}
	}
	slices.SortStableFunc(expired, func(a, b *skill.Skill) int { return rank(a) - rank(b) })
	for _, s := range expired {
		if err := c.auditExpired(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func rank(s *skill.Skill) int {
	if s.ID() == auditor {
		return 0
	}
	return 1
}

func (c *Catalog) auditExpired(ctx context.Context, s *skill.Skill) error {
	report, err := c.examine(ctx, s)
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		c.Log.Error("audit not done, skill stays stale", "skill", s.ID(), "digest", s.Digest.Short(), "err", err)
		return nil
	case !report.Passed():
		return c.condemned(ctx, s, report)
	}
	_, err = c.set(ctx, s, entryAudit, job.Daemon, func(s *skill.Skill) { s.Audited, s.Findings = time.Now(), report.Findings })
	if isRefusal(err) {
		return nil // somebody acted meanwhile
	}
	return err
}
