package schedule

import (
	"errors"
	"fmt"
	"time"
)

// bound puts Start, End and MaxRuns into effect.
func (s *Schedule) bound() error {
	spec := &s.spec
	for _, t := range []*time.Time{&spec.Start, &spec.End} {
		if t.IsZero() {
			continue
		}
		if *t = t.UTC().Truncate(time.Millisecond); t.Unix() < minUnix || t.Unix() > maxUnix {
			return errors.New("schedule: start, end: want a year from 1 to 9999")
		}
	}
	if spec.MaxRuns < 0 {
		return fmt.Errorf("schedule: max_runs %d: want 1 or more, or 0 for no maximum", spec.MaxRuns)
	}
	if spec.Start.IsZero() && spec.End.IsZero() && spec.MaxRuns == 0 {
		return nil
	}
	s.bounded = true
	s.start, s.end = spec.Start, spec.End
	if s.start.IsZero() {
		s.start = time.Unix(minUnix, 0)
	}
	if s.end.IsZero() {
		s.end = time.Unix(maxUnix, 999e6)
	}
	first := s.Next(s.start.Add(-1))
	if first.IsZero() {
		return fmt.Errorf("schedule: start, end: it never fires from %s to %s", stamp(s.start), stamp(s.end))
	}
	return s.limit(first)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// limit moves the end to the last of MaxRuns nominal times, the first of which
// is given.
func (s *Schedule) limit(first time.Time) error {
	n := s.spec.MaxRuns
	switch {
	case n == 0:
		return nil
	case s.spec.Kind == Delay:
		return errors.New("schedule: max_runs: a delay counts from completions, which only the scheduler knows; give an end")
	case s.spec.Kind == Cron && s.spec.Start.IsZero():
		return errors.New("schedule: max_runs: give a start too, from which to count")
	}
	s.end = s.nth(first, n)
	return nil
}

// nth returns an instant up to which there are n nominal times, of which the
// first is given, or the end if there are fewer. It goes forward in steps that
// double, then halve.
func (s *Schedule) nth(first time.Time, n int64) time.Time {
	low, left := first, n-1
	shrinking := false
	for step := time.Minute; left > 0; {
		high := low.Add(step)
		if high.After(s.end) {
			high = s.end
		}
		switch got := s.rule.count(low, high); {
		case got < left && !high.Before(s.end):
			return s.end
		case got <= left:
			low, left = high, left-got
		default:
			shrinking = true
		}
		if shrinking {
			step = max(step/2, time.Millisecond)
		} else {
			step = min(step*2, 1<<60)
		}
	}
	return low
}
