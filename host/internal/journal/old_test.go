package journal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// What an earlier version wrote is read, and gone on with.
func TestOldJournals(t *testing.T) {
	old, err := filepath.Glob("../../../testdata/journals/*.db")
	if err != nil || len(old) == 0 {
		t.Fatalf("no old journals: %v", err)
	}
	for _, path := range old {
		t.Run(filepath.Base(path), func(t *testing.T) { goOn(t, path) })
	}
}

func goOn(t *testing.T, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "palyra.db")
	if err := os.WriteFile(copied, data, 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := Open(t.Context(), Config{Path: copied})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	jobs, err := j.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	skills, err := j.Skills(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	runs, err := j.Runs(t.Context(), job.Filter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	denied, err := j.Runs(t.Context(), job.Filter{State: job.Denied, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs) < 9 || len(skills) < 5 || len(runs) < 20 || len(denied) == 0 {
		t.Errorf("%d jobs, %d skills, %d runs, %d denied: not what a demo leaves", len(jobs), len(skills), len(runs), len(denied))
	}
	entries, err := j.Entries(t.Context(), 0, 10_000)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	v, err := j.Verify(t.Context())
	if err != nil || len(v.Problems) != 0 || v.Entries != int64(len(entries)) || v.Leaves == 0 {
		t.Errorf("its history: %+v, %v", v, err)
	}
	next := *jobs[0]
	next.Generation++
	next.Paused, next.Updated = true, time.Now()
	if err := j.PutJob(t.Context(), &next, job.Daemon, "job.pause"); err != nil {
		t.Errorf("the old journal takes no write: %v", err)
	}
}
