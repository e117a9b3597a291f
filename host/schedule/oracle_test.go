package schedule

import (
	"strconv"
	"strings"
	"time"
)

// The oracle reads an expression a second time, naively, and plays a cron
// daemon that looks at the clock at each tick of a window.
type oracle struct {
	allow [6][60]bool
	star  [6]bool
	texts []string // with names as numbers
	dates map[[3]int]bool
	shut  func(time.Time) bool // days left out, or nil
	shift bool
}

func read(expr string) *oracle {
	texts := strings.Fields(expr)
	if len(texts) == 5 {
		texts = append([]string{"0"}, texts...)
	}
	if len(texts) == 6 {
		texts = append(texts, "*")
	}
	o := &oracle{texts: texts, dates: map[[3]int]bool{}}
	for i, text := range texts[:6] {
		for j, name := range strings.Fields("SUN MON TUE WED THU FRI SAT") {
			text = strings.ReplaceAll(text, name, strconv.Itoa(j))
		}
		for j, name := range strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC") {
			text = strings.ReplaceAll(text, name, strconv.Itoa(j+1))
		}
		texts[i] = text
		o.star[i] = strings.HasPrefix(text, "*")
		for v := range o.allow[i] {
			o.allow[i][v] = allows(text, v, i) || i == 5 && v == 0 && allows(text, 7, i)
		}
	}
	return o
}

// allows knows plain items; what it does not know it does not allow.
func allows(text string, v, column int) bool {
	least := [7]int{3: 1, 4: 1, 6: 1970}[column]
	size := [7]int{60, 60, 24, 31, 12, 7, 230}[column]
	for item := range strings.SplitSeq(text, ",") {
		if strings.ContainsAny(item, "LW#") {
			continue
		}
		span, step, _ := strings.Cut(item, "/")
		n, _ := strconv.Atoi(step)
		n = max(n, 1)
		low, high := least, 9999
		if span != "*" {
			a, b, ok := strings.Cut(span, "-")
			low, _ = strconv.Atoi(a)
			high = low
			if ok {
				high, _ = strconv.Atoi(b)
			}
		}
		switch {
		case low <= high:
			if v >= low && v <= high && (v-low)%n == 0 {
				return true
			}
		case v >= low || v <= high: // around the end
			if (v-low+size)%size%n == 0 {
				return true
			}
		}
	}
	return false
}

// date reports whether the schedule has times on a date.
func (o *oracle) date(y, m, d int) bool {
	key := [3]int{y, m, d}
	known, ok := o.dates[key]
	if !ok {
		known = o.open(time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC))
		o.dates[key] = known
	}
	return known
}

// open plays the calendar with its days left out.
func (o *oracle) open(t time.Time) bool {
	if o.shut == nil {
		return o.written(t)
	}
	works := func(t time.Time) bool {
		return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday && !o.shut(t)
	}
	if o.shut(t) {
		return false
	}
	if o.written(t) || !o.shift || !works(t) {
		return o.written(t)
	}
	for back := 1; back <= 31; back++ {
		before := t.AddDate(0, 0, -back)
		if works(before) {
			return false
		}
		if o.shut(before) && o.written(before) {
			return true
		}
	}
	return false
}

func (o *oracle) written(t time.Time) bool {
	if !o.allow[4][t.Month()] || o.texts[6] != "*" && !allows(o.texts[6], t.Year(), 6) {
		return false
	}
	dom, dow := o.allow[3][t.Day()], o.allow[5][t.Weekday()]
	for item := range strings.SplitSeq(o.texts[3], ",") {
		dom = dom || monthEnd(item, t)
	}
	for item := range strings.SplitSeq(o.texts[5], ",") {
		dow = dow || nthWeekday(item, t)
	}
	if !o.star[3] && !o.star[5] {
		return dom || dow
	}
	return dom && dow
}

func monthEnd(item string, t time.Time) bool {
	after := func(n int) time.Time { return t.AddDate(0, 0, n) }
	weekday := func(t time.Time) bool { return t.Weekday()%6 != 0 }
	if rest, ok := strings.CutPrefix(item, "L-"); ok {
		n, _ := strconv.Atoi(rest)
		return after(n).Month() == t.Month() && after(n+1).Month() != t.Month()
	}
	if item == "L" {
		return after(1).Day() == 1
	}
	text, ok := strings.CutSuffix(item, "W")
	if !ok || !weekday(t) {
		return false
	}
	wanted := after(1-t.Day()).AddDate(0, 1, -1) // the last of the month
	if text != "L" {
		n, _ := strconv.Atoi(text)
		if n > wanted.Day() {
			return false
		}
		wanted = wanted.AddDate(0, 0, n-wanted.Day())
	}
	distance := func(t time.Time) int { return max(t.Day()-wanted.Day(), wanted.Day()-t.Day()) }
	for n := -3; n <= 3; n++ {
		other := wanted.AddDate(0, 0, n)
		if other.Month() == t.Month() && weekday(other) && distance(other) < distance(t) {
			return false
		}
	}
	return true
}

func nthWeekday(item string, t time.Time) bool {
	if text, ok := strings.CutSuffix(item, "L"); ok {
		d, _ := strconv.Atoi(text)
		return int(t.Weekday()) == d%7 && t.AddDate(0, 0, 7).Month() != t.Month()
	}
	day, number, ok := strings.Cut(item, "#")
	d, _ := strconv.Atoi(day)
	n, _ := strconv.Atoi(number)
	return ok && int(t.Weekday()) == d%7 && (t.Day()+6)/7 == n
}

// reading is a local clock and calendar, as package time shows it.
type reading struct{ second, minute, hour, day, month, year int }

func readingOf(t time.Time) reading {
	return reading{t.Second(), t.Minute(), t.Hour(), t.Day(), int(t.Month()), t.Year()}
}

func (o *oracle) matches(r reading) bool {
	return o.allow[1][r.minute] && o.allow[2][r.hour] && o.allow[0][r.second] && o.date(r.year, r.month, r.day)
}
