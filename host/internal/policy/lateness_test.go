package policy

import (
	"testing"
	"time"
)

// A run is late by what has passed since it was to start: its jitter is no
// lateness.
func TestLateness(t *testing.T) {
	gate := NewGate(compiled(t, file(permitAll, `@id("late") forbid (principal, action == Action::"job.run", resource) when { context.lateness_ms > 1000 };`)))
	for name, c := range map[string]struct {
		due, fire time.Duration // before now
		none      bool          // no fire is known
		late      bool
	}{
		"on time":          {0, 0, false, false},
		"late":             {time.Hour, time.Minute, false, true},
		"after its jitter": {time.Hour, time.Second, false, false},
		"of old":           {time.Hour, 0, true, true},
	} {
		q := query(alice, healthSkill())
		q.Due, q.Fire = q.Now.Add(-c.due), q.Now.Add(-c.fire)
		if c.none {
			q.Fire = time.Time{}
		}
		if v := gate.Judge(q); v.Decision.Allow == c.late {
			t.Errorf("%s: allowed %v, want %v: %+v", name, v.Decision.Allow, !c.late, v.Decision)
		}
	}
}
