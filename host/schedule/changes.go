package schedule

// changes is what a fixed-time schedule wishes at changes of the clock.
type changes struct {
	skipGap bool
	overlap overlap
}

type overlap uint8

const (
	firstTime overlap = iota + 1
	secondTime
	bothTimes
)

// class returns how a schedule with these wishes is computed.
func (w changes) class() class {
	switch {
	case !w.skipGap && w.overlap == firstTime:
		return standard
	case w.skipGap && w.overlap == bothTimes:
		return wildcard
	}
	return changed
}

// piece is a period and the wall times that count while it lasts.
type piece struct {
	start, end int64
	offset     int64
	low, high  int64 // wall times, both included; empty if low is greater
	jump       bool  // fires at its start, for times that the clock jumped over
}

// pieces calls visit with the pieces of the time from `from` on until that
// returns false.
func (c *cron) pieces(from int64, visit func(piece) bool) {
	start := from - reach
	p := c.zone.at(start)
	for mark := start - 1 + p.offset; ; {
		b := piece{start: start, end: p.end, offset: p.offset, low: start + p.offset, high: p.end - 1 + p.offset}
		b.jump = !c.wish.skipGap && c.wall.count(mark, b.low-1) > 0
		last := b.high
		switch c.wish.overlap {
		case firstTime:
			b.low = max(b.low, mark+1)
		case secondTime:
			b.high = min(b.high, c.least(p.end)-1)
		case bothTimes:
		}
		mark = max(mark, last)
		if p.end > from && !visit(b) || p.end > maxUnix {
			return
		}
		start = p.end
		p = c.zone.at(start)
	}
}

// least returns the least wall time shown from s on.
func (c *cron) least(s int64) int64 {
	least := int64(maxUnix + reach)
	for end := s + reach; s <= end && s <= maxUnix; {
		p := c.zone.at(s)
		least = min(least, s+p.offset)
		s = p.end
	}
	return least
}

// window is how much of time is looked at in one go.
const window = 4 * reach

// nextChanged returns the first occurrence from s on.
func (c *cron) nextChanged(s int64) (at int64, ok bool) {
	for s <= maxUnix {
		w, some := c.wall.next(s - reach)
		if !some {
			return 0, false
		}
		s = max(s, w-reach)
		until := s + window
		c.pieces(s, func(p piece) bool {
			if at, ok = p.next(&c.wall, s); ok && at <= until {
				return false
			}
			ok = false
			return p.end <= until
		})
		if ok {
			return at, true
		}
		s = until + 1
	}
	return 0, false
}

func (p piece) next(f *fields, s int64) (int64, bool) {
	if p.jump && p.start >= s {
		return p.start, true
	}
	w, ok := f.next(max(p.low, s+p.offset))
	return w - p.offset, ok && w <= p.high
}

// prevChanged returns the last occurrence up to s.
func (c *cron) prevChanged(s int64) (at int64, ok bool) {
	for s >= minUnix {
		w, some := c.wall.prev(s + reach)
		if !some {
			return 0, false
		}
		s = min(s, w+reach)
		from := s - window
		c.pieces(from, func(p piece) bool {
			if t, some := p.prev(&c.wall, from, s); some {
				at, ok = t, true
			}
			return p.end <= s
		})
		if ok {
			return at, true
		}
		s = from - 1
	}
	return 0, false
}

func (p piece) prev(f *fields, from, until int64) (int64, bool) {
	w, ok := f.prev(min(p.high, until+p.offset))
	if ok && w >= max(p.low, from+p.offset) {
		return w - p.offset, true
	}
	return p.start, p.jump && p.start >= from && p.start <= until
}

func (c *cron) countChanged(from, until int64) (n int64) {
	if from > until {
		return 0
	}
	c.pieces(from, func(p piece) bool {
		low, high := max(p.low, from+p.offset), min(p.high, until+p.offset)
		n += c.wall.count(low-1, high)
		begin := p.start + p.offset
		if p.jump && p.start >= from && p.start <= until && c.wall.count(begin-1, min(begin, high)) == 0 {
			n++
		}
		return p.end <= until
	})
	return n
}
