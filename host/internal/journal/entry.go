package journal

import (
	"context"
	"encoding/json"
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

const daemon = `System::"daemon"`

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
	kindRepair  = "schedule.repair"
)

// noted is one fact that a transaction will record.
type noted struct {
	kind, actor, subject string
	fact                 []byte // canonical
}

// note records a fact with the transaction, if its operation goes well.
func (t *tx) note(kind, actor, subject string, canonical []byte) {
	t.notes = append(t.notes, noted{kind, actor, subject, canonical})
}

// record notes a fact that is not canonical yet.
func (t *tx) record(kind, actor, subject string, fact any) error {
	canonical, err := canonicalize(fact)
	if err != nil {
		return fmt.Errorf("entry %s: %w", kind, err)
	}
	t.note(kind, actor, subject, canonical)
	return nil
}

func canonicalize(fact any) ([]byte, error) {
	b, err := json.Marshal(fact)
	if err != nil {
		return nil, err
	}
	value := jsontext.Value(b)
	err = value.Canonicalize()
	return value, err
}

// appendEntries writes the facts of the transaction, those alike in one entry,
// and grows the history tree by them.
func (t *tx) appendEntries() error {
	if len(t.notes) == 0 {
		return nil
	}
	t.tail = t.j.tail
	groups := t.grouped()
	texts := make([][]byte, len(groups))
	for i, g := range groups {
		texts[i] = g.append(nil, t.at)
	}
	grown, complete := t.tail.tree.grow(leafHash(texts))
	t.tail.tree = grown
	for i, text := range texts {
		t.tail.seq++
		hashes := ""
		if i == len(texts)-1 {
			hashes = formatHashes(complete)
		}
		if _, err := t.exec(`INSERT INTO entries (seq, leaf, entry, hashes) VALUES ($1, $2, $3, $4)`,
			t.tail.seq, grown.size, string(text), hashes); err != nil {
			return err
		}
	}
	return nil
}

// group is the facts that share an entry.
type group struct {
	kind, actor, subject string
	facts                [][]byte
	size                 int
}

// grouped returns the facts of the transaction by kind and actor, in the order
// in which each of these came first.
func (t *tx) grouped() []*group {
	type likeness struct{ kind, actor string }
	var all []*group
	by := map[likeness]*group{}
	var g *group
	for _, n := range t.notes {
		if g == nil || g.kind != n.kind || g.actor != n.actor {
			if g = by[likeness{n.kind, n.actor}]; g == nil {
				g = &group{kind: n.kind, actor: n.actor, subject: n.subject}
				by[likeness{n.kind, n.actor}] = g
				all = append(all, g)
			}
		}
		if g.subject != n.subject {
			g.subject = ""
		}
		g.facts = append(g.facts, n.fact)
		g.size += len(n.fact) + 1
	}
	return all
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
		Actor   string          `json:"actor"`
		At      int64           `json:"at"`
		Data    json.RawMessage `json:"data"`
		Kind    string          `json:"kind"`
		Subject string          `json:"subject"`
	}
	if err := json.Unmarshal(e.Canonical, &w); err != nil {
		return fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	e.At, e.Kind, e.Actor, e.Subject, e.Data = instant(w.At), w.Kind, w.Actor, w.Subject, w.Data
	return nil
}

// announce tells who waits for entries that there are some.
func (j *Journal) announce(last int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last = last
	close(j.fresh)
	j.fresh = make(chan struct{})
}

// Last returns the seq of the last entry, 0 if there is none.
func (j *Journal) Last() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Wait returns when there is an entry with a seq above after.
func (j *Journal) Wait(ctx context.Context, after int64) error {
	for {
		j.mu.Lock()
		last, fresh := j.last, j.fresh
		j.mu.Unlock()
		if last > after {
			return nil
		}
		select {
		case <-fresh:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
