package schedule

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // IANA zones also where the system has none
)

// Nominal times lie in the years 1 to 9999, so that all have an RFC 3339 form.
const (
	minUnix = -62135596800 + 1
	maxUnix = 253402300799
)

// reach is longer than any two zones, or one zone at two times, differ: a
// clock reads what it read at some instant again within reach, or never.
const reach = 48 * 60 * 60

var zoneForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$`)

// zone returns the location and the canonical name of a zone.
func zone(name string) (*time.Location, string, error) {
	name = strings.TrimSpace(name)
	switch strings.ToLower(name) {
	case "", "utc":
		return time.UTC, "utc", nil
	case "local":
		return time.Local, "local", nil
	}
	if loc, ok := load(name); ok {
		return loc, name, nil
	}
	hint := ""
	if other := titled(name); other != name {
		if _, ok := load(other); ok {
			hint = fmt.Sprintf(" (did you mean %s?)", other)
		}
	}
	return nil, "", fmt.Errorf("zone %s: unknown, want an IANA name such as Europe/Prague, or utc, or local%s", quote(name), hint)
}

func load(name string) (*time.Location, bool) {
	if !zoneForm.MatchString(name) {
		return nil, false
	}
	loc, err := time.LoadLocation(name)
	return loc, err == nil
}

// titled writes a zone name as IANA mostly does: Europe/Prague.
func titled(name string) string {
	b := []byte(strings.ToLower(name))
	for i := range b {
		if (i == 0 || b[i-1] == '/' || b[i-1] == '_') && 'a' <= b[i] && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

// period says until when a zone keeps one offset. It may keep it longer: then
// the next period has the same offset.
type period struct {
	end    int64 // unix seconds, not part of it
	offset int64 // wall time is unix time plus offset
}

// periodAt returns the period of an instant. Where it began is not asked:
// beyond the table of a zone package time may put that before the true start.
func periodAt(loc *time.Location, unix int64) period {
	if loc == time.UTC {
		return period{end: maxUnix + 1}
	}
	t := time.Unix(unix, 0).In(loc)
	_, offset := t.Zone()
	_, end := t.ZoneBounds()
	p := period{end: maxUnix + 1, offset: int64(offset)}
	if !end.IsZero() {
		// Beyond the table the end is at most 365 days after the start of the
		// year, and so before 31 December of a leap year (golang/go#81583).
		// That day is then all of one offset.
		if p.end = end.Unix(); p.end <= unix {
			date, _ := floorDiv(unix, day)
			p.end = (date + 1) * day
		}
	}
	return p
}
