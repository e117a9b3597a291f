// Package artifact is bytes by SHA-256, re-hashed whenever opened.
//
// A [Store] is a directory:
//
//	sha256/<64 hexadecimal digits>   an artifact, named by its digest
//	sha256/incoming-*                one on its way in; cleared away by Open
//	*.palyra-skill                   put there by somebody: a stray, never run
//
// What is promised:
//
//   - A name appears only when all its bytes are on the disk: they are hashed
//     while they are copied, synced, renamed, and the directory is synced.
//   - Nothing is handed out whose bytes do not hash to its name: that is
//     [ErrAltered], and is told from bytes that are not there, [ErrNotFound], and
//     from trouble with the disk, which is neither and says nothing about the
//     artifact.
//   - Names are not followed out of the directory, and only regular files are read.
//
// Nothing here knows which artifacts are trusted. A store may be used by many at
// once; the directory is its owner's alone (0700, files 0600).
package artifact

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/palyra-go/palyra/sdk/bundle"
)

// The errors on which a caller may act. Each wraps one that rooms which do not
// know this one can look for.
var (
	ErrNotFound = fmt.Errorf("artifact not found: %w", fs.ErrNotExist)
	ErrAltered  = fmt.Errorf("artifact on disk is not what its name says: %w", bundle.ErrContents)
	ErrTooBig   = fmt.Errorf("artifact is larger than %d MiB: %w", bundle.MaxSize>>20, bundle.ErrContainer)
)

const (
	folder   = "sha256"
	incoming = "incoming-"
	stray    = ".palyra-skill"
)

// Store keeps artifacts in a directory.
type Store struct {
	dir   string
	root  *os.Root // dir/sha256
	limit int64    // bytes of an artifact
}

// Open opens the store in dir, which is made if it is not there.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("artifact store: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
		return nil, fmt.Errorf("artifact store: %w", err)
	}
	root, err := os.OpenRoot(filepath.Join(dir, folder))
	if err != nil {
		return nil, fmt.Errorf("artifact store: %w", err)
	}
	s := &Store{dir: dir, root: root, limit: bundle.MaxSize}
	if err := errors.Join(s.clear(), syncDir(dir), syncDir(filepath.Dir(dir))); err != nil {
		return nil, errors.Join(fmt.Errorf("artifact store: %w", err), root.Close())
	}
	return s, nil
}

// Close gives up the directory.
func (s *Store) Close() error { return s.root.Close() }

// clear removes what was on its way in when a daemon died.
func (s *Store) clear() error {
	names, err := s.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, incoming) {
			if err := s.root.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) names() ([]string, error) {
	entries, err := os.ReadDir(s.root.Name())
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// Read returns the bytes of an artifact.
func (s *Store) Read(d bundle.Digest) ([]byte, error) {
	data, err := s.load(d)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(data) != d {
		return nil, altered(d, "its SHA-256 is another")
	}
	return data, nil
}

// Open returns an artifact, opened.
func (s *Store) Open(d bundle.Digest) (*bundle.Artifact, error) {
	data, err := s.load(d)
	if err != nil {
		return nil, err
	}
	a, err := bundle.Open(data) // hashes
	switch {
	case err == nil && a.Digest == d:
		return a, nil
	case err == nil || sha256.Sum256(data) != d:
		return nil, altered(d, "its SHA-256 is another")
	}
	return nil, fmt.Errorf("artifact %s: %w", d.Short(), err)
}

// load reads a file without judging it.
func (s *Store) load(d bundle.Digest) ([]byte, error) {
	name := d.String()
	info, err := s.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", d.Short(), ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("artifact %s: %w", d.Short(), err)
	}
	if !info.Mode().IsRegular() || info.Size() > s.limit {
		return nil, altered(d, "it is not a regular file of a possible size")
	}
	data, err := s.root.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("artifact %s: %w", d.Short(), err)
	}
	return data, nil
}

func altered(d bundle.Digest, why string) error {
	return fmt.Errorf("%s: %w: %s", d.Short(), ErrAltered, why)
}

// Path returns where the bytes of an artifact are, or would be.
func (s *Store) Path(d bundle.Digest) string { return filepath.Join(s.root.Name(), d.String()) }

// Remove takes an artifact away. One that is not there is no error.
func (s *Store) Remove(d bundle.Digest) error {
	if err := s.root.Remove(d.String()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove artifact %s: %w", d.Short(), err)
	}
	if err := syncDir(s.root.Name()); err != nil {
		return fmt.Errorf("remove artifact %s: %w", d.Short(), err)
	}
	return nil
}

// List returns the digests of all artifacts, sorted, whether or not their bytes
// are still what they were.
func (s *Store) List() ([]bundle.Digest, error) {
	names, err := s.names()
	if err != nil {
		return nil, fmt.Errorf("artifact store: %w", err)
	}
	digests := []bundle.Digest{}
	for _, name := range names {
		if d, err := bundle.ParseDigest(name); err == nil && d.String() == name {
			digests = append(digests, d)
		}
	}
	return digests, nil
}

// Strays returns the paths of artifacts that somebody dropped into the directory
// of the store, sorted. They have to be installed to be of any use.
func (s *Store) Strays() []string {
	strays := []string{}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return strays // what cannot be listed is not run either
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), stray) && !e.IsDir() {
			strays = append(strays, filepath.Join(s.dir, e.Name()))
		}
	}
	slices.Sort(strays)
	return strays
}

// reading stops a copy when its context is done.
type reading struct {
	ctx context.Context
	r   io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
