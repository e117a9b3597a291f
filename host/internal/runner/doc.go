// Package runner runs an admitted artifact in a child process over the plugin
// protocol; takes nothing but a Permit.
//
// # What is executed
//
// Exactly the bytes that were hashed: the artifact store hashes an artifact
// whenever it opens it, its program is written into a sealed memory file, and
// that is executed (a native skill) or handed as descriptor 3 to the daemon's own
// binary (`palyrad worker` for a WASM module, `palyrad worker audit` for a whole
// artifact). The daemon itself parses no program. (Unixes without memory files
// execute a copy in the private directory.)
//
// # Children
//
// A native skill has one child, which serves all its runs. A WASM skill has at
// most two workers, each of which serves one run at a time; a further run waits.
// An audit has a worker of its own, which is killed afterwards. Idle children
// are let go after [Config.Idle].
//
// A child leads a process group of its own and is killed with the group; a child
// of a skill with the capability process takes along what has left the group
// too. On Linux it is also killed when the daemon dies, however that comes about.
// It has no standard input and inherits no descriptor. Its environment is the
// handshake, TMPDIR (a private directory that goes with it), PALYRA_HOST, for
// workers PALYRA_ENTRYPOINTS, and, with the capability process, the daemon's PATH
// and HOME. PALYRA_HOST is "<Config.Host>/<number>"; whatever still carries it
// when the next daemon starts is killed by [Runner.Sweep], so programs that
// start others pass it on. The working directory is the skill's data directory
// if it has the capability data, else the private one.
//
// The child listens on a Unix socket in its private directory, whose name the
// runner keeps short enough; any other address is refused. Both sides
// authenticate with TLS certificates made for the occasion. Messages are at most
// 16 MiB.
//
// # Runs
//
// A run ends in one of these ways:
//
//   - a result;
//   - an [sdk.Error], which the action answered;
//   - a [skill.Fault]: unsupported, start_failed, crashed, output_limit (a result
//     of more than 1 MiB); an artifact that cannot be opened is start_failed and
//     wraps the store's error;
//   - the cause of its context, when that ended first, or
//     [context.DeadlineExceeded] at [policy.Permit.Until].
//
// When its context ends, the child is told, and killed if the run has not ended
// within [Config.Grace]; Run returns when the run is really gone. Killing a child
// fails the other runs it serves as crashed. A child that breaks the protocol is
// killed. Log lines, progress and host calls reach the host in the order in which
// the child sent them, but up to sixteen calls of a run are served at once;
// their contexts end with the run, and Run waits for them.
package runner
