package bundle

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// The errors of this package. What is returned wraps one of them and says more.
var (
	ErrContainer = errors.New("not a canonical artifact")    // layout, names, sizes
	ErrManifest  = errors.New("bad manifest")                // skill.toml
	ErrUnsigned  = errors.New("not signed")                  // no signature.json
	ErrStatement = errors.New("bad statement")               // malformed, or not about this manifest
	ErrSignature = errors.New("bad signature")               // not made by the key
	ErrContents  = errors.New("altered contents")            // the files are not those of the statement
	ErrExpired   = errors.New("expired")                     // the statement has run out
	ErrKey       = errors.New("bad key")                     // malformed, or unsafe to verify with
	ErrProgram   = errors.New("no program for this machine") // the artifact lacks it
)

// The files with a meaning of their own.
const (
	ManifestFile  = "skill.toml"
	SignatureFile = "signature.json"
)

// Artifact is an opened container. It keeps the bytes it was opened from, which
// must not change.
type Artifact struct {
	Digest   Digest
	Manifest Manifest
	files    []file
}

// Pack writes the artifact that holds the files by name. It refuses what Open
// would refuse.
func Pack(files map[string][]byte) ([]byte, error) {
	list := sorted(files)
	if err := checkFiles(list); err != nil {
		return nil, fmt.Errorf("pack: %w: %w", ErrContainer, err)
	}
	if _, err := manifestOf(list); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	data := encode(list)
	if len(data) > MaxSize {
		return nil, fmt.Errorf("pack: %w: %d bytes, at most %d", ErrContainer, len(data), MaxSize)
	}
	return data, nil
}

// Open reads an artifact: its container and its manifest. It says nothing about
// who signed it; see [Artifact.Verify].
func Open(data []byte) (*Artifact, error) {
	files, err := decode(data)
	if err != nil {
		return nil, err
	}
	manifest, err := manifestOf(files)
	if err != nil {
		return nil, err
	}
	return &Artifact{Digest: sha256.Sum256(data), Manifest: manifest, files: files}, nil
}

func manifestOf(files []file) (Manifest, error) {
	for _, f := range files {
		if f.name == ManifestFile {
			return ParseManifest(f.data)
		}
	}
	return Manifest{}, fmt.Errorf("%w: no %s", ErrManifest, ManifestFile)
}

// Names returns the names of all files, sorted.
func (a *Artifact) Names() []string {
	names := make([]string, len(a.files))
	for i, f := range a.files {
		names[i] = f.name
	}
	return names
}

// File returns the bytes of a file, which the caller must not change.
func (a *Artifact) File(name string) ([]byte, bool) {
	for _, f := range a.files {
		if f.name == name {
			return f.data, true
		}
	}
	return nil, false
}

// ProgramFile returns the name of the file that is the program for a machine.
func (m Manifest) ProgramFile(goos, goarch string) string {
	if m.Kind == WASM {
		return "modules/" + m.Program + ".wasm"
	}
	return "bin/" + goos + "-" + goarch + "/" + m.Program
}

// Program returns the program for a machine. A wasm module suits every one.
func (a *Artifact) Program(goos, goarch string) ([]byte, error) {
	name := a.Manifest.ProgramFile(goos, goarch)
	data, ok := a.File(name)
	if !ok {
		return nil, fmt.Errorf("%s %s: %w: it has no %s", a.Manifest.ID, a.Manifest.Version, ErrProgram, name)
	}
	return data, nil
}
