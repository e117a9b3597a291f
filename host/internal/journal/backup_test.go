package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/palyra-go/palyra/host/internal/job"
)

// A backup holds what was there, and a journal goes on from it.
func TestBackup(t *testing.T) {
	j := open(t)
	v := put(t, j, minute("a"))
	begin(t, j, claim(run(v, 1, job.Running)))
	exported, err := j.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "copy.db")
	if err := j.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := j.Backup(t.Context(), path); err == nil || !strings.Contains(err.Error(), "overwrites nothing") {
		t.Errorf("again: %v", err)
	}
	if err := j.Backup(t.Context(), filepath.Join(dir, "no", "copy.db")); err == nil {
		t.Error("into no directory")
	}
	data, err := os.ReadFile(path)
	if err != nil || bytes.Contains(data, []byte("PRIVATE+KEY")) {
		t.Errorf("the key that signs is in the backup, %v", err)
	}
	copied := openAt(t, path)
	runs, err := copied.OpenRuns(t.Context())
	if err != nil || len(runs) != 1 {
		t.Errorf("%d open runs, %v", len(runs), err)
	}
	put(t, copied, minute("b"))
	if _, err := copied.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	verdict, err := copied.Verify(t.Context(), exported)
	if err != nil || len(verdict.Problems) != 0 || verdict.Checkpoints < 2 {
		t.Errorf("%+v, %v", verdict, err)
	}
}
