package policy

import (
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// Permit lets a runner start one attempt. Only this package makes one, and the
// zero Permit lets nothing start.
type Permit struct {
	run        job.RunID
	skill      string
	entrypoint string
	digest     bundle.Digest
	manifest   bundle.Manifest
	until      time.Time
	audit      bool
}

// Run returns the run that may start; a service call has an id of its own,
// which no journal row carries.
func (p Permit) Run() job.RunID { return p.run }

// Skill returns the id of the skill.
func (p Permit) Skill() string { return p.skill }

// Entrypoint returns which action of the skill may run.
func (p Permit) Entrypoint() string { return p.entrypoint }

// Digest returns what exactly may be executed.
func (p Permit) Digest() bundle.Digest { return p.digest }

// Manifest returns the manifest that was judged.
func (p Permit) Manifest() bundle.Manifest { return p.manifest }

// Grants returns what the skill may use.
func (p Permit) Grants() bundle.Capabilities { return p.manifest.Capabilities }

// Until returns when the attempt must have ended.
func (p Permit) Until() time.Time { return p.until }

// Audit reports whether the permit is for looking at the artifact and not for
// running it.
func (p Permit) Audit() bool { return p.audit }

// Valid reports whether the permit was made by a gate.
func (p Permit) Valid() bool { return !p.digest.IsZero() }
