package journal

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	driver "modernc.org/sqlite"
)

// dialect is what differs between databases. All other SQL is the same for all.
type dialect struct {
	begin string         // starts a transaction that will write
	mark  string         // stands for the next argument, where a statement is made of many rows
	retry map[int]string // primary result codes by which the store says "not now", and what to do about it
	fatal map[int]string // primary result codes of a file that is none, or damaged
}

var sqlite = dialect{
	begin: "BEGIN IMMEDIATE",
	mark:  "?", // "$n" is looked up by its name, which takes the longer the more there are
	retry: map[int]string{
		3: "no permission", 5: "locked by another process", 6: "locked by another process",
		7: "out of memory", 8: "read-only", 10: "input/output error", 13: "disk full",
		14: "cannot be opened", 15: "locking protocol", 22: "large files not supported",
	},
	fatal: map[int]string{
		11: "the file is damaged; restore a backup or move it away",
		26: "the file is not a journal; move it away",
	},
}

// list is a list of n arguments: (?, ?, …).
func (d *dialect) list(n int) string {
	return "(" + strings.Repeat(d.mark+", ", n-1) + d.mark + ")"
}

const readerConns = 4

// writerDSN is the one connection that writes. auto_vacuum must precede the
// first write, and with it the switch to write-ahead mode.
func writerDSN(path, synchronous string) string {
	return dsn(path, url.Values{
		"_auto_vacuum":  {"INCREMENTAL"},
		"_busy_timeout": {"5000"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {synchronous},
		"_foreign_keys": {"on"},
		"_pragma":       {"wal_autocheckpoint(0)", "cache_size(-16384)", "temp_store(memory)"},
	})
}

func readerDSN(path string) string {
	return dsn(path, url.Values{"_busy_timeout": {"5000"}, "_query_only": {"on"}})
}

func dsn(path string, settings url.Values) string {
	settings.Set("_error_rc", "1")
	settings.Set("_dqs", "0")
	settings.Set("_defensive", "1")
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: settings.Encode()}
	return name.String()
}

func openSQLite(dsn string, conns int) (*sql.DB, error) {
	connector, err := driver.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// code returns the primary result code of a database error, or 0.
func code(err error) int {
	var failed *driver.Error
	if errors.As(err, &failed) {
		return failed.Code() & 0xff
	}
	return 0
}

// busy is the primary result code of a lock that others hold.
const busy = 5

// broke reports whether err says that a disk did not keep what it was given:
// reading, writing, or a sync failed. (A full disk says something else.)
func broke(err error) bool {
	var failed *driver.Error
	if !errors.As(err, &failed) {
		return false
	}
	switch failed.Code() {
	case 10, 266, 522, 778, 1034, 1290, 8458, 8714: // IOERR, _READ, _SHORT_READ, _WRITE, _FSYNC, _DIR_FSYNC, _CORRUPTFS, _IN_PAGE
		return true
	}
	return false
}

// unwritable reports whether err says that the journal as a whole cannot be
// written, as opposed to a refusal of one operation.
func unwritable(err error) bool {
	c := code(err)
	return errors.Is(err, ErrUnwritable) || sqlite.retry[c] != "" || sqlite.fatal[c] != ""
}

// explain adds to a database error what it means for the operator.
func explain(err error) error {
	c := code(err)
	if means := sqlite.fatal[c]; means != "" {
		return fmt.Errorf("%s: %w", means, err)
	}
	if means := sqlite.retry[c]; means != "" {
		return fmt.Errorf("%w: %s: %w", ErrUnwritable, means, err)
	}
	return err
}
