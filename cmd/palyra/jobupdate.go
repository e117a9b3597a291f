package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/schedule"
)

func (a *app) jobUpdate() *cobra.Command {
	var flags jobFlags
	var dryRun bool
	c := a.command("update JOB", "Change a job: what the flags name, and nothing else", cobra.ExactArgs(1), nil)
	c.RunE = ran(func(cmd *cobra.Command, args []string) error {
		if flags.hasSchedule() {
			if _, err := flags.spec(a.now()); err != nil {
				return err
			}
		}
		client, err := a.client()
		if err != nil {
			return err
		}
		if err := flags.askZone(cmd.Context(), client); err != nil {
			return err
		}
		change, fields, err := flags.read(a, cmd.Flags())
		if err != nil {
			return err
		}
		if len(fields) == 0 {
			return fail(exitUsage, "see `palyra job update --help`", "nothing to change: give a flag")
		}
		request := &api.UpdateJobRequest{Job: args[0], Change: change, Fields: fields, DryRun: dryRun}
		if dryRun {
			return a.rehearse(cmd.Context(), client, request)
		}
		j, err := client.Jobs.Update(cmd.Context(), request)
		if err != nil {
			return err
		}
		a.announce(j)
		if a.output != "table" {
			return a.showJob(j)
		}
		fmt.Fprintf(a.err, "saved %s, generation %d\n", j.GetName(), j.GetGeneration())
		return nil
	})
	flags.all(c)
	c.Flags().StringVar(&flags.rename, "rename", "", "new name")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be saved, and save nothing")
	return c
}

// rehearse shows what an update would make of a job, and of its next fires.
func (a *app) rehearse(ctx context.Context, c *api.Client, request *api.UpdateJobRequest) error {
	have, err := c.Jobs.Get(ctx, &api.GetJobRequest{Job: request.GetJob()})
	if err != nil {
		return err
	}
	draft, err := c.Jobs.Update(ctx, request)
	if err != nil {
		return err
	}
	a.announce(draft)
	a.compareFires(a.err, have, draft)
	fmt.Fprintln(a.err, "dry run: nothing was saved")
	return a.showJob(draft)
}

// compared is how many fires of each schedule are set beside each other.
const compared = 5

// compareFires tells which of the next fires of a job an update takes away,
// which it adds and which it leaves. A pause is not looked at: it is another command.
func (a *app) compareFires(w io.Writer, have, draft *api.Job) {
	old, err1 := schedule.Parse(specOf(have.GetSchedule()))
	edited, err2 := schedule.Parse(specOf(draft.GetSchedule()))
	if err1 != nil || err2 != nil {
		return // the daemon has schedules that this program does not know
	}
	if vague := []schedule.Kind{schedule.Delay, schedule.Manual}; slices.Contains(vague, old.Spec().Kind) || slices.Contains(vague, edited.Spec().Kind) {
		fmt.Fprintf(w, "before: %s\nafter:  %s\n", old.English(), edited.English())
		return
	}
	before, after := old.NextN(a.now(), compared), edited.NextN(a.now(), compared)
	if slices.EqualFunc(before, after, time.Time.Equal) {
		fmt.Fprintf(w, "its next %d fires do not change\n", len(before))
		return
	}
	all := slices.Concat(before, after)
	slices.SortFunc(all, time.Time.Compare)
	all = slices.CompactFunc(all, time.Time.Equal)
	zone, form := zoneOf(draft.GetSchedule()), "Mon 2006-01-02 15:04:05 MST"
	var rows [][]string
	for _, t := range all {
		row := []string{"", "", relative(t.Sub(a.now()))}
		for i, s := range []*schedule.Schedule{old, edited} {
			if s.Next(t.Add(-1)).Equal(t) {
				row[i] = t.In(zone).Format(form)
			}
		}
		rows = append(rows, row)
	}
	fmt.Fprintln(w, "the next fires, before and after:")
	table(w, []string{"BEFORE", "AFTER", "IN"}, rows)
}

// askZone learns from the daemon in which zone to read a phrase that names none.
func (f *jobFlags) askZone(ctx context.Context, c *api.Client) error {
	if f.phrase == "" || f.tz != "" {
		return nil
	}
	s, err := c.Host.Status(ctx, &api.StatusRequest{})
	if err != nil {
		return err
	}
	f.zone = s.GetTimezone()
	return nil
}
