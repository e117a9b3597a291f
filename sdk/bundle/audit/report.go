package audit

import (
	"fmt"

	"github.com/palyra-go/palyra/sdk/bundle"
)

// report is a report that is being written.
type report struct{ bundle.Report }

func (r *report) add(severity bundle.Severity, check, file, format string, args ...any) {
	r.Findings = append(r.Findings, bundle.Finding{
		Check: check, Severity: severity, File: file, Message: fmt.Sprintf(format, args...),
	})
}

func (r *report) fail(check, file, format string, args ...any) {
	r.add(bundle.SeverityError, check, file, format, args...)
}

// failIf records an error about the signature or its statement.
func (r *report) failIf(check string, err error) {
	if err != nil {
		r.fail(check, bundle.SignatureFile, "%v", err)
	}
}
