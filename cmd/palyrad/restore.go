package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/palyra-go/palyra/host"
	"github.com/palyra-go/palyra/host/api"
)

// restore is `palyrad journal restore`.
func restore(args []string) int {
	flags := flag.NewFlagSet("palyrad journal restore", flag.ContinueOnError)
	state := flags.String("state", "", "state `directory`")
	reason := flags.String("reason", "", "`why`, for the record")
	replace := flags.Bool("replace", false, "keep the journal that is there aside, and put the backup in its place")
	backup, err := parseAround(flags, args)
	if err != nil {
		return 2
	}
	if backup == "" || *reason == "" {
		fmt.Fprintln(os.Stderr, "usage: palyrad journal restore FILE --reason TEXT [--state DIR] [--replace]")
		return 2
	}
	dir, err := api.StateDir(*state)
	if err != nil {
		fmt.Fprintf(os.Stderr, "palyrad: %v\n", err)
		return 1
	}
	done, err := host.RestoreJournal(context.Background(), dir, backup, *reason, *replace)
	for _, p := range done.Problems {
		fmt.Println(p)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "palyrad: %v\n", err)
		if errors.Is(err, host.ErrExists) && !*replace {
			fmt.Fprintln(os.Stderr, "  --replace keeps it aside and puts the backup in its place")
		}
		return exitCode(err)
	}
	fmt.Printf("restored %s: %d entries in %d leaves agree with %d checkpoints, the last of %s\n",
		backup, done.Entries, done.Leaves, done.Checkpoints, done.Last.Local().Format(time.DateTime))
	if done.Aside != "" {
		fmt.Printf("the journal that was there is %s\n", done.Aside)
	}
	fmt.Printf("jobs paused: %d; start palyrad, look at `palyra skill list` and `palyra job list`, then `palyra job resume JOB`\n"+
		"skills, publishers and quarantines are as they were in the backup; what happened since is not in it\n", done.Paused)
	return 0
}

// parseAround parses flags that stand before or after the one argument.
func parseAround(flags *flag.FlagSet, args []string) (argument string, err error) {
	if err := flags.Parse(args); err != nil || flags.NArg() == 0 {
		return "", err
	}
	argument = flags.Arg(0)
	if err := flags.Parse(flags.Args()[1:]); err != nil {
		return "", err
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "palyrad: unexpected argument %q\n", flags.Arg(0))
		return "", flag.ErrHelp
	}
	return argument, nil
}
