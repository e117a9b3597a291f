//go:build !failpoint

package host

import "time"

// When the journal is trimmed: some time after the start, which has better things
// to do, then now and then, and again soon while there is more to take away.
const (
	firstTrim = time.Minute
	nextTrim  = time.Hour
	moreTrim  = 2 * time.Second
)

// journalReserve is what the journal's write-ahead log takes of the disk.
const journalReserve = 64 << 20
