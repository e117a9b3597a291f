package schedule

import (
	"fmt"
	"math/bits"
)

// Hints are remarks on what often surprises about such a schedule; it is
// valid all the same.
func (s *Schedule) Hints() []string {
	c, ok := s.rule.(*cron)
	if !ok {
		return nil
	}
	var hints []string
	for _, p := range []struct {
		set           uint64
		size          int
		noun, renewed string
	}{
		{c.wall.second, 60, "second", "minute"},
		{c.wall.minute, 60, "minute", "hour"},
		{c.wall.hour, 24, "hour", "day"},
	} {
		if n, short := uneven(p.set, p.size); short > 0 {
			hints = append(hints, fmt.Sprintf("every %s %s starts anew with each %s: its last interval is %d, not %d; a schedule of kind every keeps one interval", ordinal(n), p.noun, p.renewed, short, n))
		}
	}
	if c.wall.either && !c.wall.everyDay() {
		hints = append(hints, "day of month and day of week are both restricted: one of the two is enough")
	}
	if first := bits.TrailingZeros64(c.wall.dom); !c.wall.either && first > 28 {
		hints = append(hints, fmt.Sprintf("months without a day %d are left out", first))
	}
	return hints
}

// uneven returns the step of a set 0, n, 2n, … that ends with a shorter one,
// and that.
func uneven(set uint64, size int) (n, short int) {
	n, ok := progression(set)
	last := highest(set)
	if !ok || set&1 == 0 || last+n < size || size-last == n {
		return 0, 0
	}
	return n, size - last
}
