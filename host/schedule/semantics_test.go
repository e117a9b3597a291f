package schedule

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func compiled(t testing.TB, spec Spec) *Schedule {
	t.Helper()
	s, err := Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(s.Spec())
	if err != nil || again.Spec() != s.Spec() {
		t.Fatalf("%+v does not parse as itself: %+v, %v", s.Spec(), again, err)
	}
	return s
}

func stamps(times []time.Time) []string {
	var list []string
	for _, at := range times {
		list = append(list, at.Format(time.RFC3339))
	}
	return list
}

func TestSemantics(t *testing.T) {
	const prague = "Europe/Prague"
	for _, c := range []struct {
		name  string
		spec  Spec
		after string
		want  string
	}{
		{
			"gap skipped",
			Spec{Kind: Cron, Expr: "30 2 * * *", Zone: prague, DSTGap: "skip"},
			"2026-03-28T00:00:00Z",
			"2026-03-28T02:30:00+01:00 2026-03-30T02:30:00+02:00",
		},
		{
			"second of the overlap",
			Spec{Kind: Cron, Expr: "30 2 * * *", Zone: prague, DSTOverlap: "second"},
			"2026-10-24T12:00:00Z",
			"2026-10-25T02:30:00+01:00 2026-10-26T02:30:00+01:00",
		},
		{
			"both of the overlap",
			Spec{Kind: Cron, Expr: "30 2 * * *", Zone: prague, DSTOverlap: "both"},
			"2026-10-24T12:00:00Z",
			"2026-10-25T02:30:00+02:00 2026-10-25T02:30:00+01:00 2026-10-26T02:30:00+01:00",
		},
		{
			"both, and the gap still ends with it",
			Spec{Kind: Cron, Expr: "30 2 * * *", Zone: prague, DSTOverlap: "both"},
			"2026-03-28T12:00:00Z",
			"2026-03-29T03:00:00+02:00 2026-03-30T02:30:00+02:00",
		},
		{
			"skip and both",
			Spec{Kind: Cron, Expr: "30 2 * * *", Zone: prague, DSTOverlap: "both", DSTGap: "skip"},
			"2026-03-28T12:00:00Z",
			"2026-03-30T02:30:00+02:00",
		},
		{
			"a date that never was is skipped",
			Spec{Kind: Cron, Expr: "0 9 * * *", Zone: "Pacific/Apia", DSTGap: "skip"},
			"2011-12-29T12:00:00Z",
			"2011-12-29T09:00:00-10:00 2011-12-31T09:00:00+14:00",
		},
		{
			"start and end",
			Spec{Kind: Cron, Expr: "0 0 * * *", Start: clock(t, "2026-01-02T00:00:00Z"), End: clock(t, "2026-01-04T00:00:00Z")},
			"2020-01-01T00:00:00Z",
			"2026-01-02T00:00:00Z 2026-01-03T00:00:00Z 2026-01-04T00:00:00Z end",
		},
		{
			"maximum runs",
			Spec{Kind: Cron, Expr: "0 0 29 2 *", Start: clock(t, "2026-01-02T00:00:00Z"), MaxRuns: 3},
			"2020-01-01T00:00:00Z",
			"2028-02-29T00:00:00Z 2032-02-29T00:00:00Z 2036-02-29T00:00:00Z end",
		},
		{
			"maximum runs of every",
			Spec{Kind: Every, Expr: "1500ms", Anchor: clock(t, "2026-01-02T00:00:00Z"), MaxRuns: 2},
			"2020-01-01T00:00:00Z",
			"2026-01-02T00:00:01Z 2026-01-02T00:00:03Z end",
		},
		{
			"fewer than the maximum",
			Spec{Kind: At, Expr: "2026-01-02T00:00:00Z", MaxRuns: 2},
			"2020-01-01T00:00:00Z",
			"2026-01-02T00:00:00Z end",
		},
		{
			"days left out",
			Spec{Kind: Cron, Expr: "0 9 * * *", Except: "2026-12-24/2026-12-26; * * * * SUN"},
			"2026-12-22T12:00:00Z",
			"2026-12-23T09:00:00Z 2026-12-28T09:00:00Z",
		},
		{
			"moved to the next working day",
			Spec{Kind: Cron, Expr: "0 9 1 * *", Except: "* * * * SAT,SUN; 2027-01-01", OnExcluded: "next-workday"},
			"2026-10-15T00:00:00Z",
			"2026-11-02T09:00:00Z 2026-12-01T09:00:00Z 2027-01-04T09:00:00Z",
		},
		{
			"moved into another month and year",
			Spec{Kind: Cron, Expr: "0 0 9 31 12 * 2026", Except: "2026-12-31/2027-01-03", OnExcluded: "next-workday"},
			"2026-10-15T00:00:00Z",
			"2027-01-04T09:00:00Z end",
		},
		{
			"moved by 31 days",
			Spec{Kind: Cron, Expr: "0 0 9 5 1 * 2026,2027", Except: "2026-01-05/2026-02-04", OnExcluded: "next-workday"},
			"2025-12-01T00:00:00Z",
			"2026-02-05T09:00:00Z 2027-01-05T09:00:00Z end",
		},
		{
			"not by 32",
			Spec{Kind: Cron, Expr: "0 0 9 5 1 * 2026,2027", Except: "2026-01-05/2026-02-05", OnExcluded: "next-workday"},
			"2025-12-01T00:00:00Z",
			"2027-01-05T09:00:00Z end",
		},
		{
			"moved onto another is one",
			Spec{Kind: Cron, Expr: "0 9 * * 5,1", Except: "2026-12-25", OnExcluded: "next-workday"},
			"2026-12-22T00:00:00Z",
			"2026-12-28T09:00:00Z 2027-01-01T09:00:00Z",
		},
		{
			"delay",
			Spec{Kind: Delay, Expr: "10m", Zone: prague},
			"2026-07-01T10:00:00.0005Z",
			"2026-07-01T12:10:00+02:00 end",
		},
		{
			"delay from a start",
			Spec{Kind: Delay, Expr: "10m", Start: clock(t, "2026-07-02T10:00:00Z")},
			"2026-07-01T10:00:00Z",
			"2026-07-02T10:00:00Z end",
		},
		{"delay to an end", Spec{Kind: Delay, Expr: "10m", End: clock(t, "2026-07-01T10:05:00Z")}, "2026-07-01T10:00:00Z", "end"},
		{
			"years",
			Spec{Kind: Cron, Expr: "0 0 0 29 2 * 2027-2034"},
			"1999-01-01T00:00:00Z",
			"2028-02-29T00:00:00Z 2032-02-29T00:00:00Z end",
		},
		{
			"around midnight",
			Spec{Kind: Cron, Expr: "30 22-1 * * FRI-SUN"},
			"2026-07-02T00:00:00Z",
			"2026-07-03T00:30:00Z 2026-07-03T01:30:00Z 2026-07-03T22:30:00Z",
		},
	} {
		s := compiled(t, c.spec)
		want := strings.Fields(c.want)
		n := len(want)
		ends := n > 0 && want[n-1] == "end"
		if ends {
			want = want[:n-1]
		}
		got := s.NextN(clock(t, c.after), n)
		if !slices.Equal(stamps(got), want) {
			t.Errorf("%s:\n got %v\nwant %v", c.name, stamps(got), want)
			continue
		}
		for i := len(got) - 1; i > 0; i-- {
			if at := s.Prev(got[i]); !at.Equal(got[i-1]) {
				t.Errorf("%s: Prev(%s) = %s", c.name, got[i], at)
			}
		}
		if len(got) > 0 {
			if n := s.Count(clock(t, c.after), got[len(got)-1]); n != int64(len(got)) {
				t.Errorf("%s: counted %d of %d", c.name, n, len(got))
			}
		}
		if ends && len(got) > 0 && s.spec.Kind != Delay {
			if n := s.Count(time.Time{}, time.Unix(maxUnix, 0)); n != int64(len(got)) {
				t.Errorf("%s: counted %d, want %d", c.name, n, len(got))
			}
		}
	}
}

func TestSemanticsRefused(t *testing.T) {
	at := clock(t, "2026-01-01T00:00:00Z")
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{Kind: Cron, Expr: "0 0 * * *", DSTGap: "later"}, `schedule: dst_gap "later": want next or skip`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", DSTOverlap: "third"}, `schedule: dst_overlap "third": want first, second or both`},
		{Spec{Kind: Cron, Expr: "0 * * * *", DSTGap: "skip"}, `schedule: dst_gap, dst_overlap: a schedule whose minute or hour starts with * follows elapsed time; name its minutes and hours`},
		{Spec{Kind: Cron, Expr: "0 30 2 29 3 * 2026", Zone: "Europe/Prague", DSTGap: "skip"}, `schedule: dst_gap: the clock skips every time of the schedule`},
		{Spec{Kind: Every, Expr: "1h", DSTOverlap: "both"}, `schedule: dst_gap, dst_overlap, except, on_excluded: only schedules of kind cron have them`},
		{Spec{Kind: Every, Expr: "1h", Except: "2026-01-01"}, `schedule: dst_gap, dst_overlap, except, on_excluded: only schedules of kind cron have them`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", MaxRuns: 3}, `schedule: max_runs: give a start too, from which to count`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", MaxRuns: -3}, `schedule: max_runs -3: want 1 or more, or 0 for no maximum`},
		{Spec{Kind: Delay, Expr: "10m", MaxRuns: 3, Start: at}, `schedule: max_runs: a delay counts from completions, which only the scheduler knows; give an end`},
		{Spec{Kind: Delay, Expr: "10"}, `schedule: delay "10": no unit, write 10s or 10m`},
		{Spec{Kind: Delay, Expr: "10ms"}, `schedule: delay "10ms": want at least 1s`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", Start: at, End: at.Add(-1e9)}, `schedule: start, end: it never fires from 2026-01-01T00:00:00Z to 2025-12-31T23:59:59Z`},
		{Spec{Kind: Cron, Expr: "0 0 29 2 *", Start: at, End: at.AddDate(1, 0, 0)}, `schedule: start, end: it never fires from 2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", Jitter: "5"}, `schedule: jitter "5": no unit, write 5s or 5m`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", Jitter: "-5s"}, `schedule: jitter "-5s": want whole milliseconds`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", Jitter: "1us"}, `schedule: jitter "1us": want whole milliseconds`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", Except: "xmas"}, `schedule: except "xmas": want a date such as 2026-12-24, a range 2026-12-24/2026-12-31, or an expression for whole days such as * * * * SAT,SUN`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", Except: "2026-02-30"}, `schedule: except "2026-02-30": want a date such as 2026-12-24, a range 2026-12-24/2026-12-31, or an expression for whole days such as * * * * SAT,SUN`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", Except: "2026-12-31/2026-12-24"}, `schedule: except "2026-12-31/2026-12-24": want a range that runs forward and is at most 366 days`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", Except: "0 12 * * SAT"}, `schedule: except "0 12 * * SAT": whole days are left out: write * * for minute and hour, then the days, in five fields`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", Except: "* * * * *"}, `schedule: except "* * * * *": that leaves out every day`},
		{Spec{Kind: Cron, Expr: "0 0 * * SAT", Except: "* * * * SAT,SUN"}, `schedule: except: it leaves out every time of the schedule`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", Except: "* * * * SAT; * * * * SUN"}, `schedule: except "* * * * SUN": one expression is enough, join them`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", Except: "2026-01-01", OnExcluded: "move"}, `schedule: on_excluded "move": want skip or next-workday`},
		{Spec{Kind: Cron, Expr: "0 0 * * *", Except: "* * * * MON-FRI", OnExcluded: "next-workday", Zone: "utc"}, ""},
	} {
		s, err := Parse(c.spec)
		if c.want == "" {
			if err != nil {
				t.Errorf("%+v: %v", c.spec, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("parsed as %+v, want %s", s.Spec(), c.want)
		} else if err.Error() != c.want {
			t.Errorf(" got %s\nwant %s", err, c.want)
		}
	}
}

// Schedules of one parser share their zones.
func TestParserSharesZones(t *testing.T) {
	var p Parser
	a, err := p.Parse(Spec{Kind: Cron, Expr: "0 0 * * *", Zone: "Europe/Prague"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Parse(Spec{Kind: Every, Expr: "5m", Zone: "Europe/Prague"})
	if err != nil || a.zone != b.zone {
		t.Errorf("two zones, %v", err)
	}
	if c := compiled(t, a.Spec()); c.zone == a.zone {
		t.Error("a zone is shared beyond the parser")
	}
}

// What is said of the embedded database is what the Go tree says of it.
func TestTZData(t *testing.T) {
	if runtime.Version() != testedGo {
		if !strings.Contains(TZData(), runtime.Version()) || strings.Contains(TZData(), testedTZ) {
			t.Errorf("%s: want the release alone, of which nothing else is known", TZData())
		}
		return
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "update.bash"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("NOT CHECKED: the Go tree has no lib/time/update.bash:", err)
	}
	if !strings.Contains(string(text), "\nCODE="+testedTZ+"\n") || !strings.HasPrefix(TZData(), testedTZ) {
		t.Errorf("%s is not the version in lib/time/update.bash", TZData())
	}
}
