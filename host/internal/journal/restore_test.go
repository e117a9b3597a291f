package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// lost is a journal with a backup, and with what came after it.
func lost(t *testing.T) (path, backup string, exported []byte) {
	t.Helper()
	dir := t.TempDir()
	path, backup = filepath.Join(dir, "palyra.db"), filepath.Join(dir, "backup.db")
	j, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	v := put(t, j, minute("a"))
	begin(t, j, claim(run(v, 1, job.Running)))
	system := minute("system")
	system.Owner = job.Daemon
	put(t, j, system)
	until := minute("until")
	until.Paused, until.PauseReason, until.PauseUntil = true, "move", noon
	put(t, j, until)
	paused := minute("paused")
	paused.Paused, paused.PauseReason = true, "mine"
	put(t, j, paused)
	if exported, err = j.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	put(t, j, minute("later"))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return path, backup, exported
}

func restoration(path, backup string) Restoration {
	return Restoration{From: backup, Path: path, Reason: "disk died", By: job.User("root"), Replace: true}
}

// The restored journal goes on from the backup: all of a user's jobs are paused
// and accounted for up to now, its history is whole, and what was there lies aside.
func TestRestore(t *testing.T) {
	path, backup, exported := lost(t)
	start := time.Now().Truncate(time.Microsecond)
	done, err := Restore(t.Context(), restoration(path, backup))
	if err != nil || done.Paused != 3 || len(done.Problems) > 0 || done.Leaves == 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if left, err := filepath.Glob(filepath.Dir(path) + "/.palyra-restore-*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	j := openAt(t, path)
	jobs, err := j.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range jobs {
		want := map[string]string{"a": "restored from a backup: disk died", "until": "restored from a backup: disk died", "paused": "mine", "system": ""}[v.Name]
		if v.PauseReason != want || v.Paused != (want != "") || !v.PauseUntil.IsZero() {
			t.Errorf("%s: paused %v until %v: %q", v.Name, v.Paused, v.PauseUntil, v.PauseReason)
		}
		if moved := !v.Cursor.Before(start); moved == v.System() && noon.Before(start) {
			t.Errorf("%s: cursor %v", v.Name, v.Cursor)
		}
	}
	if open, err := j.OpenRuns(t.Context()); len(jobs) != 4 || err != nil || len(open) != 1 {
		t.Errorf("%d jobs, %d open runs, %v; want those of the backup", len(jobs), len(open), err)
	}
	entries, err := j.Entries(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	last := entries[len(entries)-1]
	if last.Kind != kindRestore || last.Actor != job.User("root").String() || !strings.Contains(string(last.Data), `"reason":"disk died"`) ||
		!strings.Contains(string(last.Data), filepath.Base(done.Aside)) {
		t.Errorf("last entry: %s", last.Canonical)
	}
	v, err := j.Verify(t.Context(), exported)
	if err != nil || len(v.Problems) > 0 || v.Checkpoints < 3 {
		t.Errorf("%+v, %v: what the key before has signed counts", v, err)
	}
	old := openAt(t, done.Aside)
	if jobs, err := old.Jobs(t.Context()); err != nil || len(jobs) != 5 {
		t.Errorf("aside are %d jobs, %v; want all that were there", len(jobs), err)
	}
}

// The log of a daemon that was killed goes along with its journal, and is not
// taken for that of the restored one.
func TestRestoreOverAKilledDaemon(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		path, backup, _ := lost(t)
		j, err := Open(context.Background(), Config{Path: path, Reserve: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		put(t, j, minute("logged"))
		dir := t.TempDir()
		for _, name := range withCompanions(path)[:2] { // as after kill -9
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if damaged {
				data = []byte(strings.Repeat("hello ", 10_000))
			}
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(dir, "palyra.db")
		done, err := Restore(t.Context(), restoration(path, backup))
		if err != nil {
			t.Fatalf("damaged %v: %v", damaged, err)
		}
		if jobs, err := openAt(t, path).Jobs(t.Context()); err != nil || len(jobs) != 4 {
			t.Errorf("damaged %v: %d jobs, %v", damaged, len(jobs), err)
		}
		if damaged {
			if _, err := os.Stat(done.Aside + "-wal"); err != nil {
				t.Errorf("the log of the damaged journal: %v", err)
			}
			continue
		}
		if jobs, err := openAt(t, done.Aside).Jobs(t.Context()); err != nil || len(jobs) != 6 {
			t.Errorf("aside are %d jobs, %v; want those of the log too", len(jobs), err)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, r *Restoration)
		want error
		says string
	}{
		{"without reason", func(_ *testing.T, r *Restoration) { r.Reason = "" }, nil, "reason"},
		{"over a journal", func(_ *testing.T, r *Restoration) { r.Replace = false }, ErrExists, "there is a journal"},
		{"no file", func(_ *testing.T, r *Restoration) { r.From += "x" }, os.ErrNotExist, ""},
		{"a directory", func(t *testing.T, r *Restoration) { r.From = t.TempDir() }, nil, "not a file"},
		{"itself", func(_ *testing.T, r *Restoration) { r.From = r.Path }, ErrExists, "itself"},
		{"of a daemon", func(t *testing.T, r *Restoration) { write(t, r.From+"-wal", "x") }, ErrExists, "-wal beside it"},
		{"empty", func(t *testing.T, r *Restoration) { write(t, r.From, "") }, ErrAltered, "no journal"},
		{"no database", func(t *testing.T, r *Restoration) { write(t, r.From, strings.Repeat("hello ", 1000)) }, ErrAltered, "not a journal"},
		{"cut off", func(t *testing.T, r *Restoration) {
			if err := os.Truncate(r.From, 3*4096); err != nil {
				t.Fatal(err)
			}
		}, ErrAltered, ""},
		{"edited", func(t *testing.T, r *Restoration) {
			alter(t, r.From, `UPDATE entries SET entry = replace(entry, 'alice', 'carol') WHERE seq = 1`)
		}, ErrAltered, "leaf 1 "},
		{"newer", func(t *testing.T, r *Restoration) {
			alter(t, r.From, `INSERT INTO schema_version (version, applied) VALUES (9999, 0)`)
		}, ErrNewer, "9999"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, backup, _ := lost(t)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			r := restoration(path, backup)
			tt.do(t, &r)
			_, err = Restore(t.Context(), r)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v; want %v that says %q", err, tt.want, tt.says)
			}
			after, err := os.ReadFile(path)
			if err != nil || string(after) != string(before) {
				t.Errorf("the journal is another now, %v", err)
			}
			if left, err := filepath.Glob(filepath.Dir(path) + "/*palyra*"); err != nil || len(left) != 1 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// A restoration that dies at the last step is done again.
func TestRestoreAgain(t *testing.T) {
	path, backup, _ := lost(t)
	r := restoration(path, backup)
	if err := r.setAside(t.Context(), path+".replaced-before"); err != nil {
		t.Fatal(err)
	}
	j, err := Open(context.Background(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if jobs, err := j.Jobs(t.Context()); err != nil || len(jobs) != 5 {
		t.Errorf("in between: %d jobs, %v; want the old journal, whole", len(jobs), err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if done, err := Restore(t.Context(), r); err != nil || done.Paused != 3 {
		t.Errorf("%+v, %v", done, err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
