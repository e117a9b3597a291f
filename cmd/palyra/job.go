package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/schedule"
)

func (a *app) jobCommand() *cobra.Command {
	job := noun("job", "Jobs: what is to be done and when", "jobs", "cron", "routine")
	named := func(c *cobra.Command) *cobra.Command {
		c.ValidArgsFunction = a.jobNames
		return c
	}
	job.AddCommand(
		a.jobAdd(), named(a.jobUpdate()), a.jobList(), named(a.jobShow()), named(a.jobNext()),
		named(a.jobRun()), named(a.jobBackfill()), named(a.jobPause()), named(a.jobResume()), named(a.jobRemove()), a.jobImport(), a.jobExport(),
	)
	return job
}

func (a *app) jobList() *cobra.Command {
	c := a.command("list", "List the jobs", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		jobs, err := c.Jobs.List(ctx, &api.ListJobsRequest{})
		if err != nil {
			return err
		}
		head := []string{"NAME", "SCHEDULE", "ACTION", "NEXT", "LAST"}
		return list(a, jobs.GetJobs(), head, func(j *api.Job) []string {
			next := cmp.Or(a.when(j.GetNext(), zoneOf(j.GetSchedule())), brief(j.GetIdle(), 40))
			if j.GetPaused() {
				next = a.paused(j)
			}
			last := j.GetLastState()
			if j.GetLastDue() != nil {
				last += " " + relative(j.GetLastDue().AsTime().Sub(a.now()))
			}
			name := j.GetName()
			if len(j.GetWarnings()) > 0 {
				name += " !" // job show says what
			}
			return []string{name, brief(j.GetEnglish(), 60), j.GetAction(), next, last}
		})
	})
	c.Aliases = []string{"ls"}
	return c
}

func (a *app) jobShow() *cobra.Command {
	return a.command("show JOB", "Show a job", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		j, err := c.Jobs.Get(ctx, &api.GetJobRequest{Job: args[0]})
		if err != nil {
			return err
		}
		return a.showJob(j)
	})
}

func (a *app) showJob(j *api.Job) error { return a.show(j, func(w io.Writer) { a.describeJob(w, j) }) }

func (a *app) describeJob(w io.Writer, j *api.Job) {
	zone := zoneOf(j.GetSchedule())
	next := a.when(j.GetNext(), zone)
	switch {
	case j.GetPaused():
		next = "none while the job is " + a.paused(j)
	case next == "":
		next = "none: " + cmp.Or(j.GetIdle(), "over")
	}
	concurrency := j.GetConcurrency()
	if concurrency == "allow" {
		concurrency += fmt.Sprintf(", at most %d", j.GetMaxConcurrent())
	}
	misfire := j.GetMisfire() + ", later than " + milliseconds(j.GetMisfireGraceMs()) + " is missed"
	if j.GetMisfire() == "catch-up" {
		misfire = caughtUp(j)
	}
	attempts := "1"
	if j.GetAttempts() > 1 {
		attempts = fmt.Sprintf("%d, first retry after %s, then twice as long each time up to %s",
			j.GetAttempts(), milliseconds(j.GetBackoffMs()), milliseconds(j.GetBackoffCapMs()))
	}
	last := j.GetLastState()
	if j.GetLastReason() != "" {
		last += " (" + j.GetLastReason() + ")"
	}
	if j.GetLastDue() != nil {
		last += ", due " + a.when(j.GetLastDue(), zone)
	}
	labels := make([]string, 0, len(j.GetLabels()))
	for _, key := range slices.Sorted(maps.Keys(j.GetLabels())) {
		labels = append(labels, key+"="+j.GetLabels()[key])
	}
	timeout, priority, failures, lost := rulesOf(j)
	facts(w,
		"Name", j.GetName(), "Schedule", j.GetEnglish(), "Written", written(j.GetSchedule()),
		"Action", j.GetAction(), "Input", j.GetInput(), "Next", next, "Last", last,
		"Owner", j.GetOwner(), "Group", j.GetGroup(), "Labels", strings.Join(labels, " "),
		"Concurrency", concurrency, "Misfire", misfire, "Attempts", attempts, "Timeout", timeout,
		"Priority", priority, "Failures", failures, "Lost runs", lost,
		"On success", starts(j.GetOnSuccess()), "On failure", starts(j.GetOnFailure()), "On recovery", starts(j.GetOnRecovery()),
		"Created", at(j.GetCreated(), zone), "Updated", at(j.GetUpdated(), zone),
		"ID", fmt.Sprintf("%s, generation %d", j.GetId(), j.GetGeneration()),
	)
	for _, text := range j.GetWarnings() {
		fmt.Fprintln(w, "! "+clean(text))
	}
}

// warn shows what needs a look.
func (a *app) warn(warnings []string) {
	for _, text := range warnings {
		fmt.Fprintf(a.err, "  warning: %s\n", clean(text))
	}
}

// starts says which jobs the end of a run starts.
func starts(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "starts " + strings.Join(names, ", ")
}

// written is a schedule as it was given.
func written(s *api.Schedule) string {
	text := strings.TrimSpace(s.GetKind() + " " + s.GetExpr())
	if s.GetKind() == string(schedule.Cron) {
		text += " (" + s.GetZone() + ")"
	}
	return text
}

func (a *app) jobNext() *cobra.Command {
	var limit int
	var flags jobFlags
	c := &cobra.Command{
		Use: "next [JOB]", Short: "Tell when a job, or all jobs, fire next",
		Long: "Tell when a job, or all jobs, fire next. With --cron, --every, --at,\n" +
			"--delay, --manual or --schedule it tells when such a schedule would fire, and needs no\n" +
			"daemon.",
		Args: cobra.MaximumNArgs(1),
		RunE: ran(func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > 1000 {
				return fail(exitUsage, "", "--limit %d: want 1 to 1000", limit)
			}
			if flags.hasSchedule() {
				if len(args) > 0 {
					return fail(exitUsage, "", "name a job or give a schedule, not both")
				}
				return a.preview(&flags, limit)
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			request := &api.NextRequest{Limit: int32(limit)}
			if len(args) > 0 {
				request.Job = args[0]
			}
			next, err := client.Jobs.Next(cmd.Context(), request)
			if err != nil {
				return err
			}
			return a.listFires(next.GetFires())
		}),
	}
	c.Flags().IntVarP(&limit, "limit", "n", 5, "how many")
	flags.schedule(c.Flags())
	return c
}

func (a *app) listFires(fires []*api.Fire) error {
	return list(a, fires, []string{"AT", "UTC", "IN", "JOB"}, func(f *api.Fire) []string {
		zone, err := time.LoadLocation(f.GetZone())
		if err != nil {
			zone = time.Local
		}
		cells := a.fireCells(f.GetAt().AsTime(), zone)
		if f.GetFire() != nil {
			cells[2] += " +" + span(f.GetFire().AsTime().Sub(f.GetAt().AsTime()))
		}
		return append(cells, f.GetJob())
	})
}

// fireCells is one fire: in its zone, in UTC, and how far away it is.
func (a *app) fireCells(t time.Time, zone *time.Location) []string {
	return []string{
		t.In(zone).Format("Mon 2006-01-02 15:04:05 MST"), t.UTC().Format("15:04:05"), relative(t.Sub(a.now())),
	}
}

func (a *app) jobPause() *cobra.Command {
	var reason, until string
	c := a.command("pause JOB...", "Stop firing a job", cobra.MinimumNArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		end, err := a.pauseEnd(until)
		if err != nil {
			return err
		}
		return a.eachJob(args, "paused", func(name string) (*api.Job, error) {
			return c.Jobs.Pause(ctx, &api.PauseJobRequest{Job: name, Reason: reason, Until: end})
		})
	})
	c.Flags().StringVar(&until, "until", "", "resume by itself: at an instant, RFC 3339, or after a duration (2h)")
	c.Flags().StringVar(&reason, "reason", "", "why, for people")
	return c
}

func (a *app) jobResume() *cobra.Command {
	return a.command("resume JOB...", "Fire a paused job again", cobra.MinimumNArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		return a.eachJob(args, "resumed", func(name string) (*api.Job, error) {
			return c.Jobs.Resume(ctx, &api.ResumeJobRequest{Job: name})
		})
	})
}

// eachJob does something to jobs, and says so.
func (a *app) eachJob(names []string, done string, do func(name string) (*api.Job, error)) error {
	for _, name := range names {
		j, err := do(name)
		if err != nil {
			return err
		}
		if a.output != "table" {
			if err := a.showJob(j); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(a.err, "%s %s", done, j.GetName())
		if next := a.when(j.GetNext(), zoneOf(j.GetSchedule())); next != "" && !j.GetPaused() {
			fmt.Fprintf(a.err, ", next %s", next)
		}
		fmt.Fprintln(a.err)
	}
	return nil
}

func (a *app) jobRemove() *cobra.Command {
	var dryRun bool
	c := a.command("rm JOB...", "Remove a job; its runs stay", cobra.MinimumNArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		for _, name := range args {
			j, err := c.Jobs.Get(ctx, &api.GetJobRequest{Job: name})
			if err != nil {
				return err
			}
			if dryRun {
				fmt.Fprintf(a.err, "would remove %s (%s)\n", j.GetName(), j.GetId())
				continue
			}
			gone, err := c.Jobs.Delete(ctx, &api.DeleteJobRequest{Job: j.GetId()})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.err, "removed %s\n", j.GetName())
			a.warn(gone.GetWarnings())
		}
		return nil
	})
	c.Aliases = []string{"remove", "delete"}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be removed")
	return c
}

func (a *app) jobRun() *cobra.Command {
	var wait, follow bool
	c := a.command("run JOB", "Run a job now", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		r, err := c.Jobs.Trigger(ctx, &api.TriggerJobRequest{Job: args[0]})
		if err != nil {
			return err
		}
		if follow {
			return a.follow(ctx, c, r.GetId())
		}
		if wait {
			if r, err = await(ctx, c, r); err != nil {
				return err
			}
		}
		if err := a.showRun(r, ""); err != nil {
			return err
		}
		return verdict(r)
	})
	c.Flags().BoolVar(&wait, "wait", false, "wait until it has ended")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "print what it logs until it has ended")
	return c
}

// await follows a run until it has ended.
func await(ctx context.Context, c *api.Client, r *api.Run) (*api.Run, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for r.GetState() == "queued" || r.GetState() == "running" {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		var err error
		if r, err = c.Runs.Get(ctx, &api.GetRunRequest{Run: r.GetId()}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// verdict is an error for a run that was asked for and did not succeed.
func verdict(r *api.Run) error {
	switch r.GetState() {
	case "queued", "running", "succeeded":
		return nil
	}
	return &exitError{code: exitFailed}
}
