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
	kindJump    = "clock.jump"
)

// noted is one fact that a transaction will record.
type noted struct {
	kind, actor, subject string
	fact, own            []byte   // canonical: all of it, and what is not in common
	common               string   // what it may have in common with others, or ""
	run                  *runFact // instead of fact and own, which are made when it is known which is needed
}

// note records a fact with the transaction, if its operation goes well.
func (t *tx) note(kind, actor, subject string, canonical []byte) {
	t.notes = append(t.notes, noted{kind: kind, actor: actor, subject: subject, fact: canonical})
}

// noteRun is note of a fact about a run. common is that part of it, if that is
// known.
func (t *tx) noteRun(kind, actor string, fact *runFact, has string) {
	if len(t.runs) == cap(t.runs) {
		t.runs = make([]runFact, 0, 256) // what points into the others stays
	}
	t.runs = append(t.runs, *fact)
	if has == "" {
		has = string(fact.append(nil, common))
	}
	t.notes = append(t.notes, noted{
		kind: kind, actor: actor, subject: string(fact.Run), common: has, run: &t.runs[len(t.runs)-1],
	})
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
	alike                []*alike
	facts                [][]byte // that are like no other
	size                 int
	notes                []*noted
}

// alike is facts that have something in common.
type alike struct {
	all   string
	facts [][]byte
}

// maxAlike is how many kinds of alike facts an entry has at most.
const maxAlike = 32

// grouped returns the facts of the transaction by kind and actor, in the order
// in which each of these came first.
func (t *tx) grouped() []*group {
	type likeness struct{ kind, actor string }
	var all []*group
	by := map[likeness]*group{}
	var g *group
	for i := range t.notes {
		n := &t.notes[i]
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
		g.notes = append(g.notes, n)
	}
	for _, g := range all {
		t.compare(g)
	}
	return all
}

// compare parts the facts of a group into those that are alike and the others.
func (t *tx) compare(g *group) {
	by := map[string]int{}
	for _, n := range g.notes {
		by[n.common]++
	}
	delete(by, "")
	found := map[string]*alike{}
	for _, n := range g.notes {
		fact := n.fact
		if a := found[n.common]; a != nil || by[n.common] > 1 && len(found) < maxAlike {
			if a == nil {
				a = &alike{all: n.common}
				found[n.common] = a
				g.alike = append(g.alike, a)
				g.size += len(n.common) + 32
			}
			if fact = n.own; n.run != nil {
				fact = t.encoded(n.run, own)
			}
			a.facts = append(a.facts, fact)
		} else {
			if n.run != nil {
				fact = t.encoded(n.run, whole)
			}
			g.facts = append(g.facts, fact)
		}
		g.size += len(fact) + 1
	}
}

// encoded returns the part of a fact.
func (t *tx) encoded(fact *runFact, of part) []byte {
	if cap(t.facts)-len(t.facts) < 1<<10 {
		t.facts = make([]byte, 0, 64<<10)
	}
	start := len(t.facts)
	t.facts = fact.append(t.facts, of)
	return t.facts[start:len(t.facts):len(t.facts)]
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
