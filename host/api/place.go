package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/adrg/xdg"
)

// maxSocket is the longest path a unix socket may have (unix(7): sun_path holds
// 108 bytes with the terminator).
const maxSocket = 107

// StateDir returns the absolute state directory: flag, else $PALYRA_STATE, else
// ./.palyra if it exists and belongs to the caller, else palyra in the XDG state
// directory (~/.local/state). The directory need not exist.
func StateDir(flag string) (string, error) {
	dir := flag
	if dir == "" {
		dir = os.Getenv("PALYRA_STATE")
	}
	if dir == "" && own(".palyra") {
		dir = ".palyra"
	}
	if dir == "" {
		dir = filepath.Join(xdg.StateHome, "palyra")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("state directory %s: %v", dir, err)
	}
	return abs, nil
}

// own reports whether path is a directory of the caller: somebody else's is not
// obeyed only because we stand beside it.
func own(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}

// SocketPath returns where the daemon of a state directory listens:
// palyra.sock in it, or, where that path is too long for a socket, a file named
// after the directory in $XDG_RUNTIME_DIR/palyra or in a directory of the caller
// under the temporary one. Daemon and client find the same path.
func SocketPath(state string) string {
	path := filepath.Join(state, "palyra.sock")
	if len(path) <= maxSocket {
		return path
	}
	sum := sha256.Sum256([]byte(filepath.Clean(state)))
	name := hex.EncodeToString(sum[:8]) + ".sock"
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		if path := filepath.Join(dir, "palyra", name); len(path) <= maxSocket {
			return path
		}
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("palyra-%d", os.Getuid()), name)
}
