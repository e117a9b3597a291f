package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
	"github.com/palyra-go/palyra/sdk/bundle/audit"
)

// order is what an audit is asked.
type order struct {
	Digest bundle.Digest `json:"digest"` // that the artifact should have
}

// verdict is a report that can say itself in a line.
type verdict struct{ bundle.Report }

// Summary implements sdk.Summarizer.
func (v verdict) Summary() string {
	for _, f := range v.Findings {
		if f.Severity == bundle.SeverityError {
			return fmt.Sprintf("%s failed: %s: %s", v.Digest.Short(), f.Check, f.Message)
		}
	}
	return fmt.Sprintf("%s passed with %d findings", v.Digest.Short(), len(v.Findings))
}

// auditor serves the audit of one artifact.
func auditor(artifact []byte) sdk.Skill {
	return sdk.Skill{"audit": sdk.Handle(func(_ context.Context, o order) (verdict, error) {
		if o.Digest.IsZero() {
			return verdict{}, &sdk.Error{Code: "bad_input", Message: "input: digest is missing"}
		}
		return verdict{audit.Audit(artifact, audit.Options{Now: time.Now(), Expect: o.Digest})}, nil
	})}
}
