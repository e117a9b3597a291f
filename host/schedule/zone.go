package schedule

import (
	"fmt"
	"regexp"
	"sort"
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

// The years of which a zone keeps a table: 2000 to 2069. Outside of it package
// time is asked, which takes longer.
const (
	tableStart = 946684800
	tableEnd   = 3155760000
	bucketBits = 23 // one entry of the index is 97 days
)

var zoneForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$`)

// zone is a location whose offsets are at hand.
type zone struct {
	loc     *time.Location
	name    string   // in canonical form
	periods []period // from before tableStart on, without holes; empty for UTC
	index   []uint16 // for each bucket after tableStart its first period
}

// period is a time in which a zone keeps one offset. Without a table it may be
// shorter than the zone really keeps it.
type period struct {
	end    int64 // unix seconds, not part of it
	offset int64 // wall time is unix time plus offset
	mark   int64 // in a table: the latest wall time shown before it
}

// newZone finds a zone by its name.
func newZone(name string) (*zone, error) {
	name = strings.TrimSpace(name)
	switch strings.ToLower(name) {
	case "", "utc":
		return &zone{loc: time.UTC, name: "utc"}, nil
	case "local":
		return tabulate(&zone{loc: time.Local, name: "local"}), nil
	}
	if loc, ok := load(name); ok {
		return tabulate(&zone{loc: loc, name: name}), nil
	}
	hint := ""
	if other := titled(name); other != name {
		if _, ok := load(other); ok {
			hint = fmt.Sprintf(" (did you mean %s?)", other)
		}
	}
	return nil, fmt.Errorf("zone %s: unknown, want an IANA name such as Europe/Prague, or utc, or local%s", quote(name), hint)
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

// tabulate fills the table of a zone.
func tabulate(z *zone) *zone {
	if z.loc == time.UTC {
		return z
	}
	mark := int64(minUnix) - reach
	for s := int64(tableStart - reach); s < tableEnd; {
		p := ask(z.loc, s)
		s = p.end
		if n := len(z.periods); n > 0 && z.periods[n-1].offset == p.offset {
			z.periods[n-1].end = p.end
			continue
		}
		if n := len(z.periods); n > 0 {
			mark = max(mark, z.periods[n-1].end-1+z.periods[n-1].offset)
		}
		z.periods = append(z.periods, period{end: p.end, offset: p.offset, mark: mark})
	}
	z.index = make([]uint16, (tableEnd-tableStart)>>bucketBits+1)
	for i := range z.index {
		s := int64(tableStart + i<<bucketBits)
		z.index[i] = uint16(sort.Search(len(z.periods)-1, func(j int) bool { return s < z.periods[j].end }))
	}
	return z
}

// at returns the period of an instant. Where it began is not asked: beyond the
// table package time may put that before the true start.
func (z *zone) at(unix int64) period {
	if p := z.known(unix); p != nil {
		return *p
	}
	return ask(z.loc, unix)
}

// known returns the period of an instant from the table, or nil. A zone that
// has no changes to come is known to the end of time.
func (z *zone) known(unix int64) *period {
	if uint64(unix-tableStart) < tableEnd-tableStart && len(z.index) > 0 {
		i := z.index[(unix-tableStart)>>bucketBits]
		for unix >= z.periods[i].end {
			i++
		}
		return &z.periods[i]
	}
	return nil
}

// ask returns the period of an instant as package time knows it.
func ask(loc *time.Location, unix int64) period {
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
