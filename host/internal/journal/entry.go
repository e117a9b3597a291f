package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Entry is one line of the audit trail.
type Entry struct {
	Seq       int64
	Leaf      int64
	At        time.Time
	Kind      string
	Actor     string // the principal as Cedar writes it
	Subject   string
	Data      json.RawMessage
	Canonical []byte // what the history tree is made of
}

// The kinds of entries that the journal itself names.
const (
	kindBegin   = "run.begin"
	kindAdvance = "run.advance"
	kindFinish  = "run.finish"
	kindEffect  = "effect.done"
	kindDelete  = "job.delete"
	kindAdmit   = "skill.admit"
	kindRemove  = "skill.remove"
	kindTrust   = "publisher.trust"
)

// note is one fact that a transaction will record.
type note struct {
	kind, actor, subject string
	fact                 any
}

// note records a fact with the transaction, if its operation goes well.
func (t *tx) note(kind, actor, subject string, fact any) {
	t.notes = append(t.notes, note{kind, actor, subject, fact})
}

// wire is the form of an entry before it is made canonical.
type wire struct {
	Actor   string   `json:"actor"`
	At      int64    `json:"at"`
	Data    wireData `json:"data"`
	Kind    string   `json:"kind"`
	Subject string   `json:"subject"`
	Version int      `json:"v"`
}

type wireData struct {
	Facts []any `json:"facts"`
}

// appendEntries writes the facts of the transaction, those alike in one entry.
func (t *tx) appendEntries() error {
	if len(t.notes) == 0 {
		return nil
	}
	var seq, leaf int64
	err := t.row(`SELECT seq, leaf FROM entries ORDER BY seq DESC LIMIT 1`).Scan(&seq, &leaf)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	for _, w := range t.grouped() {
		seq++
		canonical, err := canonicalize(w)
		if err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO entries (seq, leaf, entry) VALUES ($1, $2, $3)`,
			seq, leaf+1, string(canonical)); err != nil {
			return err
		}
	}
	return nil
}

// grouped returns the entries of the transaction, by kind and actor, in the
// order in which each of these came first.
func (t *tx) grouped() []*wire {
	type likeness struct{ kind, actor string }
	var all []*wire
	by := map[likeness]*wire{}
	for _, n := range t.notes {
		w := by[likeness{n.kind, n.actor}]
		if w == nil {
			w = &wire{Actor: n.actor, At: t.at, Kind: n.kind, Subject: n.subject, Version: 1}
			by[likeness{n.kind, n.actor}] = w
			all = append(all, w)
		}
		if w.Subject != n.subject {
			w.Subject = ""
		}
		w.Data.Facts = append(w.Data.Facts, n.fact)
	}
	return all
}

func canonicalize(w *wire) ([]byte, error) {
	b, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", w.Kind, err)
	}
	value := jsontext.Value(b)
	if err := value.Canonicalize(); err != nil {
		return nil, fmt.Errorf("entry %s: %w", w.Kind, err)
	}
	return value, nil
}

// Entries returns up to limit entries with a seq above after, in order.
func (j *Journal) Entries(ctx context.Context, after int64, limit int) ([]Entry, error) {
	return collect(ctx, j, "entries", func(row scanner) (Entry, error) {
		var e Entry
		var text string
		if err := row.Scan(&e.Seq, &e.Leaf, &text); err != nil {
			return e, err
		}
		e.Canonical = []byte(text)
		return e, e.read()
	}, `SELECT seq, leaf, entry FROM entries WHERE seq > $1 ORDER BY seq LIMIT $2`, after, limit)
}

// read fills the entry from its canonical bytes.
func (e *Entry) read() error {
	var w struct {
		wire
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(e.Canonical, &w); err != nil {
		return fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	e.At, e.Kind, e.Actor, e.Subject, e.Data = instant(w.At), w.Kind, w.Actor, w.Subject, w.Data
	return nil
}
