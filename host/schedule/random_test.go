package schedule

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Next, Prev and Count agree about any schedule anywhere in time, also far
// beyond the tables of the zones.
func TestNextPrevAndCountAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		spec := Spec{Kind: Cron, Expr: randomExpr(random), Zone: windows[random.IntN(len(windows))].zone}
		s, err := Parse(spec)
		if err != nil {
			continue // 31 February and its like
		}
		start := time.Unix(-2e9+random.Int64N(2e10), random.Int64N(2)).In(s.Location())
		times := s.NextN(start, 1+random.IntN(30))
		if len(times) == 0 && s.rule.(*cron).wall.bounded {
			continue // its years are over
		}
		if len(times) == 0 {
			t.Fatalf("%v: nothing after %s", spec, start)
		}
		last := times[len(times)-1]
		if n := s.Count(start, last); n != int64(len(times)) {
			t.Fatalf("%v: Count(%s, %s) = %d, want %d", spec, start, last, n, len(times))
		}
		if n := s.Count(start, last.Add(-1)); n != int64(len(times))-1 {
			t.Fatalf("%v: Count(%s, just before %s) = %d, want %d", spec, start, last, n, len(times)-1)
		}
		for i := len(times) - 1; i > 0; i-- {
			if got := s.Prev(times[i]); !got.Equal(times[i-1]) {
				t.Fatalf("%v: Prev(%s) = %s, want %s", spec, times[i], got, times[i-1])
			}
		}
		if got := s.Prev(times[0]); got.After(start) {
			t.Fatalf("%v: Next(%s) = %s jumps over %s", spec, start, times[0], got)
		}
	}
}
