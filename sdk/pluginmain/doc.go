// Package pluginmain turns an Action into a program.
//
// A skill is one call in main:
//
//	func main() { pluginmain.Serve(sdk.Skill{"greet": sdk.Handle(greet)}) }
//
// Built natively, the program is a go-plugin child that speaks
// palyra.plugin.v1 over gRPC on a Unix socket; built with GOOS=wasip1 it is a
// WASI command that speaks the guest ABI. What an action may rely on is the same:
//
//   - its context ends when the run is cancelled, when its deadline passes, and
//     when the host is gone;
//   - a panic in the action is the error "panic" of that run and ends nothing
//     else; one in a goroutine of the action's own ends the program;
//   - an entrypoint that is not served is the error "unknown_entrypoint", an
//     output that is not JSON "bad_output"; an action that returns the error of
//     its context fails with "timeout" or "cancelled";
//   - log lines are cut at 64 KiB.
//
// A native program serves any number of runs at once and returns from Serve
// when the host has let go of it, or is dead; the runs that are left then have
// two seconds to notice. Started by a person instead of a host, it says what it
// is and exits with 1.
package pluginmain
