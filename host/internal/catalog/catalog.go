// Package catalog knows which skills exist and which may run: install, judge,
// lease, quarantine.
//
// It owns the steps in which an artifact becomes a skill ([Catalog.Install]):
//
//	store     the bytes go into the artifact store while they are hashed
//	verify    a trusted publisher signed exactly these files, owns the id, and has
//	          not released anything newer; nothing has expired
//	audit     our own worker looks at what is inside
//	policy    the principal may install this, with these capabilities
//	admit     one transaction of the journal; only now the skill exists
//
// and those in which it stops being trusted ([Catalog.Judge]). What is promised:
//
//   - A refused artifact leaves nothing in the store, unless it was admitted
//     before. A refusal is a *[Refusal], which says what to do next.
//   - Releases of a skill only get newer: a lower epoch is refused, and the same
//     one with other bytes.
//   - A new release of a skill that is quarantined, blocked or awaits review
//     awaits review; of one that is disabled, is disabled.
//   - An audit is a lease: it entitles to run for a time. A pass renews it, but
//     only after the host itself has hashed the bytes and checked signature and
//     expiry. What fails that is quarantined on the spot. A finding about the
//     contents quarantines if our own worker finds something too: a lying
//     auditor condemns nobody. An audit that could not be done changes nothing,
//     and the lease runs out.
//   - A quarantine is committed before running work is stopped, and only
//     [Catalog.Enable] ends it, after an audit that passes.
//   - What was blocked stays so.
//
// Look-ups never wait: they read a snapshot that is replaced after each change.
// Changes follow each other under one mutex; what takes long (receiving,
// auditing) happens outside it, and what it was based on is checked again
// before anything is written.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// Artifacts keeps bytes by digest. Open fails with an error that is
// bundle.ErrContents if they are no longer what they were.
type Artifacts interface {
	Put(context.Context, io.Reader) (bundle.Digest, error)
	Open(bundle.Digest) (*bundle.Artifact, error)
	Remove(bundle.Digest) error
}

// Skills is the part of the journal that remembers installed skills. Admit makes
// the skill the current one of its id; SetSkill writes state, reason, audit time
// and findings, of all the skills or of none.
type Skills interface {
	Admit(ctx context.Context, s *skill.Skill, by job.Principal) error
	SetSkill(ctx context.Context, skills []*skill.Skill, kind string, by job.Principal) error
	RemoveSkill(ctx context.Context, id string, by job.Principal) error
}

// Records is the part of the journal that is read at the start, and that
// remembers publishers.
type Records interface {
	Skills(context.Context) ([]*skill.Skill, error)
	Publishers(context.Context) ([]skill.Publisher, error)
	Trust(context.Context, skill.Publisher) error
}

// Journal remembers.
type Journal interface {
	Skills
	Records
}

// Auditor has a child look at an artifact.
type Auditor interface {
	Audit(context.Context, policy.Permit) (bundle.Report, error)
}

// Gate decides.
type Gate interface {
	Authorize(policy.Request) job.Decision
	PermitAudit(d bundle.Digest, m bundle.Manifest, until time.Time) policy.Permit
}

// Config is what a catalog works with.
type Config struct {
	Artifacts Artifacts
	Journal   Journal
	Auditor   Auditor
	Gate      Gate
	Log       *slog.Logger // nil: silent

	// Stop ends what runs of an artifact; it is called after the commit of
	// whatever forbids it. Changed is called after every change.
	Stop    func(bundle.Digest, job.Reason)
	Changed func()

	AuditTimeout time.Duration // of one artifact; zero: a minute
}

// Catalog knows which skills exist.
type Catalog struct {
	Config
	mu   sync.Mutex // orders changes: journal, then snapshot
	view atomic.Pointer[snapshot]
}

// Open loads the catalog from the journal.
func Open(ctx context.Context, c Config) (*Catalog, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.AuditTimeout == 0 {
		c.AuditTimeout = time.Minute
	}
	skills, err := c.Journal.Skills(ctx)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	publishers, err := c.Journal.Publishers(ctx)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	catalog := &Catalog{Config: c}
	catalog.view.Store(newSnapshot(skills, publishers))
	return catalog, nil
}

// Lookup returns the skill of that id that runs; nil if there is none.
func (c *Catalog) Lookup(id string) *skill.Skill { return c.view.Load().current[id] }

// ByDigest returns the skill of that artifact; nil if it was not admitted.
func (c *Catalog) ByDigest(d bundle.Digest) *skill.Skill { return c.view.Load().digests[d] }

// List returns all skills by id, older releases first.
func (c *Catalog) List() []*skill.Skill { return append([]*skill.Skill{}, c.view.Load().skills...) }

// Publishers returns the trusted publishers by name.
func (c *Catalog) Publishers() []skill.Publisher {
	return append([]skill.Publisher{}, c.view.Load().publishers...)
}

// changed tells the host.
func (c *Catalog) changed() {
	if c.Changed != nil {
		c.Changed()
	}
}

// stop ends what runs of artifacts.
func (c *Catalog) stop(reason job.Reason, digests ...bundle.Digest) {
	if c.Stop == nil {
		return
	}
	for _, d := range digests {
		c.Stop(d, reason)
	}
}

// find returns the skill of an artifact.
func (c *Catalog) find(d bundle.Digest) (*skill.Skill, error) {
	if s := c.ByDigest(d); s != nil {
		return s, nil
	}
	return nil, refuse(NotFound, "no skill with digest %s is installed; see `palyra skill list`", d.Short())
}

// Kind is why something is refused.
type Kind int

// The kinds of refusals.
const (
	Untrusted   Kind = iota + 1 // unsigned, or by a publisher who is not trusted with this id
	Signature                   // signed, but not by whom or what it says, or expired
	Rollback                    // older than what was released already
	Altered                     // not the bytes that were meant
	BadArtifact                 // no artifact, or one that fails its audit
	Denied                      // the principal may not
	NotFound                    // there is no such skill
	Conflict                    // the state of the skill or publisher forbids it
	Invalid                     // a malformed key or prefix
)

// Refusal is an error of whoever asked: nothing was changed.
type Refusal struct {
	Kind     Kind
	Message  string           // what is wrong, why, and what to do next
	Findings []bundle.Finding // of BadArtifact
	Decision job.Decision     // of Denied
}

func (r *Refusal) Error() string { return r.Message }

func refuse(kind Kind, format string, args ...any) *Refusal {
	return &Refusal{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// isRefusal reports whether an error is the fault of whoever asked.
func isRefusal(err error) bool {
	_, ok := errors.AsType[*Refusal](err)
	return ok
}
