package english

import (
	"errors"
	"fmt"
	"strconv"
)

// monthList reads months, as a restriction.
func (p *parser) monthList() error {
	if p.months != 0 {
		return errors.New("months in two places: join them by and")
	}
	p.said = true
	for {
		first := month(p.word())
		last := first
		p.next()
		if p.accept("to") || p.accept("through") {
			if last = month(p.word()); last == 0 {
				return fmt.Errorf("to %s: want a month", quote(p.word()))
			}
			p.next()
		}
		for m := first; m != last; m = m%12 + 1 {
			p.months |= 1 << m
		}
		p.months |= 1 << last
		if !p.and(func() bool { return month(p.word()) > 0 }) {
			return nil
		}
	}
}

// monthFirst reads "january 1st", with a year or without, or months alone.
func (p *parser) monthFirst() error {
	_, isOrdinal := ordinal(p.peek(1))
	if !isOrdinal && !digits(p.peek(1)) || halfDay(p.peek(2)) != "" {
		return p.monthList()
	}
	if p.dom != 0 || p.months != 0 {
		return errors.New("days of the year in two places: a job for each")
	}
	m := month(p.word())
	p.next()
	for {
		word := p.word()
		n, ok := ordinal(word)
		if !ok {
			n, _ = strconv.Atoi(word)
		}
		if n < 1 || n > 31 {
			return fmt.Errorf("%s: want a day of the month, 1 to 31", quote(word))
		}
		p.next()
		p.dom |= 1 << n
		if !p.and(func() bool { _, ok := ordinal(p.word()); return ok }) {
			break
		}
	}
	p.months, p.said = 1<<m, true
	return p.year()
}

// dayOfMonthNamed reads the month after its day: "1 january".
func (p *parser) dayOfMonthNamed(word string) error {
	n, _ := strconv.Atoi(word)
	if n < 1 || n > 31 {
		return fmt.Errorf("%s: want a day of the month, 1 to 31", quote(word))
	}
	if p.dom != 0 || p.months != 0 {
		return errors.New("days of the year in two places: a job for each")
	}
	p.dom, p.said = 1<<n, true
	return p.monthAndYear()
}

func (p *parser) monthAndYear() error {
	if p.months != 0 {
		return errors.New("months in two places: a job for each")
	}
	p.months = 1 << month(p.word())
	p.next()
	return p.year()
}

// year reads a year, which makes a date of the day.
func (p *parser) year() error {
	at := 0
	if p.word() == "," {
		at = 1
	}
	word := p.peek(at)
	if len(word) != 4 || !digits(word) {
		return nil
	}
	p.pos += at + 1
	y, _ := strconv.Atoi(word)
	days := members(p.dom)
	if len(days) != 1 {
		return errors.New("one date, please: a job for each")
	}
	m := members(p.months)[0]
	p.dom, p.months = 0, 0
	return p.setDate(y, m, days[0])
}
