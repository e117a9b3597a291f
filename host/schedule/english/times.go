package english

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// clock is a time of day.
type clock struct{ hour, minute, second int }

func (c clock) String() string { return fmt.Sprintf("%02d:%02d", c.hour, c.minute) }

// clockLike reports whether a word can only be a time of day: 9:00, 9am, noon.
func clockLike(word string) bool {
	switch word {
	case "noon", "midday", "midnight":
		return true
	case "":
		return false
	}
	if word[0] < '0' || word[0] > '9' {
		return false
	}
	return strings.Contains(word, ":") || strings.HasSuffix(word, "am") || strings.HasSuffix(word, "pm")
}

func halfDay(word string) string {
	switch word {
	case "am", "a.m.":
		return "am"
	case "pm", "p.m.":
		return "pm"
	}
	return ""
}

// atClock reports whether a time of day stands here.
func (p *parser) atClock() bool {
	return clockLike(p.word()) || digits(p.word()) && halfDay(p.peek(1)) != ""
}

// clock reads a time of day.
func (p *parser) clock() (clock, error) {
	word := p.word()
	switch word {
	case "noon", "midday":
		p.next()
		return clock{hour: 12}, nil
	case "midnight":
		p.next()
		return clock{}, nil
	case "":
		return clock{}, errors.New("a time is missing at the end: write 9am, 9:00 or noon")
	}
	half := ""
	for _, suffix := range []string{"am", "pm"} {
		if cut, ok := strings.CutSuffix(word, suffix); ok {
			word, half = cut, suffix
		}
	}
	if half == "" {
		half = halfDay(p.peek(1))
		if half != "" {
			p.next()
		}
	}
	p.next()
	if half == "" && digits(word) {
		return clock{}, bare(word)
	}
	return readClock(word, half)
}

// bare refuses a number that is no time of day yet.
func bare(word string) error {
	n, _ := strconv.Atoi(word)
	switch {
	case n >= 1 && n <= 12:
		return fmt.Errorf("%s in the morning or in the evening? write %dam, %dpm or %d:00", word, n, n, n)
	case n <= 23:
		return fmt.Errorf("%s is no time of day: write %d:00", word, n)
	}
	return fmt.Errorf("%s is no time of day: write 9am, 9:00 or 17:30", word)
}

func readClock(word, half string) (clock, error) {
	parts := strings.Split(word, ":")
	if len(parts) == 1 {
		parts = append(parts, "00")
	}
	c := clock{}
	for i, value := range []*int{&c.hour, &c.minute, &c.second} {
		if i >= len(parts) {
			break
		}
		n, err := strconv.Atoi(parts[i])
		if size := len(parts[i]); err != nil || n < 0 || n > 59 || !digits(parts[i]) || size > 2 || i > 0 && size != 2 || len(parts) > 3 {
			return c, fmt.Errorf("%s%s is no time of day: write 9am, 9:00 or 17:30", word, half)
		}
		*value = n
	}
	switch {
	case half != "" && (c.hour < 1 || c.hour > 12):
		return c, fmt.Errorf("%s%s: am and pm go with the hours 1 to 12", word, half)
	case half != "":
		c.hour %= 12
		if half == "pm" {
			c.hour += 12
		}
	case c.hour == 24 && c.minute == 0 && c.second == 0:
		return c, errors.New("24:00 is 0:00 of the next day: write midnight or 0:00, and that day")
	case c.hour > 23:
		return c, fmt.Errorf("%s is no time of day: the hours are 0 to 23", word)
	}
	return c, nil
}

// at reads what follows the word: times of day, minutes of the hour, or a date.
func (p *parser) at() error {
	word := p.word()
	switch {
	case strings.HasPrefix(word, ":"):
		return p.minuteList(func(w string) (string, bool) { return strings.CutPrefix(w, ":") })
	case word == "minute" || word == "minutes":
		p.next()
		return p.minuteList(func(w string) (string, bool) { return w, digits(w) })
	case isDate(word):
		return p.days()
	}
	return p.times()
}

// times reads a list of times of day.
func (p *parser) times() error {
	if len(p.clocks) > 0 {
		return errors.New("two times of day in two places: join them by and")
	}
	for {
		c, err := p.clock()
		if err != nil {
			return err
		}
		p.clocks = append(p.clocks, c)
		if !p.and(func() bool { p.accept("at"); return p.atClock() || digits(p.word()) && month(p.peek(1)) == 0 }) {
			return nil
		}
	}
}

// minuteList reads minutes of the hour, each in a form of its own, and ranges
// of them.
func (p *parser) minuteList(form func(string) (string, bool)) error {
	if p.minutes != 0 {
		return errors.New("minutes of the hour in two places: join them by and")
	}
	read := func() (int, error) {
		text, ok := form(p.word())
		n, err := strconv.Atoi(text)
		if !ok || err != nil || !digits(text) || len(text) > 2 || n > 59 {
			return 0, fmt.Errorf("%s is no minute of the hour: write :15, or minute 15, up to 59", quote(p.word()))
		}
		p.next()
		return n, nil
	}
	for {
		first, err := read()
		last := first
		if err == nil && p.accept("to") {
			last, err = read()
		}
		if err != nil {
			return err
		}
		if first > last {
			return fmt.Errorf("minutes %d to %d run backwards: write them in two lists", first, last)
		}
		p.minutes |= upTo(last) &^ (upTo(first) >> 1)
		if !p.and(func() bool { _, ok := form(p.word()); return ok }) {
			return nil
		}
	}
}

// ofEvery reads "of every hour" and the like, after minutes.
func (p *parser) ofEvery(word string) error {
	if !p.accept("every") && !p.accept("each") {
		p.accept("the")
	}
	if p.minutes != 0 && p.unit == "" && p.accept("hour") {
		p.unit = "hour"
		return nil
	}
	if p.unit == "hour" && p.accept("hour") {
		return nil
	}
	return fmt.Errorf("%s what? after minutes write of every hour, after days of the month", quote(word))
}

// window is a stretch of the day.
type window struct{ from, to clock }

// window reads from … to …, or between … and ….
func (p *parser) window() error {
	if len(p.windows) > 0 {
		return errors.New("hours in two places: join them by and from")
	}
	for {
		between := p.accept("between")
		if !between {
			p.accept("from")
		}
		if !p.atClock() && !digits(p.word()) {
			return fmt.Errorf("from %s: want a time of day; when a schedule starts and ends is not part of the phrase", quote(p.word()))
		}
		from, err := p.clock()
		if err != nil {
			return err
		}
		if between && !p.accept("and") || !between && !p.accept("to") && !p.accept("until") && !p.accept("till") && !p.accept("through") {
			return errors.New("until when? write from 9:00 to 17:00")
		}
		to, err := p.clock()
		if err != nil {
			return err
		}
		p.windows = append(p.windows, window{from, to})
		if !p.and(func() bool { return p.word() == "from" || p.word() == "between" }) {
			return nil
		}
	}
}
