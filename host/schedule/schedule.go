package schedule

import (
	"fmt"
	"time"
)

// Kind is the kind of a schedule.
type Kind string

// The kinds of schedules.
const (
	Cron  Kind = "cron"  // a vixie5 expression, with an optional seconds field in front
	Every Kind = "every" // a fixed interval, anchored
	At    Kind = "at"    // one instant
)

// Spec is a schedule as it is written down: comparable, and JSON.
type Spec struct {
	Kind   Kind      `json:"kind"`
	Expr   string    `json:"expr"`            // cron expression; Go duration of at least 1s; RFC 3339 instant
	Zone   string    `json:"zone,omitempty"`  // IANA name, "utc" (or empty) or "local": in which cron is read, and all are shown
	Anchor time.Time `json:"anchor,omitzero"` // of every: where the counting starts
}

// Schedule is a compiled Spec: immutable, safe for concurrent use. Only Parse
// makes one.
type Schedule struct {
	spec Spec
	loc  *time.Location
	rule rule
}

// rule is what a kind of schedule can compute; false means that there is no
// such time.
type rule interface {
	next(after time.Time) (time.Time, bool)
	prev(before time.Time) (time.Time, bool)
	count(after, until time.Time) int64
}

// Parse compiles spec, or says what is wrong with it.
func Parse(spec Spec) (*Schedule, error) {
	loc, name, err := zone(spec.Zone)
	if err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	spec.Zone = name
	var r rule
	switch spec.Kind {
	case Cron:
		r, spec, err = parseCron(spec, loc)
	case Every:
		r, spec, err = parseEvery(spec)
	case At:
		r, spec, err = parseAt(spec)
	default:
		err = fmt.Errorf("schedule: kind %s: want cron, every or at", quote(string(spec.Kind)))
	}
	if err != nil {
		return nil, err
	}
	if spec.Kind != Every {
		spec.Anchor = time.Time{}
	}
	return &Schedule{spec: spec, loc: loc, rule: r}, nil
}

func parseCron(spec Spec, loc *time.Location) (*cron, Spec, error) {
	form, texts, err := canonical(spec.Expr)
	if err != nil {
		return nil, spec, fmt.Errorf("schedule: cron %s: %w", quote(spec.Expr), err)
	}
	sets, fixed, err := compile(texts)
	if err == nil {
		err = sets.possible()
	}
	if err != nil {
		return nil, spec, fmt.Errorf("schedule: cron %s: %w", quote(form), err)
	}
	spec.Expr = form
	return &cron{wall: sets, fixed: fixed, loc: loc}, spec, nil
}

// Spec returns the schedule as written, in canonical form: what Parse makes
// of it is the same again.
func (s *Schedule) Spec() Spec { return s.spec }

// Next returns the first nominal time after t, or the zero time if there is none.
func (s *Schedule) Next(t time.Time) time.Time { return s.shown(s.rule.next(t)) }

// Prev returns the last nominal time before t, or the zero time if there is none.
func (s *Schedule) Prev(t time.Time) time.Time { return s.shown(s.rule.prev(t)) }

func (s *Schedule) shown(t time.Time, ok bool) time.Time {
	if !ok {
		return time.Time{}
	}
	return t.In(s.loc)
}

// NextN returns the first n nominal times after t, fewer if there are no more.
func (s *Schedule) NextN(t time.Time, n int) []time.Time {
	var times []time.Time
	for ; n > 0; n-- {
		if t = s.Next(t); t.IsZero() {
			break
		}
		times = append(times, t)
	}
	return times
}

// Count returns how many nominal times lie after `after` and not after
// `until`. It is exact, and multiplies instead of stepping: of every and at it
// costs nothing, of cron some nanoseconds for each month and some hundred for
// each change of the zone in between, however often the schedule fires.
func (s *Schedule) Count(after, until time.Time) int64 {
	if !until.After(after) {
		return 0
	}
	return s.rule.count(after, until)
}

// Location is the zone in which the schedule is read, and its times returned.
func (s *Schedule) Location() *time.Location { return s.loc }
