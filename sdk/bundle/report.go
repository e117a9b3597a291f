package bundle

// Severity is how bad a finding is.
type Severity string

// The severities. An error condemns the artifact.
const (
	SeverityInfo  Severity = "info"
	SeverityWarn  Severity = "warn"
	SeverityError Severity = "error"
)

// Finding is what one check of an audit found wrong.
type Finding struct {
	Check    string   `json:"check"` // stable id, for example "container.layout"
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"` // path inside the artifact
	Offset   int64    `json:"offset,omitempty"`
	Message  string   `json:"message"`
}

// Report is the audit of one artifact.
type Report struct {
	Digest   Digest    `json:"digest"`          // of the bytes that were read
	Findings []Finding `json:"findings"`        // never null
	Error    string    `json:"error,omitempty"` // the audit could not be done; says nothing about the artifact
}

// Passed reports whether the audit was done and found no error.
func (r Report) Passed() bool {
	if r.Error != "" {
		return false
	}
	for _, f := range r.Findings {
		if f.Severity == SeverityError {
			return false
		}
	}
	return true
}
