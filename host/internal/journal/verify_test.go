package journal

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/palyra-go/palyra/host/internal/job"
)

// history makes a journal with some leaves, and closes it; a checkpoint was
// exported in their middle.
func history(t *testing.T) (path string, exported []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "palyra.db")
	j, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	v := allowing("a")
	put(t, j, v)
	for n := range 20 {
		begin(t, j, claim(run(v, n+1, job.Running)))
		if n == 9 {
			if exported, err = j.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return path, exported
}

// Whoever changes the file from outside is found, and it is said where.
func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		sql  string
		want string // in the first problem; empty: there is none
	}{
		"untouched":        {``, ""},
		"altered":          {`UPDATE entries SET entry = replace(entry, 'running', 'skipped') WHERE seq = 5`, "leaf 5 (entries 5 to 5, run.begin at "},
		"deleted":          {`DELETE FROM entries WHERE seq = 7`, "entries 7 to 7 are missing"},
		"deleted, seq too": {`DELETE FROM entries WHERE seq = 7; UPDATE entries SET seq = seq - 1, leaf = leaf - 1 WHERE seq > 7`, "leaf 7 (entries 7 to 7"},
		"reordered":        {`UPDATE entries SET seq = -8 WHERE seq = 8; UPDATE entries SET seq = 8 WHERE seq = 9; UPDATE entries SET seq = 9 WHERE seq = -8`, "is of leaf 9, after leaf 7"},
		"swapped":          {`UPDATE entries SET entry = (SELECT entry FROM entries WHERE seq = 9) WHERE seq = 8`, "leaf 8 (entries 8 to 8"},
		"appended":         {`INSERT INTO entries (seq, leaf, entry) VALUES (22, 22, '{}')`, "leaf 22 (entries 22 to 22"},
		"end cut off":      {`DELETE FROM entries WHERE seq > 15`, "knows 21 leaves, here are 15: the end is missing"},
		"inner hash":       {`UPDATE entries SET hashes = substr(hashes, 1, 64) || replace(substr(hashes, 65), 'a', 'b') WHERE seq = 8`, "does not fit what came before"},
		"checkpoint":       {`UPDATE checkpoints SET note = replace(note, '11', '12') WHERE size = 11`, "the checkpoint of leaf 11 was altered"},
		"checkpoint size":  {`UPDATE checkpoints SET size = 12 WHERE size = 11`, "the checkpoint of leaf 12 was altered"},
		"another base":     {`DELETE FROM entries WHERE seq <= 3; INSERT INTO meta VALUES ('base', '{"seq":3,"leaf":3,"peaks":"` + strings.Repeat("ab", 64) + `"}')`, "leaf 4"},
	} {
		t.Run(name, func(t *testing.T) {
			path, exported := history(t)
			alter(t, path, c.sql)
			v, err := VerifyFile(t.Context(), path, exported)
			if err != nil {
				t.Fatal(err)
			}
			problems := strings.Join(v.Problems, "\n")
			if c.want == "" {
				if problems != "" || v.Leaves != 21 || v.Entries != 21 || v.Checkpoints != 3 || v.Signed.IsZero() {
					t.Errorf("%+v", v)
				}
			} else if !strings.Contains(problems, c.want) {
				t.Errorf("got %q, want %q", problems, c.want)
			}
		})
	}
}

func alter(t *testing.T, path, script string) {
	t.Helper()
	db, err := openSQLite(dsn(path, map[string][]string{}), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), script); err != nil {
		t.Fatal(err)
	}
}

// A rewriter who computes all hashes anew and signs again is found by what was
// exported before, and by nothing else.
func TestRewriter(t *testing.T) {
	path, exported := history(t)
	alter(t, path, `UPDATE entries SET entry = replace(entry, 'running', 'skipped') WHERE seq = 5;
		DELETE FROM checkpoints; UPDATE entries SET hashes = ''`)
	rewrite(t, path)
	if v, err := VerifyFile(t.Context(), path); err != nil || len(v.Problems) != 0 || v.Checkpoints != 1 {
		t.Fatalf("a perfect rewriter was found without a checkpoint: %+v, %v", v, err)
	}
	v, err := VerifyFile(t.Context(), path, exported)
	if err != nil || len(v.Problems) != 1 || !strings.Contains(v.Problems[0], "the exported checkpoint is of another history: something in leaves 1 to 11 was rewritten") {
		t.Errorf("%+v, %v", v, err)
	}
	_, other := history(t)
	v, err = VerifyFile(t.Context(), path, other)
	if err != nil || len(v.Problems) != 1 || !strings.Contains(v.Problems[0], "signed by a key that this journal does not know") {
		t.Errorf("of another journal: %+v, %v", v, err)
	}
	if _, err := VerifyFile(t.Context(), path, []byte("no checkpoint")); err == nil {
		t.Error("no checkpoint was taken for one")
	}
}

// rewrite computes the tree anew and has it signed.
func rewrite(t *testing.T, path string) {
	t.Helper()
	db, err := openSQLite(writerDSN(path, "FULL"), 1)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	half := &Journal{conn: conn, stmts: map[string]*sql.Stmt{}, execs: map[string]statement{}}
	if err := (&tx{j: half, ctx: t.Context()}).plant(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	j, err := Open(t.Context(), Config{Path: path})
	if err == nil {
		err = j.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The tree is the one of RFC 6962 as tlog has it.
func TestTree(t *testing.T) {
	var grown tree
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		var all []tlog.Hash
		for _, i := range at {
			all = append(all, stored[i])
		}
		return all, nil
	})
	for n := range int64(200) {
		leaf := []byte(fmt.Sprint("leaf ", n))
		want, err := tlog.StoredHashes(n, leaf, read)
		if err != nil {
			t.Fatal(err)
		}
		before := grown
		kept := append([]tlog.Hash(nil), before.peaks...)
		var complete []tlog.Hash
		grown, complete = grown.grow(tlog.RecordHash(leaf))
		if fmt.Sprint(complete) != fmt.Sprint(want) {
			t.Fatalf("leaf %d: %v, want %v", n, complete, want)
		}
		if fmt.Sprint(before.peaks) != fmt.Sprint(kept) {
			t.Fatalf("leaf %d: the tree before was changed", n)
		}
		stored = append(stored, want...)
		root, err := tlog.TreeHash(n+1, read)
		if err != nil || root != grown.root() {
			t.Fatalf("%d leaves: root %v, want %v, %v", n+1, grown.root(), root, err)
		}
	}
}

// After a crash the tree goes on where the last commit left it.
func TestTreeGoesOn(t *testing.T) {
	path, _ := history(t)
	alter(t, path, `DELETE FROM checkpoints WHERE size > 11`) // as if it had not been closed
	j := openAt(t, path)
	put(t, j, minute("b"))
	v, err := j.Verify(t.Context())
	if err != nil || len(v.Problems) != 0 || v.Leaves != 22 {
		t.Errorf("%+v, %v", v, err)
	}
	alter(t, path, `INSERT INTO entries (seq, leaf, entry, hashes) SELECT 23, 23, entry, hashes FROM entries WHERE seq = 5`)
	if v, err := j.Verify(t.Context()); err != nil || len(v.Problems) == 0 {
		t.Errorf("an added leaf: %+v, %v", v, err)
	}
}
