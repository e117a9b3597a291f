package scheduler

import "time"

// catchUpBurst is how many caught-up occurrences may start at once, when none has
// for a while.
const catchUpBurst = 10

// budget says how many starts there may be: as many as it holds, which grows with
// time. Time is that of the monotonic clock, which stands still while the machine
// is suspended.
type budget struct {
	rate  int // starts a minute
	level float64
	at    time.Time // when level was so
}

func (b *budget) fill(now time.Time) {
	if d := now.Sub(b.at); b.at.IsZero() || d > 0 {
		if !b.at.IsZero() {
			b.level = min(b.level+d.Minutes()*float64(b.rate), catchUpBurst)
		}
		b.at = now
	}
}

// take reports whether there may be a start now, and counts it.
func (b *budget) take(now time.Time) bool {
	b.fill(now)
	if b.level < 1-1e-9 {
		return false
	}
	b.level--
	return true
}

// give takes back that there was one.
func (b *budget) give() { b.level = min(b.level+1, catchUpBurst) }

// wait is how long it is until there may be a start.
func (b *budget) wait(now time.Time) time.Duration {
	b.fill(now)
	if b.level >= 1 {
		return 0
	}
	return time.Duration((1-b.level)/float64(b.rate)*float64(time.Minute)) + time.Microsecond
}
