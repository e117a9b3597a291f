package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/schedule"
)

// shift is what a change of the clocks does to a schedule.
type shift struct {
	text  string
	fires []time.Time // that are not as on other days
}

// shiftsOf finds the changes of the clocks within a year that matter to a cron
// schedule: those that fall on its times, and after which the next fires are not
// as far away as the clock alone would say.
func shiftsOf(s *schedule.Schedule, now time.Time) []shift {
	if s.Spec().Kind != schedule.Cron {
		return nil
	}
	onPaper := s.Spec() // the same times in a zone whose clocks never change
	onPaper.Zone = "utc"
	paper, err := schedule.Parse(onPaper)
	if err != nil {
		return nil
	}
	var list []shift
	until := now.AddDate(1, 0, 0)
	for t := now.In(s.Location()); ; {
		_, end := t.ZoneBounds()
		if end.IsZero() || !end.After(t) || end.After(until) {
			return list
		}
		if found, ok := shiftAt(s, paper, end); ok {
			list = append(list, found)
		}
		t = end
	}
}

// reading is what the clock shows at t, as an instant of UTC.
func reading(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// shiftAt looks at the change of the clocks at one instant.
func shiftAt(s, paper *schedule.Schedule, at time.Time) (shift, bool) {
	at = at.In(s.Location())
	_, old := at.Add(-time.Second).Zone()
	_, offset := at.Zone()
	size := time.Duration(offset-old) * time.Second
	if size > 0 {
		return gapAt(s, paper, at, size)
	}
	return overlapAt(s, paper, at, -size)
}

// gapAt tells of times that the clock skips: size before what it shows at `at`.
func gapAt(s, paper *schedule.Schedule, at time.Time, size time.Duration) (shift, bool) {
	skipped := between(paper, reading(at).Add(-size), reading(at))
	last := s.Prev(at)
	if len(skipped) == 0 || steady(s, paper, last, len(skipped)+1) {
		return shift{}, false
	}
	next := s.Next(at.Add(-1))
	text := fmt.Sprintf("%s: %s skipped", at.Format("2006-01-02"), clocksOf(skipped))
	if next.Equal(at) {
		return shift{text + "; fires at " + at.Format("15:04 MST"), []time.Time{at}}, true
	}
	return shift{text + "; the next fire is " + next.Format("2006-01-02 15:04 MST"), nil}, true
}

// overlapAt tells of times that the clock shows twice: from `at` on, and size
// before.
func overlapAt(s, paper *schedule.Schedule, at time.Time, size time.Duration) (shift, bool) {
	twice := between(paper, reading(at), reading(at).Add(size))
	if len(twice) == 0 {
		return shift{}, false
	}
	first := between(s, at.Add(-size), at)
	second := between(s, at, at.Add(size))
	last := s.Prev(at)
	if len(first) > 0 && len(second) > 0 && steady(s, paper, last, len(twice)+1) {
		return shift{}, false
	}
	text := fmt.Sprintf("%s: %s shown twice; ", at.Format("2006-01-02"), clocksOf(twice))
	switch {
	case len(second) == 0:
		text += "fires the first time (" + at.Add(-time.Second).Format("MST") + ")"
	case len(first) == 0:
		text += "fires the second time (" + at.Format("MST") + ")"
	default:
		text += "fires both times"
	}
	return shift{text, append(first, second...)}, true
}

// steady reports whether the n fires after t are as far away as on paper.
func steady(s, paper *schedule.Schedule, t time.Time, n int) bool {
	if t.IsZero() {
		return false
	}
	for shown := reading(t); n > 0; n-- {
		next, later := s.Next(t), paper.Next(shown)
		if next.IsZero() || next.Sub(t) != later.Sub(shown) {
			return false
		}
		t, shown = next, later
	}
	return true
}

// most bounds how many times of one change are looked at: a schedule of seconds
// has thousands.
const most = 100

// between returns the times from one instant on and before another.
func between(s *schedule.Schedule, from, until time.Time) []time.Time {
	var list []time.Time
	for t := s.Next(from.Add(-1)); !t.IsZero() && t.Before(until) && len(list) < most; t = s.Next(t) {
		list = append(list, t)
	}
	return list
}

// clocksOf names a few times of day: "02:00 and 02:30 are".
func clocksOf(times []time.Time) string {
	form := "15:04"
	var names []string
	for _, t := range times {
		if t.Second() != 0 {
			form = "15:04:05"
		}
	}
	if len(times) > 4 {
		return times[0].Format(form) + " to " + times[len(times)-1].Format(form) + " are"
	}
	for _, t := range times {
		names = append(names, t.Format(form))
	}
	if len(names) == 1 {
		return names[0] + " is"
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last] + " are"
}
