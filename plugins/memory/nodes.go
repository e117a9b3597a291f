package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/oklog/ulid/v2"

	"github.com/palyra-go/palyra/sdk"
)

// The limits of one put.
const (
	maxNodes = 1000
	maxText  = 16 << 10 // bytes
)

// Node is a piece of text as it is put.
type Node struct {
	Text   string   `json:"text"`
	Source string   `json:"source,omitempty"`
	Tags   []string `json:"tags,omitempty"`
	TTL    string   `json:"ttl,omitempty"` // Go duration; empty: kept by ttl_days
}

type putIn struct {
	Nodes []Node `json:"nodes"`
}

type putOut struct {
	IDs []string `json:"ids"`
}

func (o putOut) Summary() string { return fmt.Sprintf("stored %d nodes", len(o.IDs)) }

// put stores all nodes, or none.
func (m *memory) put(ctx context.Context, in putIn) (putOut, error) {
	now := time.Now()
	rows := make([]row, len(in.Nodes))
	for i, n := range in.Nodes {
		var err error
		if rows[i], err = newRow(n, now); err != nil {
			return putOut{}, &sdk.Error{Code: "bad_node", Message: fmt.Sprintf("node %d: %v", i+1, err)}
		}
	}
	if len(rows) == 0 || len(rows) > maxNodes {
		return putOut{}, &sdk.Error{Code: "bad_input", Message: fmt.Sprintf("%d nodes; want 1 to %d", len(rows), maxNodes)}
	}
	db, err := m.open(ctx)
	if err != nil {
		return putOut{}, err
	}
	out := putOut{IDs: make([]string, len(rows))}
	err = atomically(ctx, db, func(tx *sql.Tx) error {
		for i, r := range rows {
			out.IDs[i] = r.id
			if _, err := tx.ExecContext(ctx, `INSERT INTO nodes (id, text, source, tags, size, created, accessed, expires)
				VALUES ($1, $2, $3, $4, $5, $6, 0, $7)`, r.id, r.text, r.source, r.tags, r.size, micros(now), r.expires); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return putOut{}, storeError("put", err)
	}
	return out, nil
}

// row is a node as it is stored.
type row struct {
	id, text, source, tags string
	size                   int
	expires                sql.NullInt64
}

func newRow(n Node, now time.Time) (row, error) {
	if strings.TrimSpace(n.Text) == "" {
		return row{}, fmt.Errorf("no text")
	}
	if len(n.Text) > maxText {
		return row{}, fmt.Errorf("text of %d bytes, at most %d", len(n.Text), maxText)
	}
	if n.Tags == nil {
		n.Tags = []string{}
	}
	tags, err := json.Marshal(n.Tags)
	if err != nil {
		return row{}, err
	}
	r := row{id: "node_" + ulid.Make().String(), text: n.Text, source: n.Source, tags: string(tags)}
	r.size = len(r.text) + len(r.source) + len(r.tags)
	if n.TTL != "" {
		ttl, err := time.ParseDuration(n.TTL)
		if err != nil || ttl <= 0 {
			return row{}, fmt.Errorf("ttl %q: want a positive duration, for example \"90s\" or \"24h\"", n.TTL)
		}
		r.expires = sql.NullInt64{Int64: micros(now.Add(ttl)), Valid: true}
	}
	return r, nil
}

// Found is a node as it is read.
type Found struct {
	ID      string    `json:"id"`
	Text    string    `json:"text"`
	Source  string    `json:"source,omitempty"`
	Tags    []string  `json:"tags"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	State   string    `json:"state"`           // of its embedding: pending, embedded, failed
	Score   float64   `json:"score,omitempty"` // of a search; larger is better
}

const foundColumns = `nodes.seq, nodes.id, nodes.text, nodes.source, nodes.tags, nodes.created, nodes.expires, nodes.state`

type listIn struct {
	Limit int    `json:"limit,omitempty"` // 1 to 1000; 0: 20
	Tag   string `json:"tag,omitempty"`
}

type listOut struct {
	Nodes []Found `json:"nodes"`
}

func (o listOut) Summary() string { return fmt.Sprintf("%d nodes", len(o.Nodes)) }

// list returns the newest nodes that have not expired.
func (m *memory) list(ctx context.Context, in listIn) (listOut, error) {
	db, err := m.open(ctx)
	if err != nil {
		return listOut{}, err
	}
	nodes, _, err := query(ctx, db, `SELECT `+foundColumns+`, 0.0 FROM nodes
		WHERE (expires IS NULL OR expires > $1)
		  AND ($2 = '' OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = $2))
		ORDER BY created DESC, seq DESC LIMIT $3`, micros(time.Now()), in.Tag, limit(in.Limit))
	return listOut{Nodes: nodes}, err
}

type searchIn struct {
	Query string `json:"query"`
	Limit int    `json:"limit,omitempty"` // 1 to 1000; 0: 20
}

type searchOut struct {
	Match    string  `json:"match"`    // how the ranking was made
	Model    string  `json:"model"`    // of the embeddings there are
	Coverage float64 `json:"coverage"` // share of the nodes that have one
	Nodes    []Found `json:"nodes"`
}

func (o searchOut) Summary() string {
	return fmt.Sprintf("%d nodes (%s; embeddings: %s, coverage %.0f %%)", len(o.Nodes), o.Match, o.Model, 100*o.Coverage)
}

// search ranks nodes that hold a word of the query by BM25. The built-in model
// matches words and spelling, not meaning, so its vectors do not take part.
func (m *memory) search(ctx context.Context, in searchIn) (searchOut, error) {
	words := strings.FieldsFunc(in.Query, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	if len(words) == 0 {
		return searchOut{}, &sdk.Error{Code: "bad_query", Message: "the query has no word"}
	}
	db, err := m.open(ctx)
	if err != nil {
		return searchOut{}, err
	}
	now := micros(time.Now())
	nodes, seqs, err := query(ctx, db, `SELECT `+foundColumns+`, -bm25(words) FROM words JOIN nodes ON nodes.seq = words.rowid
		WHERE words MATCH $1 AND (nodes.expires IS NULL OR nodes.expires > $2)
		ORDER BY bm25(words), nodes.seq DESC LIMIT $3`, `"`+strings.Join(words, `" OR "`)+`"`, now, limit(in.Limit))
	if err != nil {
		return searchOut{}, err
	}
	if err := touch(ctx, db, seqs, now); err != nil {
		return searchOut{}, err
	}
	st, err := readStatus(ctx, db)
	return searchOut{Match: "words (bm25)", Model: st.Model, Coverage: st.Coverage, Nodes: nodes}, err
}

// touch records that the nodes were found, which makes them worth keeping.
func touch(ctx context.Context, db *sql.DB, seqs []int64, now int64) error {
	list, err := json.Marshal(seqs)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `UPDATE nodes SET accessed = $1 WHERE seq IN (SELECT value FROM json_each($2))`, now, string(list)); err != nil {
		return storeError("search", err)
	}
	return nil
}

func limit(n int) int {
	if n <= 0 {
		return 20
	}
	return min(n, 1000)
}

func query(ctx context.Context, db *sql.DB, text string, args ...any) (found []Found, seqs []int64, err error) {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, nil, storeError("read", err)
	}
	defer rows.Close()
	found, seqs = []Found{}, []int64{}
	for rows.Next() {
		var f Found
		var seq, created int64
		var expires sql.NullInt64
		var tags string
		if err := rows.Scan(&seq, &f.ID, &f.Text, &f.Source, &tags, &created, &expires, &f.State, &f.Score); err != nil {
			return nil, nil, storeError("read", err)
		}
		if err := json.Unmarshal([]byte(tags), &f.Tags); err != nil {
			return nil, nil, storeError("read tags of "+f.ID, err)
		}
		f.Created = fromMicros(created)
		if expires.Valid {
			f.Expires = fromMicros(expires.Int64)
		}
		found, seqs = append(found, f), append(seqs, seq)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, storeError("read", err)
	}
	return found, seqs, nil
}
