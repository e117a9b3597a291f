package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
)

func (a *app) explainCommand() *cobra.Command {
	c := a.command("explain JOB TIME", "Say what became, or will become, of a job at an instant", cobra.MinimumNArgs(2), func(ctx context.Context, c *api.Client, args []string) error {
		answer, err := c.Runs.Explain(ctx, &api.ExplainRequest{Job: args[0], Time: strings.Join(args[1:], " ")})
		if err != nil {
			return err
		}
		return a.show(answer, func(w io.Writer) { fmt.Fprintln(w, clean(answer.GetSentence())) })
	})
	c.Long = "Say in one sentence what became of a job at any instant of the past, or what is\n" +
		"to become of it in the future, by the journal and the schedule.\n\n" +
		"TIME is RFC 3339 (2030-01-31T14:03:15+01:00), or HH:MM[:SS] of today in the\n" +
		"zone of the job, alone or after a date, yesterday or tomorrow."
	c.Example = "  palyra explain backup yesterday 14:00"
	c.ValidArgsFunction = func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.jobNames(cmd, args, toComplete)
	}
	return c
}
