package schedule

import (
	"fmt"
	"strings"
	"time"
)

// at is one instant, in whole milliseconds.
type at struct{ instant time.Time }

func parseAt(spec Spec) (at, Spec, error) {
	var t time.Time
	text := strings.ToUpper(strings.TrimSpace(spec.Expr))
	if err := t.UnmarshalText([]byte(text)); err != nil {
		return at{}, spec, fmt.Errorf("schedule: at %s: want an RFC 3339 time with its offset, such as 2030-01-31T09:00:00Z or 2030-01-31T09:00:00+01:00", quote(spec.Expr))
	}
	if t.Unix() < 0 || t.Unix() > maxUnix {
		return at{}, spec, fmt.Errorf("schedule: at %s: want a time from 1970 to 9999", quote(spec.Expr))
	}
	t = t.Truncate(time.Millisecond)
	spec.Expr = t.Format(time.RFC3339Nano)
	return at{t}, spec, nil
}

func (a at) next(t time.Time) (time.Time, bool) { return a.instant, a.instant.After(t) }
func (a at) prev(t time.Time) (time.Time, bool) { return a.instant, a.instant.Before(t) }

func (a at) count(after, until time.Time) int64 {
	if a.instant.After(after) && !a.instant.After(until) {
		return 1
	}
	return 0
}
