package journal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/palyra-go/palyra/host/internal/failpoint"
)

// Limits say what the journal keeps at most; zero fields do not limit.
type Limits struct {
	Runs  int64         // rows of runs that have ended
	Age   time.Duration // since a run ended
	Bytes int64         // of the database
}

// Trimmed is what a [Journal.Trim] took away.
type Trimmed struct {
	Runs, Entries int64
	Pages         int64 // given back to the file system
	More          bool  // there is more to take away
}

// A trim works in slices, so that nobody waits long, and does not do all at once.
const (
	sliceRows  = 500
	slicePages = 500
	maxSlices  = 20
)

// The kinds of entries of a trim.
const (
	kindTrim = "journal.trim"
	kindCut  = "journal.cut"
)

// Trim takes away what is beyond the limits: of the runs the oldest, then the
// entries of their time, which are cut off at a signed checkpoint, then free
// pages. It leaves open runs, runs whose effect is due, and the latest run of
// every job there is.
func (j *Journal) Trim(ctx context.Context, limits Limits) (Trimmed, error) {
	var done Trimmed
	w := trimming{j: j, limits: limits, done: &done, after: j.resume(0)}
	err := w.all(ctx)
	if done.More && !w.looked {
		j.resume(w.after) // else those that stay would be looked at again and again
	}
	if err != nil {
		return done, fmt.Errorf("trim: %w", err)
	}
	return done, nil
}

// resume returns where the last trim broke off, and says where the next one
// begins.
func (j *Journal) resume(next int64) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	after := j.looked
	j.looked = next
	return after
}

type trimming struct {
	j       *Journal
	limits  Limits
	done    *Trimmed
	slices  int
	looked  bool  // at all runs
	after   int64 // seq of the last run that was looked at
	through int64 // runs up to this seq are too many
	cutoff  int64 // runs that ended before are too old
	horizon int64 // entries before are not needed
}

func (w *trimming) all(ctx context.Context) error {
	if w.limits.Age > 0 {
		w.cutoff = time.Now().Add(-w.limits.Age).UnixMicro()
		w.horizon = w.cutoff
	}
	if w.limits.Runs > 0 {
		row := w.j.readers.QueryRowContext(ctx, `SELECT COALESCE((SELECT seq FROM run_rows ORDER BY seq DESC LIMIT 1 OFFSET $1), 0)`, w.limits.Runs)
		if err := row.Scan(&w.through); err != nil {
			return err
		}
	}
	for _, part := range []func(*tx) (more bool, err error){w.runs, w.cut, w.entries, w.pages} {
		for more := true; more; w.slices++ {
			if w.slices >= maxSlices {
				w.done.More = true
				return nil
			}
			if err := w.j.write(ctx, func(t *tx) (err error) {
				more, err = part(t)
				failpoint.At("journal.trim")
				return err
			}); err != nil {
				return err
			}
			failpoint.At("journal.trimmed")
		}
	}
	return nil
}

// old is a run that a trim looks at.
type old struct {
	seq, terms, created, ended int64
	id                         string
	needed                     bool
}

// runs takes away one slice of runs.
func (w *trimming) runs(t *tx) (bool, error) {
	heavy, err := w.heavy(t)
	if err != nil {
		return false, err
	}
	var seen []old
	err = t.each(`SELECT r.seq, r.id, r.terms, r.created, r.ended, r.ended = 0
			OR EXISTS (SELECT 1 FROM effects WHERE run = r.id)
			OR EXISTS (SELECT 1 FROM terms t JOIN jobs j ON j.id = t.job JOIN cursors c ON c.job = t.job
				WHERE t.id = r.terms AND r.seq IN (c.run, c.latest))
		FROM run_rows r WHERE r.seq > $1 ORDER BY r.seq LIMIT $2`, []any{w.after, sliceRows}, func(row scanner) error {
		var o old
		err := row.Scan(&o.seq, &o.id, &o.terms, &o.created, &o.ended, &o.needed)
		seen = append(seen, o)
		return err
	})
	if err != nil {
		return false, err
	}
	after, horizon := w.after, w.horizon
	var gone []old
	more := len(seen) == sliceRows
	for _, o := range seen {
		if o.seq > w.through && o.created >= w.cutoff && !heavy {
			more = false // so are all that follow
			if len(gone)+int(w.done.Runs) > 0 {
				horizon = max(horizon, o.created)
			}
			break
		}
		after = o.seq
		if !o.needed && (o.seq <= w.through || o.ended < w.cutoff || heavy) {
			gone, horizon = append(gone, o), max(horizon, o.created)
		}
	}
	if err := t.forget(gone); err != nil {
		return false, err
	}
	w.after, w.horizon, w.looked = after, horizon, !more
	w.done.Runs += int64(len(gone))
	return more, nil
}

// heavy reports whether the database is over its bytes.
func (w *trimming) heavy(t *tx) (bool, error) {
	if w.limits.Bytes <= 0 {
		return false, nil
	}
	var pages, free int64
	if err := t.row(`SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count`).Scan(&pages, &free); err != nil {
		return false, err
	}
	return (pages-free)*4096 > w.limits.Bytes, nil
}

// trimFact is what an entry says about a trim.
type trimFact struct {
	Runs  int64 `json:"runs,omitempty"`
	First int64 `json:"first,omitempty"` // when the first of them ended
	Last  int64 `json:"last,omitempty"`
	Leaf  int64 `json:"leaf,omitempty"` // up to which the history is cut off
	Seq   int64 `json:"seq,omitempty"`
}

func (t *tx) forget(gone []old) error {
	if len(gone) == 0 {
		return nil
	}
	fact := trimFact{Runs: int64(len(gone)), First: gone[0].ended}
	ids, seqs := make([]any, len(gone)), make([]any, len(gone))
	for i, o := range gone {
		ids[i], seqs[i] = o.id, o.seq
		fact.Last = max(fact.Last, o.ended)
	}
	for _, portion := range portions {
		for ; len(ids) >= portion; ids, seqs = ids[portion:], seqs[portion:] {
			list := sqlite.list(portion)
			if _, err := t.exec(`DELETE FROM attempts WHERE run IN `+list, ids[:portion]...); err != nil {
				return err
			}
			if _, err := t.exec(`DELETE FROM run_rows WHERE seq IN `+list, seqs[:portion]...); err != nil {
				return err
			}
		}
	}
	had := map[int64]int64{}
	for _, o := range gone {
		had[o.terms]++
	}
	for _, id := range slices.Sorted(maps.Keys(had)) {
		if err := t.release(id, had[id]); err != nil {
			return err
		}
	}
	if err := t.noteTrimmed(fact.Last); err != nil {
		return err
	}
	return t.record(kindTrim, daemon, "", fact)
}

// cut moves the beginning of the entries to the last checkpoint before the
// horizon.
func (w *trimming) cut(t *tx) (bool, error) {
	now, err := readBase(t.row)
	if err != nil {
		return false, err
	}
	next := now
	if err := t.each(`SELECT seq, size, peaks FROM checkpoints WHERE at < $1 AND size > $2 ORDER BY size DESC LIMIT 1`,
		[]any{w.horizon, now.Leaf}, func(row scanner) error {
			return row.Scan(&next.Seq, &next.Leaf, &next.Peaks)
		}); err != nil {
		return false, err
	}
	if next.Leaf == now.Leaf {
		return false, nil
	}
	text, err := encode("base of the entries", next)
	if err != nil {
		return false, err
	}
	if _, err := t.exec(`INSERT INTO meta (key, value) VALUES ('base', $1)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, text); err != nil {
		return false, err
	}
	if _, err := t.exec(`DELETE FROM checkpoints WHERE size < $1`, next.Leaf); err != nil {
		return false, err
	}
	return false, t.record(kindCut, daemon, "", trimFact{Leaf: next.Leaf, Seq: next.Seq})
}

// entries takes away one slice of the entries that were cut off.
func (w *trimming) entries(t *tx) (bool, error) {
	b, err := readBase(t.row)
	if err != nil {
		return false, err
	}
	n, err := t.exec(`DELETE FROM entries WHERE seq <= $1 AND seq <= $2 + (SELECT COALESCE(MIN(seq), 0) FROM entries)`, b.Seq, sliceRows)
	w.done.Entries += n
	return n > sliceRows, err
}

// pages gives one slice of free pages back to the file system.
func (w *trimming) pages(t *tx) (bool, error) {
	free := func() (n int64, err error) {
		err = t.row(`SELECT freelist_count FROM pragma_freelist_count`).Scan(&n)
		return n, err
	}
	before, err := free()
	if err != nil || before == 0 {
		return false, err
	}
	if _, err := t.exec(fmt.Sprintf("PRAGMA incremental_vacuum(%d)", slicePages)); err != nil {
		return false, err
	}
	after, err := free()
	w.done.Pages += before - after
	return after > 0 && after < before, err
}
