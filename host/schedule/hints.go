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
	f := c.written()
	hints := c.uneven()
	switch {
	case f.either && f.everyDay():
		hints = append(hints, "day of month and day of week are both restricted: one of the two is enough, and so it is every day")
	case f.either:
		hints = append(hints, "day of month and day of week are both restricted: one of the two is enough")
	}
	if first := bits.TrailingZeros64(f.dom); !f.either && f.plain && first > 28 {
		hints = append(hints, fmt.Sprintf("months without a day %d are left out", first))
	}
	for _, n := range members(f.near >> 30 << 30) {
		hints = append(hints, fmt.Sprintf("months without a day %d have no working day nearest it", n))
	}
	if f.nth>>28&allWeek != 0 {
		hints = append(hints, "not every month has a fifth of a weekday: write 5L for the last Friday")
	}
	if c.hash && s.spec.Key == "" {
		hints = append(hints, "H without a key: all such schedules fall on the same times; the name of the job spreads them")
	}
	return hints
}

// uneven tells of fields */n whose last interval is shorter.
func (c *cron) uneven() []string {
	var hints []string
	columns := columns()
	for i, renewed := range [...]string{"minute", "hour", "day", "month", "year", "week"} {
		n, col := int(c.steps[i]), columns[i]
		noun := col.name
		if i == domColumn || i == dowColumn {
			noun = "day"
		}
		short := 0
		if n > 1 {
			short = col.size() % n
		}
		switch {
		case n < 2 || short == 0 && i != domColumn:
		case i == domColumn:
			hints = append(hints, fmt.Sprintf("every %s day starts anew with each month, whatever its length; a schedule of kind every keeps one interval", ordinal(n)))
		default:
			hints = append(hints, fmt.Sprintf("every %s %s starts anew with each %s: its last interval is %d, not %d; a schedule of kind every keeps one interval", ordinal(n), noun, renewed, short, n))
		}
	}
	return hints
}
