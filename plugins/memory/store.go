package main

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/palyra-go/palyra/sdk"
)

//go:embed schema.sql
var schema string

// memory is the store. Its database is opened by the first request, in the data
// directory that the host grants.
type memory struct {
	mu sync.Mutex // guards db while it is opened
	db *sql.DB
}

func (m *memory) open(ctx context.Context) (*sql.DB, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.db != nil {
		return m.db, nil
	}
	dir := sdk.RequestFrom(ctx).Data
	if dir == "" {
		return nil, &sdk.Error{Code: "no_data_directory", Message: "the host granted no data directory"}
	}
	// auto_vacuum must come before the database has pages, so before WAL.
	dsn := url.URL{Scheme: "file", Opaque: url.PathEscape(filepath.Join(dir, "memory.db")), RawQuery: url.Values{"_pragma": {
		"busy_timeout(5000)", "auto_vacuum(incremental)", "journal_mode(wal)", "synchronous(normal)",
	}}.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, storeError("open", err)
	}
	db.SetMaxOpenConns(1) // one writer, and reads are short
	if _, err := db.ExecContext(ctx, schema); err != nil {
		db.Close()
		return nil, storeError("open", err)
	}
	m.db = db
	return db, nil
}

// storeError makes an error of the database one that may be tried again.
func storeError(doing string, err error) error {
	return &sdk.Error{Code: "store", Message: fmt.Sprintf("%s: %v", doing, err), Retryable: true}
}

// atomically runs f in one transaction.
func atomically(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit there is nothing to roll back
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }
