package schedule

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
)

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
	specs := []Spec{
		{Kind: Cron, Expr: "30 2 * * *", Zone: "Europe/Prague", DSTOverlap: "both", Except: "* * * * SAT,SUN", OnExcluded: nextWorkday},
		{Kind: Every, Expr: "30s", Jitter: "5s"},
		{Kind: At, Expr: "2030-01-01T00:00:00Z"},
		{Kind: Delay, Expr: "30s"},
	}
	for _, expr := range twelve {
		specs = append(specs, Spec{Kind: Cron, Expr: expr}, Spec{Kind: Cron, Expr: expr, Zone: "America/New_York"})
	}
	for _, spec := range specs {
		s, err := Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)
		if n := testing.AllocsPerRun(20, func() { s.Fire("job", s.Next(at)); s.Prev(s.Next(at)) }); n != 0 {
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
		{"0,40 * * * *", nil},
		{"0 0 1-31 * 1-5", []string{"day of month and day of week are both restricted: one of the two is enough, and so it is every day"}},
		{"0 0 */2 * *", []string{"every 2nd day starts anew with each month, whatever its length; a schedule of kind every keeps one interval"}},
		{"0 0 1 */5 *", []string{"every 5th month starts anew with each year: its last interval is 2, not 5; a schedule of kind every keeps one interval"}},
		{"0 0 * * */2", []string{"every 2nd day starts anew with each week: its last interval is 1, not 2; a schedule of kind every keeps one interval"}},
		{"0 0 31W * *", []string{"months without a day 31 have no working day nearest it"}},
		{"0 0 * * FRI#5", []string{"not every month has a fifth of a weekday: write 5L for the last Friday"}},
		{"0 0 L * *", nil},
		{"H 3 * * *", []string{"H without a key: all such schedules fall on the same times; the name of the job spreads them"}},
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
