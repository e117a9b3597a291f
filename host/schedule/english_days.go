package schedule

import (
	"fmt"
	"math/bits"
	"strings"
)

// dayWords says on which days, nothing for all.
func (f *fields) dayWords() string {
	years := ""
	if f.bounded {
		years = ", only in " + f.yearWords()
	}
	months, in, comma := "the month", "", ""
	if f.month != allMonths {
		months = join(runs(f.month, longMonth), "and")
		in, comma = " in "+months, ","
	}
	byDate := f.dom != allDays || f.last|f.near != 0
	byWeekday := f.dow != allWeek || f.nth != 0
	switch {
	case f.everyDay():
		return in + years
	case f.either:
		return " on " + f.dateWords() + " of the month or on " + f.weekdayWords("and") + comma + in + years
	case byDate && byWeekday:
		return " on " + f.dateWords() + " of the month if that is " + f.articled() + comma + in + years
	case byDate && f.last|f.near == 0 && bits.OnesCount64(f.dom) == 1 && bits.OnesCount64(f.month) == 1:
		return fmt.Sprintf(" on %d %s", highest(f.dom), months) + years
	case byDate:
		return " on " + f.dateWords() + " of " + months + years
	}
	return " on " + f.weekdayWords("and") + in + years
}

// dateWords lists the days of the month: "days 1 and 15", "the last day".
func (f *fields) dateWords() string {
	var list []string
	if f.dom != 0 {
		list = append(list, numbered(f.dom, "day"))
	}
	for _, n := range members(f.near >> 1) {
		list = append(list, fmt.Sprintf("the working day nearest day %d", n+1))
	}
	for _, n := range members(f.last) {
		text := "the last day"
		if n > 0 {
			text = fmt.Sprintf("the %s day before the last", ordinal(n))
		}
		list = append(list, text)
	}
	if f.near&1 != 0 {
		list = append(list, "the last working day")
	}
	return join(list, "and")
}

// weekdayWords lists the days of the week from Monday to Sunday, then those of
// which the place in the month matters.
func (f *fields) weekdayWords(word string) string {
	list := runs(f.dow&^1|f.dow&1<<7, longWeekday)
	nth := f.nthWords()
	if len(nth) == 0 {
		return join(list, word)
	}
	return join(append(list, nth...), word) + " of the month"
}

func (f *fields) nthWords() []string {
	var list []string
	for n := range 6 {
		place := "the last "
		if n < 5 {
			place = "the " + ordinal(n+1) + " "
		}
		set := f.nth >> (7 * n) & allWeek
		list = append(list, names(set&^1|set&1<<7, func(d int) string { return place + longWeekday(d) })...)
	}
	return list
}

// articled is weekdayWords behind "if that is".
func (f *fields) articled() string {
	text := f.weekdayWords("or")
	if strings.HasPrefix(text, "the ") {
		return text
	}
	return "a " + text
}

// yearWords lists the years: "2026", "2026 to 2030", "every 2nd year from …".
func (f *fields) yearWords() string {
	var years, list []string
	first, last, even := 0, 0, 0
	for y := minYear; y <= maxYear; y++ {
		if !f.hasYear(int64(y)) {
			continue
		}
		switch {
		case len(years) == 0:
			first = y
		case len(years) == 1:
			even = y - last
		case y-last != even:
			even = -1
		}
		last = y
		years = append(years, fmt.Sprint(y))
		if end := y; !f.hasYear(int64(y - 1)) {
			for ; f.hasYear(int64(end + 1)); end++ {
			}
			list = append(list, yearSpan(y, end)...)
		}
	}
	if even > 1 && len(years) > 3 {
		return fmt.Sprintf("every %s year from %d to %d", ordinal(even), first, last)
	}
	return join(list, "and")
}

func yearSpan(first, last int) []string {
	switch last {
	case first:
		return []string{fmt.Sprint(first)}
	case first + 1:
		return []string{fmt.Sprint(first), fmt.Sprint(last)}
	}
	return []string{fmt.Sprintf("%d to %d", first, last)}
}
