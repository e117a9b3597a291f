package schedule

import (
	"testing"
	"time"
)

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
