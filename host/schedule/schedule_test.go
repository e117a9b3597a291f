package schedule

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseRefuses(t *testing.T) {
	const five = "want 5 (minute hour day-of-month month day-of-week), or 6 with seconds in front"
	for _, c := range []struct {
		kind Kind
		expr string
		zone string
		want string
	}{
		{Cron, "", "", `schedule: cron "": empty, want 5 fields (minute hour day-of-month month day-of-week), 6 with seconds in front, or a macro such as @daily`},
		{Cron, "* * * *", "", `schedule: cron "* * * *": 4 fields, ` + five},
		{Cron, "* * * * * * * *", "", `schedule: cron "* * * * * * * *": 8 fields, ` + five},
		{Cron, "0 0 0 1 1 * 2030", "", `schedule: cron "0 0 0 1 1 * 2030": 7 fields, want 5, or 6 with seconds in front; a year field is not supported`},
		{Cron, "0 0 1 1 * 2030", "", `schedule: cron "0 0 1 1 * 2030": day of week "2030": want 0 to 7 or SUN to SAT`},
		{Cron, "0 0 1 1 0001 1", "", `schedule: cron "0 0 1 1 0001 1": month "0001": want 1 to 12 or JAN to DEC`},
		{Cron, "60 * * * *", "", `schedule: cron "60 * * * *": minute "60": want 0 to 59`},
		{Cron, "61 * * * * *", "", `schedule: cron "61 * * * * *": second "61": want 0 to 59`},
		{Cron, "0 24 * * *", "", `schedule: cron "0 24 * * *": hour "24": want 0 to 23`},
		{Cron, "0 0 0 * *", "", `schedule: cron "0 0 0 * *": day of month "0": want 1 to 31`},
		{Cron, "0 0 1 13 *", "", `schedule: cron "0 0 1 13 *": month "13": want 1 to 12 or JAN to DEC`},
		{Cron, "0 0 * * 8", "", `schedule: cron "0 0 * * 8": day of week "8": want 0 to 7 or SUN to SAT`},
		{Cron, "13,99 * * * *", "", `schedule: cron "13,99 * * * *": minute "99": want 0 to 59`},
		{Cron, "1-2-3 * * * *", "", `schedule: cron "1-2-3 * * * *": minute "1-2-3": want 0 to 59`},
		{Cron, "-5 * * * *", "", `schedule: cron "-5 * * * *": minute "-5": want 0 to 59`},
		{Cron, "5- * * * *", "", `schedule: cron "5- * * * *": minute "5-": want 0 to 59`},
		{Cron, "+5 * * * *", "", `schedule: cron "+5 * * * *": minute "+5": want 0 to 59`},
		{Cron, "1.5 * * * *", "", `schedule: cron "1.5 * * * *": minute "1.5": want 0 to 59`},
		{Cron, "007 * * * *", "", `schedule: cron "007 * * * *": minute "007": want 0 to 59`},
		{Cron, "** * * * *", "", `schedule: cron "** * * * *": minute "**": want 0 to 59`},
		{Cron, "1,,2 * * * *", "", `schedule: cron "1,,2 * * * *": minute: empty item in the list`},
		{Cron, "1, * * * *", "", `schedule: cron "1, * * * *": minute: empty item in the list`},
		{Cron, "*/0 * * * *", "", `schedule: cron "*/0 * * * *": minute "*/0": want a step of 1 to 60`},
		{Cron, "*/61 * * * *", "", `schedule: cron "*/61 * * * *": minute "*/61": want a step of 1 to 60`},
		{Cron, "*/100 * * * *", "", `schedule: cron "*/100 * * * *": minute "*/100": want a step of 1 to 60`},
		{Cron, "*/ * * * *", "", `schedule: cron "*/ * * * *": minute "*/": want a step of 1 to 60`},
		{Cron, "*/2/3 * * * *", "", `schedule: cron "*/2/3 * * * *": minute "*/2/3": want a step of 1 to 60`},
		{Cron, "10/15 * * * *", "", `schedule: cron "10/15 * * * *": minute "10/15": a step needs * or a range, write 10-59/15`},
		{Cron, "0 22-6 * * *", "", `schedule: cron "0 22-6 * * *": hour "22-6": the range runs backwards, write it as two or as a list`},
		{Cron, "0 0 * * fri-sun", "", `schedule: cron "0 0 * * FRI-SUN": day of week "FRI-SUN": the range runs backwards, write it as two or as a list`},
		{Cron, "FEB * * * *", "", `schedule: cron "FEB * * * *": minute "FEB": want 0 to 59`},
		{Cron, "0 0 1 MON *", "", `schedule: cron "0 0 1 MON *": month "MON": want 1 to 12 or JAN to DEC`},
		{Cron, "0 0 * * MONDAY", "", `schedule: cron "0 0 * * MONDAY": day of week "MONDAY": want 0 to 7 or SUN to SAT`},
		{Cron, "0 0 1 1FEB *", "", `schedule: cron "0 0 1 1FEB *": month "1FEB": want 1 to 12 or JAN to DEC`},
		{Cron, "0 0 * * N M", "", `schedule: cron "0 0 * * N M": month "N": want 1 to 12 or JAN to DEC`},
		{Cron, "0 0 ? * *", "", `schedule: cron "0 0 ? * *": day of month "?": ? is not supported, write *`},
		{Cron, "0 0 L * *", "", `schedule: cron "0 0 L * *": day of month "L": L, W, # and H are not supported, want 1 to 31`},
		{Cron, "0 0 15W * *", "", `schedule: cron "0 0 15W * *": day of month "15W": L, W, # and H are not supported, want 1 to 31`},
		{Cron, "0 0 * * 5#2", "", `schedule: cron "0 0 * * 5#2": day of week "5#2": L, W, # and H are not supported, want 0 to 7 or SUN to SAT`},
		{Cron, "0 0 * * FRIL", "", `schedule: cron "0 0 * * FRIL": day of week "FRIL": L, W, # and H are not supported, want 0 to 7 or SUN to SAT`},
		{Cron, "H H * * *", "", `schedule: cron "H H * * *": minute "H": L, W, # and H are not supported, want 0 to 59`},
		{Cron, "0 0 30 2 *", "", `schedule: cron "0 0 30 2 *": never matches: February has no day 30`},
		{Cron, "0 0 30,31 feb */2", "", `schedule: cron "0 0 30,31 FEB */2": never matches: February has no day 30 or 31`},
		{Cron, "0 0 31 4,6,9,11 *", "", `schedule: cron "0 0 31 4,6,9,11 *": never matches: April, June, September or November has no day 31`},
		{Cron, "@reboot", "", `schedule: cron "@reboot": unknown macro, want @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually`},
		{Cron, "@5minutes", "", `schedule: cron "@5minutes": unknown macro, want @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually`},
		{Cron, "@every 5m", "", `schedule: cron "@every 5m": an interval is a schedule of kind every, not cron`},
		{Cron, "0 0 * * ſun", "", `schedule: cron "0 0 * * ſun": want one line of ASCII characters`},
		{Cron, "0 0 * *\n*", "", `schedule: cron "0 0 * *\n*": want one line of ASCII characters`},
		{Cron, strings.Repeat("1,", 600), "", `schedule: cron "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1...": longer than 1000 bytes`},
		{Every, "", "", `schedule: every "": want a duration such as 30s, 5m or 1h30m (units ms, s, m, h)`},
		{Every, "30", "", `schedule: every "30": no unit, write 30s or 30m`},
		{Every, "5 minutes", "", `schedule: every "5 minutes": want a duration such as 30s, 5m or 1h30m (units ms, s, m, h)`},
		{Every, "1d", "", `schedule: every "1d": want a duration such as 30s, 5m or 1h30m (units ms, s, m, h)`},
		{Every, "999ms", "", `schedule: every "999ms": want at least 1s`},
		{Every, "-5m", "", `schedule: every "-5m": want at least 1s`},
		{Every, "0", "", `schedule: every "0": want at least 1s`},
		{Every, "1s1us", "", `schedule: every "1s1us": want whole milliseconds`},
		{At, "", "", `schedule: at "": want an RFC 3339 time with its offset, such as 2030-01-31T09:00:00Z or 2030-01-31T09:00:00+01:00`},
		{At, "2030-01-01 00:00", "", `schedule: at "2030-01-01 00:00": want an RFC 3339 time with its offset, such as 2030-01-31T09:00:00Z or 2030-01-31T09:00:00+01:00`},
		{At, "2030-02-30T00:00:00Z", "", `schedule: at "2030-02-30T00:00:00Z": want an RFC 3339 time with its offset, such as 2030-01-31T09:00:00Z or 2030-01-31T09:00:00+01:00`},
		{At, "0001-01-01T00:00:00Z", "", `schedule: at "0001-01-01T00:00:00Z": want a time from 1970 to 9999`},
		{"", "* * * * *", "", `schedule: kind "": want cron, every or at`},
		{"Cron", "* * * * *", "", `schedule: kind "Cron": want cron, every or at`},
		{Cron, "* * * * *", "Mars/Olympus", `schedule: zone "Mars/Olympus": unknown, want an IANA name such as Europe/Prague, or utc, or local`},
		{Cron, "* * * * *", "europe/prague", `schedule: zone "europe/prague": unknown, want an IANA name such as Europe/Prague, or utc, or local (did you mean Europe/Prague?)`},
		{Cron, "* * * * *", "../etc/passwd", `schedule: zone "../etc/passwd": unknown, want an IANA name such as Europe/Prague, or utc, or local`},
		{Cron, "* * * * *", "UTC+2", `schedule: zone "UTC+2": unknown, want an IANA name such as Europe/Prague, or utc, or local`},
		{Every, "5m", "x\x00y", `schedule: zone "x\x00y": unknown, want an IANA name such as Europe/Prague, or utc, or local`},
	} {
		s, err := Parse(Spec{Kind: c.kind, Expr: c.expr, Zone: c.zone})
		if err == nil {
			t.Errorf("%s %q: parsed as %+v, want error %s", c.kind, c.expr, s.Spec(), c.want)
		} else if err.Error() != c.want {
			t.Errorf("%s %q:\n got %s\nwant %s", c.kind, c.expr, err, c.want)
		}
	}
}

func TestSpecIsCanonical(t *testing.T) {
	prague := time.FixedZone("", 7200)
	anchor := time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct{ in, want Spec }{
		{Spec{Kind: Cron, Expr: "  0\t9  * jan-Mar mon-FRI "}, Spec{Kind: Cron, Expr: "0 9 * JAN-MAR MON-FRI", Zone: "utc"}},
		{Spec{Kind: Cron, Expr: "@Daily", Zone: " UTC "}, Spec{Kind: Cron, Expr: "@daily", Zone: "utc"}},
		{Spec{Kind: Cron, Expr: "* * * * *", Zone: "LOCAL", Anchor: anchor}, Spec{Kind: Cron, Expr: "* * * * *", Zone: "local"}},
		{Spec{Kind: Every, Expr: " 300s ", Zone: "Europe/Prague"}, Spec{Kind: Every, Expr: "5m", Zone: "Europe/Prague", Anchor: time.Unix(0, 0).UTC()}},
		{Spec{Kind: Every, Expr: "1h", Anchor: time.Date(2026, 7, 1, 12, 0, 0, 999, prague)}, Spec{Kind: Every, Expr: "1h", Zone: "utc", Anchor: anchor}},
		{Spec{Kind: Every, Expr: "20m", Anchor: anchor}, Spec{Kind: Every, Expr: "20m", Zone: "utc", Anchor: anchor}},
		{Spec{Kind: Every, Expr: "1500ms", Anchor: anchor}, Spec{Kind: Every, Expr: "1.5s", Zone: "utc", Anchor: anchor}},
		{Spec{Kind: Every, Expr: "24h0m30s", Anchor: anchor}, Spec{Kind: Every, Expr: "24h0m30s", Zone: "utc", Anchor: anchor}},
		{Spec{Kind: At, Expr: " 2030-01-31t09:00:00.1234567+01:00 "}, Spec{Kind: At, Expr: "2030-01-31T09:00:00.123+01:00", Zone: "utc"}},
		{Spec{Kind: At, Expr: "2030-01-31T09:00:00z"}, Spec{Kind: At, Expr: "2030-01-31T09:00:00Z", Zone: "utc"}},
	} {
		s, err := Parse(c.in)
		if err != nil {
			t.Errorf("%+v: %v", c.in, err)
			continue
		}
		if got := s.Spec(); got != c.want {
			t.Errorf("%+v:\n got %+v\nwant %+v", c.in, got, c.want)
		}
		text, err := json.Marshal(s.Spec())
		if err != nil {
			t.Fatal(err)
		}
		var back Spec
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		again, err := Parse(back)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if again.Spec() != c.want {
			t.Errorf("%s: came back as %+v", text, again.Spec())
		}
	}
}

func clock(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// What happens at changes of the clock, by hand.
func TestClockChanges(t *testing.T) {
	for _, c := range []struct {
		name, expr, zone, after string
		want                    []string
	}{
		{
			"in the gap: once at its end", "30 2 * * *", "Europe/Prague", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		},
		{
			"several in the gap are one, with the end of it too", "0,15,30,45 2,3 * * *", "Europe/Prague", "2026-03-29T00:50:00Z",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-29T03:15:00+02:00"},
		},
		{
			"in the overlap: the first", "30 2 * * *", "Europe/Prague", "2026-10-24T12:00:00Z",
			[]string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		},
		{
			"wildcard through the gap", "*/30 * * * *", "Europe/Prague", "2026-03-29T00:20:00Z",
			[]string{"2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"},
		},
		{
			"wildcard through the overlap", "*/30 * * * *", "Europe/Prague", "2026-10-25T00:20:00Z",
			[]string{"2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:00:00+01:00"},
		},
		{
			"half an hour forward", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z",
			[]string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"},
		},
		{
			"half an hour back", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z",
			[]string{"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"},
		},
		{
			"no midnight", "0 0 * * *", "Asia/Beirut", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T01:00:00+03:00", "2026-03-30T00:00:00+03:00"},
		},
		{
			"no midnight on a Sunday", "0 0 * * SUN", "Asia/Beirut", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29T01:00:00+03:00", "2026-04-05T00:00:00+03:00"},
		},
		{
			"no such date", "0 9 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z",
			[]string{"2011-12-29T09:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T09:00:00+14:00"},
		},
		{
			"no such date, wildcard", "0 */12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z",
			[]string{"2011-12-29T12:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00"},
		},
		{"leap day", "0 0 29 2 *", "utc", "2096-03-01T00:00:00Z", []string{"2104-02-29T00:00:00Z"}},
		{
			"seconds", "*/20 59 23 * * *", "utc", "2026-12-31T23:59:30Z",
			[]string{"2026-12-31T23:59:40Z", "2027-01-01T23:59:00Z"},
		},
	} {
		s := cronIn(t, c.expr, c.zone)
		times := s.NextN(clock(t, c.after), len(c.want))
		var got []string
		for _, at := range times {
			got = append(got, at.Format(time.RFC3339))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %s in %s:\n got %v\nwant %v", c.name, c.expr, c.zone, got, c.want)
		}
	}
}

func TestEvery(t *testing.T) {
	s, err := Parse(Spec{Kind: Every, Expr: "90s", Anchor: clock(t, "2026-01-01T00:00:10.7Z"), Zone: "Europe/Prague"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ at, prev, next string }{
		{"1999-01-01T00:00:00Z", "", "2026-01-01T00:01:40Z"},
		{"2026-01-01T00:00:10Z", "", "2026-01-01T00:01:40Z"},
		{"2026-01-01T00:01:39.999999999Z", "", "2026-01-01T00:01:40Z"},
		{"2026-01-01T00:01:40Z", "", "2026-01-01T00:03:10Z"},
		{"2026-01-01T00:01:40.000000001Z", "2026-01-01T00:01:40Z", "2026-01-01T00:03:10Z"},
		{"2026-03-29T02:00:00Z", "2026-03-29T01:58:40Z", "2026-03-29T02:00:10Z"},
	} {
		at := clock(t, c.at)
		if got := s.Next(at); !got.Equal(clock(t, c.next)) || got.Location() != s.Location() {
			t.Errorf("Next(%s) = %s, want %s", c.at, got, c.next)
		}
		prev := time.Time{}
		if c.prev != "" {
			prev = clock(t, c.prev)
		}
		if got := s.Prev(at); !got.Equal(prev) {
			t.Errorf("Prev(%s) = %s, want %s", c.at, got, c.prev)
		}
	}
	from, to := clock(t, "2025-12-31T00:00:00Z"), clock(t, "2026-01-02T00:00:00Z")
	times := s.NextN(from, 2000)
	n := int64(0)
	for _, at := range times {
		if !at.After(to) {
			n++
		}
	}
	if got := s.Count(from, to); got != n || n != 959 {
		t.Errorf("Count = %d, enumerated %d, want 959", got, n)
	}
	if got := s.Count(to, from); got != 0 {
		t.Errorf("Count backwards = %d", got)
	}
}

func TestAt(t *testing.T) {
	s, err := Parse(Spec{Kind: At, Expr: "2030-01-31T09:00:00+01:00", Zone: "Asia/Tokyo"})
	if err != nil {
		t.Fatal(err)
	}
	at := clock(t, "2030-01-31T08:00:00Z")
	if got := s.Next(at.Add(-1)); !got.Equal(at) || got.Format("15:04") != "17:00" {
		t.Errorf("Next before = %s", got)
	}
	if got := s.Prev(at.Add(1)); !got.Equal(at) {
		t.Errorf("Prev after = %s", got)
	}
	if got := s.Next(at); !got.IsZero() {
		t.Errorf("Next at = %s", got)
	}
	if got := s.Prev(at); !got.IsZero() {
		t.Errorf("Prev at = %s", got)
	}
	if n := s.Count(at.Add(-1), at); n != 1 {
		t.Errorf("Count up to it = %d", n)
	}
	if n := s.Count(at, at.Add(time.Hour)); n != 0 {
		t.Errorf("Count after it = %d", n)
	}
	if times := s.NextN(time.Time{}, 5); len(times) != 1 {
		t.Errorf("NextN = %v", times)
	}
}

// Nothing strange happens at the ends of time.
func TestEndsOfTime(t *testing.T) {
	end := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	for _, spec := range []Spec{
		{Kind: Cron, Expr: "* * * * * *"},
		{Kind: Cron, Expr: "* * * * *", Zone: "America/New_York"},
		{Kind: Cron, Expr: "30 2 * * *", Zone: "Europe/Prague"},
		{Kind: Cron, Expr: "0 0 29 2 *", Zone: "Pacific/Apia"},
		{Kind: Every, Expr: "1s"},
		{Kind: Every, Expr: "2562047h", Anchor: end},
		{Kind: At, Expr: "9999-12-31T23:59:59Z"},
	} {
		s, err := Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Next(end.AddDate(0, 0, 1)); !got.IsZero() {
			t.Errorf("%v: Next after the end = %s", spec, got)
		}
		if got := s.Prev(time.Time{}); !got.IsZero() {
			t.Errorf("%v: Prev of the zero time = %s", spec, got)
		}
		for _, at := range []time.Time{{}, time.Unix(-1<<60, 0), time.Unix(1<<60, 0), time.Unix(minUnix, 0), end, end.AddDate(0, 0, -3), end.AddDate(-1, 0, 0)} {
			if got := s.Next(at); !got.IsZero() && (!got.After(at) || got.After(end)) {
				t.Errorf("%v: Next(%s) = %s", spec, at, got)
			}
			if got := s.Prev(at); !got.IsZero() && !got.Before(at) {
				t.Errorf("%v: Prev(%s) = %s", spec, at, got)
			}
			s.Count(at, end)
			s.Count(time.Time{}, at)
		}
	}
}

func TestCountOfAYearOfSeconds(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		expr, zone string
		want       int64
	}{
		{"* * * * * *", "utc", 365 * 86400},
		{"* * * * * *", "Europe/Prague", 365 * 86400},
		{"0-59 0-59 0-23 * * *", "Europe/Prague", 365*86400 - 3600},
		{"*/5 * * * *", "America/New_York", 365 * 288},
		{"30 2 * * *", "Europe/Prague", 365},
		{"0 9 * * MON-FRI", "Europe/Prague", 261},
	} {
		if got := cronIn(t, c.expr, c.zone).Count(from, from.AddDate(1, 0, 0)); got != c.want {
			t.Errorf("%s in %s: %d, want %d", c.expr, c.zone, got, c.want)
		}
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	for _, spec := range []Spec{
		{Kind: Cron, Expr: "*/5 * * * *", Zone: "Europe/Prague"},
		{Kind: Cron, Expr: "30 2 * * *", Zone: "Europe/Prague"},
		{Kind: Every, Expr: "30s"},
		{Kind: At, Expr: "2030-01-01T00:00:00Z"},
	} {
		s, err := Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)
		if n := testing.AllocsPerRun(100, func() { s.Prev(s.Next(at)); s.Count(at, at.AddDate(1, 0, 0)) }); n != 0 {
			t.Errorf("%v: %v allocations", spec, n)
		}
	}
}

func TestNextN(t *testing.T) {
	s := cronIn(t, "0 0 29 2 *", "utc")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	times := s.NextN(at, 5)
	if len(times) != 5 {
		t.Fatalf("got %d times", len(times))
	}
	for _, got := range times {
		if at = s.Next(at); !got.Equal(at) {
			t.Errorf("got %s, want %s", got, at)
		}
	}
	if got := s.NextN(at, 0); len(got) != 0 {
		t.Errorf("NextN(0) = %v", got)
	}
	if got := s.NextN(at, -1); len(got) != 0 {
		t.Errorf("NextN(-1) = %v", got)
	}
}

func TestHints(t *testing.T) {
	for _, c := range []struct {
		expr string
		want []string
	}{
		{"*/5 * * * *", nil},
		{"0 9 * * MON-FRI", nil},
		{"*/7 * * * *", []string{"every 7th minute starts anew with each hour: its last interval is 4, not 7; a schedule of kind every keeps one interval"}},
		{"0 */5 * * *", []string{"every 5th hour starts anew with each day: its last interval is 4, not 5; a schedule of kind every keeps one interval"}},
		{"0 0 13 * FRI", []string{"day of month and day of week are both restricted: one of the two is enough"}},
		{"0 0 31 * *", []string{"months without a day 31 are left out"}},
	} {
		if got := cronIn(t, c.expr, "utc").Hints(); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.expr, got, c.want)
		}
	}
}

// Eight years lie between leap days about 2100.
func TestLeapDays(t *testing.T) {
	for _, zone := range []string{"utc", "Europe/Prague"} {
		s := cronIn(t, "0 0 29 2 *", zone)
		before := time.Date(2096, 2, 29, 0, 0, 0, 0, s.Location())
		after := time.Date(2104, 2, 29, 0, 0, 0, 0, s.Location())
		if got := s.Next(before); !got.Equal(after) {
			t.Errorf("%s: Next = %s", zone, got)
		}
		if got := s.Prev(after); !got.Equal(before) {
			t.Errorf("%s: Prev = %s", zone, got)
		}
		if got := s.Count(before, after.AddDate(400, 0, 0)); got != 98 {
			t.Errorf("%s: Count = %d, want 98", zone, got)
		}
	}
}
