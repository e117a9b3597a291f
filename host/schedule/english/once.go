package english

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/palyra-go/palyra/host/schedule"
)

// in reads what follows the word: months, or how long from now.
func (p *parser) in() error {
	if month(p.word()) > 0 {
		return p.monthList()
	}
	p.said = true
	if p.accept("the") {
		return p.unknown()
	}
	if p.accept("half") {
		if !p.accept("an") || !p.accept("hour") {
			return errors.New("half of what? write in half an hour, or in 30m")
		}
		return p.setOffset(30 * time.Minute)
	}
	total := time.Duration(0)
	for {
		s, ok, err := p.length()
		switch {
		case err != nil:
			return err
		case !ok:
			return fmt.Errorf("in %s: write in 2h, in 90 minutes, or in january", quote(p.word()))
		case s.d == 0 && total == 0:
			return p.inDays(s)
		case s.d == 0:
			return errors.New("days and hours do not mix: write hours alone (in 26h), or in 1 day at 9:00")
		}
		if total += s.d; total <= 0 || total > 100*366*24*time.Hour {
			return errors.New("more than a hundred years from now")
		}
		more := func() bool { return plainNumber(p.word()) || spelled(p.word()) > 0 }
		if !more() && !p.and(more) {
			return p.setOffset(total)
		}
	}
}

func (p *parser) setOffset(d time.Duration) error {
	if p.offset != 0 {
		return errors.New("two instants: say one")
	}
	p.offset, p.said = d, true
	return nil
}

// inDays takes "in 3 days", a date by the calendar.
func (p *parser) inDays(s step) error {
	if s.unit == "week" {
		s.n *= 7
	}
	return p.dateFromNow(s.n)
}

func (p *parser) relativeDay(word string) error {
	p.said = true
	if word == "tomorrow" {
		return p.dateFromNow(1)
	}
	return p.dateFromNow(0)
}

func (p *parser) dateFromNow(days int) error {
	loc, err := p.location()
	if err != nil {
		return err
	}
	y, m, d := p.now.In(loc).Date()
	y, m, d = time.Date(y, m, d+days, 0, 0, 0, 0, time.UTC).Date()
	return p.setDate(y, int(m), d)
}

func (p *parser) isoDate(word string) error {
	y, _ := strconv.Atoi(word[:4])
	m, err1 := strconv.Atoi(word[5:7])
	d, err2 := strconv.Atoi(word[8:])
	if err1 != nil || err2 != nil {
		return fmt.Errorf("%s is no date: write YYYY-MM-DD", quote(word))
	}
	return p.setDate(y, m, d)
}

func (p *parser) setDate(y, m, d int) error {
	if p.date != (date{}) {
		return errors.New("two dates: a job for each")
	}
	if t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC); t.Year() != y || int(t.Month()) != m || t.Day() != d {
		return fmt.Errorf("there is no %04d-%02d-%02d", y, m, d)
	}
	if y < 1970 || y > 9998 {
		return fmt.Errorf("the year %d: want 1970 to 9998", y)
	}
	p.date, p.said = date{y, m, d}, true
	return nil
}

// location returns the zone of the phrase.
func (p *parser) location() (*time.Location, error) {
	if p.loc == nil {
		s, err := p.schedules.Parse(schedule.Spec{Kind: schedule.Cron, Expr: "@daily", Zone: p.zone})
		if err != nil {
			return nil, err
		}
		p.loc, p.zone = s.Location(), s.Spec().Zone
	}
	return p.loc, nil
}

// instant is the spec of a date with a time of day, or of a length from now.
func (d *draft) instant(loc *time.Location) (time.Time, error) {
	if d.offset != 0 {
		if d.recurs() || d.date != (date{}) || len(d.clocks) > 0 {
			return time.Time{}, errors.New("in with something else: it is one instant, such as in 2h")
		}
		return d.now.Add(d.offset).Truncate(time.Second).In(loc), nil
	}
	switch {
	case d.recurs():
		return time.Time{}, errors.New("a date, and days that recur: say one of the two")
	case len(d.clocks) == 0:
		return time.Time{}, errors.New("at which time? write for example at 9:00")
	case len(d.clocks) > 1:
		return time.Time{}, errors.New("one date and several times: a job for each")
	}
	c := d.clocks[0]
	t := time.Date(d.date.year, time.Month(d.date.month), d.date.day, c.hour, c.minute, c.second, 0, loc)
	if err := exact(t, d.date, c); err != nil {
		return t, err
	}
	if !t.After(d.now) {
		return t, fmt.Errorf("that is past: %s", t.Format("2006-01-02 15:04:05 MST"))
	}
	return t, nil
}

// exact refuses a time of day that the zone skips or shows twice on that date.
func exact(t time.Time, on date, c clock) error {
	y, m, d := t.Date()
	if y != on.year || int(m) != on.month || d != on.day || t.Hour() != c.hour || t.Minute() != c.minute || t.Second() != c.second {
		return fmt.Errorf("%s does not exist on that day in %s, the clocks skip it: name another time", c, t.Location())
	}
	_, offset := t.Zone()
	start, end := t.ZoneBounds()
	again := func(other time.Time) time.Time { // the same reading, with the offset of another time
		_, o := other.Zone()
		return t.Add(time.Duration(offset-o) * time.Second)
	}
	if !start.IsZero() && again(start.Add(-time.Second)).Before(start) || end.After(t) && !again(end).Before(end) {
		return fmt.Errorf("%s comes twice on that day in %s, the clocks go back: give the instant with its offset, %s",
			c, t.Location(), t.Format(time.RFC3339))
	}
	return nil
}
