// Package jobfile reads and writes jobs as files say them.
//
// A file is TOML. Each job is a table: [[job]] with its name inside, or
// [job.NAME].
//
//	[[job]]
//	name = "backup"
//	cron = "0 3 * * *"
//	tz = "Europe/Prague"
//	action = "palyra.shell/run"
//	input = { argv = ["/usr/local/bin/backup", "--full"] }
//	timeout = "2h"
//	on_failure = ["alert"]
//
// The keys are those of the flags of `palyra job add`, with _ for -. One of
// schedule, cron, every, at, delay and manual says when; manual is true. schedule is
// English or cron, and must mean the same whenever it is read, so "in 2h" is refused. Lengths of time
// are text ("90s", "5m"), instants RFC 3339, as text or as TOML writes them. The
// input is a table, or text that is JSON. What is not said is the default, but
// for paused: a job stays paused, or not, as people left it, unless its file says.
//
// [Parse] is strict: a key that is not known in exactly this spelling, a value of
// the wrong type, a name said twice are errors, each with file and line, and all
// of a file are found at once. It does not judge what the values mean together:
// the daemon does.
//
// [Format] writes what Parse reads; [Changes] says in the words of the file how
// two jobs differ. A job is the message of the API; what the daemon sets (id,
// generation, owner, times) and labels that start with [Reserved] are no part of
// what a file says.
package jobfile
