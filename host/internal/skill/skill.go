// Package skill is an installed skill: manifest and state.
//
//	install ─▶ active ─▶ stale ─▶ active            (audited late, audited again)
//	             │  ╲
//	             │   ╲▶ disabled ─▶ active           (by an operator, both ways)
//	             ▼
//	         quarantined ─▶ active                   (by an operator, after a fresh passing audit)
//	         pending_review: a new version of a quarantined skill; blocked: revoked, for ever
//
// Stale is not stored: it is an active skill whose lease has run out
// ([Skill.StateAt]). Everything here is a value: no I/O, no clock.
package skill

import (
	"time"

	"github.com/palyra-go/palyra/sdk/bundle"
)

// State is where a skill is.
type State string

// The states.
const (
	Active        State = "active"
	PendingReview State = "pending_review"
	Stale         State = "stale"
	Quarantined   State = "quarantined"
	Blocked       State = "blocked"
	Disabled      State = "disabled"
)

// Skill is one installed artifact.
type Skill struct {
	Digest    bundle.Digest
	Manifest  bundle.Manifest
	Publisher string // name of the publisher whose key signed it
	Epoch     int64  // release epoch; only grows
	Current   bool   // the one of its id that runs; older ones are remembered
	State     State
	Reason    string // why it is in this state, for people
	Installed time.Time
	Audited   time.Time        // when its last passing audit was judged
	Findings  []bundle.Finding // of its last audit
}

// ID is the name of the skill.
func (s *Skill) ID() string { return s.Manifest.ID }

// StateAt returns the state at now, given for how long an audit entitles to run.
func (s *Skill) StateAt(now time.Time, lease time.Duration) State {
	if s.State == Active && now.Sub(s.Audited) > lease {
		return Stale
	}
	return s.State
}

// Publisher is a holder of signing keys and of skill-id prefixes.
type Publisher struct {
	Name     string
	Key      bundle.PublicKey
	Prefixes []string // a skill id is of the publisher if it starts with one of these and a dot
	Trusted  time.Time
	By       string // the principal who trusted it
}
