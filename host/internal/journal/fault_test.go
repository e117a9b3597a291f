package journal

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/palyra-go/palyra/host/internal/job"
)

// A journal that cannot be written says so, keeps nothing of what it refused,
// goes on answering reads and heals by itself.
func TestUnwritable(t *testing.T) {
	for name, c := range map[string]struct{ breaks, heals, says string }{
		"full":      {"PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000", "full"},
		"read-only": {"PRAGMA query_only = on", "PRAGMA query_only = off", "readonly"},
	} {
		t.Run(name, func(t *testing.T) {
			j := open(t)
			v := put(t, j, minute("a"))
			pragma := func(text string) {
				t.Helper()
				if _, err := j.conn.ExecContext(t.Context(), text); err != nil {
					t.Fatal(err)
				}
			}
			pragma(c.breaks)
			r := run(v, 1, job.Running)
			r.Summary = strings.Repeat("x", MaxText) // needs a new page
			refused, err := j.Begin(t.Context(), []job.Claim{claim(r)})
			if !errors.Is(err, ErrUnwritable) || !strings.Contains(err.Error(), c.says) || refused != nil {
				t.Fatalf("%v, %v", refused, err)
			}
			if name == "read-only" {
				if err := j.Writable(t.Context()); !errors.Is(err, ErrUnwritable) {
					t.Errorf("writable: %v", err)
				}
			}
			if jobs, err := j.Jobs(t.Context()); err != nil || len(jobs) != 1 {
				t.Errorf("reads: %d jobs, %v", len(jobs), err)
			}
			pragma(c.heals)
			if err := j.Writable(t.Context()); err != nil {
				t.Errorf("after it healed: %v", err)
			}
			begin(t, j, claim(r))
		})
	}
}

// When the transaction fails, everybody who shares it is told so.
func TestUnwritableShared(t *testing.T) {
	j := open(t)
	if _, err := j.conn.ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 1<<20)
	small := func(t *tx) error { return t.putJob(minute("small"), "{}", job.Daemon, "job.create") }
	var ops []*op
	for _, do := range []func(*tx) error{
		small,
		func(t *tx) error { return t.putJob(minute("big"), big, job.Daemon, "job.create") },
		small,
	} {
		ops = append(ops, &op{ctx: t.Context(), do: do, done: make(chan struct{})})
	}
	j.queue = ops
	j.turn <- struct{}{}
	j.lead()
	<-j.turn
	for i, o := range ops {
		if !errors.Is(o.err, ErrUnwritable) {
			t.Errorf("operation %d: %v", i, o.err)
		}
	}
	if n := count(t, j, "jobs") + count(t, j, "entries"); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

func TestCancelledWrite(t *testing.T) {
	j := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.PutJob(ctx, minute("a"), job.Daemon, "job.create"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := count(t, j, "jobs"); n != 0 {
		t.Errorf("%d jobs were written", n)
	}
}

// Servers recover panics: one must not leave the journal locked.
func TestPanic(t *testing.T) {
	j := open(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = j.write(t.Context(), func(x *tx) error {
			if err := x.putJob(minute("undone"), "{}", job.Daemon, "job.create"); err != nil {
				return err
			}
			panic("in an operation")
		})
	}()
	put(t, j, minute("a"))
	if n := count(t, j, "jobs"); n != 1 {
		t.Errorf("%d jobs, want 1", n)
	}
}
