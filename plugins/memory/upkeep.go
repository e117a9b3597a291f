package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/sdk"
)

// slice is how many nodes one transaction of the upkeep removes, so that nobody
// waits long for the database.
const slice = 500

type empty struct{}

// Status is how the store is.
type Status struct {
	Entries  int64   `json:"entries"`
	Bytes    int64   `json:"bytes"` // of text, sources and tags
	Pending  int64   `json:"pending"`
	Embedded int64   `json:"embedded"` // with a vector of Model
	Failed   int64   `json:"failed"`
	Model    string  `json:"model"`
	Coverage float64 `json:"coverage"` // Embedded of Entries; 1 of an empty store
	File     int64   `json:"file"`     // bytes of the database
	Free     int64   `json:"free"`     // bytes of pages in it that hold nothing
}

// Summary implements sdk.Summarizer.
func (s Status) Summary() string {
	return fmt.Sprintf("%d nodes, %s embedded by %s (%d pending, %d failed), file %d KiB, %d KiB free",
		s.Entries, percent(s.Coverage), s.Model, s.Pending, s.Failed, s.File>>10, s.Free>>10)
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", 100*share) }

func (m *memory) status(ctx context.Context, _ empty) (Status, error) {
	db, err := m.open(ctx)
	if err != nil {
		return Status{}, err
	}
	return readStatus(ctx, db)
}

func readStatus(ctx context.Context, db *sql.DB) (Status, error) {
	var s Status
	var pageSize, pages, free int64
	err := db.QueryRowContext(ctx, `
		SELECT current.model, count(seq), coalesce(sum(size), 0),
		  coalesce(sum(state = 'embedded' AND nodes.model = current.model), 0), coalesce(sum(state = 'failed'), 0),
		  (SELECT page_size FROM pragma_page_size), (SELECT page_count FROM pragma_page_count), (SELECT freelist_count FROM pragma_freelist_count)
		FROM (SELECT coalesce((SELECT value FROM settings WHERE key = 'model'), $1) AS model) AS current LEFT JOIN nodes`, lexicalModel).
		Scan(&s.Model, &s.Entries, &s.Bytes, &s.Embedded, &s.Failed, &pageSize, &pages, &free)
	if err != nil {
		return s, storeError("status", err)
	}
	s.Pending = s.Entries - s.Embedded - s.Failed
	s.Coverage = 1
	if s.Entries > 0 {
		s.Coverage = float64(s.Embedded) / float64(s.Entries)
	}
	s.File, s.Free = pages*pageSize, free*pageSize
	return s, nil
}

type maintainIn struct {
	MaxEntries int64 `json:"max_entries"` // 0: no limit
	MaxBytes   int64 `json:"max_bytes"`   // 0: no limit
	TTLDays    int   `json:"ttl_days"`    // of nodes without a time to live; 0: for ever
}

type maintainOut struct {
	Expired int64  `json:"expired"` // their time to live was over
	Evicted int64  `json:"evicted"` // beyond max_entries or max_bytes
	Before  Status `json:"before"`
	After   Status `json:"after"`
}

func (o maintainOut) Summary() string {
	return fmt.Sprintf("%d expired, %d evicted; %d of %d nodes kept", o.Expired, o.Evicted, o.After.Entries, o.Before.Entries)
}

// maintain removes what has expired, then what exceeds the capacity, and gives
// free pages back to the file system.
func (m *memory) maintain(ctx context.Context, in maintainIn) (out maintainOut, err error) {
	db, err := m.open(ctx)
	if err != nil {
		return out, err
	}
	if out.Before, err = readStatus(ctx, db); err != nil {
		return out, err
	}
	now := time.Now()
	oldest := int64(0)
	if in.TTLDays > 0 {
		oldest = micros(now.AddDate(0, 0, -in.TTLDays))
	}
	if out.Expired, err = expire(ctx, db, micros(now), oldest); err != nil {
		return out, err
	}
	if out.Evicted, err = evict(ctx, db, in); err != nil {
		return out, err
	}
	if err := exec(ctx, db, `PRAGMA incremental_vacuum`); err != nil {
		return out, err
	}
	out.After, err = readStatus(ctx, db)
	return out, err
}

// expire removes nodes whose time to live is over, and nodes without one that
// are older than oldest.
func expire(ctx context.Context, db *sql.DB, now, oldest int64) (int64, error) {
	var total int64
	for {
		n, err := remove(ctx, db, `DELETE FROM nodes WHERE seq IN (
			SELECT seq FROM nodes WHERE expires <= $1
			UNION ALL SELECT seq FROM nodes WHERE expires IS NULL AND created < $2 LIMIT $3)`, now, oldest, slice)
		total += n
		if err != nil || n == 0 {
			return total, err
		}
		sdk.Progress(ctx, total, 0, "expired")
	}
}

// evict removes the least valuable nodes beyond the capacity: those found by a
// search longest ago or never, and of these the oldest.
func evict(ctx context.Context, db *sql.DB, in maintainIn) (int64, error) {
	var total int64
	for {
		var entries, bytes int64
		if err := db.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(size), 0) FROM nodes`).Scan(&entries, &bytes); err != nil {
			return total, storeError("evict", err)
		}
		over, overBytes := int64(0), int64(0)
		if in.MaxEntries > 0 {
			over = max(entries-in.MaxEntries, 0)
		}
		if in.MaxBytes > 0 {
			overBytes = max(bytes-in.MaxBytes, 0)
		}
		if over == 0 && overBytes == 0 {
			return total, nil
		}
		// A node goes if it is among the first `over`, or if those before it do
		// not yet free overBytes.
		n, err := remove(ctx, db, `DELETE FROM nodes WHERE seq IN (
			SELECT seq FROM (
				SELECT seq, row_number() OVER worst AS place, sum(size) OVER worst - size AS freed
				FROM (SELECT seq, size, accessed, created FROM nodes ORDER BY accessed, created, seq LIMIT $3)
				WINDOW worst AS (ORDER BY accessed, created, seq ROWS UNBOUNDED PRECEDING))
			WHERE place <= $1 OR freed < $2)`, over, overBytes, slice)
		total += n
		if err != nil {
			return total, err
		}
		sdk.Progress(ctx, total, 0, "evicted")
	}
}

type vacuumOut struct {
	Before int64 `json:"before"` // bytes of the file
	After  int64 `json:"after"`
}

func (o vacuumOut) Summary() string {
	return fmt.Sprintf("file of %d KiB is now %d KiB", o.Before>>10, o.After>>10)
}

// vacuum rebuilds the database file.
func (m *memory) vacuum(ctx context.Context, _ empty) (out vacuumOut, err error) {
	db, err := m.open(ctx)
	if err != nil {
		return out, err
	}
	before, err := readStatus(ctx, db)
	if err != nil {
		return out, err
	}
	if err := exec(ctx, db, `INSERT INTO words (words) VALUES ('optimize')`); err != nil {
		return out, err
	}
	if err := exec(ctx, db, `VACUUM`); err != nil {
		return out, err
	}
	after, err := readStatus(ctx, db)
	return vacuumOut{Before: before.File, After: after.File}, err
}

func exec(ctx context.Context, db *sql.DB, text string) error {
	if _, err := db.ExecContext(ctx, text); err != nil {
		return storeError("upkeep", err)
	}
	return nil
}

func remove(ctx context.Context, db *sql.DB, text string, args ...any) (int64, error) {
	result, err := db.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, storeError("upkeep", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, storeError("upkeep", err)
	}
	return n, nil
}
