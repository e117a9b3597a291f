// Package capability performs host calls (http, secret, state, memory, status)
// for a run, within its grants.
//
// A host call is answered, never trapped: what is not granted or not known is
// refused with an *sdk.Error of code "denied" or "unknown_call", and the skill
// may go on. A grant is what the manifest of the admitted skill asks for; the
// gate has judged that manifest before the run started.
//
// Calls served: host.status (capability status).
package capability

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
)

// Desk serves host calls.
type Desk struct {
	// Status tells how the host is.
	Status func(context.Context) sdk.Status
}

// Call performs a host call for a run of s.
func (d Desk) Call(ctx context.Context, s *skill.Skill, method string, _ json.RawMessage) (json.RawMessage, error) {
	switch method {
	case sdk.MethodStatus:
		if !s.Manifest.Capabilities.Status {
			return nil, denied(s, method, "status")
		}
		return json.Marshal(d.Status(ctx))
	}
	return nil, &sdk.Error{Code: "unknown_call", Message: fmt.Sprintf("%q: this host has no such call", method)}
}

func denied(s *skill.Skill, method, capability string) error {
	return &sdk.Error{Code: "denied", Message: fmt.Sprintf(
		"%s: the manifest of %s does not ask for the capability %s", method, s.ID(), capability)}
}
