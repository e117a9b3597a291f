//go:build unix

// Command shell is the skill palyra.shell: its one action, run, runs a program of
// this machine.
//
// Input:
//
//	{
//	  "argv":  ["pg_dump", "-Fc", "shop"],  // required; there is no shell in between
//	  "dir":   "/var/backups",              // absolute; default: HOME, else /
//	  "env":   {"PGPORT": "5433"},          // added to the environment
//	  "stdin": "…"                          // default: empty
//	}
//
// The program leads a process group of its own. Its environment is PATH and HOME
// of the daemon; PALYRA_OCCURRENCE, PALYRA_RUN, PALYRA_DUE (RFC 3339) and
// PALYRA_ATTEMPT, which say what it is run for; if the end of another run started
// it, PALYRA_UPSTREAM_JOB, PALYRA_UPSTREAM_RUN, PALYRA_UPSTREAM_STATE and
// PALYRA_UPSTREAM_REASON, which say what became of that one; PALYRA_HOST, by which the host
// finds what outlives it; and env.
//
// Output: {"exit_code", "stdout", "stderr", "truncated"}. Of each stream the first
// and the last 32 KiB are kept; lines are logged as they come, those of stderr as
// warnings. The summary is the last line of stdout.
//
// An exit status other than 0 is the error exit_N with the end of stderr; 75
// (EX_TEMPFAIL of sysexits.h) may be retried. Death by a signal is the error
// signal_N. When the run is cancelled or out of time, the group gets SIGTERM, and
// SIGKILL a second later. What is left of the group when the program ends is
// killed.
package main

import (
	"os"
	"time"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/pluginmain"
)

func main() {
	s := shell{getenv: os.Getenv, grace: time.Second, drain: 500 * time.Millisecond}
	pluginmain.Serve(sdk.Skill{"run": sdk.Handle(s.run)})
}
