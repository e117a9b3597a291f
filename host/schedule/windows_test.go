package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

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
			z, err := newZone(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			for text := range strings.FieldsSeq(c.days) {
				date, err := time.Parse(time.DateOnly, text)
				if err != nil {
					t.Fatal(err)
				}
				w := watch(z.loc, date.Add(-36*time.Hour), date.Add(48*time.Hour), time.Minute)
				for i, expr := range expressions {
					if !full && (i+len(c.zone)+date.Day())%5 != 0 {
						continue
					}
					o := read(expr)
					compare(t, cronIn(t, expr, c.zone), w, o.fires(w))
				}
			}
		})
	}
}

// Zones once had offsets of odd seconds: here the daemon looks every second.
func TestSecondsAgainstOracle(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
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
		z, err := newZone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		w := watch(z.loc, from, from.Add(c.length), time.Second)
		for _, expr := range []string{
			"* * * * * *", "*/10 * * * * *", "*/7 */3 * * * *", "30 * * * * *", "15,45 30 2 * * *",
			"* 0 3 * * *", "59 59 0-23 * * *", "0-59 0-59 0-23 * * *", "20 40 0 * * *", "7 0 2 * * SUN",
			"15 30 2 L 3,10 * 1972-2030", "50-10/7 29-31 22-3 * * SUN#1,SUNL",
		} {
			o, s := read(expr), cronIn(t, expr, c.zone)
			compare(t, s, w, o.fires(w))
			modes(t, s, w, o, random)
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
		n := max(0, upToTime(want, until)-upToTime(want, after))
		if got := s.Count(after, until); got != n {
			t.Fatalf("%s: Count(%s, %s) = %d, want %d", name, after, until, got, n)
		}
	}
	between(t, s, want)
}

// upToTime returns how many of the times are not after t.
func upToTime(times []time.Time, t time.Time) int64 {
	return int64(sort.Search(len(times), func(i int) bool { return times[i].After(t) }))
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
