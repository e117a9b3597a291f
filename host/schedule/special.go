package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// monthEnd reads L, L-n, LW and nW.
func (c compiler) monthEnd(item string) error {
	switch before, found := strings.CutPrefix(item, "L-"); {
	case item == "L":
		c.last |= 1
		return nil
	case item == "LW":
		c.near |= 1
		return nil
	case found:
		n, err := strconv.Atoi(before)
		if err != nil || len(before) > 2 || n < 1 || n > 30 {
			return errors.New("want L-1 to L-30, days before the last of the month")
		}
		c.last |= 1 << n
		return nil
	}
	day, found := strings.CutSuffix(item, "W")
	n, err := strconv.Atoi(day)
	if !found || err != nil || len(day) > 2 || n < 1 || n > 31 {
		return errors.New("want 1W to 31W for the weekday nearest that day, L, L-1 to L-30, or LW")
	}
	c.near |= 1 << n
	return nil
}

// nthWeekday reads d#n and dL.
func (c compiler) nthWeekday(col *column, item string) error {
	if day, found := strings.CutSuffix(item, "L"); found {
		d, ok := col.value(day)
		if !ok {
			return fmt.Errorf("%s, L behind it for the last of the month", col.want())
		}
		c.nth |= 1 << (35 + d%7)
		return nil
	}
	day, number, _ := strings.Cut(item, "#")
	d, ok := col.value(day)
	n, err := strconv.Atoi(number)
	if !ok || err != nil || len(number) > 1 || n < 1 || n > 5 {
		return fmt.Errorf("%s, and #1 to #5 for which of the month", col.want())
	}
	c.nth |= 1 << ((n-1)*7 + d%7)
	return nil
}

// spread reads H, H(a-b), H/n and H(a-b)/n.
func (c compiler) spread(place int, col *column, item string) error {
	if place == yearColumn {
		return errors.New("no H here: it does not choose years")
	}
	low, high := col.min, col.max
	switch place {
	case domColumn:
		high = 28 // in every month
	case dowColumn:
		high = 6
	}
	bounds, stepText, stepped := strings.Cut(item, "/")
	if bounds != "H" {
		inner, open := strings.CutPrefix(bounds, "H(")
		inner, closed := strings.CutSuffix(inner, ")")
		a, b, ranged := strings.Cut(inner, "-")
		first, ok1 := col.value(a)
		last, ok2 := col.value(b)
		if !open || !closed || !ranged || !ok1 || !ok2 || first > last {
			return fmt.Errorf("want H, H/n, H(a-b) or H(a-b)/n with %d to %d", col.min, col.max)
		}
		low, high = first, last
	}
	r := run{first: low, last: high, step: high - low + 1}
	if stepped {
		n, ok := col.step(stepText)
		if !ok || n > high-low+1 {
			return fmt.Errorf("want a step of 1 to %d", high-low+1)
		}
		r.step = n
	}
	r.first += int(hash(c.key, uint64(place)) % uint64(r.step))
	c.hash = true
	col.each(r, func(v int) { c.add(place, v) })
	return nil
}

// hash is FNV-1a in 64 bits over the text, a zero byte and the number, the
// highest byte first, and then the finalizer of splitmix64 so that each bit
// depends on all.
func hash(text string, n uint64) uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime
	}
	h *= prime
	for shift := 56; shift >= 0; shift -= 8 {
		h = (h ^ n>>shift&0xff) * prime
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func (f *fields) addYear(y int) {
	f.bounded = true
	f.years[(y-minYear)/64] |= 1 << ((y - minYear) % 64)
}

func (f *fields) hasYear(y int64) bool {
	return !f.bounded || y >= minYear && y <= lastYear && f.years[(y-minYear)/64]>>((y-minYear)%64)&1 != 0
}

// yearFrom returns the first allowed year from y on.
func (f *fields) yearFrom(y int64) (int64, bool) {
	if f.bounded {
		for y = max(y, minYear); y <= lastYear && !f.hasYear(y); y++ {
		}
		return y, y <= lastYear
	}
	return y, true
}

// yearUpTo returns the last allowed year up to y.
func (f *fields) yearUpTo(y int64) (int64, bool) {
	if f.bounded {
		for y = min(y, lastYear); y >= minYear && !f.hasYear(y); y-- {
		}
		return y, y >= minYear
	}
	return y, true
}
