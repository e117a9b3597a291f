package job

import "time"

// ClockJump is that the wall clock did not go on as time did: it was set, or the
// machine was suspended.
type ClockJump struct {
	From time.Time // what it would have shown
	To   time.Time // what it showed
}

// By is how far it jumped, ahead or (negative) back.
func (j ClockJump) By() time.Duration { return j.To.Sub(j.From) }
