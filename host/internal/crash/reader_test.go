//go:build linux

package crash

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// run is a row of the table, as whoever has only the schema would read it.
type run struct {
	id, job, name, concurrency, trigger, manual, state, reason string
	due, last, count, attempt, retry, started, ended           int64
	allowed                                                    bool
}

// occurrence is what its action is told that it is.
func (r run) occurrence() string {
	if r.manual != "" {
		return r.id
	}
	return r.job + "@" + time.UnixMicro(r.due).UTC().Format(time.RFC3339Nano)
}

func (r run) String() string {
	return fmt.Sprintf("%s of %s (%s, due %s, last %s ×%d, attempt %d, %s:%s)", r.id, r.name, r.trigger,
		time.UnixMicro(r.due).UTC().Format(time.RFC3339Nano), time.UnixMicro(r.last).UTC().Format(time.RFC3339Nano),
		r.count, r.attempt, r.state, r.reason)
}

// openDatabase opens a database to read. It leaves even the write-ahead log as it is.
func openDatabase(t *testing.T, path string) *sql.DB {
	t.Helper()
	name := url.URL{Scheme: "file", Opaque: path, RawQuery: "mode=ro&_pragma=busy_timeout(5000)"}
	db, err := sql.Open("sqlite", name.String())
	check(t, err)
	db.SetMaxOpenConns(1)
	return db
}

// texts returns the first column.
func texts(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	check(t, err)
	defer rows.Close()
	var list []string
	for rows.Next() {
		var s string
		check(t, rows.Scan(&s))
		list = append(list, s)
	}
	check(t, rows.Err())
	return list
}

// readRuns returns all runs, those of a job in the order of their nominal times.
func readRuns(t *testing.T, db *sql.DB) []run {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT id, job, job_name, concurrency, trigger, manual, state, reason, decision,
		due, last, count, attempt, retry, started, ended FROM runs ORDER BY job, due, seq`)
	check(t, err)
	defer rows.Close()
	var list []run
	for rows.Next() {
		var r run
		var decision string
		check(t, rows.Scan(&r.id, &r.job, &r.name, &r.concurrency, &r.trigger, &r.manual, &r.state, &r.reason, &decision,
			&r.due, &r.last, &r.count, &r.attempt, &r.retry, &r.started, &r.ended))
		if decision != "" {
			var d struct{ Allow bool }
			check(t, json.Unmarshal([]byte(decision), &d))
			r.allowed = d.Allow
		}
		list = append(list, r)
	}
	check(t, rows.Err())
	return list
}

// readMarks returns what the actions have written: each "OCCURRENCE ATTEMPT".
func (w *world) readMarks(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(w.markFile)
	check(t, err)
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// process is one, and no later one with the same id.
type process struct {
	pid     int
	start   string // in clock ticks since the machine started
	command string
}

// processes are all that have the mark of this state in their environment.
func (w *world) processes(t *testing.T) []process {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	check(t, err)
	var list []process
	for _, dir := range dirs {
		env, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil || !bytes.Contains(append([]byte{0}, env...), []byte("\x00PALYRA_HOST="+w.id+"/")) {
			continue
		}
		if p, ok := look(dir); ok {
			list = append(list, p)
		}
	}
	return list
}

// look reads /proc/PID/stat, proc_pid_stat(5): the name of the program is in
// parentheses, the start is the 22nd field.
func look(dir string) (process, bool) {
	pid, _ := strconv.Atoi(filepath.Base(dir))
	stat, err := fs.ReadFile(os.DirFS(dir), "stat")
	if err != nil {
		return process{}, false
	}
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	if len(fields) < 20 || string(fields[0]) == "Z" {
		return process{}, false
	}
	return process{pid, string(fields[19]), string(stat[:end+1])}, true
}
