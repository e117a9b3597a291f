package schedule

import (
	"strings"
	"testing"
	"time"
)

// twelve are the expressions whose speed is promised.
var twelve = []string{
	"* * * * *", "*/15 * * * *", "5 * * * *", "30 2 * * *", "0 9-17 * * 1-5", "*/5 8-18/2 1,15 * *",
	"0 0 1 * *", "0 12 15 * 1", "0 0 31 12 *", "0 0 29 2 *", "15 3 * * 1#1", "0 0 L * *",
}

// BenchmarkNext walks from one time to the next, ten years long.
func BenchmarkNext(b *testing.B) {
	for _, zone := range []string{"utc", "America/New_York"} {
		for _, expr := range twelve {
			b.Run(zone+"/"+strings.ReplaceAll(expr, "/", "÷"), func(b *testing.B) {
				s := cronIn(b, expr, zone)
				start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
				t, end := start, start.AddDate(10, 0, 0)
				b.ReportAllocs()
				for b.Loop() {
					if t = s.Next(t); t.After(end) {
						t = start
					}
				}
			})
		}
	}
}

func BenchmarkPrev(b *testing.B) {
	s := cronIn(b, "30 2 * * *", "America/New_York")
	t := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for b.Loop() {
		s.Prev(t)
	}
}

func BenchmarkCount(b *testing.B) {
	s := cronIn(b, "* * * * * *", "Europe/Prague")
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		s.Count(from, from.AddDate(1, 0, 0))
	}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, expr string }{
		{"simple", "30 9 * * MON-FRI"},
		{"special", "0 30 9 L,15W * FRI#2 2026-2030"},
		{"impossible", "0 0 30 2 *"},
		{"unsatisfiable", "0 0 30W 2 *"},
	} {
		b.Run(c.name, func(b *testing.B) {
			var p Parser
			b.ReportAllocs()
			for b.Loop() {
				p.Parse(Spec{Kind: Cron, Expr: c.expr})
			}
		})
	}
}

// BenchmarkZone is a schedule whose zone is read anew.
func BenchmarkZone(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		cronIn(b, "30 9 * * MON-FRI", "America/New_York")
	}
}

// BenchmarkMillion plans a million schedules anew, as a start of the daemon does.
func BenchmarkMillion(b *testing.B) {
	var p Parser
	zones := []string{"utc", "America/New_York", "Europe/Prague", "Asia/Tokyo", "Australia/Lord_Howe"}
	list := make([]*Schedule, 1e6)
	for i := range list {
		s, err := p.Parse(Spec{Kind: Cron, Expr: twelve[i%len(twelve)], Zone: zones[i%len(zones)]})
		if err != nil {
			b.Fatal(err)
		}
		list[i] = s
	}
	now := time.Date(2026, 7, 2, 3, 4, 5, 0, time.UTC)
	b.ResetTimer()
	for range b.N {
		for _, s := range list {
			if s.Next(now).IsZero() {
				b.Fatal("none")
			}
		}
	}
}
