package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// ErrLocked says that another daemon works on the state directory.
var ErrLocked = errors.New("another palyrad works on this state directory")

// state is a locked state directory:
//
//	palyra.lock  held while a daemon works on it
//	palyra.db    the journal
//	palyra.sock  the control API
//	palyra.toml  the configuration, unless another file is named
//	policies/    *.cedar, the operator's
//	skills/      artifacts by digest
//	data/        what skills keep, a directory each
//	run/         sockets of children
type state struct {
	dir  string
	lock *flock.Flock
}

// openState makes the directory if need be and locks it.
func openState(dir string) (*state, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("state directory: %w; choose another with --state", err)
	} else if err != nil {
		return nil, &ConfigError{Where: "state directory", Message: err.Error() + "; choose another with --state"}
	}
	_ = syncNames(filepath.Dir(dir)) // where we may; it need not be ours
	lock := flock.New(filepath.Join(dir, "palyra.lock"), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("state directory: %w; choose another with --state", err)
	}
	if !locked {
		return nil, fmt.Errorf("%s: %w; stop it, or choose another directory with --state", dir, ErrLocked)
	}
	return &state{dir: dir, lock: lock}, nil
}

// syncNames makes the names in directories survive a power cut.
func syncNames(dirs ...string) error {
	var errs []error
	for _, dir := range dirs {
		f, err := os.Open(dir)
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *state) path(name string) string { return filepath.Join(s.dir, name) }

// close unlocks the directory. The lock file stays: removing it would let two
// daemons lock two files of the same name.
func (s *state) close() error { return s.lock.Unlock() }
