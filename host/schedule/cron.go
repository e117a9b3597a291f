package schedule

import "time"

// cron is a compiled expression in a zone. The methods with a small name take
// and give unix seconds; the package comment says what they compute.
type cron struct {
	wall  fields
	class class
	wish  changes
	zone  *zone
	steps [7]uint8 // the n of fields that are */n
	hash  bool     // some H is in it
}

// class says what happens at changes of the clock.
type class uint8

const (
	wildcard class = iota + 1 // what the clock shows, or fixed: skip the gap, fire twice in the overlap
	standard                  // fixed-time: once after the gap, the first of the overlap
	changed                   // fixed-time, with other wishes: see changes
)

func (c *cron) next(t time.Time) (time.Time, bool) {
	s := max(t.Unix(), minUnix-1) + 1 // the first whole second after t
	if s > maxUnix {
		return time.Time{}, false
	}
	ok := false
	switch c.class {
	case wildcard:
		s, ok = c.nextWild(s)
	case standard:
		s, ok = c.nextFixed(s - 1)
	case changed:
		s, ok = c.nextChanged(s)
	}
	return time.Unix(s, 0), ok && s <= maxUnix
}

func (c *cron) prev(t time.Time) (time.Time, bool) {
	s := t.Unix()
	if t.Nanosecond() == 0 {
		s--
	}
	if s = min(s, maxUnix); s < minUnix {
		return time.Time{}, false
	}
	ok := false
	switch c.class {
	case wildcard:
		s, ok = c.prevWild(s)
	case standard:
		s, ok = c.prevFixed(s)
	case changed:
		s, ok = c.prevChanged(s)
	}
	return time.Unix(s, 0), ok && s >= minUnix
}

func (c *cron) count(after, until time.Time) int64 {
	from, to := max(after.Unix(), minUnix-1), min(until.Unix(), maxUnix)
	switch c.class {
	case wildcard:
		return c.countWild(from, to)
	case standard:
		return c.countFixed(from, to)
	case changed:
		return c.countChanged(from+1, to)
	}
	return 0
}

// written is what the expression says, before days are left out.
func (c *cron) written() *fields {
	if shut := c.wall.closed; shut != nil && shut.shift != nil {
		return shut.shift
	}
	return &c.wall
}

// nextWild returns the first instant from s on whose wall time matches.
func (c *cron) nextWild(s int64) (int64, bool) {
	for s <= maxUnix {
		p := c.zone.at(s)
		w, ok := c.wall.next(s + p.offset)
		if !ok {
			return 0, false
		}
		if at := w - p.offset; at < p.end {
			return at, true
		}
		near := s + reach
		if s = p.end; s > near {
			// What the clock shows from now on, it has not shown before: no
			// match comes long before w.
			s = max(s, w-reach)
		}
	}
	return 0, false
}

// prevWild returns the last instant up to s whose wall time matches.
func (c *cron) prevWild(s int64) (int64, bool) {
	for s >= minUnix {
		from := s - reach
		if at, ok := c.lastWild(from, s); ok {
			return at, true
		}
		s = from - 1
		w, ok := c.wall.prev(s + reach)
		if !ok {
			return 0, false
		}
		// What the clock showed up to s was at most s + reach, so at most w
		// if it matched.
		s = min(s, w+reach)
	}
	return 0, false
}

// lastWild returns the last instant between from and s whose wall time matches.
func (c *cron) lastWild(from, s int64) (last int64, ok bool) {
	for from <= s {
		p := c.zone.at(from)
		w, found := c.wall.prev(min(p.end-1, s) + p.offset)
		if at := w - p.offset; found && at >= from {
			last, ok = at, true
		}
		from = p.end
	}
	return last, ok
}

func (c *cron) countWild(after, until int64) (n int64) {
	for s := after + 1; s <= until; {
		p := c.zone.at(s)
		last := min(p.end-1, until)
		n += c.wall.count(s+p.offset-1, last+p.offset)
		s = p.end
	}
	return n
}

// A fixed-time schedule fires for a matching wall time at the first instant
// when the clock shows it or something later. So what counts is the latest
// that the clock has shown so far, its mark: it stands still while the clock
// repeats itself, and jumps with the clock.

// mark returns the latest wall time shown up to s, and the period of s.
func (c *cron) mark(s int64) (int64, period) {
	if p := c.zone.known(s); p != nil {
		return max(p.mark, s+p.offset), *p
	}
	p := c.zone.at(s - reach)
	latest := min(p.end-1, s) + p.offset
	for p.end <= s {
		p = c.zone.at(p.end)
		latest = max(latest, min(p.end-1, s)+p.offset)
	}
	return latest, p
}

// reached returns the first instant at which the mark is w or more, given an
// earlier one at which it is less.
func (c *cron) reached(w, earlier int64) int64 {
	for s := max(earlier, w-reach); ; {
		p := c.zone.at(s)
		if s+p.offset >= w {
			return s
		}
		if at := w - p.offset; at < p.end || p.end > maxUnix {
			return at
		}
		s = p.end
	}
}

// nextFixed returns the first occurrence after s.
func (c *cron) nextFixed(s int64) (int64, bool) {
	mark, p := c.mark(s)
	w, ok := c.wall.next(mark + 1)
	if !ok {
		return 0, false
	}
	if at := w - p.offset; at < p.end {
		return at, true
	}
	return c.reached(w, p.end-1), true
}

// prevFixed returns the last occurrence up to s.
func (c *cron) prevFixed(s int64) (int64, bool) {
	mark, _ := c.mark(s)
	w, ok := c.wall.prev(mark)
	if !ok {
		return 0, false
	}
	return c.reached(w, minUnix), true
}

func (c *cron) countFixed(after, until int64) (n int64) {
	if until <= after {
		return 0
	}
	mark, _ := c.mark(after)
	for s := after + 1; s <= until; {
		p := c.zone.at(s)
		if w := s + p.offset; w > mark {
			n += min(c.wall.count(mark, w), 1) // all of a gap are one
			mark = w
		}
		if w := min(p.end-1, until) + p.offset; w > mark {
			n += c.wall.count(mark, w)
			mark = w
		}
		s = p.end
	}
	return n
}
