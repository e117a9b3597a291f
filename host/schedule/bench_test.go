package schedule

import (
	"testing"
	"time"
)

func BenchmarkNext(b *testing.B) {
	for _, c := range []struct{ name, expr, zone string }{
		{"minutes", "*/5 * * * *", "utc"},
		{"seconds", "*/10 * * * * *", "America/New_York"},
		{"workdays-utc", "30 9 * * MON-FRI", "utc"},
		{"workdays", "30 9 * * MON-FRI", "America/New_York"},
		{"yearly", "0 0 1 1 *", "Europe/Prague"},
		{"leapday", "0 0 29 2 *", "Europe/Prague"},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := Parse(Spec{Kind: Cron, Expr: c.expr, Zone: c.zone})
			if err != nil {
				b.Fatal(err)
			}
			t := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			b.ReportAllocs()
			for b.Loop() {
				t = s.Next(t)
				if t.Year() > 2036 {
					t = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
				}
			}
		})
	}
}

func BenchmarkCount(b *testing.B) {
	s, err := Parse(Spec{Kind: Cron, Expr: "* * * * * *", Zone: "Europe/Prague"})
	if err != nil {
		b.Fatal(err)
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		s.Count(from, from.AddDate(1, 0, 0))
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse(Spec{Kind: Cron, Expr: "30 9 * * MON-FRI"}); err != nil {
			b.Fatal(err)
		}
	}
}
