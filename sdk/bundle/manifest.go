// Package bundle is the signed on-disk form of a skill.
package bundle

// Kind is how a skill runs.
type Kind string

// The kinds of skills.
const (
	Native Kind = "native" // bin/<goos>-<goarch>/<name>, a go-plugin executable
	WASM   Kind = "wasm"   // modules/*.wasm, a WASI preview 1 command
)

// Manifest is skill.toml.
type Manifest struct {
	ID           string                `toml:"id"`      // "publisher.name", lower case
	Version      string                `toml:"version"` // semantic version
	Kind         Kind                  `toml:"kind"`
	Description  string                `toml:"description"`
	Program      string                `toml:"program"` // base name of the executable or module, without .wasm
	Capabilities Capabilities          `toml:"capabilities"`
	Entrypoints  map[string]Entrypoint `toml:"entrypoints"`
}

// Entrypoint is one action of a skill.
type Entrypoint struct {
	Description string `toml:"description"`
}

// Capabilities is what a skill asks for. What is absent is not granted.
type Capabilities struct {
	Status    bool `toml:"status"`    // ask the host how it is
	Data      bool `toml:"data"`      // an own writable directory
	Artifacts bool `toml:"artifacts"` // read the artifact store
	Process   bool `toml:"process"`   // start processes with the power of the daemon
	Network   bool `toml:"network"`   // connect to the network (native skills)
}

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
