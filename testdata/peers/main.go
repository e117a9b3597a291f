// Command peers measures palyra beside others who do the same, on the same machine
// in the same run, and prints tables with ratios:
//
//	cron      the next time of a schedule, beside the cron libraries
//	durable   runs that are written down, beside River on SQLite and on PostgreSQL
//	due       how late runs start that are due in the same second, beside
//	          robfig/cron and gocron, which keep nothing
//
// Without a word it does all. What is ours is measured by the benchmarks of
// host/internal/sim, which run as a program of their own: palyra's rooms cannot be
// imported from here.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		for _, one := range []string{"cron", "durable", "due"} {
			if err := run(ctx, []string{one}); err != nil {
				return err
			}
			fmt.Println()
		}
		return nil
	}
	switch args[0] {
	case "cron":
		return cron(args[1:])
	case "durable":
		return durable(ctx, args[1:])
	case "due":
		return due(ctx, args[1:])
	}
	return fmt.Errorf("%q: want cron, durable or due", args[0])
}
