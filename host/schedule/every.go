package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// every is a fixed interval: anchor + 1 interval, anchor + 2 intervals, …, in
// milliseconds since 1970, so that nothing drifts and nothing is rounded.
type every struct {
	anchor, interval int64
}

const (
	minMilli = minUnix * 1000
	maxMilli = maxUnix*1000 + 999
)

func parseEvery(spec Spec) (every, Spec, error) {
	d, err := interval(Every, spec.Expr)
	if err != nil {
		return every{}, spec, err
	}
	if spec.Anchor.IsZero() {
		spec.Anchor = time.Unix(0, 0)
	}
	spec.Anchor = time.Unix(spec.Anchor.Unix(), 0).UTC()
	if y := spec.Anchor.Year(); y < 1 || y > 9999 {
		return every{}, spec, errors.New("schedule: anchor: want a year from 1 to 9999")
	}
	spec.Expr = Length(d)
	return every{spec.Anchor.UnixMilli(), d.Milliseconds()}, spec, nil
}

// duration reads a Go duration in whole milliseconds.
func duration(expr string) (time.Duration, error) {
	text := strings.TrimSpace(expr)
	d, err := time.ParseDuration(text)
	switch {
	case err != nil && text != "" && strings.Trim(text, "0123456789") == "":
		return 0, fmt.Errorf("no unit, write %ss or %sm", text, text)
	case err != nil:
		return 0, errors.New("want a duration such as 30s, 5m or 1h30m (units ms, s, m, h)")
	case d >= time.Second && d%time.Millisecond != 0:
		return 0, errors.New("want whole milliseconds")
	}
	return d, nil
}

// Length writes a length of time without the zeros at its end: 5m, not 5m0s.
func Length(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}

// upTo returns the number of the last nominal time up to ms; below 1 there is none.
func (e every) upTo(ms int64) int64 {
	k, _ := floorDiv(min(max(ms, minMilli-1), maxMilli)-e.anchor, e.interval)
	return k
}

func (e every) next(t time.Time) (time.Time, bool) {
	at := e.anchor + max(e.upTo(milli(t))+1, 1)*e.interval
	return time.UnixMilli(at), at <= maxMilli
}

func (e every) prev(t time.Time) (time.Time, bool) {
	ms := milli(t)
	if t.Nanosecond()%1e6 == 0 {
		ms--
	}
	k := e.upTo(ms)
	return time.UnixMilli(e.anchor + k*e.interval), k >= 1
}

func (e every) count(after, until time.Time) int64 {
	return max(0, e.upTo(milli(until))-max(0, e.upTo(milli(after))))
}

// milli is t in milliseconds, rounded down, and harmless for any t.
func milli(t time.Time) int64 {
	return min(max(t.Unix(), minUnix-1), maxUnix+1)*1000 + int64(t.Nanosecond()/1e6)
}
