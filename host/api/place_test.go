package api

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/adrg/xdg"
)

func TestStateDir(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("XDG_STATE_HOME", "/xdg")
	xdg.Reload()
	t.Cleanup(xdg.Reload)

	expect := func(why, flag, want string) {
		t.Helper()
		if got, err := StateDir(flag); err != nil || got != want {
			t.Errorf("%s: StateDir(%q) = %q, %v; want %q", why, flag, got, err, want)
		}
	}
	t.Setenv("PALYRA_STATE", "")
	expect("nothing is given", "", "/xdg/palyra")
	if err := os.WriteFile(".palyra", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(".palyra is a file", "", "/xdg/palyra")
	if err := os.Remove(".palyra"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(".palyra", 0o700); err != nil {
		t.Fatal(err)
	}
	expect("./.palyra is the caller's", "", filepath.Join(dir, ".palyra"))
	t.Setenv("PALYRA_STATE", "env")
	expect("the environment wins", "", filepath.Join(dir, "env"))
	expect("the flag wins over all", "/flag/../flag", "/flag")
}

func TestSocketPath(t *testing.T) {
	deep := "/" + strings.Repeat("d", 120)
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	if got := SocketPath("/state"); got != "/state/palyra.sock" {
		t.Errorf("short state: %s", got)
	}
	edge := "/" + strings.Repeat("d", maxSocket-len("//palyra.sock"))
	if got := SocketPath(edge); got != edge+"/palyra.sock" || len(got) != maxSocket {
		t.Errorf("a path of %d bytes still fits: %s", len(got), got)
	}
	if got := SocketPath(edge + "d"); !strings.HasPrefix(got, "/run/user/7/palyra/") {
		t.Errorf("a byte too long: %s", got)
	}
	if SocketPath(deep) == SocketPath(deep+"d") {
		t.Error("two states share a socket")
	}
	if SocketPath(deep) != SocketPath(deep+"/") {
		t.Error("a trailing slash names another socket")
	}
	for _, runtime := range []string{"", "relative", deep} {
		t.Setenv("XDG_RUNTIME_DIR", runtime)
		t.Setenv("TMPDIR", "/tmp")
		if got := SocketPath(deep); !strings.HasPrefix(got, "/tmp/palyra-") || len(got) > maxSocket {
			t.Errorf("XDG_RUNTIME_DIR=%q: %s", runtime, got)
		}
	}
}
