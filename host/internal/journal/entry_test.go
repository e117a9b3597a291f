package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/palyra-go/palyra/host/internal/job"
)

// The bytes of entries are what a history tree will hash: they never change.
func TestCanonicalEntries(t *testing.T) {
	path := t.TempDir() + "/palyra.db"
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(noon)) // virtual
		j := openAt(t, path)
		a, b := put(t, j, minute("a")), put(t, j, minute("b"))
		denied := run(b, 1, job.Denied)
		denied.Reason, denied.Decision = job.ReasonPolicy, job.Decision{Policies: []string{`<é>`}, Errors: []string{"x"}, PolicySet: "ab"}
		begin(t, j, claim(run(a, 1, job.Running)), claim(denied))
		c, d := put(t, j, minute("c")), put(t, j, minute("d"))
		begin(t, j, claim(run(c, 1, job.Running)), claim(run(b, 2, job.Skipped)), claim(run(d, 1, job.Running)))
		if err := j.DeleteJob(t.Context(), b.ID, job.User(`q"`)); err != nil {
			t.Fatal(err)
		}
		entries, err := j.Entries(t.Context(), 1, 10)
		entries = slices.DeleteFunc(entries, func(e Entry) bool { return e.Subject == "job_c" || e.Subject == "job_d" })
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprint(e.Seq, " ", e.Leaf, " ", string(e.Canonical)))
		}
		set := strings.Repeat("ab", 32)
		want := []string{
			`2 2 {"actor":"User::\"alice\"","at":1893499200000000,"data":{"facts":[{"action":"palyra.health/summarize","generation":1,"job":"job_b","name":"b","owner":"User::\"alice\"","spec":"` +
				specSum(t, b) + `"}]},"kind":"job.create","subject":"job_b","v":1}`,
			`3 3 {"actor":"System::\"daemon\"","at":1893499200000000,"data":{"facts":[` +
				`{"as":"User::\"alice\"","attempt":1,"decision":{"allow":true,"policies":["00-default.cedar#0"],"set":"` + set +
				`"},"digest":"07` + strings.Repeat("00", 31) + `","due":1893499260000000,"job":"job_a","run":"run_a000001","state":"running","trigger":"timer"},` +
				`{"as":"User::\"alice\"","decision":{"allow":false,"errors":["x"],"policies":["<é>"],"set":"ab"},"due":1893499260000000,"job":"job_b","reason":"policy","run":"run_b000001","state":"denied","trigger":"timer"}` +
				`]},"kind":"run.begin","subject":"","v":1}`,
			`6 6 {"actor":"System::\"daemon\"","at":1893499200000000,"data":{"alike":[` +
				`{"all":{"as":"User::\"alice\"","attempt":1,"decision":{"allow":true,"policies":["00-default.cedar#0"],"set":"` + set +
				`"},"digest":"07` + strings.Repeat("00", 31) + `","state":"running","trigger":"timer"},` +
				`"facts":[{"due":1893499260000000,"job":"job_c","run":"run_c000001"},{"due":1893499260000000,"job":"job_d","run":"run_d000001"}]}],` +
				`"facts":[{"as":"User::\"alice\"","due":1893499320000000,"job":"job_b","run":"run_b000002","state":"skipped","trigger":"timer"}]},` +
				`"kind":"run.begin","subject":"","v":1}`,
			`7 7 {"actor":"User::\"q\\\"\"","at":1893499200000000,"data":{"facts":[{"generation":1,"job":"job_b","name":"b"}]},"kind":"job.delete","subject":"job_b","v":1}`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		last := entries[3]
		if last.Kind != "job.delete" || last.Subject != "job_b" || last.Actor != `User::"q\""` || !last.At.Equal(noon) {
			t.Errorf("decoded as %+v", last)
		}
	})
}

func specSum(t *testing.T, v *job.Job) string {
	t.Helper()
	spec, err := encodeSpec(v)
	if err != nil {
		t.Fatal(err)
	}
	return sum(spec)
}

// Operations that share a transaction share a leaf, those alike an entry; one
// that is refused leaves nothing, and what it wrote before is undone.
func TestSharedTransaction(t *testing.T) {
	j := open(t)
	a, b := minute("a"), minute("b")
	before := count(t, j, "entries")
	refusal := errors.New("refused late")
	ops := []*op{}
	for _, do := range []func(*tx) error{
		func(t *tx) error { return t.putJob(a, "{}", job.Daemon, "job.create") },
		func(t *tx) error {
			if err := t.putJob(minute("undone"), "{}", job.Daemon, "job.create"); err != nil {
				return err
			}
			return refusal
		},
		func(t *tx) error { return t.putJob(b, "{}", job.Daemon, "job.create") },
		func(t *tx) error { return t.putJob(minute("c"), "{}", job.User("bob"), "job.create") },
	} {
		ops = append(ops, &op{ctx: t.Context(), do: do, done: make(chan struct{})})
	}
	j.queue = ops
	j.turn <- struct{}{}
	j.lead()
	<-j.turn
	for i, o := range ops {
		<-o.done
		if want := map[int]error{1: refusal}[i]; !errors.Is(o.err, want) {
			t.Errorf("operation %d: %v, want %v", i, o.err, want)
		}
	}
	if n := count(t, j, "jobs"); n != 3 {
		t.Errorf("%d jobs, want 3", n)
	}
	entries, err := j.Entries(t.Context(), int64(before), 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || entries[0].Leaf != entries[1].Leaf || entries[0].Subject != "" || entries[1].Subject != "job_c" {
		t.Fatalf("entries %+v", entries)
	}
	var data struct{ Facts []jobFact }
	if err := json.Unmarshal(entries[0].Data, &data); err != nil || len(data.Facts) != 2 || data.Facts[1].Job != b.ID {
		t.Errorf("facts %+v, %v", data, err)
	}
	for _, e := range entries {
		again := jsontext.Value(e.Canonical).Clone()
		if err := again.Canonicalize(); err != nil || string(again) != string(e.Canonical) {
			t.Errorf("not canonical: %s, %v", e.Canonical, err)
		}
	}
}

// Who waits for entries hears of the next one.
func TestWait(t *testing.T) {
	j := open(t)
	if err := j.Wait(t.Context(), j.Last()-1); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- j.Wait(t.Context(), 0) }()
	put(t, j, minute("a"))
	if err := <-done; err != nil || j.Last() != 1 {
		t.Errorf("last %d, %v", j.Last(), err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if err := j.Wait(ctx, 1); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}
