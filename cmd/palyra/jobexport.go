package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/jobfile"
	"github.com/palyra-go/palyra/host/schedule"
)

func (a *app) jobExport() *cobra.Command {
	c := a.command("export [JOB...]", "Write jobs as a file for `palyra apply`", cobra.ArbitraryArgs, func(ctx context.Context, c *api.Client, args []string) error {
		jobs, err := jobsNamed(ctx, c, args)
		if err != nil {
			return err
		}
		defaults := map[string]*api.Job{}
		var text []string
		for _, j := range jobs {
			standard, known := defaults[j.GetConcurrency()]
			if !known {
				standard = defaultsOf(ctx, c, j)
				if standard != nil {
					defaults[j.GetConcurrency()] = standard
				}
			}
			text = append(text, jobfile.Format(j, standard))
		}
		_, err = fmt.Fprint(a.out, strings.Join(text, "\n"))
		return err
	})
	c.Long = "Write jobs as a file for `palyra apply`: those that are named, or all but the\n" +
		"daemon's own. To apply it to this daemon changes nothing."
	c.ValidArgsFunction = a.jobNames
	return c
}

// jobsNamed returns the jobs with these names or ids, all users' jobs if there
// are none.
func jobsNamed(ctx context.Context, c *api.Client, names []string) ([]*api.Job, error) {
	var jobs []*api.Job
	for _, name := range names {
		j, err := c.Jobs.Get(ctx, &api.GetJobRequest{Job: name})
		if err != nil {
			return nil, err
		}
		if j.GetSystem() {
			return nil, fail(exitFailed, "palyra.toml says what it does", "%s is a job of the daemon itself", j.GetName())
		}
		jobs = append(jobs, j)
	}
	if len(names) > 0 {
		return jobs, nil
	}
	list, err := c.Jobs.List(ctx, &api.ListJobsRequest{})
	for _, j := range list.GetJobs() {
		if !j.GetSystem() {
			jobs = append(jobs, j)
		}
	}
	return jobs, err
}

// defaultsOf asks the daemon what a job is of which only the least is said; nil
// if it does not answer, for example because the skill is gone.
func defaultsOf(ctx context.Context, c *api.Client, j *api.Job) *api.Job {
	draft, err := c.Jobs.Create(ctx, &api.CreateJobRequest{DryRun: true, Job: &api.Job{
		Name: "export-" + strings.ToLower(strings.TrimPrefix(j.GetId(), "job_")), Action: j.GetAction(), Concurrency: j.GetConcurrency(),
		Schedule: &api.Schedule{Kind: string(schedule.Every), Expr: "1h"},
	}})
	if err != nil {
		return nil
	}
	draft.Action, draft.Concurrency = "", "forbid"
	return draft
}
