package schedule

import (
	"fmt"
	"math/bits"
	"time"
)

// English says the schedule in words, with its zone where that matters:
// two schedules of one zone that allow different times differ in words.
func (s *Schedule) English() string {
	switch r := s.rule.(type) {
	case *cron:
		text := r.wall.english()
		if !r.wall.zoneless() {
			text += ", " + zoneWords(s.spec.Zone)
		}
		return text
	case at:
		t := r.instant.In(s.loc)
		form := "2006-01-02 15:04"
		switch {
		case t.Nanosecond() != 0:
			form = "2006-01-02 15:04:05.000"
		case t.Second() != 0:
			form = time.DateTime
		}
		return fmt.Sprintf("once at %s, %s", t.Format(form), zoneWords(s.spec.Zone))
	default:
		return "every " + s.spec.Expr
	}
}

func zoneWords(zone string) string {
	switch zone {
	case "utc":
		return "UTC"
	case "local":
		return "local time"
	}
	return zone
}

const (
	allMinutes = 1<<60 - 1
	allHours   = 1<<24 - 1
	allDays    = 1<<32 - 2
	allMonths  = 1<<13 - 2
	allWeek    = 1<<7 - 1
)

// zoneless reports whether the schedule is the same in all zones of today,
// whose offsets are whole quarters of an hour.
func (f *fields) zoneless() bool {
	n, ok := even(f.minute, 60)
	return f.hour == allHours && f.month == allMonths && f.everyDay() && (f.minute == allMinutes || ok && 15%n == 0)
}

// everyDay reports whether the day fields allow every day of the month.
func (f *fields) everyDay() bool {
	if f.either {
		return f.dom == allDays || f.dow == allWeek
	}
	return f.dom == allDays && f.dow == allWeek
}

func (f *fields) english() string {
	text, often := f.timeWords()
	if f.everyDay() && !often {
		text += " every day"
	}
	return text + f.dayWords()
}

// timeWords says when on a day, and whether that says how often already.
func (f *fields) timeWords() (text string, often bool) {
	if n := f.hourly(); n > 0 {
		text := fmt.Sprintf("every %d hours", n)
		if f.minute != 1 {
			text += " at " + numbered(f.minute, "minute")
		}
		return text, true
	}
	if f.listed() {
		return "at " + join(f.clocks(), "and"), false
	}
	switch {
	case f.second != 1:
		return f.secondWords() + f.hourWords(":59"), true
	case f.minute == 1 && len(spans(f.hour)) <= 3:
		return "every hour" + f.hourWords(":00"), true
	case f.hour == allHours && !steady(f.minute):
		return every60(f.minute, "minute") + " of every hour", true
	}
	return every60(f.minute, "minute") + f.hourWords(":59"), true
}

// hourly returns n > 1 if the schedule fires once in every n-th hour.
func (f *fields) hourly() int {
	n, ok := even(f.hour, 24)
	if !ok || f.minute&(f.minute-1) != 0 || f.second != 1 {
		return 0
	}
	return n
}

// listed reports whether the times of day are so few that each is named.
func (f *fields) listed() bool {
	return bits.OnesCount64(f.second)*bits.OnesCount64(f.minute)*bits.OnesCount64(f.hour) <= 6
}

// clocks lists the times of day: "09:30", "12:00".
func (f *fields) clocks() []string {
	var list []string
	for _, h := range members(f.hour) {
		for _, m := range members(f.minute) {
			for _, s := range members(f.second) {
				text := fmt.Sprintf("%02d:%02d", h, m)
				if f.second != 1 {
					text += fmt.Sprintf(":%02d", s)
				}
				list = append(list, text)
			}
		}
	}
	return list
}

// secondWords says when in an hour, of a schedule with seconds.
func (f *fields) secondWords() string {
	text := every60(f.second, "second")
	n, ok := even(f.minute, 60)
	switch {
	case ok:
		text += fmt.Sprintf(" of every %s minute", ordinal(n))
	case f.minute != allMinutes:
		text += " of " + numbered(f.minute, "minute")
		if f.hour == allHours {
			text += " of every hour"
		}
	case !steady(f.second):
		text += " of every minute"
	}
	return text
}

// steady reports whether the set makes for one interval, over the hour too.
func steady(set uint64) bool {
	_, ok := even(set, 60)
	return ok || set == allMinutes
}

// every60 says when in an hour (or minute): "every minute", "every 5 minutes",
// "at minutes 5 and 20".
func every60(set uint64, noun string) string {
	if set == allMinutes {
		return "every " + noun
	}
	if n, ok := even(set, 60); ok {
		return fmt.Sprintf("every %d %ss", n, noun)
	}
	return "at " + numbered(set, noun)
}

// hourWords says in which hours, nothing for all. A few runs are written as
// times of day, whose last ones end in the given minutes.
func (f *fields) hourWords(end string) string {
	if f.hour == allHours {
		return ""
	}
	runs := spans(f.hour)
	if len(runs) > 3 {
		return " of " + numbered(f.hour, "hour")
	}
	var list []string
	for _, s := range runs {
		list = append(list, fmt.Sprintf("from %02d:00 to %02d%s", s.first, s.last, end))
	}
	return " " + join(list, "and")
}

// dayWords says on which days, nothing for all.
func (f *fields) dayWords() string {
	dates := " on " + numbered(f.dom, "day") + " of "
	months, in := "the month", ""
	if f.month != allMonths {
		months = join(runs(f.month, longMonth), "and")
		in = " in " + months
	}
	comma := ""
	if in != "" {
		comma = ","
	}
	switch {
	case f.everyDay():
		return in
	case f.either:
		return dates + "the month or on " + f.weekdayWords("and") + comma + in
	case f.dom != allDays && f.dow != allWeek:
		return dates + "the month if that is a " + f.weekdayWords("or") + comma + in
	case f.dom != allDays && bits.OnesCount64(f.dom) == 1 && bits.OnesCount64(f.month) == 1:
		return fmt.Sprintf(" on %d %s", highest(f.dom), months)
	case f.dom != allDays:
		return dates + months
	}
	return " on " + f.weekdayWords("and") + in
}

// weekdayWords lists the days of the week from Monday to Sunday.
func (f *fields) weekdayWords(word string) string {
	return join(runs(f.dow&^1|f.dow&1<<7, longWeekday), word)
}
