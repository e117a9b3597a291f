// Package failpoint kills the process at an exact point of the code, for tests of crashes.
//
// A point is a call of [At] with a name. Only a build with the tag failpoint has
// points: there, PALYRA_FAILPOINT="NAME:COUNT:DWELL" in the environment has the
// process send itself SIGKILL when it comes to the point of that name for the
// COUNTth time. It dwells there before, a duration in which all else goes on: who
// was told too early has time to tell others. Without the tag the call compiles to nothing. The test that kills is
// host/internal/crash; it fails if there is a point that it does not come to.
package failpoint
