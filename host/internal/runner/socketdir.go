package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxDir is how long the path of a socket directory may be: go-plugin appends
// up to 38 bytes, and the kernel of least patience takes 103.
const maxDir = 64

// childPrefix is how go-plugin names a child's directory.
const childPrefix = "plugin-dir"

// socketDir is a private directory for the directories of children.
type socketDir struct {
	path      string
	makeshift bool // not where the state is: ours to remove
}

// openSocketDir makes dir private, or, if its path is too long for a socket, a
// directory elsewhere that belongs to host.
func openSocketDir(dir, host string) (socketDir, error) {
	if dir != "" && len(dir) <= maxDir {
		if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
			return socketDir{}, fmt.Errorf("socket directory: %w", err)
		}
		return socketDir{path: dir}, makePrivate(dir)
	}
	sum := sha256.Sum256([]byte(host))
	name := "palyra-" + hex.EncodeToString(sum[:6])
	for _, parent := range []string{os.Getenv("XDG_RUNTIME_DIR"), os.TempDir(), "/tmp"} {
		path := filepath.Join(parent, name)
		if parent == "" || len(path) > maxDir || !filepath.IsAbs(path) {
			continue
		}
		if err := makePrivate(path); err == nil {
			return socketDir{path: path, makeshift: true}, nil
		}
	}
	return socketDir{}, fmt.Errorf("socket directory: no place with a path short enough for a socket: %s is too long (%d bytes, at most %d), and neither XDG_RUNTIME_DIR nor the temporary directory will do", dir, len(dir), maxDir)
}

// makePrivate makes path a directory that only we may enter. One that is there
// already must be ours and no link.
func makePrivate(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("socket directory: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("socket directory: %w", err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("socket directory: %s is not a directory of ours", path)
	}
	if info.Mode().Perm() == 0o700 {
		return nil
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return fmt.Errorf("socket directory: %w", err)
	}
	return nil
}

// clear removes the directories of children, none of which may live.
func (d socketDir) clear() error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), childPrefix) {
			errs = append(errs, os.RemoveAll(filepath.Join(d.path, entry.Name())))
		}
	}
	return errors.Join(errs...)
}

func (d socketDir) close() error {
	if !d.makeshift {
		return nil
	}
	return os.RemoveAll(d.path)
}
