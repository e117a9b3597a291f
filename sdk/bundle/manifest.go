package bundle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/Masterminds/semver/v3"
)

// Kind is how a skill runs.
type Kind string

// The kinds of skills.
const (
	Native Kind = "native" // bin/<goos>-<goarch>/<program>, a go-plugin executable
	WASM   Kind = "wasm"   // modules/<program>.wasm, a WASI preview 1 command
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

// capability is one capability: its name, what it means and whether it is asked for.
type capability struct {
	name, meaning string
	asked         bool
	native        bool // not for wasm skills
}

// all lists the capabilities by name.
func (c Capabilities) all() []capability {
	return []capability{
		{"artifacts", "reads every installed artifact", c.Artifacts, true},
		{"data", "keeps files in a directory of its own", c.Data, true},
		{"network", "connects to the network", c.Network, true},
		{"process", "starts processes with the power of the daemon", c.Process, true},
		{"status", "asks the host how it is", c.Status, false},
	}
}

// Names returns the names of what is asked for, sorted.
func (c Capabilities) Names() []string {
	names := []string{}
	for _, p := range c.all() {
		if p.asked {
			names = append(names, p.name)
		}
	}
	return names
}

// Explain says in plain words what is asked for, in the order of Names.
func (c Capabilities) Explain() []string {
	lines := []string{}
	for _, p := range c.all() {
		if p.asked {
			lines = append(lines, p.meaning)
		}
	}
	return lines
}

// Digest returns the SHA-256 of the sorted names, each followed by a newline.
func (c Capabilities) Digest() Digest {
	h := sha256.New()
	for _, name := range c.Names() {
		h.Write([]byte(name + "\n"))
	}
	return Digest(h.Sum(nil))
}

var (
	idForm      = regexp.MustCompile(`^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$`)
	programForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	entryForm   = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
)

const (
	maxID          = 100
	maxVersion     = 64
	maxDescription = 500
	maxEntrypoints = 64
)

// problem is something wrong with a manifest, and the key that is to blame.
type problem struct{ key, message string }

// Validate says what is wrong with the manifest, all of it; nil if nothing is.
func (m Manifest) Validate() error {
	var errs []error
	for _, p := range m.problems() {
		errs = append(errs, errors.New(p.message))
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrManifest, errors.Join(errs...))
}

func (m Manifest) problems() []problem {
	var out []problem
	check := func(ok bool, key, format string, args ...any) {
		if !ok {
			out = append(out, problem{key, fmt.Sprintf(format, args...)})
		}
	}
	check(len(m.ID) <= maxID && idForm.MatchString(m.ID), "id",
		"id %q: want publisher.name in lower case, for example palyra.health", m.ID)
	_, err := semver.StrictNewVersion(m.Version)
	check(err == nil && len(m.Version) <= maxVersion, "version",
		"version %q: want a semantic version, for example 1.0.0", m.Version)
	check(m.Kind == Native || m.Kind == WASM, "kind", "kind %q: want %q or %q", m.Kind, Native, WASM)
	check(describes(m.Description), "description", "description: want at most %d bytes of text on one line", maxDescription)
	check(programForm.MatchString(m.Program), "program",
		"program %q: want the base name of the executable or module, of a-z 0-9 _ -", m.Program)
	for _, p := range m.Capabilities.all() {
		check(!p.asked || !p.native || m.Kind != WASM, "capabilities."+p.name,
			"capability %s: not for wasm skills", p.name)
	}
	check(len(m.Entrypoints) > 0, "entrypoints", "entrypoints: none; want at least one, for example [entrypoints.run]")
	check(len(m.Entrypoints) <= maxEntrypoints, "entrypoints", "entrypoints: %d, at most %d", len(m.Entrypoints), maxEntrypoints)
	for _, name := range m.EntrypointNames() {
		check(entryForm.MatchString(name), "entrypoints."+name, "entrypoint %q: want lower-case letters, digits, _ and -", name)
		check(describes(m.Entrypoints[name].Description), "entrypoints."+name+".description",
			"entrypoint %q: description: want at most %d bytes of text on one line", name, maxDescription)
	}
	return out
}

// EntrypointNames returns the names of the entrypoints, sorted.
func (m Manifest) EntrypointNames() []string {
	names := make([]string, 0, len(m.Entrypoints))
	for name := range m.Entrypoints {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// describes reports whether s is harmless to show.
func describes(s string) bool {
	return len(s) <= maxDescription && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Owns reports whether a skill id is of whoever owns the prefixes: it is one of
// them, a dot and more.
func Owns(prefixes []string, id string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool {
		return prefix != "" && strings.HasPrefix(id, prefix+".")
	})
}

// CheckPrefix says what is wrong with a prefix of skill ids; nil if nothing is.
func CheckPrefix(prefix string) error {
	if len(prefix) > maxID || !idForm.MatchString(prefix+".x") {
		return fmt.Errorf("prefix %q: want the start of skill ids without its last dot, for example palyra", prefix)
	}
	return nil
}
