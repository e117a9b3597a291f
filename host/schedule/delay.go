package schedule

import (
	"fmt"
	"time"
)

// delay is an interval from the completion of one run to the next.
type delay struct{ interval time.Duration }

func (d delay) next(t time.Time) (time.Time, bool) {
	at := time.UnixMilli(milli(t)).Add(d.interval)
	return at, at.Unix() >= minUnix && at.Unix() <= maxUnix
}

// prev knows none: it depends on a completion before.
func (d delay) prev(time.Time) (time.Time, bool) { return time.Time{}, false }

// count is at most one, since the next one waits for a completion.
func (d delay) count(after, until time.Time) int64 {
	if at, ok := d.next(after); ok && !at.After(until) {
		return 1
	}
	return 0
}

// interval reads a duration of at least 1s in whole milliseconds.
func interval(kind Kind, expr string) (time.Duration, error) {
	d, err := duration(expr)
	switch {
	case err != nil:
		return 0, fmt.Errorf("schedule: %s %s: %w", kind, quote(expr), err)
	case d < time.Second:
		return 0, fmt.Errorf("schedule: %s %s: want at least 1s", kind, quote(expr))
	}
	return d, nil
}
