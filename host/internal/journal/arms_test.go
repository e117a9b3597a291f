package journal

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/palyra-go/palyra/host/internal/job"
)

func arms(t *testing.T, j *Journal, by string) map[uint32]job.Arm {
	t.Helper()
	all := map[uint32]job.Arm{}
	if err := j.Arms(t.Context(), by, func(a job.Arm) { all[a.Key] = a }); err != nil {
		t.Fatal(err)
	}
	return all
}

// When the scheduler has to look at a job moves with the cursor and with edits,
// and is told to the one alone who computed it.
func TestArms(t *testing.T) {
	j := openAt(t, filepath.Join(t.TempDir(), "palyra.db"))
	a, b, gone := minute("a"), minute("b"), minute("gone")
	a.Arms = 11
	put(t, j, a)
	put(t, j, b)
	put(t, j, gone)
	if err := j.DeleteJob(t.Context(), gone.ID, job.Daemon); err != nil {
		t.Fatal(err)
	}
	at := noon.UnixMicro()
	unknown := map[uint32]job.Arm{1: {Key: 1, Cursor: at}, 2: {Key: 2, Cursor: at}}
	if diff := cmp.Diff(unknown, arms(t, j, "me")); diff != "" {
		t.Errorf("nobody vouched: %s", diff)
	}
	if err := j.PutArms(t.Context(), []job.Arm{{Key: 2, At: 22}}, "me"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(unknown, arms(t, j, "another")); diff != "" {
		t.Errorf("what another computed: %s", diff)
	}
	want := map[uint32]job.Arm{1: {Key: 1, Cursor: at, At: 11}, 2: {Key: 2, Cursor: at, At: 22}}
	if diff := cmp.Diff(want, arms(t, j, "me")); diff != "" {
		t.Error(diff)
	}

	first := claim(run(a, 1, job.Running))
	first.Arms = 111
	begin(t, j, first)
	want[1] = job.Arm{Key: 1, Cursor: at + time.Minute.Microseconds(), At: 111}
	refused := claim(run(a, 1, job.Running))
	refused.Arms = 999
	if errs, err := j.Begin(t.Context(), []job.Claim{refused}); err != nil || errs[0] == nil {
		t.Fatalf("a second claim: %v, %v", errs, err)
	}
	b.Generation, b.Arms = 2, job.Never
	put(t, j, b) // an edit that leaves the cursor
	want[2] = job.Arm{Key: 2, Cursor: at, At: job.Never}
	if diff := cmp.Diff(want, arms(t, j, "me")); diff != "" {
		t.Error(diff)
	}
}

func TestKeysOfJobs(t *testing.T) {
	j := openAt(t, filepath.Join(t.TempDir(), "palyra.db"))
	a, b, c := minute("a"), minute("b"), minute("c")
	a.Key, b.Key = 5, 5
	put(t, j, a)
	if err := j.PutJob(t.Context(), b, job.Daemon, "job.create"); !errors.Is(err, ErrConflict) {
		t.Errorf("a second job with a key: %v, want ErrConflict", err)
	}
	put(t, j, c)
	if err := j.DeleteJob(t.Context(), a.ID, job.Daemon); err != nil {
		t.Fatal(err)
	}
	put(t, j, b)
	again := minute("a") // an old id, another key
	put(t, j, again)
	got := arms(t, j, "")
	if len(got) != 3 || got[5].Key != 5 || got[6].Key != 6 || got[7].Key != 7 {
		t.Errorf("keys %v, want b, c and a at 5, 6 and 7", got)
	}
}

func TestFindJobs(t *testing.T) {
	j := openAt(t, filepath.Join(t.TempDir(), "palyra.db"))
	for _, name := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		put(t, j, minute(name))
	}
	many := make([]uint32, 0, 1200)
	for key := range uint32(1200) {
		many = append(many, key+25)
	}
	for name, c := range map[string]struct {
		pick job.Pick
		want string
	}{
		"all":             {job.Pick{}, "abcdefghijklmnopqrstuvwxyz"},
		"a page":          {job.Pick{After: "c", Limit: 3}, "def"},
		"a page of keys":  {job.Pick{ByKey: true, Above: 20, Limit: 4}, "uvwx"},
		"by id":           {job.Pick{ID: "job_k"}, "k"},
		"by name":         {job.Pick{Name: "k"}, "k"},
		"none of that id": {job.Pick{ID: "k"}, ""},
		"no such name":    {job.Pick{Name: "job_k"}, ""},
		"one key":         {job.Pick{Keys: []uint32{3}}, "c"},
		"keys":            {job.Pick{Keys: []uint32{26, 2, 77}}, "bz"},
		"many keys":       {job.Pick{Keys: many}, "yz"},
	} {
		found, err := j.FindJobs(t.Context(), c.pick)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, v := range found {
			got += v.Name
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestRepaired(t *testing.T) {
	j := openAt(t, filepath.Join(t.TempDir(), "palyra.db"))
	if err := j.Repaired(t.Context(), []job.Repair{{Job: "job_a", Now: noon, Reason: "not armed"}}); err != nil {
		t.Fatal(err)
	}
	entries, err := j.Entries(t.Context(), 0, 10)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	e := entries[0]
	want := `{"facts":[{"job":"job_a","now":1893499200000000,"reason":"not armed"}]}`
	if e.Kind != "schedule.repair" || e.Subject != "job_a" || string(e.Data) != want {
		t.Errorf("entry %s of %s: %s", e.Kind, e.Subject, e.Data)
	}
}
