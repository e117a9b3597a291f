package main

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/palyra-go/palyra/sdk"
)

// batch is how many nodes one call of the model provider embeds.
const batch = 64

// retryAfter is how long a node that a provider refused is left alone.
const retryAfter = time.Hour

type backfillIn struct {
	Endpoint string `json:"endpoint"` // base URL of an OpenAI-compatible API; empty: the built-in model
	Model    string `json:"model"`
}

type backfillOut struct {
	Model    string `json:"model"`
	Embedded int64  `json:"embedded"`
	Failed   int64  `json:"failed"`
	Batches  []int  `json:"batches"` // how many nodes each call of the provider had
	After    Status `json:"after"`
}

func (o backfillOut) Summary() string {
	return fmt.Sprintf("embedded %d nodes in %d batches with %s (%d failed); coverage %s",
		o.Embedded, len(o.Batches), o.Model, o.Failed, percent(o.After.Coverage))
}

// backfill embeds every node that has no vector of the model, batch by batch;
// each batch is stored before the next is asked for. Nodes that the provider
// refuses are marked as failed and tried again later; when the provider itself
// fails, the rest stays pending and the run may be retried.
func (m *memory) backfill(ctx context.Context, in backfillIn) (out backfillOut, err error) {
	provider := newProvider(in)
	out.Model, out.Batches = provider.Model(), []int{}
	db, err := m.open(ctx)
	if err != nil {
		return out, err
	}
	if _, err := db.ExecContext(ctx, `INSERT INTO settings (key, value) VALUES ('model', $1)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`, out.Model); err != nil {
		return out, storeError("backfill", err)
	}
	for {
		missing, total, err := nextBatch(ctx, db, out.Model, time.Now())
		if err != nil {
			return out, err
		}
		if len(missing) == 0 {
			break
		}
		refused, err := embed(ctx, db, provider, missing)
		if err != nil {
			return out, err
		}
		out.Batches = append(out.Batches, len(missing))
		if refused {
			out.Failed += int64(len(missing))
		} else {
			out.Embedded += int64(len(missing))
		}
		done := out.Embedded + out.Failed
		sdk.Progress(ctx, done, done+total-int64(len(missing)), "embedded")
	}
	out.After, err = readStatus(ctx, db)
	return out, err
}

// missingNode is a node without a vector.
type missingNode struct {
	seq  int64
	text string
}

// nextBatch returns the oldest nodes that are to be embedded, and how many
// there are in all.
func nextBatch(ctx context.Context, db *sql.DB, model string, now time.Time) (nodes []missingNode, total int64, err error) {
	const missing = ` FROM nodes WHERE (state = 'pending' OR state = 'embedded' AND model <> $1 OR state = 'failed' AND retry <= $2)
		AND (expires IS NULL OR expires > $2)`
	if err := db.QueryRowContext(ctx, `SELECT count(*)`+missing, model, micros(now)).Scan(&total); err != nil {
		return nil, 0, storeError("backfill", err)
	}
	rows, err := db.QueryContext(ctx, `SELECT seq, text`+missing+` ORDER BY seq LIMIT $3`, model, micros(now), batch)
	if err != nil {
		return nil, 0, storeError("backfill", err)
	}
	defer rows.Close()
	for rows.Next() {
		var n missingNode
		if err := rows.Scan(&n.seq, &n.text); err != nil {
			return nil, 0, storeError("backfill", err)
		}
		nodes = append(nodes, n)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, storeError("backfill", err)
	}
	return nodes, total, nil
}

// embed asks the provider for the vectors of the nodes and stores them, or the
// reason why the provider refused them.
func embed(ctx context.Context, db *sql.DB, p provider, nodes []missingNode) (refused bool, err error) {
	texts := make([]string, len(nodes))
	for i, n := range nodes {
		texts[i] = n.text
	}
	vectors, err := p.Embed(ctx, texts)
	if err != nil {
		failure := sdk.AsError(err)
		if failure.Retryable {
			return false, failure
		}
		sdk.Log(ctx, "%d nodes failed: %v", len(nodes), failure)
		return true, markFailed(ctx, db, nodes, failure.Message)
	}
	err = atomically(ctx, db, func(tx *sql.Tx) error {
		for i, n := range nodes {
			if _, err := tx.ExecContext(ctx, `UPDATE nodes SET state = 'embedded', model = $1, vector = $2, cause = '' WHERE seq = $3`,
				p.Model(), encodeVector(vectors[i]), n.seq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, storeError("backfill", err)
	}
	return false, nil
}

func markFailed(ctx context.Context, db *sql.DB, nodes []missingNode, cause string) error {
	err := atomically(ctx, db, func(tx *sql.Tx) error {
		for _, n := range nodes {
			if _, err := tx.ExecContext(ctx, `UPDATE nodes SET state = 'failed', cause = $1, retry = $2 WHERE seq = $3`,
				cause, micros(time.Now().Add(retryAfter)), n.seq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return storeError("backfill", err)
	}
	return nil
}

func encodeVector(v []float32) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}
