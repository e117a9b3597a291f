package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Verdict is what a verification found.
type Verdict struct {
	Entries     int64
	Leaves      int64     // of the whole tree
	Cut         int64     // leaves that retention has cut off, unchecked
	Checkpoints int       // that were compared
	Signed      time.Time // when the tree was last signed
	Problems    []string  // empty: nothing was altered
}

const maxProblems = 20

// Verify computes the history tree anew from the entries, and compares it with
// the stored hashes, with every signed checkpoint, and with those that were
// exported. It says of every difference where it is.
func (j *Journal) Verify(ctx context.Context, exported ...[]byte) (Verdict, error) {
	var own *tail
	var view *sql.Tx
	// What is read and what this daemon knows of it are of the same moment.
	err := j.write(ctx, func(t *tx) (err error) {
		end := t.j.tail
		own = &end
		if view != nil { // it is done again
			_ = view.Rollback()
		}
		view, err = look(ctx, j.readers)
		return err
	})
	if unwritable(err) {
		own = nil
		if err = nil; view == nil {
			view, err = look(ctx, j.readers)
		}
	}
	if err != nil {
		return Verdict{}, fmt.Errorf("verify: %w", err)
	}
	defer view.Rollback() // it only reads
	v, err := verifyAll(ctx, view, exported, own)
	if err != nil {
		return v, fmt.Errorf("verify: %w", err)
	}
	return v, nil
}

// look begins to read at what is committed now.
func look(ctx context.Context, db *sql.DB) (*sql.Tx, error) {
	view, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	var n int
	if err := view.QueryRowContext(ctx, `SELECT COUNT(*) FROM meta`).Scan(&n); err != nil {
		return nil, errors.Join(err, view.Rollback())
	}
	return view, nil
}

// VerifyFile is [Journal.Verify] for a journal that nobody has open. It changes
// nothing.
func VerifyFile(ctx context.Context, path string, exported ...[]byte) (Verdict, error) {
	db, err := openSQLite(readerDSN(path), 1)
	if err != nil {
		return Verdict{}, fmt.Errorf("verify %s: %w", path, err)
	}
	defer db.Close() // it only read
	view, err := look(ctx, db)
	if err != nil {
		return Verdict{}, fmt.Errorf("verify %s: %w", path, explain(err))
	}
	defer view.Rollback()
	v, err := verifyAll(ctx, view, exported, nil)
	if err != nil {
		return v, fmt.Errorf("verify %s: %w", path, explain(err))
	}
	return v, nil
}

// verifier walks along the entries.
type verifier struct {
	Verdict
	grown   tree
	seq     int64
	entries [][]byte // of the leaf under way
	leaf    int64
	stored  string // its hashes
	points  map[int64][]claimed
	good    int64 // leaves up to the last checkpoint that is right
	lost    bool  // leaves are missing: the tree cannot be computed any more
	misfit  bool  // some leaf does not fit those before it
}

// claimed is a root that the tree should have at some size, and who says so.
type claimed struct {
	root tlog.Hash
	by   string
}

func (v *verifier) problem(format string, args ...any) {
	switch len(v.Problems) {
	case maxProblems + 1:
	case maxProblems:
		v.Problems = append(v.Problems, "and more")
	default:
		v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
	}
}

// verifyAll verifies what is in view. own is where its daemon knows its end to be.
func verifyAll(ctx context.Context, view *sql.Tx, exported [][]byte, own *tail) (Verdict, error) {
	v := &verifier{points: map[int64][]claimed{}}
	b, err := readBase(func(query string, args ...any) scanner { return view.QueryRowContext(ctx, query, args...) })
	if err != nil {
		return v.Verdict, err
	}
	if v.grown, err = b.tree(); err != nil {
		v.problem("where the history was cut, at leaf %d: %v", b.Leaf, err)
		v.lost = true
	}
	v.seq, v.Cut, v.leaf = b.Seq, b.Leaf, b.Leaf
	if err := v.expect(ctx, view, exported); err != nil {
		return v.Verdict, err
	}
	v.compare()
	if err := v.walk(ctx, view); err != nil {
		return v.Verdict, err
	}
	v.Leaves = v.grown.size
	if own != nil && !v.lost && (own.tree.size != v.grown.size || own.tree.root() != v.grown.root()) {
		v.problem("here are %d leaves and not the %d that this daemon wrote, or not the same: somebody else writes to the journal", v.grown.size, own.tree.size)
	}
	for _, size := range slices.Sorted(maps.Keys(v.points)) {
		for _, c := range v.points[size] {
			switch {
			case size < b.Leaf && c.by != exportedName:
			case size < b.Leaf:
				v.problem("%s is of leaf %d, and what came before leaf %d was cut off by retention: it cannot be compared", c.by, size, b.Leaf)
			case !v.lost:
				v.problem("%s knows %d leaves, here are %d: the end is missing", c.by, size, v.grown.size)
			}
		}
	}
	return v.Verdict, nil
}

const exportedName = "the exported checkpoint"

// expect reads the checkpoints.
func (v *verifier) expect(ctx context.Context, view *sql.Tx, exported [][]byte) error {
	var list string
	err := view.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'verifiers'`).Scan(&list)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	known, err := verifiers(list)
	if err != nil {
		v.problem("the keys of the history tree: %v", err)
		known = note.VerifierList()
	}
	rows, err := view.QueryContext(ctx, `SELECT size, at, note FROM checkpoints ORDER BY size`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var size, at int64
		var signed []byte
		if err := rows.Scan(&size, &at, &signed); err != nil {
			return err
		}
		v.Signed = instant(at)
		by := fmt.Sprintf("the checkpoint of leaf %d", size)
		p, err := openCheckpoint(signed, known)
		if err != nil || p.size != size {
			v.problem("%s was altered: %v", by, err)
			continue
		}
		v.points[size] = append(v.points[size], claimed{p.root, by})
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, signed := range exported {
		p, err := openCheckpoint(signed, known)
		if unknown, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
			v.problem("%s is signed by a key that this journal does not know: it is of another state, or the journal was replaced (%v)",
				exportedName, unknown)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", exportedName, err)
		}
		v.points[p.size] = append(v.points[p.size], claimed{p.root, exportedName})
	}
	return nil
}

func (v *verifier) walk(ctx context.Context, view *sql.Tx) error {
	rows, err := view.QueryContext(ctx, `SELECT seq, leaf, entry, hashes FROM entries WHERE seq > $1 ORDER BY seq`, v.seq)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var seq, leaf int64
		var entry []byte
		var hashes string
		if err := rows.Scan(&seq, &leaf, &entry, &hashes); err != nil {
			return err
		}
		v.step(seq, leaf, entry, hashes)
	}
	v.end()
	return rows.Err()
}

func (v *verifier) step(seq, leaf int64, entry []byte, hashes string) {
	v.Entries++
	if seq != v.seq+1 {
		v.problem("entries %d to %d are missing", v.seq+1, seq-1)
	}
	if leaf != v.leaf || v.stored != "" {
		v.end()
		if leaf != v.leaf+1 && !v.lost {
			v.problem("entry %d is of leaf %d, after leaf %d: leaves are missing or out of order, the rest cannot be computed", seq, leaf, v.leaf)
			v.lost = true
		}
		v.leaf = leaf
	}
	v.seq = seq
	v.entries = append(v.entries, slices.Clone(entry))
	v.stored = hashes
}

// end compares the leaf under way.
func (v *verifier) end() {
	defer func() { v.entries, v.stored = v.entries[:0], "" }()
	if len(v.entries) == 0 || v.lost {
		return
	}
	hash := leafHash(v.entries)
	stored, err := parseHashes(v.stored)
	if err != nil || len(stored) == 0 {
		v.problem("%s has no hashes: it was altered or added", v.where())
		stored = []tlog.Hash{hash}
	}
	if stored[0] != hash {
		v.problem("%s was altered", v.where())
	}
	var complete []tlog.Hash
	// What is wrong with one leaf is not told of those after it.
	v.grown, complete = v.grown.grow(stored[0])
	if !slices.Equal(complete, stored) && !v.misfit {
		v.problem("%s does not fit what came before it: leaves or their hashes were altered or are missing", v.where())
		v.misfit = true // so do not those after it
	}
	v.compare()
}

// where names the leaf under way.
func (v *verifier) where() string {
	first := v.seq - int64(len(v.entries)) + 1
	var e struct {
		At   int64  `json:"at"`
		Kind string `json:"kind"`
	}
	_ = json.Unmarshal(v.entries[0], &e) // it may be anything
	return fmt.Sprintf("leaf %d (entries %d to %d, %s at %s)", v.leaf, first, first+int64(len(v.entries))-1, e.Kind, instant(e.At).Format(timeForm))
}

// compare holds the tree against the checkpoints of its size.
func (v *verifier) compare() {
	for _, c := range v.points[v.grown.size] {
		if v.grown.root() != c.root {
			v.problem("%s is of another history: something in leaves %d to %d was rewritten", c.by, v.good+1, v.grown.size)
		} else {
			v.good = v.grown.size
		}
		v.Checkpoints++
	}
	delete(v.points, v.grown.size)
}

func readBase(row func(string, ...any) scanner) (base, error) {
	var b base
	var text string
	err := row(`SELECT value FROM meta WHERE key = 'base'`).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return b, nil
	}
	if err == nil {
		err = decode("base of the entries", text, &b)
	}
	return b, err
}
