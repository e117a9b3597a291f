package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
)

// After a sync that failed nothing is acknowledged any more, and the owner is told
// to end.
func TestFailedSync(t *testing.T) {
	path := filepath.Join(t.TempDir(), "palyra.db")
	j, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close() // it may complain
	put(t, j, minute("a"))
	devnull(t, path+"-wal")
	if err := j.PutJob(t.Context(), minute("b"), job.Daemon, "job.create"); !errors.Is(err, ErrUnwritable) {
		t.Errorf("got %v", err)
	}
	<-j.Broken()
	err = j.Writable(t.Context())
	if !errors.Is(err, ErrUnwritable) || !errors.Is(err, ErrBroken) {
		t.Errorf("got %v", err)
	}
}

// devnull has every descriptor of a file be one of /dev/null, which takes writes
// and refuses to sync.
func devnull(t *testing.T, path string) {
	t.Helper()
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range all {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err != nil || target != path {
			continue
		}
		var fd int
		if _, err := fmt.Sscan(e.Name(), &fd); err != nil {
			t.Fatal(err)
		}
		if err := unix.Dup3(int(null.Fd()), fd, unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n == 0 {
		t.Fatalf("nobody has %s open", path)
	}
}

// On a full disk a quarantine is written, reads go on, and it heals by itself.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no small file system to fill: %v", err)
		}
		t.Skipf("NOT TESTED: a full disk; only root mounts a small file system: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	j, err := Open(t.Context(), Config{Path: filepath.Join(dir, "palyra.db"), Reserve: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	s := version("palyra.a", 1, 7)
	if err := j.Admit(t.Context(), s, job.Daemon); err != nil {
		t.Fatal(err)
	}
	v := allowing("a")
	put(t, j, v)
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 8<<20), 0o600); err == nil {
		t.Fatal("the disk did not fill")
	}
	var full error
	n := 0
	for full == nil && n < 10_000 {
		n++
		r := run(v, n, job.Running)
		r.Summary = strings.Repeat("x", MaxText)
		var refused []error
		refused, full = j.Begin(t.Context(), []job.Claim{claim(r)})
		if full == nil && refused[0] != nil {
			t.Fatal(refused[0])
		}
	}
	if !errors.Is(full, ErrUnwritable) || !strings.Contains(full.Error(), "disk") {
		t.Fatalf("after %d runs: %v", n, full)
	}
	if runs, err := j.OpenRuns(t.Context()); err != nil || len(runs) != n-1 {
		t.Errorf("reads: %d runs of %d, %v", len(runs), n-1, err)
	}
	if v, err := j.Verify(t.Context()); err != nil || len(v.Problems) != 0 {
		t.Errorf("verified while it is full: %+v, %v", v, err)
	}
	s.State = skill.Quarantined
	if err := j.SetSkill(t.Context(), []*skill.Skill{s}, "skill.quarantine", job.Daemon); err != nil {
		t.Errorf("the quarantine: %v", err)
	}
	if err := j.Writable(t.Context()); !errors.Is(err, ErrUnwritable) {
		t.Errorf("writable: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := j.Writable(t.Context()); err != nil {
		t.Errorf("it did not heal: %v", err)
	}
	if v, err := j.Verify(t.Context()); err != nil || len(v.Problems) != 0 {
		t.Errorf("%+v, %v", v, err)
	}
}
