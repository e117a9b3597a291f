package schedule

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// English says the schedule in words, with its zone where that matters:
// two schedules of one zone that allow different times differ in words.
func (s *Schedule) English() string {
	text, zoned := s.words()
	if bounds := s.boundWords(); bounds != "" {
		text += bounds
		zoned = zoned || !s.spec.Start.IsZero() || !s.spec.End.IsZero()
	}
	if zoned {
		text += ", " + zoneWords(s.spec.Zone)
	}
	return text
}

// words says the schedule without its bounds, and whether its zone matters.
func (s *Schedule) words() (text string, zoned bool) {
	switch r := s.rule.(type) {
	case *cron:
		f := r.written()
		return f.english() + s.changeWords() + s.exceptWords(), !f.zoneless() || s.spec.Except != ""
	case at:
		return "once at " + s.moment(r.instant), true
	case delay:
		return s.spec.Expr + " after each completion", false
	case manual:
		return "only when it is started by hand or by another job", false
	}
	return "every " + s.spec.Expr, false
}

// moment writes an instant on the clock of the zone, as exactly as needed.
func (s *Schedule) moment(t time.Time) string {
	t = t.In(s.zone.loc)
	form := "2006-01-02 15:04"
	switch {
	case t.Nanosecond() != 0:
		form = "2006-01-02 15:04:05.000"
	case t.Second() != 0:
		form = time.DateTime
	}
	return t.Format(form)
}

// changeWords says what is special about changes of the clock.
func (s *Schedule) changeWords() string {
	text := ""
	if s.spec.DSTGap != "" {
		text = ", not if the clock skips it"
	}
	switch s.spec.DSTOverlap {
	case "second":
		text += ", the second time if the clock repeats it"
	case "both":
		text += ", both times if the clock repeats it"
	}
	return text
}

func (s *Schedule) exceptWords() string {
	if s.spec.Except == "" {
		return ""
	}
	var list []string
	for item := range strings.SplitSeq(s.spec.Except, "; ") {
		from, to, ranged := strings.Cut(item, "/")
		switch p, err := compile(item, ""); {
		case err == nil:
			item = strings.TrimPrefix(p.dayWords(), " ")
		case ranged:
			item = "from " + from + " to " + to
		default:
			item = "on " + item
		}
		list = append(list, item)
	}
	if s.spec.OnExcluded == nextWorkday {
		return ", moved to the next working day if " + join(list, "or")
	}
	return ", except " + join(list, "and")
}

func (s *Schedule) boundWords() string {
	text := ""
	if !s.spec.Start.IsZero() {
		text += ", from " + s.moment(s.spec.Start)
	}
	if !s.spec.End.IsZero() {
		if text == "" {
			text = ","
		}
		text += " until " + s.moment(s.spec.End)
	}
	switch n := s.spec.MaxRuns; {
	case n == 1:
		text += ", once"
	case n > 1:
		text += fmt.Sprintf(", %d times", n)
	}
	if s.jitter > 0 {
		text += ", up to " + s.spec.Jitter + " later"
	}
	return text
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
	return f.hour == allHours && f.month == allMonths && f.everyDay() && !f.bounded && (f.minute == allMinutes || ok && 15%n == 0)
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
