//go:build linux

package crash

import (
	"cmp"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/journal"
)

// judge looks at what a daemon has left, while none runs. The daemon may have
// taken runs away if it was to keep so many only.
func (w *world) judge(t *testing.T, title string, keep int) {
	t.Helper()
	fault := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: "+format, append([]any{title}, args...)...)
	}
	db := openDatabase(t, filepath.Join(w.state, "palyra.db"))
	defer db.Close()
	if w.id == "" {
		w.id = texts(t, db, `SELECT value FROM meta WHERE key = 'id'`)[0]
	}
	w.left = w.processes(t)
	marks := w.readMarks(t) // before the rows or after makes no difference: nobody writes those now
	runs := readRuns(t, db)
	w.rows, w.marks, w.open = len(runs), len(marks), nil
	w.forget(runs, keep, fault)
	for _, r := range runs {
		if r.ended == 0 {
			w.open = append(w.open, r)
		}
	}
	runs = append(runs, w.forgotten...)
	slices.SortStableFunc(runs, func(a, b run) int { return cmp.Or(cmp.Compare(a.job, b.job), cmp.Compare(a.due, b.due)) })
	w.effects = texts(t, db, `SELECT run FROM effects`)
	w.sound(t, db, fault)
	w.remembered(t, runs, fault)
	once(runs, marks, fault)
	contiguous(runs, fault)
	w.overlaps(fault)
	w.cursors(t, db, runs, fault)
	w.linked(t, db, keep, fault)
}

// forget holds the rows against those of the last judgement: none may be gone but
// the oldest, where fewer were to be kept.
func (w *world) forget(runs []run, keep int, fault faulter) {
	before := w.all
	w.all = map[string]run{}
	for _, r := range runs {
		w.all[r.id] = r
	}
	gone := 0
	for id, r := range before {
		if _, there := w.all[id]; there {
			continue
		}
		gone++
		w.forgotten = append(w.forgotten, r)
		if keep == 0 { // else what was open may have ended meanwhile: see settled
			fault("lost: %v", r)
		}
	}
	if gone > 0 && len(runs) < keep {
		fault("%d runs are left where %d were to be kept", len(runs), keep)
	}
}

type faulter func(format string, args ...any)

// sound asks the database whether it is whole, and the history whether it is the
// one that was signed.
func (w *world) sound(t *testing.T, db *sql.DB, fault faulter) {
	t.Helper()
	if got := texts(t, db, `PRAGMA integrity_check`); len(got) != 1 || got[0] != "ok" {
		fault("integrity: %q", got)
	}
	if got := texts(t, db, `SELECT "table" FROM pragma_foreign_key_check`); len(got) > 0 {
		fault("foreign keys dangle in %q", got)
	}
	if got := texts(t, db, `SELECT name FROM jobs WHERE owner NOT LIKE 'System::%'`); !hasAll(got, w.jobs) {
		fault("jobs that were created are missing: there are %q", got)
	}
	// On a copy: whoever closes a database last writes its log back.
	verified := filepath.Join(w.dir, "verified.db")
	for _, suffix := range []string{"", "-wal"} {
		duplicate(t, filepath.Join(w.state, "palyra.db"+suffix), verified+suffix)
	}
	_ = os.Remove(verified + "-shm")
	var exported [][]byte
	if w.exported != nil {
		exported = append(exported, w.exported)
	}
	v, err := journal.VerifyFile(t.Context(), verified, exported...)
	if err != nil || len(v.Problems) > 0 {
		fault("history: %v %q", err, v.Problems)
	}
	for _, note := range texts(t, db, `SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1`) {
		w.exported = []byte(note)
	}
}

func hasAll(names []string, jobs []task) bool {
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	for _, j := range jobs {
		if !there[j.name] {
			return false
		}
	}
	return true
}

// duplicate copies a file if it is there.
func duplicate(t *testing.T, from, to string) {
	t.Helper()
	_ = os.Remove(to)
	in, err := os.Open(from)
	if os.IsNotExist(err) {
		return
	}
	check(t, err)
	defer in.Close()
	out, err := os.Create(to)
	check(t, err)
	_, err = io.Copy(out, in)
	check(t, err)
	check(t, out.Close())
}

// remembered holds the rows against all that clients were told, ever.
func (w *world) remembered(t *testing.T, runs []run, fault faulter) {
	t.Helper()
	byID := map[string]run{}
	for _, r := range runs {
		byID[r.id] = r
	}
	for id := range w.triggered {
		if _, there := byID[id]; !there {
			fault("lost: run %s, which a trigger was answered with", id)
		}
	}
	for id, e := range w.ended {
		r := byID[id]
		if r.state != e.state {
			fault("run %s of %s was told to have ended %s; it is %v", id, e.job, e.state, r)
		}
	}
	if len(w.notes) == 0 || w.power != nil {
		return
	}
	db := openDatabase(t, filepath.Join(w.state, "data", "palyra.memory", "memory.db"))
	defer db.Close()
	stored := map[string]bool{}
	for _, id := range texts(t, db, `SELECT id FROM nodes`) {
		stored[id] = true
	}
	for id, judged := range w.notes {
		if judged && !stored[id] {
			fault("lost: memory %s, whose put was answered", id)
		}
	}
}

// once compares what was executed with what the rows say.
func once(runs []run, marks []string, fault faulter) {
	rows := map[string]run{}
	for _, r := range runs {
		if other, twice := rows[r.occurrence()]; twice {
			fault("two rows of one occurrence: %v and %v", other, r)
		}
		rows[r.occurrence()] = r
	}
	executed := map[string]int{} // by occurrence, the last attempt
	seen := map[string]bool{}
	for _, mark := range marks {
		occurrence, attempt, _ := strings.Cut(mark, " ")
		n, err := strconv.Atoi(attempt)
		if err != nil {
			fault("torn mark %q", mark)
			continue
		}
		if seen[mark] {
			fault("executed twice: %s", mark)
		}
		seen[mark] = true
		executed[occurrence] = max(executed[occurrence], n)
		r, there := rows[occurrence]
		switch {
		case !there:
			fault("executed without a row: %s", mark)
		case !r.allowed:
			fault("executed without a decision that allows it: %v", r)
		case r.started == 0:
			fault("executed and yet never started: %v", r)
		case int64(n) > r.attempt:
			fault("executed attempt %d of %v", n, r)
		case n > 1 && r.name != "retry":
			fault("executed again: %s of %v", mark, r)
		}
	}
	for occurrence, r := range rows {
		if r.state == "succeeded" && strings.HasPrefix(r.job, "job_") && int64(executed[occurrence]) != r.attempt {
			fault("%v was executed %d times", r, executed[occurrence])
		}
	}
}

// contiguous checks that each second of each job is in exactly one row.
func contiguous(runs []run, fault faulter) {
	const second = int64(time.Second / time.Microsecond)
	var before run
	for _, r := range runs { // by job and due
		if r.manual != "" || !strings.HasPrefix(r.job, "job_") {
			continue
		}
		if r.last-r.due != (r.count-1)*second {
			fault("%v counts wrong", r)
		}
		if before.job == r.job && r.due != before.last+second {
			fault("after %v comes %v", before, r)
		}
		before = r
	}
}

// overlaps checks what may be open at a time.
func (w *world) overlaps(fault faulter) {
	running, queued := map[string]int{}, map[string]int{}
	for _, r := range w.open {
		if r.state == "running" {
			running[r.name]++
		} else {
			queued[r.name]++
		}
	}
	for _, j := range w.jobs {
		now, waiting := running[j.name], queued[j.name]
		var wrong bool
		switch j.concurrency {
		case "forbid":
			wrong = now+waiting > 1
		case "replace":
			wrong = now > 1
		case "queue-one":
			wrong = now > 1 || waiting > 1
		case "allow":
			wrong = now+waiting > int(j.max)
		}
		if wrong {
			fault("%s, %s: %d run and %d wait", j.name, j.concurrency, now, waiting)
		}
	}
}

// cursors checks that what is accounted for is what the rows account for.
func (w *world) cursors(t *testing.T, db *sql.DB, runs []run, fault faulter) {
	t.Helper()
	last := map[string]int64{}
	for _, r := range runs {
		if r.manual == "" && strings.HasPrefix(r.job, "job_") {
			last[r.job] = max(last[r.job], r.last)
		}
	}
	for job, at := range last {
		got := texts(t, db, `SELECT cursor FROM cursors WHERE job = '`+job+`'`)
		if fmt.Sprint(got) != fmt.Sprintf("[%d]", at) {
			fault("the cursor of %s is %v, its rows end at %d", job, got, at)
		}
	}
}

// settled looks at a state whose next daemon has just become ready: all that was
// executing has an end, and nothing of the old daemon is left.
func (w *world) settled(t *testing.T, title string) {
	t.Helper()
	for _, p := range w.left {
		if now, there := look(filepath.Join("/proc", strconv.Itoa(p.pid))); there && now.start == p.start {
			t.Errorf("%s: process %d %s of the last daemon is still there", title, p.pid, p.command)
		}
	}
	w.orphans += len(w.left)
	db := openDatabase(t, filepath.Join(w.state, "palyra.db"))
	defer db.Close()
	rows := map[string]run{}
	for _, r := range readRuns(t, db) {
		rows[r.id] = r
	}
	for _, was := range w.open {
		r, there := rows[was.id]
		switch {
		case !there:
			t.Errorf("%s: lost: %v", title, was)
		case was.state == "running" && was.retry == 0 && r.state != "interrupted":
			t.Errorf("%s: %v was executing when the daemon died, and is now %v", title, was, r)
		}
	}
}
