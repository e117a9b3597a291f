package schedule

import (
	"slices"
	"time"
)

// Kind is the kind of a schedule.
type Kind string

// The kinds of schedules.
const (
	Cron  Kind = "cron"  // a vixie5 expression with extensions
	Every Kind = "every" // a fixed interval, anchored
	At    Kind = "at"    // one instant
	Delay Kind = "delay" // an interval from the completion of one run to the next

	Manual Kind = "manual" // never by itself: only when somebody, or another job, starts it
)

// Spec is a schedule as it is written down: comparable, and JSON. The zero
// value of every field but Kind and Expr is its default.
type Spec struct {
	Kind   Kind      `json:"kind"`
	Expr   string    `json:"expr"`            // cron expression; Go duration of at least 1s; RFC 3339 instant
	Zone   string    `json:"zone,omitempty"`  // IANA name, "utc" (or empty) or "local": in which cron is read, and all are shown
	Anchor time.Time `json:"anchor,omitzero"` // of every: where the counting starts

	DSTGap     string `json:"dst_gap,omitempty"`     // next (default) or skip: of fixed-time cron, a time that the clock jumps over
	DSTOverlap string `json:"dst_overlap,omitempty"` // first (default), second or both: of fixed-time cron, a time that the clock shows twice

	Start   time.Time `json:"start,omitzero"`     // none before it
	End     time.Time `json:"end,omitzero"`       // none after it
	MaxRuns int64     `json:"max_runs,omitempty"` // nominal times from Start (of every: from Anchor, if there is no Start)

	Except     string `json:"except,omitempty"`      // of cron, days left out: "2026-12-24; 2026-12-27/2026-12-31; * * * * SAT,SUN"
	OnExcluded string `json:"on_excluded,omitempty"` // skip (default) or next-workday

	Jitter string `json:"jitter,omitempty"` // Go duration: by how much Fire delays, at most
	Key    string `json:"key,omitempty"`    // what H is spread by: the name or id of the job
}

// Schedule is a compiled Spec: immutable, safe for concurrent use. Only Parse
// makes one.
type Schedule struct {
	rule    rule
	zone    *zone
	bounded bool
	start   time.Time // first instant allowed
	end     time.Time // last instant allowed
	jitter  time.Duration
	spec    Spec
}

// rule is what a kind of schedule can compute; false means that there is no
// such time.
type rule interface {
	next(after time.Time) (time.Time, bool)
	prev(before time.Time) (time.Time, bool)
	count(after, until time.Time) int64
}

// Spec returns the schedule as written, in canonical form: what Parse makes
// of it is the same again.
func (s *Schedule) Spec() Spec { return s.spec }

// Next returns the first nominal time after t, or the zero time if there is
// none. Of a delay, t is the completion of a run.
func (s *Schedule) Next(t time.Time) time.Time {
	if s.bounded && t.Before(s.start) {
		if _, waits := s.rule.(delay); waits {
			return s.start.In(s.zone.loc)
		}
		t = s.start.Add(-1)
	}
	return s.shown(s.rule.next(t))
}

// Prev returns the last nominal time before t, or the zero time if there is
// none. Of a delay there is none: it depends on when the run before ended.
func (s *Schedule) Prev(t time.Time) time.Time {
	if s.bounded && t.After(s.end) {
		t = s.end.Add(1)
	}
	return s.shown(s.rule.prev(t))
}

func (s *Schedule) shown(t time.Time, ok bool) time.Time {
	if !ok || s.bounded && (t.Before(s.start) || t.After(s.end)) {
		return time.Time{}
	}
	return t.In(s.zone.loc)
}

// NextN returns the first n nominal times after t, fewer if there are no more.
// Of a delay it is one at most.
func (s *Schedule) NextN(t time.Time, n int) []time.Time {
	if s.spec.Kind == Delay {
		n = min(n, 1)
	}
	var times []time.Time
	for ; n > 0; n-- {
		if t = s.Next(t); t.IsZero() {
			break
		}
		times = append(times, t)
	}
	return times
}

// Latest returns the last k nominal times after `after` and not after `until`,
// fewer if there are no more, the earliest first. It walks backwards: how many
// there are does not matter.
func (s *Schedule) Latest(after, until time.Time, k int) []time.Time {
	var times []time.Time
	if s.spec.Kind == Delay {
		if t := s.Next(after); k > 0 && !t.IsZero() && !t.After(until) {
			times = append(times, t)
		}
		return times
	}
	for t := until.Add(1); k > 0; k-- {
		if t = s.Prev(t); t.IsZero() || !t.After(after) {
			break
		}
		times = append(times, t)
	}
	slices.Reverse(times)
	return times
}

// Count returns how many nominal times lie after `after` and not after
// `until`. It is exact, and multiplies instead of stepping: of every and at it
// costs nothing, of cron some nanoseconds for each month and some for each
// change of the zone in between, however often the schedule fires. Of a delay
// it is one at most.
func (s *Schedule) Count(after, until time.Time) int64 {
	if s.bounded {
		if _, waits := s.rule.(delay); !waits && after.Before(s.start) {
			after = s.start.Add(-1)
		}
		if until.After(s.end) {
			until = s.end
		}
	}
	if !until.After(after) {
		return 0
	}
	if s.spec.Kind == Delay {
		return int64(len(s.Latest(after, until, 1)))
	}
	return s.rule.count(after, until)
}

// Fire returns when the occurrence of a job with that nominal time fires: at
// the nominal time, or with Jitter later by a part of it that is the same for
// ever. It is never later than Jitter, and always before the next nominal time.
// What follows is computed from the nominal time, never from this one.
func (s *Schedule) Fire(job string, nominal time.Time) time.Time {
	limit := s.jitter.Milliseconds()
	if limit == 0 {
		return nominal
	}
	if next := s.Next(nominal); !next.IsZero() && s.spec.Kind != Delay {
		limit = min(limit, next.Sub(nominal).Milliseconds())
	}
	if limit < 1 {
		return nominal
	}
	part := hash(job, uint64(nominal.UnixMilli())) % uint64(limit)
	return nominal.Add(time.Duration(part) * time.Millisecond)
}

// Location is the zone in which the schedule is read, and its times returned.
func (s *Schedule) Location() *time.Location { return s.zone.loc }
