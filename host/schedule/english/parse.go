package english

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/schedule"
)

// maxPhrase bounds what is looked at.
const maxPhrase = 200

// Parse reads a phrase at the instant now, in the given zone if it names none.
// The spec is in canonical form. The zone is read anew, which takes most of the
// time: who reads many phrases keeps a [schedule.Parser] and calls ParseWith.
func Parse(text string, now time.Time, zone string) (schedule.Spec, error) {
	return ParseWith(new(schedule.Parser), text, now, zone)
}

// ParseWith is Parse with the zones that schedules knows already.
func ParseWith(schedules *schedule.Parser, text string, now time.Time, zone string) (schedule.Spec, error) {
	p := parser{schedules: schedules, draft: draft{now: now, zone: zone}}
	spec, err := p.parse(text)
	if err != nil {
		return schedule.Spec{}, fmt.Errorf("schedule %s: %w", quote(text), err)
	}
	return spec, nil
}

func (p *parser) parse(text string) (schedule.Spec, error) {
	if err := p.scan(text); err != nil {
		return schedule.Spec{}, err
	}
	if err := p.cutZone(); err != nil {
		return schedule.Spec{}, err
	}
	if len(p.words) == 0 {
		return schedule.Spec{}, errors.New("it says no time; " + examples)
	}
	if onDemand(p.words) {
		compiled, err := p.schedules.Parse(schedule.Spec{Kind: schedule.Manual, Zone: p.zone})
		if err != nil {
			return schedule.Spec{}, err
		}
		return compiled.Spec(), nil
	}
	for first := true; !p.end(); first = false {
		if p.accept(",") && (first || p.end()) {
			return schedule.Spec{}, errors.New("a comma stands between two parts")
		}
		if err := p.clause(); err != nil {
			return schedule.Spec{}, err
		}
	}
	return p.spec()
}

// onDemand reports whether the words mean a schedule that never fires by itself.
func onDemand(words []string) bool {
	switch strings.Join(words, " ") {
	case "on demand", "by hand", "manually", "only when it is started by hand or by another job":
		return true
	}
	return false
}

// clause reads one part of the phrase.
func (p *parser) clause() error {
	word := p.word()
	switch word {
	case "every", "each":
		p.next()
		return p.every()
	case "at":
		p.next()
		p.said = true
		return p.at()
	case "on":
		p.next()
		if !p.accept("every") {
			p.accept("each")
		}
		return p.days()
	case "in":
		p.next()
		return p.in()
	case "from", "between":
		return p.window()
	case "of", "past", "after":
		p.next()
		return p.ofEvery(word)
	case "or":
		p.next()
		p.accept("on")
		p.or = true
		return p.days()
	case "today", "tomorrow":
		p.next()
		return p.relativeDay(word)
	case "once":
		p.next()
		p.once, p.said = true, true
		return nil
	case "daily", "hourly", "weekly", "monthly", "yearly", "annually":
		p.next()
		return p.adverb(word)
	}
	if p.atClock() {
		return p.times()
	}
	from := p.pos
	if s, ok, err := p.length(); ok && err == nil && p.accept("after") {
		return p.afterEach(s)
	}
	p.pos = from
	return p.days()
}

// afterEach reads "5 minutes after each completion".
func (p *parser) afterEach(s step) error {
	if !p.accept("each") {
		p.accept("every")
	}
	if !p.accept("completion") && !p.accept("run") {
		return errors.New("after what? write 5 minutes after each completion")
	}
	p.after = true
	return p.setStep(s)
}

func (p *parser) adverb(word string) error {
	switch word {
	case "daily":
		return p.period("day")
	case "hourly":
		return p.setUnit("hour")
	case "weekly":
		return p.period("week")
	case "monthly":
		return p.period("month")
	}
	return p.period("year")
}

// period notes "every day", and "every week", which needs its days.
func (p *parser) period(name string) error {
	if p.periodic != "" {
		return fmt.Errorf("every %s and every %s: say one", p.periodic, name)
	}
	p.periodic, p.said = name, true
	return nil
}

func (p *parser) setUnit(name string) error {
	if p.unit != "" || p.step.n != 0 {
		return errors.New("two intervals: say one")
	}
	p.unit, p.said = name, true
	return nil
}

// every reads what follows the word.
func (p *parser) every() error {
	word := p.word()
	switch word {
	case "":
		return errors.New("every what? write every 5 minutes, every day at 9:00, every monday at 9:00")
	case "second":
		if after := p.peek(1); isNoun(after) {
			return fmt.Errorf(`"every second %s" is every other one or the second one of a month: name the days (every monday at 9:00), or write the 2nd monday of the month`, after)
		}
		p.next()
		return p.setUnit(word)
	case "minute", "hour":
		p.next()
		return p.setUnit(word)
	case "day", "week", "month", "year":
		p.next()
		return p.period(word)
	case "half":
		p.next()
		p.accept("an")
		if !p.accept("hour") {
			return errors.New("half of what? write every half hour, or every 30 minutes")
		}
		return p.setStep(step{30, "minute", 30 * time.Minute})
	case "weekend":
		return errors.New(`"every weekend" is one day or both: write weekends (Saturday and Sunday), or every saturday`)
	}
	if n, ok := ordinal(word); ok && word != "last" {
		return p.everyOrdinal(word, n)
	}
	if s, ok, err := p.length(); ok {
		if err != nil {
			return err
		}
		return p.setStep(s)
	}
	if digits(word) && month(p.peek(1)) == 0 {
		return fmt.Errorf("every %s what? write every %s minutes, or every day at 9:00", word, word)
	}
	return p.days()
}

// everyOrdinal takes "every 1st of the month" and leaves "every 2nd day".
func (p *parser) everyOrdinal(word string, n int) error {
	after := p.peek(1)
	switch after {
	case "second", "minute", "hour":
		return fmt.Errorf("write every %d %ss", n, after)
	case "day", "days", "week", "month", "year":
		if after != "day" || n != 1 {
			return fmt.Errorf(`"every %s %s" counts from where? name the days (on the 1st and 15th, every monday), or write every %s`, word, after, hoursOf(n, after))
		}
	}
	if _, isDay := weekday(after); (isDay || after == "weekday") && p.peek(2) != "of" {
		return fmt.Errorf("every %s %s of what? write the %s %s of the month, or name the days", word, after, word, after)
	}
	return p.days()
}

func hoursOf(n int, unit string) string {
	hours := 24
	if unit == "week" {
		hours = 7 * 24
	}
	return strconv.Itoa(n*hours) + "h"
}

// step is an interval as it was written.
type step struct {
	n    int    // how many units, 0 if they are not a whole number
	unit string // second, minute, hour, day or week
	d    time.Duration
}

func (p *parser) setStep(s step) error {
	if p.unit != "" || p.step.d != 0 {
		return errors.New("two intervals: say one")
	}
	if s.unit == "day" || s.unit == "week" {
		return fmt.Errorf("an interval in %ss counts from where? name the days (on the 1st and 15th, every monday at 9:00), or write every %s for elapsed time", s.unit, hoursOf(s.n, s.unit))
	}
	p.step, p.said = s, true
	return nil
}

// length reads "5 minutes", "1.5 hours", "an hour", "90m"; ok is false if
// there is none here.
func (p *parser) length() (s step, ok bool, err error) {
	word := p.word()
	if unit := unitOf(p.peek(1)); unit != "" && (plainNumber(word) || spelled(word) > 0) {
		p.next()
		p.next()
		s, err = lengthOf(word, unit)
		return s, true, err
	}
	if word == "" || word[0] < '0' || word[0] > '9' || !strings.ContainsAny(word[len(word)-1:], "smhdwyn") || strings.ContainsAny(word, ":-") || clockLike(word) {
		return s, false, nil
	}
	if _, isOrdinal := ordinal(word); isOrdinal {
		return s, false, nil
	}
	at := strings.IndexFunc(word, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if unit := unitOf(word[at:]); unit != "" {
		p.next()
		s, err = lengthOf(word[:at], unit)
		return s, true, err
	}
	d, err := time.ParseDuration(word)
	if err != nil {
		return s, true, fmt.Errorf("%s is no length of time: write 30s, 5m, 1h30m or 5 minutes", quote(word))
	}
	p.next()
	return whole(d), true, nil
}

func lengthOf(number, unit string) (step, error) {
	if n := spelled(number); n > 0 {
		number = strconv.Itoa(n)
	}
	switch unit {
	case "month", "year":
		return step{}, fmt.Errorf("a %s has no fixed length: name the days (on the 1st of the month, every january 1st), or a date", unit)
	case "day", "week":
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > 9999 {
			return step{}, fmt.Errorf("%s %ss: want a whole number from 1", number, unit)
		}
		return step{n: n, unit: unit}, nil
	}
	d, err := time.ParseDuration(number + unit[:1])
	if err != nil || d <= 0 {
		return step{}, fmt.Errorf("%s %ss is no length of time: write 30s, 5m, 1h30m or 5 minutes", number, unit)
	}
	n, _ := strconv.Atoi(number)
	return step{n, unit, d}, nil
}

// whole is a Go duration, in the largest unit that it is a multiple of.
func whole(d time.Duration) step {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if d >= u.size && d%u.size == 0 {
			return step{int(d / u.size), u.name, d}
		}
	}
	return step{d: d}
}
