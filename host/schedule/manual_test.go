package schedule

import (
	"strings"
	"testing"
	"time"
)

func TestManual(t *testing.T) {
	s, err := Parse(Spec{Kind: Manual, Zone: "Europe/Prague", Anchor: time.Unix(7, 0), Key: "x"})
	if err != nil {
		t.Fatal(err)
	}
	now, end := clock(t, "2026-01-01T00:00:00Z"), clock(t, "9999-01-01T00:00:00Z")
	if next, prev := s.Next(now), s.Prev(now); !next.IsZero() || !prev.IsZero() {
		t.Errorf("next %s, prev %s; want none", next, prev)
	}
	if n := s.Count(time.Unix(0, 0), end); n != 0 || s.NextN(now, 3) != nil || s.Latest(now, end, 3) != nil {
		t.Errorf("count %d, next %v, latest %v; want none", n, s.NextN(now, 3), s.Latest(now, end, 3))
	}
	if want := (Spec{Kind: Manual, Zone: "Europe/Prague"}); s.Spec() != want {
		t.Errorf("spec %+v, want %+v", s.Spec(), want)
	}
	if want := "only when it is started by hand or by another job"; s.English() != want {
		t.Errorf("English %q, want %q", s.English(), want)
	}
	for _, bad := range []Spec{
		{Kind: Manual, Expr: "5m"},
		{Kind: Manual, Jitter: "30s"},
		{Kind: Manual, Start: now},
		{Kind: Manual, End: now},
		{Kind: Manual, MaxRuns: 1},
		{Kind: Manual, DSTGap: "skip"},
		{Kind: Manual, Except: "2026-12-24"},
		{Kind: "mnaual"},
	} {
		if _, err := Parse(bad); err == nil || !strings.HasPrefix(err.Error(), "schedule: ") {
			t.Errorf("%+v: %v, want a refusal", bad, err)
		}
	}
}
