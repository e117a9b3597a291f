package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// Listen makes the socket at path, mode 0600, in a directory that only the
// caller can write. A socket left over there is removed: the caller holds the
// lock of the state directory, so no daemon listens on it.
func Listen(path string) (net.Listener, error) {
	if err := privateDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("control socket %s: %v", path, err)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("control socket %s: something else is there: move it away", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %v", err)
	}
	l, err := net.Listen("unix", path) //nolint:noctx // nothing to wait for
	if err != nil {
		return nil, fmt.Errorf("control socket: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("control socket: %v", err)
	}
	return l, nil
}

// privateDir makes sure that dir is there, is the caller's, and can be written
// by nobody else: who can replace the socket could pose as the daemon.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Getuid() {
		return fmt.Errorf("%s belongs to somebody else", dir)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others can write to %s: chmod go-w it", dir)
	}
	return nil
}
