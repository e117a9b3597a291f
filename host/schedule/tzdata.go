package schedule

import "runtime"

// embedded is the version of the IANA database in time/tzdata of the Go
// release that this was last built with; a test compares it.
const embedded = "2025c"

// TZData names the version of the IANA time zone database that is embedded,
// and the Go release it comes with. A database of the system, or the one that
// the environment variable ZONEINFO names, goes first; which version that has,
// package time does not tell.
func TZData() string { return embedded + " (" + runtime.Version() + ")" }
