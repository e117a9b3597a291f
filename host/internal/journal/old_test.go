package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/palyra-go/palyra/host/internal/job"
)

// What an earlier version wrote is read, and gone on with.
func TestOldJournals(t *testing.T) {
	old, err := filepath.Glob("../../../testdata/journals/*.db")
	if err != nil || len(old) == 0 {
		t.Fatalf("no old journals: %v", err)
	}
	for _, path := range old {
		t.Run(filepath.Base(path), func(t *testing.T) { goOn(t, path) })
	}
}

func goOn(t *testing.T, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "palyra.db")
	if err := os.WriteFile(copied, data, 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := Open(t.Context(), Config{Path: copied})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	jobs, err := j.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	skills, err := j.Skills(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	runs, err := j.Runs(t.Context(), job.Filter{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	denied, err := j.Runs(t.Context(), job.Filter{State: job.Denied, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if len(jobs) < 9 || len(skills) < 5 || len(runs) < 20 || len(denied) == 0 {
		t.Errorf("%d jobs, %d skills, %d runs, %d denied: not what a demo leaves", len(jobs), len(skills), len(runs), len(denied))
	}
	entries, err := j.Entries(t.Context(), 0, 10_000)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	v, err := j.Verify(t.Context())
	if err != nil || len(v.Problems) != 0 || v.Entries != int64(len(entries)) || v.Leaves == 0 {
		t.Errorf("its history: %+v, %v", v, err)
	}
	next := *jobs[0]
	next.Generation++
	next.Paused, next.Updated = true, time.Now()
	if err := j.PutJob(t.Context(), &next, job.Daemon, "job.pause"); err != nil {
		t.Errorf("the old journal takes no write: %v", err)
	}
}

// atSchema makes a journal as it was at a schema, with what the script adds.
func atSchema(t *testing.T, version int, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "palyra.db")
	db, err := openSQLite(writerDSN(path, "FULL"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	all := "CREATE TABLE schema_version (version BIGINT PRIMARY KEY, applied BIGINT NOT NULL);"
	for n := 1; n <= version; n++ {
		step, err := migrations.ReadFile(fmt.Sprintf("migrations/%04d.sql", n))
		if err != nil {
			t.Fatal(err)
		}
		all += string(step) + fmt.Sprintf("INSERT INTO schema_version VALUES (%d, 0);", n)
	}
	if _, err := db.ExecContext(t.Context(), all+script); err != nil {
		t.Fatal(err)
	}
	return path
}

// oldRun is a row of the runs of schema 4 to 7.
func oldRun(seq int, job, policy, trigger, manual string, due, last, count, ended int, state, decision string) string {
	return fmt.Sprintf(`INSERT INTO runs (seq, id, job, job_name, generation, concurrency, trigger, manual, parent, due, last, count, fire,
			principal, skill, entrypoint, input, digest, decision, state, reason, attempt, retry, created, started, ended, output, summary, error)
		VALUES (%[1]d, 'run_%[1]d', 'job_%[2]s', '%[2]s', 1, '%[3]s', '%[4]s', '%[5]s', '', %[6]d, %[7]d, %[8]d, %[6]d + 5,
			'User::"alice"', 'a.b', 'c', '', '', '%[11]s', '%[10]s', '', 1, 0, %[6]d, %[6]d, %[9]d, '{}', 'sum', '');`,
		seq, job, policy, trigger, manual, due, last, count, ended, state, decision)
}

// The outbox of schema 4 is kept.
func TestOutboxIsKept(t *testing.T) {
	j := openAt(t, atSchema(t, 4, oldRun(1, "a", "forbid", "timer", "", 100, 100, 1, 200, "succeeded", "")+
		"INSERT INTO effects VALUES ('run_1', 'audit.judge', 7);"))
	if diff := cmp.Diff([]string{"audit.judge"}, owed(t, j)); diff != "" {
		t.Error(diff)
	}
}

// The runs of schema 7 are those of today, and what holds for them still does.
func TestRunsAreKept(t *testing.T) {
	const allow = `{"allow":true,"policies":["p"]}`
	path := atSchema(t, 7, `INSERT INTO jobs (key, id, name, generation, owner, concurrency, spec, input, created, updated)
			VALUES (3, 'job_a', 'a', 1, 'User::"alice"', 'queue-one', '{"schedule":{"kind":"cron","expr":"* * * * *"}}', '', 1, 1);
		INSERT INTO cursors (job, cursor, key, arms) VALUES ('job_a', 5000, 3, 77), ('job_gone', 900, 0, 0);
		INSERT INTO attempts VALUES ('run_1', 1, 1000, 1500, 'succeeded', '', '', 'said');`+
		oldRun(1, "a", "queue-one", "timer", "", 1000, 1000, 1, 1500, "succeeded", allow)+
		oldRun(2, "a", "queue-one", "timer", "", 2000, 3000, 4, 3100, "missed", "")+
		oldRun(3, "a", "queue-one", "catch-up", "", 4000, 4000, 1, 0, "running", allow)+
		oldRun(4, "gone", "allow", "timer", "", 900, 900, 1, 950, "succeeded", allow)+
		oldRun(5, "a", "queue-one", "timer", "", 5000, 5000, 1, 0, "queued", allow)+
		oldRun(6, "a", "queue-one", "manual", "run_6", 4500, 4500, 1, 4600, "failed", allow))
	j := openAt(t, path)
	var got []string
	for _, id := range []job.ID{"job_a", "job_gone"} {
		runs, err := j.Runs(t.Context(), job.Filter{Job: id})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			got = append(got, fmt.Sprint(r.ID, " ", r.JobName, " ", r.Trigger, " ", micros(r.Due), "-", micros(r.Last), " ", r.Count, " ", micros(r.Fire),
				" ", r.State, " ", micros(r.Ended), " ", r.Decision.Allow, " ", r.Summary))
		}
	}
	want := []string{
		"run_5 a timer 5000-5000 1 5005 queued 0 true sum",
		"run_6 a manual 4500-4500 1 4505 failed 4600 true sum",
		"run_3 a catch-up 4000-4000 1 4005 running 0 true sum",
		"run_2 a timer 2000-3000 4 2005 missed 3100 false sum",
		"run_1 a timer 1000-1000 1 1005 succeeded 1500 true sum",
		"run_4 gone timer 900-900 1 905 succeeded 950 true sum",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if attempts, err := j.Attempts(t.Context(), "run_1"); err != nil || len(attempts) != 1 {
		t.Errorf("attempts %v, %v", attempts, err)
	}
	if last, err := j.LastRun(t.Context(), "job_a"); err != nil || last.ID != "run_5" {
		t.Errorf("last %v, %v", last, err)
	}
	var arms []job.Arm
	if err := j.Arms(t.Context(), "", func(a job.Arm) { arms = append(arms, a) }); err != nil || len(arms) != 1 || arms[0].Key != 3 || arms[0].Cursor != 5000 {
		t.Errorf("arms %v, %v", arms, err)
	}
	v := minute("a")
	next := run(v, 1, job.Queued)
	for _, c := range []struct {
		due  int64
		want error
	}{{5000, ErrClaimed}, {6000, ErrBusy}} {
		next.Due, next.Last = instant(c.due), instant(c.due)
		refused, err := j.Begin(t.Context(), []job.Claim{claim(next)})
		if err != nil || !errors.Is(refused[0], c.want) {
			t.Errorf("claim of %d: %v, %v; want %v", c.due, refused, err, c.want)
		}
	}
	if err := j.Finish(t.Context(), job.Outcome{Run: "run_3", Job: "job_a", State: job.Failed}); err != nil {
		t.Error(err)
	}
}

// consistent checks what the schema cannot: the numbers of runs with the same terms,
// and that the latest are.
func consistent(t testing.TB, path string) {
	t.Helper()
	db, err := openSQLite(readerDSN(path), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for what, query := range map[string]string{
		"runs without terms": `SELECT COUNT(*) FROM run_rows WHERE terms NOT IN (SELECT id FROM terms)`,
		"terms with a wrong number of runs": `SELECT COUNT(*) FROM terms t LEFT JOIN cursors c ON c.terms = t.id
			WHERE COALESCE(c.uses, t.uses) <> (SELECT COUNT(*) FROM run_rows WHERE terms = t.id)`,
		"terms of nobody": `SELECT COUNT(*) FROM terms WHERE id NOT IN (SELECT terms FROM run_rows) AND id NOT IN (SELECT terms FROM cursors)`,
		"wrong latest occurrences": `SELECT COUNT(*) FROM cursors c JOIN jobs j ON j.id = c.job WHERE c.run <> COALESCE(
			(SELECT seq FROM run_rows WHERE job = c.nth AND manual = '' ORDER BY due DESC LIMIT 1), 0)`,
		"wrong latest runs": `SELECT COUNT(*) FROM cursors c JOIN jobs j ON j.id = c.job WHERE
			COALESCE((SELECT due FROM run_rows WHERE seq = c.latest), 0) <> COALESCE((SELECT MAX(due) FROM run_rows WHERE job = c.nth), 0)`,
		"runs of a wrong job": `SELECT COUNT(*) FROM run_rows r JOIN terms t ON t.id = r.terms JOIN cursors c ON c.job = t.job WHERE c.nth <> r.job`,
	} {
		var n int
		if err := db.QueryRowContext(context.Background(), query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d %s, %v", n, what, err)
		}
	}
}
