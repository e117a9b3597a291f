package schedule

import "math/bits"

// A wall time is what a local clock and calendar show, as seconds since they
// showed 1970-01-01 00:00:00. It knows no zone: the arithmetic here is that of
// a calendar without gaps or repeats.

const day = 24 * 60 * 60

// next returns the first matching wall time that is not before w. There is
// none if 400 years, a whole period of the calendar, have none.
func (f *fields) next(w int64) (int64, bool) {
	date, clock := floorDiv(w, day)
	y, m, d := civil(date)
	if f.month>>m&1 != 0 && (!f.bounded || f.hasYear(y)) {
		match := f.days(date-int64(d-1), monthLength(y, m)) >> d
		if match&1 != 0 {
			if clock, ok := f.nextClock(int(clock)); ok {
				return date*day + clock, true
			}
		}
		if later := match &^ 1; later != 0 {
			return (date+int64(bits.TrailingZeros64(later)))*day + f.firstClock(), true
		}
	}
	date, ok := f.nextDay(y, m+1)
	return date*day + f.firstClock(), ok
}

// nextDay returns the first matching day from that month on; month 13 is the
// next January.
func (f *fields) nextDay(y int64, m int) (int64, bool) {
	for last := y + 400; y <= last; m++ {
		rest := f.month >> m
		if rest == 0 || f.bounded && !f.hasYear(y) {
			next, ok := f.yearFrom(y + 1)
			if !ok {
				return 0, false
			}
			last += next - y - 1 // years passed over are not searched
			y, m = next, 0
			continue
		}
		m += bits.TrailingZeros64(rest)
		length := monthLength(y, m)
		if length < f.least {
			continue
		}
		first := dayNumber(y, m)
		if match := f.days(first, length); match != 0 {
			return first + int64(bits.TrailingZeros64(match)-1), true
		}
	}
	return 0, false
}

func (f *fields) firstClock() int64 {
	return clockAt(bits.TrailingZeros64(f.hour), bits.TrailingZeros64(f.minute), bits.TrailingZeros64(f.second))
}

// nextClock returns the first matching second of a day from clock on.
func (f *fields) nextClock(clock int) (int64, bool) {
	h, m, s := clock/3600, clock/60%60, clock%60
	if f.hour>>h&1 != 0 {
		if f.minute>>m&1 != 0 {
			if rest := f.second >> s; rest != 0 {
				return clockAt(h, m, s+bits.TrailingZeros64(rest)), true
			}
		}
		if rest := f.minute >> (m + 1); rest != 0 {
			return clockAt(h, m+1+bits.TrailingZeros64(rest), bits.TrailingZeros64(f.second)), true
		}
	}
	if rest := f.hour >> (h + 1); rest != 0 {
		return clockAt(h+1+bits.TrailingZeros64(rest), bits.TrailingZeros64(f.minute), bits.TrailingZeros64(f.second)), true
	}
	return 0, false
}

// prev returns the last matching wall time that is not after w.
func (f *fields) prev(w int64) (int64, bool) {
	date, clock := floorDiv(w, day)
	y, m, d := civil(date)
	if f.month>>m&1 != 0 && (!f.bounded || f.hasYear(y)) {
		match := f.days(date-int64(d-1), monthLength(y, m))
		if match>>d&1 != 0 {
			if clock, ok := f.prevClock(int(clock)); ok {
				return date*day + clock, true
			}
		}
		if earlier := match & upTo(d-1); earlier != 0 {
			return (date-int64(d-highest(earlier)))*day + f.lastClock(), true
		}
	}
	date, ok := f.prevDay(y, m-1)
	return date*day + f.lastClock(), ok
}

// prevDay returns the last matching day up to that month; month 0 is the
// December before.
func (f *fields) prevDay(y int64, m int) (int64, bool) {
	for last := y - 400; y >= last; m-- {
		m = highest(f.month & upTo(m))
		if m < 1 || f.bounded && !f.hasYear(y) {
			before, ok := f.yearUpTo(y - 1)
			if !ok {
				return 0, false
			}
			last -= y - 1 - before
			y, m = before, 13
			continue
		}
		length := monthLength(y, m)
		if length < f.least {
			continue
		}
		first := dayNumber(y, m)
		if match := f.days(first, length); match != 0 {
			return first + int64(highest(match)-1), true
		}
	}
	return 0, false
}

func (f *fields) lastClock() int64 {
	return clockAt(highest(f.hour), highest(f.minute), highest(f.second))
}

// prevClock returns the last matching second of a day up to clock.
func (f *fields) prevClock(clock int) (int64, bool) {
	h, m, s := clock/3600, clock/60%60, clock%60
	if f.hour>>h&1 != 0 {
		if f.minute>>m&1 != 0 {
			if low := f.second & upTo(s); low != 0 {
				return clockAt(h, m, highest(low)), true
			}
		}
		if low := f.minute & upTo(m-1); low != 0 {
			return clockAt(h, highest(low), highest(f.second)), true
		}
	}
	if low := f.hour & upTo(h-1); low != 0 {
		return clockAt(highest(low), highest(f.minute), highest(f.second)), true
	}
	return 0, false
}

// count returns how many matching wall times lie after `after` and not after
// `until`, by multiplication: its cost grows with the months between.
func (f *fields) count(after, until int64) int64 {
	if until <= after {
		return 0
	}
	d1, c1 := floorDiv(after+1, day)
	d2, c2 := floorDiv(until+1, day)
	n := f.countDays(d1, d2) * f.clocksBefore(day)
	n -= f.countDays(d1, d1+1) * f.clocksBefore(int(c1))
	n += f.countDays(d2, d2+1) * f.clocksBefore(int(c2))
	return n
}

// countDays returns how many days match from the day d1 on and before d2.
func (f *fields) countDays(d1, d2 int64) int64 {
	n := 0
	for d1 < d2 {
		y, m, d := civil(d1)
		first, length := d1-int64(d-1), monthLength(y, m)
		if f.month>>m&1 != 0 && f.hasYear(y) {
			match := f.days(first, length) >> d << d
			if left := d2 - first; left < int64(length) {
				match &= upTo(int(left))
			}
			n += bits.OnesCount64(match)
		}
		d1 = first + int64(length)
	}
	return int64(n)
}

// clocksBefore returns how many seconds of a matching day match before clock.
func (f *fields) clocksBefore(clock int) int64 {
	h, m, s := clock/3600, clock/60%60, clock%60
	seconds, minutes := bits.OnesCount64(f.second), bits.OnesCount64(f.minute)
	n := bits.OnesCount64(f.hour&upTo(h-1)) * minutes * seconds
	if f.hour>>h&1 != 0 {
		n += bits.OnesCount64(f.minute&upTo(m-1)) * seconds
		if f.minute>>m&1 != 0 {
			n += bits.OnesCount64(f.second & upTo(s-1))
		}
	}
	return int64(n)
}

func clockAt(h, m, s int) int64 { return int64(h*3600 + m*60 + s) }

// upTo is the set of 0 to n, empty for -1.
func upTo(n int) uint64 { return 1<<(n+1) - 1 }

// highest is the greatest member of the set, -1 if it is empty.
func highest(set uint64) int { return bits.Len64(set) - 1 }

// floorDiv divides and leaves a remainder that is never negative.
func floorDiv(a, b int64) (quotient, remainder int64) {
	q, r := a/b, a%b
	if r < 0 {
		q, r = q-1, r+b
	}
	return q, r
}

// weekday returns the day of the week of a day since 1970-01-01, a Thursday.
func weekday(date int64) int {
	_, r := floorDiv(date+4, 7)
	return int(r)
}

// civil returns the date of a day since 1970-01-01 in the Gregorian calendar.
// Years are counted from March, so that the leap day is the last of its year.
func civil(date int64) (y int64, m, d int) {
	const era = 146097 // days in 400 years
	cycle, rest := floorDiv(date+719468, era)
	doe := uint32(rest)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	march := (5*doy + 2) / 153
	d = int(doy-(153*march+2)/5) + 1
	m = int(march) + 3
	y = cycle*400 + int64(yoe)
	if m > 12 {
		m, y = m-12, y+1
	}
	return y, m, d
}

// dayNumber is the first of the month as a day since 1970-01-01.
func dayNumber(y int64, m int) int64 {
	march := m - 3
	if march < 0 {
		march, y = march+12, y-1
	}
	cycle, yoe := floorDiv(y, 400)
	return cycle*146097 + yoe*365 + yoe/4 - yoe/100 + int64((153*march+2)/5) - 719468
}

func monthLength(y int64, m int) int {
	if m == 2 {
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (m+m>>3)&1
}
