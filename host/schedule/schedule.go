// Package schedule says when, as pure functions of time.
package schedule

import "time"

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
	Zone   string    `json:"zone,omitempty"`  // of cron: IANA name, "utc" (or empty) or "local"
	Anchor time.Time `json:"anchor,omitzero"` // of every: where the counting starts
}

// Schedule is a compiled Spec: immutable, safe for concurrent use.
type Schedule struct {
	spec Spec
}

// Parse compiles spec, or says what is wrong with it.
func Parse(spec Spec) (*Schedule, error) { return &Schedule{spec: spec}, nil }

// Spec returns the schedule as written, in canonical form.
func (s *Schedule) Spec() Spec { return s.spec }

// Next returns the first nominal time after t, or the zero time if there is none.
func (s *Schedule) Next(t time.Time) time.Time { return time.Time{} }

// Prev returns the last nominal time before t, or the zero time if there is none.
func (s *Schedule) Prev(t time.Time) time.Time { return time.Time{} }

// Count returns how many nominal times lie after `after` and not after `until`.
func (s *Schedule) Count(after, until time.Time) int64 { return 0 }

// Location is the zone in which the schedule is read.
func (s *Schedule) Location() *time.Location { return time.UTC }

// English says the schedule in words, with its zone.
func (s *Schedule) English() string { return "" }
