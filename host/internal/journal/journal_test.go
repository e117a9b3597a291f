package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB) *Journal {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "palyra.db"))
}

func openAt(t testing.TB, path string) *Journal {
	t.Helper()
	j, err := Open(context.Background(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		consistent(t, path)
	})
	return j
}

// minute is a job that is due every minute, at noon.
func minute(name string) *job.Job {
	j := job.Job{
		ID: job.ID("job_" + name), Name: name, Generation: 1, Owner: job.User("alice"),
		Schedule: schedule.Spec{Kind: schedule.Cron, Expr: "* * * * *"},
		Action:   job.Action{Skill: "palyra.health", Entrypoint: "summarize"},
		Created:  noon, Updated: noon, Cursor: noon,
	}.WithDefaults()
	return &j
}

func put(t testing.TB, j *Journal, v *job.Job) *job.Job {
	t.Helper()
	if err := j.PutJob(context.Background(), v, job.User("alice"), "job.create"); err != nil {
		t.Fatal(err)
	}
	return v
}

// run is an occurrence of the job, n minutes after noon.
func run(v *job.Job, n int, state job.State) *job.Run {
	due := noon.Add(time.Duration(n) * time.Minute)
	r := &job.Run{
		ID: job.RunID(fmt.Sprintf("run_%s%06d", v.Name, n)), Job: v.ID, JobName: v.Name, Generation: v.Generation,
		Trigger: job.ByTimer, Due: due, Last: due, Count: 1, Fire: due, Principal: v.Owner, Action: v.Action,
		State: state, Created: due,
	}
	if state == job.Running {
		r.Attempt, r.Started = 1, due
		r.Digest[0] = 7
		r.Decision = job.Decision{Allow: true, Policies: []string{"00-default.cedar#0"}, PolicySet: strings.Repeat("ab", 32)}
	}
	if state.Terminal() {
		r.Ended = due
	}
	return r
}

func claim(r *job.Run) job.Claim {
	return job.Claim{Job: r.Job, Generation: r.Generation, Run: r, Cursor: r.Due}
}

func begin(t testing.TB, j *Journal, claims ...job.Claim) {
	t.Helper()
	refused, err := j.Begin(context.Background(), claims)
	if err := errors.Join(append(refused, err)...); err != nil {
		t.Fatal(err)
	}
}

func outcome(r *job.Run, state job.State) job.Outcome {
	return job.Outcome{
		Run: r.ID, Job: r.Job, State: state,
		Attempt: job.Attempt{Run: r.ID, Number: 1, Started: r.Due, Ended: r.Due.Add(time.Second), State: state},
	}
}

func TestInsideBubble(t *testing.T) {
	path := filepath.Join(t.TempDir(), "palyra.db")
	synctest.Test(t, func(t *testing.T) {
		j := openAt(t, path)
		put(t, j, minute("a"))
		time.Sleep(24 * time.Hour) // virtual
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		done := make(chan error)
		for n := range 50 {
			go func() {
				v := minute(fmt.Sprint("b", n))
				done <- j.PutJob(ctx, v, job.Daemon, "job.create")
			}()
		}
		for range 50 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		jobs, err := j.Jobs(ctx)
		if err != nil || len(jobs) != 51 {
			t.Errorf("%d jobs, %v", len(jobs), err)
		}
		entries, err := j.Entries(ctx, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		if waited := entries[len(entries)-1].At.Sub(entries[0].At); waited != 24*time.Hour {
			t.Errorf("entries are %v apart, want the 24h of the bubble", waited)
		}
	})
}

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%e", "palyra.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	first, err := Open(ctx, Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	v := put(t, first, minute("a"))
	if err := errors.Join(first.Close(), first.Close()); err != nil {
		t.Fatal(err)
	}
	if err := first.PutJob(ctx, minute("b"), job.Daemon, "job.create"); !errors.Is(err, ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
	second := openAt(t, path)
	if first.ID(ctx) != second.ID(ctx) || len(second.ID(ctx)) != 32 {
		t.Errorf("id %q became %q", first.ID(ctx), second.ID(ctx))
	}
	jobs, err := second.Jobs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	v.Key = 1
	if diff := cmp.Diff([]*job.Job{v}, jobs); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file mode %v, %v", info.Mode(), err)
	}
}

func TestSettings(t *testing.T) {
	j := open(t)
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "auto_vacuum": "2", "busy_timeout": "5000"}
	for name, value := range want {
		var got string
		if err := j.conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil || got != value {
			t.Errorf("%s is %q, want %q (%v)", name, got, value, err)
		}
	}
	if _, err := j.readers.ExecContext(t.Context(), "DELETE FROM meta"); err == nil {
		t.Error("a reader wrote")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(dir, "newer.db")
	j, err := Open(t.Context(), Config{Path: newer})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.conn.ExecContext(t.Context(), "INSERT INTO schema_version VALUES (99, 0)"); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config Config
		want   string
		is     error
	}{
		"newer":       {Config{Path: newer}, "its schema is 99, this palyrad knows ", ErrNewer},
		"garbage":     {Config{Path: garbage}, "not a journal; move it away", nil},
		"directory":   {Config{Path: dir}, "is a directory", nil},
		"nowhere":     {Config{Path: filepath.Join(dir, "no", "palyra.db")}, "its directory does not exist", os.ErrNotExist},
		"synchronous": {Config{Path: filepath.Join(dir, "x.db"), Synchronous: "off"}, "want FULL or NORMAL", nil},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := Open(t.Context(), c.config)
			if err == nil {
				j.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.want) || (c.is != nil && !errors.Is(err, c.is)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// No write looks for its rows by reading a whole table.
func TestPlans(t *testing.T) {
	j := open(t)
	v := minute("a")
	v.Concurrency.Policy = job.QueueOne
	put(t, j, v)
	active, waiting := run(v, 1, job.Running), run(v, 2, job.Queued)
	begin(t, j, claim(active), claim(waiting), claim(run(v, 3, job.Skipped)))
	if err := j.Finish(t.Context(), outcome(active, job.Succeeded)); err != nil {
		t.Fatal(err)
	}
	waiting.State = job.Running
	if err := j.Advance(t.Context(), waiting, job.Daemon); err != nil {
		t.Fatal(err)
	}
	if err := j.EffectDone(t.Context(), job.PendingEffect{Run: active.ID}, ""); err != nil {
		t.Fatal(err)
	}
	queries := slices.Collect(maps.Keys(j.stmts))
	queries = slices.AppendSeq(queries, maps.Keys(j.execs))
	for _, query := range queries {
		if !strings.HasPrefix(query, "SELECT") && !strings.HasPrefix(query, "UPDATE") && !strings.HasPrefix(query, "DELETE") {
			continue
		}
		rows, err := j.conn.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, make([]any, 12)...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(detail, "SCAN") && !strings.HasPrefix(detail, "SCAN CONSTANT") && !strings.HasSuffix(query, "LIMIT 1") && !strings.Contains(query, "FROM meta") &&
				!strings.HasPrefix(query, "SELECT seq, leaf, entry") { // the migration
				t.Errorf("%s: %s", detail, query)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The write-ahead log is moved into the database as it fills, and keeps the
// length that was reserved for it.
func TestReserve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "palyra.db")
	const reserve = 1 << 20
	for range 2 {
		j, err := Open(t.Context(), Config{Path: path, Reserve: reserve})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 40 {
			v := minute(fmt.Sprint("a", n))
			v.Generation, v.ID = 1, job.ID(fmt.Sprint("job_", time.Now().UnixNano(), n))
			v.Name = string(v.ID)
			v.Action.Input = []byte(`"` + strings.Repeat("x", 100<<10) + `"`)
			put(t, j, v)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path + "-wal"); err != nil || info.Size() != reserve {
			t.Fatalf("the log has %d bytes, want %d: %v", info.Size(), reserve, err)
		}
	}
}
