package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
)

// completionTimeout keeps a shell from hanging on a daemon that does not answer.
const completionTimeout = 2 * time.Second

type completion = func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective)

func oneOf(words ...string) completion {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// live completes with what the daemon answers; with nothing if it does not.
func (a *app) live(cmd *cobra.Command, args []string, most int, ask func(context.Context, *api.Client) []string) ([]string, cobra.ShellCompDirective) {
	client, err := a.client()
	if err != nil || most > 0 && len(args) >= most {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	return ask(ctx, client), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) jobNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.live(cmd, args, 0, func(ctx context.Context, c *api.Client) (names []string) {
		jobs, err := c.Jobs.List(ctx, &api.ListJobsRequest{})
		if err != nil {
			return nil
		}
		for _, j := range jobs.GetJobs() {
			names = append(names, cobra.CompletionWithDesc(j.GetName(), j.GetEnglish()))
		}
		return names
	})
}

func (a *app) runIDs(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.live(cmd, args, 1, func(ctx context.Context, c *api.Client) (ids []string) {
		runs, err := c.Runs.List(ctx, &api.ListRunsRequest{})
		if err != nil {
			return nil
		}
		for _, r := range runs.GetRuns() {
			ids = append(ids, cobra.CompletionWithDesc(r.GetId(), r.GetJob()+" "+r.GetState()))
		}
		return ids
	})
}

func (a *app) skillIDs(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.live(cmd, args, 1, func(ctx context.Context, c *api.Client) (ids []string) {
		skills, err := c.Skills.List(ctx, &api.ListSkillsRequest{})
		if err != nil {
			return nil
		}
		for _, s := range skills.GetSkills() {
			ids = append(ids, cobra.CompletionWithDesc(s.GetId(), s.GetDescription()))
		}
		return ids
	})
}
