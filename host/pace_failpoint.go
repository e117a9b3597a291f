//go:build failpoint

package host

import "time"

// What a daemon does now and then, it does all the time in a build that is made to
// be killed while it does it.
const (
	firstTrim = 300 * time.Millisecond
	nextTrim  = 300 * time.Millisecond
	moreTrim  = 20 * time.Millisecond

	journalReserve = 1 << 20
)
