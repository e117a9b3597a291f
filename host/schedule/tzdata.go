package schedule

import "runtime"

// What is known of the database in time/tzdata: its version in the Go release
// that this was last tested with.
const (
	testedGo = "go1.26.8"
	testedTZ = "2025c"
)

// TZData names the IANA time zone database that is embedded: its version, if it
// is known, and the Go release it comes with. A database of the system, or the
// one that the environment variable ZONEINFO names, goes first; which version
// that has, package time does not tell.
func TZData() string {
	if runtime.Version() == testedGo {
		return testedTZ + " (" + testedGo + ")"
	}
	return "that of " + runtime.Version()
}
