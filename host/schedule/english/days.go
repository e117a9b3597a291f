package english

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// days reads days of the week, of the month or of the year, or a date.
func (p *parser) days() error {
	p.accept("the")
	word := p.word()
	if _, ok := p.weekdays(); ok {
		return p.weekdayList()
	}
	if word == "last" {
		if unit := unitOf(p.peek(1)); unit != "" && unit != "day" {
			return p.unknown()
		}
	}
	if _, ok := ordinal(word); ok {
		return p.ordinals()
	}
	switch {
	case (word == "day" || word == "days") && digits(p.peek(1)):
		p.next()
		return p.numberedDays()
	case isDate(word):
		p.next()
		return p.isoDate(word)
	case month(word) > 0:
		return p.monthFirst()
	case digits(word) && month(p.peek(1)) > 0:
		p.next()
		return p.dayOfMonthNamed(word)
	}
	return p.unknown()
}

// weekdays returns the set that a word stands for.
func (p *parser) weekdays() (uint64, bool) {
	switch p.word() {
	case "weekday", "weekdays", "workday", "workdays":
		return 0b111110, true
	case "weekends":
		return 0b1000001, true
	}
	d, ok := weekday(p.word())
	return 1 << d, ok
}

func (p *parser) weekdayList() error {
	if p.dow != 0 || len(p.nth) > 0 {
		return errors.New("days of the week in two places: join them by and")
	}
	p.said = true
	for {
		set, _ := p.weekdays()
		first, isDay := weekday(p.word())
		p.next()
		if isDay && (p.accept("to") || p.accept("through") || p.accept("thru")) {
			last, ok := weekday(p.word())
			if !ok {
				return fmt.Errorf("to %s: want a day of the week", quote(p.word()))
			}
			p.next()
			for d := first; d != last; d = (d + 1) % 7 {
				set |= 1 << d
			}
			set |= 1 << last
		}
		p.dow |= set
		if !p.and(func() bool { p.accept("on"); _, ok := p.weekdays(); return ok }) {
			return nil
		}
	}
}

// ordinals reads "1st and 15th", "first monday and last friday", and of which
// month.
func (p *parser) ordinals() error {
	p.said = true
	for {
		list, err := p.ordinalList()
		if err != nil {
			return err
		}
		if month(p.word()) > 0 && len(list) == 1 && list[0] > 0 {
			p.dom |= 1 << list[0]
			return p.monthAndYear()
		}
		needed, err := p.counted(list)
		if err != nil {
			return err
		}
		if !p.and(p.atOrdinal) {
			return p.ofMonths(needed)
		}
	}
}

func (p *parser) atOrdinal() bool {
	p.accept("the")
	_, ok := ordinal(p.word())
	return ok
}

// ordinalList reads ordinals up to what they count.
func (p *parser) ordinalList() ([]int, error) {
	var list []int
	for {
		n, _ := ordinal(p.word())
		if n == 0 || n > 31 {
			return nil, fmt.Errorf("%s: want 1st to 31st", p.word())
		}
		p.next()
		list = append(list, n)
		if p.accept("to") {
			last, ok := ordinal(p.word())
			if !ok || n < 0 || last <= n || last > 31 {
				return nil, fmt.Errorf("to %s: want a later day, up to 31st", quote(p.word()))
			}
			p.next()
			for n++; n <= last; n++ {
				list = append(list, n)
			}
		}
		if !p.and(p.atOrdinal) {
			return list, nil
		}
	}
}

// counted reads what ordinals count, days of the month if nothing is said, and
// reports whether the month must be.
func (p *parser) counted(list []int) (needsMonth bool, err error) {
	if d, ok := weekday(p.word()); ok {
		p.next()
		return true, p.nthWeekdays(list, dayName(d))
	}
	if p.accept("working") {
		if !p.accept("day") {
			return false, errors.New("working what? write the last working day of the month")
		}
		return true, p.nthWeekdays(list, "")
	}
	if p.accept("weekday") || p.accept("workday") {
		return true, p.nthWeekdays(list, "")
	}
	said := p.accept("day") || p.accept("days")
	for _, n := range list {
		switch {
		case n > 0:
			p.dom |= 1 << n
		case said:
			p.domWords = append(p.domWords, "L")
		default:
			return false, errors.New("the last what? write the last day of the month, or the last friday of the month")
		}
	}
	return said, nil
}

// nthWeekdays takes "first and third monday"; no name is any weekday.
func (p *parser) nthWeekdays(list []int, name string) error {
	if p.dow != 0 {
		return errors.New("days of the week in two places: a job for each")
	}
	for _, n := range list {
		switch {
		case name == "" && n == 1:
			p.domWords = append(p.domWords, "1W")
		case name == "" && n < 0:
			p.domWords = append(p.domWords, "LW")
		case name == "":
			return errors.New("of the weekdays of a month only the first and the last one can be said: name a day of the week, or a day of the month")
		case n < 0:
			p.nth = append(p.nth, name+"L")
		case n > 5:
			return fmt.Errorf("no month has %d of one day of the week: want first to fifth, or last", n)
		default:
			p.nth = append(p.nth, name+"#"+strconv.Itoa(n))
		}
	}
	return nil
}

// ofMonths reads "of the month" or "of january and july", which must stand here
// if it is needed.
func (p *parser) ofMonths(needed bool) error {
	if p.word() == "of" && !p.end() {
		p.next()
		if p.accept("the") || p.accept("every") || p.accept("each") {
			if !p.accept("month") {
				return fmt.Errorf("of %s: write of the month, or of january", quote(p.word()))
			}
			return nil
		}
		if month(p.word()) > 0 {
			return p.monthList()
		}
		return fmt.Errorf("of %s: write of the month, or of january", quote(p.word()))
	}
	if needed {
		return errors.New("of which month? write of the month, or of january")
	}
	return nil
}

// numberedDays reads "day 1" and "days 1, 5 and 10 to 20".
func (p *parser) numberedDays() error {
	if p.dom != 0 {
		return errors.New("days of the month in two places: join them by and")
	}
	p.said = true
	for {
		first, err := p.dayNumber()
		last := first
		if err == nil && p.accept("to") {
			last, err = p.dayNumber()
		}
		if err != nil {
			return err
		}
		if first > last {
			return fmt.Errorf("days %d to %d run backwards: write them in two lists", first, last)
		}
		p.dom |= upTo(last) &^ (upTo(first) >> 1)
		if p.and(func() bool { return digits(p.word()) }) {
			continue
		}
		if p.and(p.atOrdinal) { // the last day
			return p.ordinals()
		}
		return p.ofMonths(true)
	}
}

func (p *parser) dayNumber() (int, error) {
	n, err := strconv.Atoi(p.word())
	if err != nil || n < 1 || n > 31 || !digits(p.word()) {
		return 0, fmt.Errorf("%s: want a day of the month, 1 to 31", quote(p.word()))
	}
	p.next()
	return n, nil
}

func dayName(d int) string {
	const names = "SUNMONTUEWEDTHUFRISAT"
	return names[3*d : 3*d+3]
}

func isDate(word string) bool {
	return len(word) == 10 && word[4] == '-' && word[7] == '-' && strings.Trim(word, "0123456789-") == ""
}
