package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The oracle reads an expression a second time, naively, and plays a cron
// daemon that looks at the clock at each tick of a window.
type oracle struct {
	allow [6][60]bool
	star  [6]bool
}

func read(expr string) oracle {
	texts := strings.Fields(expr)
	if len(texts) == 5 {
		texts = append([]string{"0"}, texts...)
	}
	var o oracle
	for i, text := range texts {
		for j, name := range strings.Fields("SUN MON TUE WED THU FRI SAT") {
			text = strings.ReplaceAll(text, name, strconv.Itoa(j))
		}
		for j, name := range strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC") {
			text = strings.ReplaceAll(text, name, strconv.Itoa(j+1))
		}
		o.star[i] = strings.HasPrefix(text, "*")
		for v := range o.allow[i] {
			o.allow[i][v] = allows(text, v, i) || i == 5 && v == 0 && allows(text, 7, i)
		}
	}
	return o
}

func allows(text string, v, column int) bool {
	least := [6]int{3: 1, 4: 1}[column]
	for item := range strings.SplitSeq(text, ",") {
		span, step, _ := strings.Cut(item, "/")
		n, _ := strconv.Atoi(step)
		n = max(n, 1)
		low, high := least, 99
		if span != "*" {
			a, b, ok := strings.Cut(span, "-")
			low, _ = strconv.Atoi(a)
			high = low
			if ok {
				high, _ = strconv.Atoi(b)
			}
		}
		if v >= low && v <= high && (v-low)%n == 0 {
			return true
		}
	}
	return false
}

// reading is a local clock and calendar, as package time shows it.
type reading struct{ second, minute, hour, day, month, weekday int }

func readingOf(t time.Time) reading {
	return reading{t.Second(), t.Minute(), t.Hour(), t.Day(), int(t.Month()), int(t.Weekday())}
}

func (o *oracle) matches(r reading) bool {
	dom, dow := o.allow[3][r.day], o.allow[5][r.weekday]
	date := dom && dow
	if !o.star[3] && !o.star[5] {
		date = dom || dow
	}
	return date && o.allow[0][r.second] && o.allow[1][r.minute] && o.allow[2][r.hour] && o.allow[4][r.month]
}

// wall is what the clock shows at t, written as if it were UTC.
func wallOf(t time.Time) time.Time {
	y, m, d := t.Date()
	h, n, s := t.Clock()
	return time.Date(y, m, d, h, n, s, 0, time.UTC)
}

// ticks is a window of instants in a zone, what the clock shows at each and,
// in passed, what it jumped over just before.
type ticks struct {
	at     []time.Time
	shown  []reading
	passed [][]reading // nil where the clock shows what it has shown before
}

func watch(loc *time.Location, from, to time.Time, tick time.Duration) ticks {
	var w ticks
	mark := time.Time{}
	for t := from.Add(-48 * time.Hour); t.Before(from); t = t.Add(tick) {
		if wall := wallOf(t.In(loc)); wall.After(mark) {
			mark = wall
		}
	}
	for t := from; !t.After(to); t = t.Add(tick) {
		local := t.In(loc)
		var passed []reading
		for wall := wallOf(local); mark.Before(wall); {
			mark = mark.Add(tick)
			passed = append(passed, readingOf(mark))
		}
		w.at = append(w.at, t)
		w.shown = append(w.shown, readingOf(local))
		w.passed = append(w.passed, passed)
	}
	return w
}

// fires plays the daemon. It has no more of the rules than this.
func (o *oracle) fires(w ticks) []time.Time {
	var times []time.Time
	wildcard := o.star[1] || o.star[2]
	for i, t := range w.at {
		fire := wildcard && o.matches(w.shown[i])
		for _, r := range w.passed[i] {
			fire = fire || !wildcard && o.matches(r)
		}
		if fire {
			times = append(times, t)
		}
	}
	return times
}

var windows = []struct {
	zone string
	days string
}{
	{"utc", "2024-02-29 2026-12-31"},
	{"Europe/Prague", "2026-03-29 2026-10-25 2040-10-28 2040-12-31 2041-01-01 2044-12-30"},
	{"America/New_York", "2026-03-08 2026-11-01"},
	{"Australia/Lord_Howe", "2026-04-05 2026-10-04"},
	{"Pacific/Apia", "2011-12-30 2012-04-01"},
	{"Pacific/Kwajalein", "1993-08-21"},
	{"Asia/Beirut", "2026-03-29 2026-10-25"},
	{"America/Sao_Paulo", "2018-11-04 2018-02-18"},
	{"America/Santiago", "2026-09-06 2026-04-05"},
	{"Africa/Cairo", "2026-04-24 2026-10-29"},
	{"Africa/Casablanca", "2026-02-15 2026-03-22"},
	{"Asia/Kathmandu", "1986-01-01"},
	{"Antarctica/Troll", "2026-03-29 2026-10-25"},
	{"Antarctica/Casey", "2010-03-05 2012-02-22"},
	{"Europe/Dublin", "2026-03-29 2026-10-25"},
	{"America/Nuuk", "2023-03-26 2024-03-31 2024-10-27"},
	{"Asia/Pyongyang", "2015-08-15 2018-05-05"},
	{"America/Caracas", "2007-12-09 2016-05-01"},
	{"America/Anchorage", "1983-10-30"},
	// Where the table of the zone is short (as embedded), package time puts
	// the start of a period before the change that really began it.
	{"America/Indiana/Winamac", "2007-03-11 2007-11-04"},
	{"America/Metlakatla", "2019-01-20 2019-03-10"},
	{"America/Ciudad_Juarez", "2022-10-30 2022-11-30"},
}

var expressions = []string{
	"* * * * *", "*/5 * * * *", "*/7 * * * *", "0 * * * *", "30 * * * *", "59 23 * * *",
	"0 0 * * *", "30 0 * * *", "15,45 0 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *", "59 1,2 * * *", "0 3 * * *",
	"*/15 2 * * *", "0-59 2 * * *", "0-59 0-23 * * *", "30 */2 * * *", "0 1-23/2 * * *", "45 23,0,1,2,3 * * *",
	"0 9-17 * * MON-FRI", "0 0 1 * *", "0 0 1,15 * MON", "0 0 */2 * SUN", "0 12 * * */2", "*/20 0 30,31 12 *",
	"0 0 31 12 *", "0 9 30 12 *", "30 2 29 3 *", "0 0 * JAN,MAR-MAY,OCT-DEC 0,7", "10 4 28-31 2,3,10 5-7", "0 0 29 2 *",
	"5 0 25-31 * *", "0 0,23 * 2-11/3 *",
}

func cronIn(t testing.TB, expr, zone string) *Schedule {
	t.Helper()
	s, err := Parse(Spec{Kind: Cron, Expr: expr, Zone: zone})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAgainstOracle(t *testing.T) {
	for _, c := range windows {
		t.Run(c.zone, func(t *testing.T) {
			loc, _, err := zone(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			for text := range strings.FieldsSeq(c.days) {
				date, err := time.Parse(time.DateOnly, text)
				if err != nil {
					t.Fatal(err)
				}
				w := watch(loc, date.Add(-36*time.Hour), date.Add(48*time.Hour), time.Minute)
				for _, expr := range expressions {
					o := read(expr)
					compare(t, cronIn(t, expr, c.zone), w, o.fires(w))
				}
			}
		})
	}
}

// Zones once had offsets of odd seconds: here the daemon looks every second.
func TestSecondsAgainstOracle(t *testing.T) {
	for _, c := range []struct {
		zone, from string
		length     time.Duration
	}{
		{"Africa/Monrovia", "1972-01-06T23:30:00Z", 3 * time.Hour},
		{"Europe/Amsterdam", "1937-06-30T22:00:00Z", 3 * time.Hour},
		{"Europe/Prague", "2026-03-29T00:00:00Z", 3 * time.Hour},
		{"Europe/Prague", "2026-10-25T00:00:00Z", 3 * time.Hour},
		{"Australia/Lord_Howe", "2026-04-04T14:00:00Z", 2 * time.Hour},
	} {
		loc, _, err := zone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		w := watch(loc, from, from.Add(c.length), time.Second)
		for _, expr := range []string{
			"* * * * * *", "*/10 * * * * *", "*/7 */3 * * * *", "30 * * * * *", "15,45 30 2 * * *",
			"* 0 3 * * *", "59 59 0-23 * * *", "0-59 0-59 0-23 * * *", "20 40 0 * * *", "7 0 2 * * SUN",
		} {
			o := read(expr)
			compare(t, cronIn(t, expr, c.zone), w, o.fires(w))
		}
	}
}

// compare walks the window forwards and backwards and counts in it.
func compare(t *testing.T, s *Schedule, w ticks, want []time.Time) {
	t.Helper()
	name := fmt.Sprintf("%s in %s", s.Spec().Expr, s.Spec().Zone)
	first, last := w.at[0].Add(-time.Nanosecond), w.at[len(w.at)-1]
	var forward, backward []time.Time
	for at := s.Next(first); !at.IsZero() && !at.After(last); at = s.Next(at) {
		forward = append(forward, at)
		if len(forward) > len(want) {
			break
		}
	}
	if !slices.EqualFunc(forward, want, time.Time.Equal) {
		t.Fatalf("%s: Next differs from the oracle: %s", name, difference(forward, want))
	}
	for at := s.Prev(last.Add(1)); !at.IsZero() && at.After(first); at = s.Prev(at) {
		backward = append(backward, at)
		if len(backward) > len(want) {
			break
		}
	}
	slices.Reverse(backward)
	if !slices.EqualFunc(backward, want, time.Time.Equal) {
		t.Fatalf("%s: Prev differs from the oracle: %s", name, difference(backward, want))
	}
	for i := 0; i < len(w.at); i += 1 + len(w.at)/97 {
		after, until := w.at[i], w.at[len(w.at)-1-i/2]
		n := int64(0)
		for _, at := range want {
			if at.After(after) && !at.After(until) {
				n++
			}
		}
		if got := s.Count(after, until); got != n {
			t.Fatalf("%s: Count(%s, %s) = %d, want %d", name, after, until, got, n)
		}
	}
	between(t, s, want)
}

// between checks that Next and Prev say the same at every instant between two
// occurrences.
func between(t *testing.T, s *Schedule, times []time.Time) {
	t.Helper()
	for i := 1; i < len(times); i += 1 + len(times)/50 {
		a, b := times[i-1], times[i]
		gap := b.Sub(a)
		for _, part := range []time.Duration{0, 1, gap / 3, gap / 2, gap - time.Second, gap - 1} {
			at := a.Add(part)
			if got := s.Next(at); !got.Equal(b) {
				t.Fatalf("%v: Next(%s) = %s, want %s", s.Spec(), at, got, b)
			}
			if part > 0 {
				if got := s.Prev(at); !got.Equal(a) {
					t.Fatalf("%v: Prev(%s) = %s, want %s", s.Spec(), at, got, a)
				}
			}
		}
	}
}

func difference(got, want []time.Time) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("%d times, missing %s", len(got), want[i])
		case i >= len(want):
			return fmt.Sprintf("%d times too many, first %s", len(got)-len(want), got[i])
		case !got[i].Equal(want[i]):
			return fmt.Sprintf("got %s, want %s", got[i], want[i])
		}
	}
	return "nothing"
}
