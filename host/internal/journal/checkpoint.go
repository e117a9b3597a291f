package journal

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// After how many leaves, and after how long, the tree is signed.
const (
	checkpointLeaves = 4096
	checkpointAge    = 10 * time.Minute
)

// loadKey reads the key of this state, made at the first open, and whose
// signatures count.
func (t *tx) loadKey(id string) error {
	var private string
	err := t.each(`SELECT value FROM meta WHERE key = 'signer'`, nil, func(row scanner) error { return row.Scan(&private) })
	if err != nil {
		return err
	}
	if private == "" {
		var public string
		if private, public, err = note.GenerateKey(rand.Reader, "palyra-journal-"+id); err != nil {
			return fmt.Errorf("key of the history tree: %w", err)
		}
		// After a restore there is a verifier before: its signatures go on counting.
		if _, err := t.exec(`INSERT INTO meta (key, value) VALUES ('signer', $1)`, private); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO meta (key, value) VALUES ('verifiers', $1)
			ON CONFLICT (key) DO UPDATE SET value = meta.value || ' ' || excluded.value`, public); err != nil {
			return err
		}
	}
	t.j.signer, err = note.NewSigner(private)
	return err
}

func verifiers(list string) (note.Verifiers, error) {
	var all []note.Verifier
	for key := range strings.FieldsSeq(list) {
		v, err := note.NewVerifier(key)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return note.VerifierList(all...), nil
}

// Checkpoint signs the history tree as it is and returns the note: keep it where
// whoever can write the journal cannot write. [Journal.Verify] finds by it what
// was rewritten, and signed again, since.
//
// It has the form of a transparency-log checkpoint (c2sp.org/tlog-checkpoint):
// the name of the state, the number of leaves, the root hash in base64, an empty
// line, signatures.
func (j *Journal) Checkpoint(ctx context.Context) ([]byte, error) {
	var signed []byte
	err := j.write(ctx, func(t *tx) (err error) {
		signed, err = t.sign()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return signed, nil
}

// sign writes a checkpoint of the entries that are committed.
func (t *tx) sign() ([]byte, error) {
	grown := t.j.tail.tree
	signed, err := note.Sign(&note.Note{Text: checkpointText(t.j.signer.Name(), grown)}, t.j.signer)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	_, err = t.exec(`INSERT INTO checkpoints (size, at, note, seq, peaks) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (size) DO UPDATE SET at = excluded.at, note = excluded.note, seq = excluded.seq, peaks = excluded.peaks`,
		grown.size, t.at, string(signed), t.j.tail.seq, formatHashes(grown.peaks))
	if err == nil {
		t.j.signed, t.j.signedAt = grown.size, t.at
	}
	return signed, err
}

func checkpointText(name string, t tree) string {
	root := t.root()
	return fmt.Sprintf("%s\n%d\n%s\n", name, t.size, base64.StdEncoding.EncodeToString(root[:]))
}

// point is what a checkpoint says.
type point struct {
	name string
	size int64
	root tlog.Hash
}

// openCheckpoint reads a checkpoint that one of these has signed.
func openCheckpoint(signed []byte, known note.Verifiers) (point, error) {
	n, err := note.Open(signed, known)
	if err != nil {
		return point{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 {
		return point{}, ErrCheckpoint
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return point{}, ErrCheckpoint
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return point{}, ErrCheckpoint
	}
	return point{lines[0], size, tlog.Hash(root)}, nil
}

// signDue signs the tree when that is due, in a transaction of its own. The
// caller has the turn.
func (j *Journal) signDue(ctx context.Context, now bool) {
	grown, at := j.tail.tree.size, time.Now().UnixMicro()
	if j.signer == nil || j.full != nil || j.broken != nil || grown == j.signed ||
		!now && grown-j.signed < checkpointLeaves && at-j.signedAt < checkpointAge.Microseconds() {
		return
	}
	j.commit([]*op{{ctx: ctx, do: func(t *tx) error {
		_, err := t.sign()
		return err
	}}})
}
