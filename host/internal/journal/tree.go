package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is a history tree (RFC 6962) of so many leaves: all that is needed of it
// to go on. Its peaks are the roots of the complete subtrees it falls into, the
// greatest first. It is a value.
type tree struct {
	size  int64
	peaks []tlog.Hash
}

// grow returns the tree with one more leaf, and the hashes that are complete by
// it: of the leaf, of the subtree of two that it ends, of four, …
func (t tree) grow(leaf tlog.Hash) (tree, []tlog.Hash) {
	complete := []tlog.Hash{leaf}
	peaks := t.peaks
	for n := t.size; n&1 == 1; n >>= 1 {
		leaf = tlog.NodeHash(peaks[len(peaks)-1], leaf)
		peaks = peaks[:len(peaks)-1]
		complete = append(complete, leaf)
	}
	return tree{t.size + 1, append(peaks[:len(peaks):len(peaks)], leaf)}, complete
}

// root is the hash of the whole tree.
func (t tree) root() tlog.Hash {
	if t.size == 0 {
		empty, _ := tlog.TreeHash(0, nil) // reads nothing
		return empty
	}
	root := t.peaks[len(t.peaks)-1]
	for i := len(t.peaks) - 2; i >= 0; i-- {
		root = tlog.NodeHash(t.peaks[i], root)
	}
	return root
}

// leafHash is the hash of a leaf of these entries.
func leafHash(entries [][]byte) tlog.Hash {
	h := sha256.New()
	h.Write([]byte{0}) // as tlog.RecordHash has it
	for _, e := range entries {
		h.Write(e)
		h.Write([]byte{'\n'})
	}
	return tlog.Hash(h.Sum(nil))
}

func formatHashes(hashes []tlog.Hash) string {
	b := make([]byte, 0, 2*tlog.HashSize*len(hashes))
	for _, h := range hashes {
		b = hex.AppendEncode(b, h[:])
	}
	return string(b)
}

var errHashes = errors.New("not hashes")

func parseHashes(text string) ([]tlog.Hash, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b)%tlog.HashSize != 0 {
		return nil, errHashes
	}
	hashes := make([]tlog.Hash, len(b)/tlog.HashSize)
	for i := range hashes {
		copy(hashes[i][:], b[i*tlog.HashSize:])
	}
	return hashes, nil
}

// tail is where the entries end. Owned by who has the turn.
type tail struct {
	seq  int64
	tree tree
}

// base is where the entries begin: what came before was cut off at a checkpoint.
type base struct {
	Seq   int64  `json:"seq"`  // of the last entry that was cut off
	Leaf  int64  `json:"leaf"` // the same
	Peaks string `json:"peaks"`
}

func (b base) tree() (tree, error) {
	peaks, err := parseHashes(b.Peaks)
	if err == nil && len(peaks) != bits.OnesCount64(uint64(b.Leaf)) {
		err = errHashes
	}
	return tree{b.Leaf, peaks}, err
}

// loadTail reads where the entries end: it goes on from the last checkpoint.
func (t *tx) loadTail() (tail, error) {
	b, err := readBase(t.row)
	if err != nil {
		return tail{}, err
	}
	from := b
	if err := t.each(`SELECT seq, size, peaks, at FROM checkpoints ORDER BY size DESC LIMIT 1`, nil, func(row scanner) error {
		return row.Scan(&from.Seq, &from.Leaf, &from.Peaks, &t.j.signedAt)
	}); err != nil {
		return tail{}, err
	}
	if from.Leaf < b.Leaf {
		from = b
	}
	t.j.signed = from.Leaf
	end := tail{seq: from.Seq}
	if end.tree, err = from.tree(); err != nil {
		return end, fmt.Errorf("history tree at leaf %d: %w", from.Leaf, err)
	}
	return end, t.each(`SELECT seq, hashes FROM entries WHERE seq > $1 ORDER BY seq`, []any{end.seq}, func(row scanner) error {
		var text string
		if err := row.Scan(&end.seq, &text); err != nil || text == "" {
			return err
		}
		hashes, err := parseHashes(text)
		if err != nil || len(hashes) == 0 {
			return fmt.Errorf("history tree at entry %d: %w", end.seq, errHashes)
		}
		end.tree, _ = end.tree.grow(hashes[0])
		return nil
	})
}

// plant computes the history tree of entries that have none.
func (t *tx) plant() error {
	var grown tree
	var leaf int64
	var entries [][]byte
	var last int64
	type done struct {
		seq    int64
		hashes string
	}
	var all []done
	end := func() {
		if len(entries) == 0 {
			return
		}
		var complete []tlog.Hash
		grown, complete = grown.grow(leafHash(entries))
		all = append(all, done{last, formatHashes(complete)})
		entries = entries[:0]
	}
	err := t.each(`SELECT seq, leaf, entry FROM entries ORDER BY seq`, nil, func(row scanner) error {
		var seq, of int64
		var text []byte
		if err := row.Scan(&seq, &of, &text); err != nil {
			return err
		}
		if of != leaf {
			end()
			leaf = of
		}
		last, entries = seq, append(entries, text)
		return nil
	})
	if err != nil {
		return err
	}
	end()
	for _, d := range all {
		if _, err := t.exec(`UPDATE entries SET hashes = $2 WHERE seq = $1`, d.seq, d.hashes); err != nil {
			return err
		}
	}
	return nil
}
