package schedule

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
)

// fields are the sets of values a cron expression allows, one bit a value.
// What says which days of a month match is the method days and nothing else.
type fields struct {
	second uint64 // bits 0 to 59
	minute uint64 // bits 0 to 59
	hour   uint64 // bits 0 to 23
	dom    uint64 // bits 1 to 31
	month  uint64 // bits 1 to 12
	dow    uint64 // bits 0 to 6, Sunday is 0
	either bool   // one of dom and dow is enough
	plain  bool   // none of the following three is used
	least  int    // no month shorter than this has a matching day

	last uint64 // bit n: the day n days before the last of the month
	near uint64 // bits 1 to 31: the working day nearest that day; bit 0: the last one
	nth  uint64 // seven bits for the first of its weekday, …, for the fifth, for the last

	bounded bool // to the years
	years   [4]uint64
	closed  *closed // days left out, or nil
}

// days returns the matching days, bits 1 to 31, of the month of that length
// whose first day is the given day since 1970-01-01.
func (f *fields) days(first int64, length int) uint64 {
	if f.closed != nil {
		return f.closed.apply(f, first, length)
	}
	return f.written(first, length)
}

const (
	weeks   = 1 | 1<<7 | 1<<14 | 1<<21 | 1<<28 | 1<<35 // the first bits of all weeks
	working = 0x3e * weeks                             // Monday to Friday of all weeks
)

// written is days by the expression alone.
func (f *fields) written(first int64, length int) uint64 {
	start := weekday(first)
	byWeekday := f.dow * weeks >> start << 1
	byDate := f.dom
	if !f.plain {
		if f.nth != 0 {
			byWeekday |= f.nthDays(start, length)
		}
		if f.near != 0 {
			byDate |= f.nearDays(start, length)
		}
		byDate |= bits.Reverse64(f.last) >> (63 - length)
	}
	if f.either {
		byDate |= byWeekday
	} else {
		byDate &= byWeekday
	}
	return byDate & (1<<(length+1) - 2)
}

// nthDays are the days of d#n and dL in a month that starts on a weekday.
func (f *fields) nthDays(start, length int) uint64 {
	days := uint64(0)
	week := uint64(0x7f) << 1
	for rest := f.nth & upTo(34); rest != 0; rest >>= 7 {
		days |= rest & 0x7f * weeks >> start << 1 & week
		week <<= 7
	}
	week = uint64(0x7f) << (length - 6)
	return days | f.nth>>35*weeks>>start<<1&week
}

// nearDays are the days of nW and LW.
func (f *fields) nearDays(start, length int) uint64 {
	inWeek := uint64(working) >> start << 1 & (1<<(length+1) - 2)
	days := uint64(0)
	for set := f.near; set != 0; set &= set - 1 {
		d := bits.TrailingZeros64(set)
		switch {
		case d > length:
			continue
		case d == 0:
			d = highest(inWeek)
		case inWeek>>d&1 != 0:
		case (start+d-1)%7 == 6 && d > 1:
			d-- // Saturday
		case (start+d-1)%7 == 6:
			d += 2
		case d < length:
			d++ // Sunday
		default:
			d -= 2
		}
		days |= 1 << d
	}
	return days
}

// possible says why no date can match, or nothing if one can. Without years
// and special days every date of a leap year that exists falls on every
// weekday in some year, so only days that no allowed month has are impossible.
func (f *fields) possible() error {
	longest, short := 0, 0
	for m := 1; m <= 12; m++ {
		if f.month>>m&1 != 0 {
			if n := monthLength(2000, m); n > longest {
				longest, short = n, m
			}
		}
	}
	switch {
	case f.plain && f.either && !f.bounded:
		return nil
	case f.plain && !f.either && f.dom&upTo(longest) == 0:
		return f.neverComes(longest, short)
	case f.plain && !f.bounded:
		return nil
	}
	date, ok := f.nextDay(minYear, 1)
	if ok && date <= maxUnix/day {
		return nil
	}
	if f.bounded && f.dom == 1<<29 && f.month == 1<<2 {
		return errors.New("29 February never comes in those years, none is a leap year; last possible: 28 February")
	}
	return errors.New("never matches: no date is such a day; look at day of month, month, day of week and year together")
}

func (f *fields) neverComes(longest, month int) error {
	day := join(names(f.dom, strconv.Itoa), "or")
	if bits.OnesCount64(f.month) == 1 {
		name := longMonth(month)
		return fmt.Errorf("%s %s never comes; last possible: %d %s", day, name, longest, name)
	}
	return fmt.Errorf("day %s of %s never comes; last possible: day %d", day, join(names(f.month, longMonth), "or"), longest)
}
