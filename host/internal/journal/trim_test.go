package journal

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
)

// What is beyond the limits goes, what is needed stays, and the history that is
// left can be verified.
func TestTrim(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
		kept   string // the runs, in order
		cut    bool
	}{
		{"no limits", Limits{}, "a1 a2 a3 b1 b2 open1 due1 gone1 a4 a5 a6", false},
		{"count", Limits{Runs: 2}, "b2 open1 due1 a5 a6", true},
		{"age", Limits{Age: 24 * time.Hour}, "b2 open1 due1 a4 a5 a6", true},
		{"all old", Limits{Age: time.Hour}, "b2 open1 due1 a6", true},
		{"bytes", Limits{Bytes: 1}, "b2 open1 due1 a6", true},
		{"room enough", Limits{Runs: 100, Age: 1000 * time.Hour, Bytes: 1 << 40}, "a1 a2 a3 b1 b2 open1 due1 gone1 a4 a5 a6", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := t.TempDir() + "/palyra.db"
			synctest.Test(t, func(t *testing.T) { trim(t, path, c.limits, c.kept, c.cut) })
		})
	}
}

func trim(t *testing.T, path string, limits Limits, kept string, cut bool) {
	time.Sleep(time.Until(noon)) // virtual
	j := openAt(t, path)
	ended := func(v *job.Job, n int, effect job.Effect) {
		t.Helper()
		r := run(v, n, job.Running)
		r.Created = time.Now()
		begin(t, j, claim(r))
		o := outcome(r, job.Succeeded)
		o.Attempt.Ended, o.Effect, o.Log = time.Now(), effect, "x"
		if err := j.Finish(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	a, b, open := put(t, j, minute("a")), put(t, j, minute("b")), put(t, j, minute("open"))
	due, gone := put(t, j, minute("due")), put(t, j, minute("gone"))
	for n := range 3 {
		ended(a, n+1, job.NoEffect)
	}
	ended(b, 1, job.NoEffect)
	ended(b, 2, job.NoEffect)
	r := run(open, 1, job.Running)
	r.Created = time.Now()
	begin(t, j, claim(r))
	ended(due, 1, job.JudgeAudit)
	ended(gone, 1, job.NoEffect)
	if err := j.DeleteJob(t.Context(), gone.ID, job.Daemon); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(48 * time.Hour)
	for n := range 3 {
		ended(a, n+4, job.NoEffect)
	}
	time.Sleep(2 * time.Hour)
	before := count(t, j, "entries")
	done, err := j.Trim(t.Context(), limits)
	if err != nil || done.More {
		t.Fatalf("%+v, %v", done, err)
	}
	runs, err := j.Runs(t.Context(), job.Filter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range runs {
		r := runs[len(runs)-1-i]
		names = append(names, fmt.Sprint(r.JobName, int(r.Due.Sub(noon).Minutes())))
	}
	if got := strings.Join(names, " "); got != kept {
		t.Errorf("kept %s, want %s", got, kept)
	}
	if n := count(t, j, "attempts"); n != len(runs)-1 {
		t.Errorf("%d attempts of %d runs", n, len(runs))
	}
	v, err := j.Verify(t.Context())
	if err != nil || len(v.Problems) != 0 || (v.Cut > 0) != cut || (done.Entries > 0) != cut {
		t.Errorf("%+v, %+v, %v", v, done, err)
	}
	if left := count(t, j, "entries"); cut && left >= before {
		t.Errorf("%d entries are left of %d", left, before)
	}
	begin(t, j, claim(run(a, 7, job.Running))) // and on it goes
	refused, err := j.Begin(t.Context(), []job.Claim{claim(run(b, 2, job.Running))})
	if err != nil || refused[0] == nil {
		t.Error("a nominal time was claimed twice")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if again, err := VerifyFile(t.Context(), path); err != nil || len(again.Problems) != 0 {
		t.Errorf("after a close: %+v, %v", again, err)
	}
}

// A trim of much is done in slices and goes on later.
func TestTrimSlices(t *testing.T) {
	j := open(t)
	v := allowing("a")
	put(t, j, v)
	var claims []job.Claim
	for n := range sliceRows*maxSlices + 10 {
		r := run(v, n+1, job.Denied)
		r.Reason = job.Reason(fmt.Sprint(n)) // not alike
		claims = append(claims, claim(r))
	}
	begin(t, j, claims...)
	done, err := j.Trim(t.Context(), Limits{Age: time.Second, Runs: 5})
	if err != nil || !done.More {
		t.Fatalf("%+v, %v", done, err)
	}
	more, err := j.Trim(t.Context(), Limits{Runs: 5})
	if err != nil || more.More || done.Runs+more.Runs != int64(len(claims))-5 || done.Pages+more.Pages == 0 {
		t.Errorf("%+v, %+v, %v", done, more, err)
	}
}

// Runs that stay do not keep a trim from those behind them.
func TestTrimGoesOn(t *testing.T) {
	j := open(t)
	v := allowing("a")
	put(t, j, v)
	var claims []job.Claim
	for n := range sliceRows * maxSlices {
		claims = append(claims, claim(run(v, n+1, job.Running)))
	}
	begin(t, j, claims...) // open: they stay
	b := put(t, j, minute("b"))
	for n := range 2 {
		r := run(b, n+1, job.Denied)
		r.Reason = job.Reason(fmt.Sprint(n))
		begin(t, j, claim(r))
	}
	limits := Limits{Age: time.Nanosecond, Runs: 1}
	first, err := j.Trim(t.Context(), limits)
	if err != nil || !first.More || first.Runs != 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := j.Trim(t.Context(), limits)
	if err != nil || second.Runs != 1 {
		t.Errorf("%+v, %v", second, err)
	}
}
