package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
)

// backfillCommand is what there is to see and do of the backfills that `palyra job
// backfill` starts.
func (a *app) backfillCommand() *cobra.Command {
	c := noun("backfill", "Backfills: nominal times of the past that run again", "backfills")
	c.AddCommand(a.backfillList(), a.backfillShow(), a.backfillCancel())
	return c
}

// jobBackfill asks for nominal times of the past.
func (a *app) jobBackfill() *cobra.Command {
	var from, to, overlap, rate string
	var again, dryRun, yes bool
	c := a.command("backfill JOB --from TIME", "Run nominal times of the past", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		j, err := c.Jobs.Get(ctx, &api.GetJobRequest{Job: args[0]})
		if err != nil {
			return err
		}
		request := &api.BackfillRequest{Job: j.GetId(), Again: again, DryRun: true}
		if request.Parallel, err = atOnce(overlap); err != nil {
			return err
		}
		if request.Rate, err = perMinute(rate); err != nil {
			return err
		}
		zone := zoneOf(j.GetSchedule())
		if request.From, err = a.past("--from", from, zone); err != nil {
			return err
		}
		if request.To, err = a.past("--to", to, zone); err != nil {
			return err
		}
		return a.startBackfill(ctx, c, request, dryRun, yes)
	})
	c.Long = "Run the nominal times of a job between two instants of the past, each once, in\n" +
		"order, for you. It first says what would run, and asks; --yes does not ask.\n\n" +
		"What ran already, whatever became of it, is left out without --again. A run starts\n" +
		"only while its job has no other run (under allow: while a place is left for the\n" +
		"schedule), and what is due meanwhile waits for it. The job is taken as it is when\n" +
		"each run starts; a pause, the removal of the job or a denied run stop it.\n" +
		"See `palyra backfill show` and `palyra backfill cancel`.\n\n" +
		"TIME is RFC 3339, a date with or without HH:MM in the zone of the job, now, or a\n" +
		"duration: so long ago."
	c.Example = "  palyra job backfill backup --from 2026-07-01 --to '2026-07-03 12:00'"
	flags := c.Flags()
	flags.StringVar(&from, "from", "", "the first nominal time that counts")
	flags.StringVar(&to, "to", "now", "the last nominal time that counts")
	flags.StringVar(&overlap, "overlap", "forbid", "runs of it at once: forbid (one) or allow=N")
	flags.StringVar(&rate, "rate", "60/min", "starts at most: N/min")
	flags.BoolVar(&again, "again", false, "also run what ran already")
	flags.BoolVar(&dryRun, "dry-run", false, "only say what would run")
	flags.BoolVarP(&yes, "yes", "y", false, "do not ask")
	_ = c.MarkFlagRequired("from")
	_ = c.RegisterFlagCompletionFunc("overlap", oneOf("forbid", "allow=2", "allow=4"))
	return c
}

func (a *app) startBackfill(ctx context.Context, c *api.Client, request *api.BackfillRequest, dryRun, yes bool) error {
	plan, err := c.Jobs.StartBackfill(ctx, request)
	if err != nil {
		return err
	}
	if dryRun || !yes {
		if err := a.show(plan, func(w io.Writer) { a.describePlan(w, plan) }); err != nil || dryRun {
			return err
		}
		if plan.GetBackfill().GetTotal() == 0 {
			return fail(exitFailed, "", "nothing is left to run")
		}
		if !terminal(a.in) {
			return fail(exitUsage, "add --yes, or --dry-run only to look", "nobody is there to ask")
		}
		if err := a.agree(fmt.Sprintf("run %d nominal times of %s?", plan.GetBackfill().GetTotal(), plan.GetBackfill().GetJob()), "nothing was started"); err != nil {
			return err
		}
	}
	request.DryRun = false
	if plan, err = c.Jobs.StartBackfill(ctx, request); err != nil {
		return err
	}
	return a.showBackfill(plan.GetBackfill())
}

// atOnce reads how many runs of a backfill there may be at once.
func atOnce(overlap string) (int32, error) {
	if overlap == "forbid" {
		return 1, nil
	}
	var n int32
	if _, err := fmt.Sscanf(overlap+"\n", "allow=%d\n", &n); err != nil || n < 1 {
		return 0, fail(exitUsage, "for example --overlap allow=4", "--overlap %q: want forbid or allow=N", overlap)
	}
	return n, nil
}

// perMinute reads how many starts there may be in a minute.
func perMinute(rate string) (int32, error) {
	var n int32
	if _, err := fmt.Sscanf(rate+"\n", "%d/min\n", &n); err != nil || n < 1 {
		return 0, fail(exitUsage, "for example --rate 30/min", "--rate %q: want N/min", rate)
	}
	return n, nil
}

// past reads an instant, in the zone of a job if it names none.
func (a *app) past(flag, text string, zone *time.Location) (*timestamppb.Timestamp, error) {
	if text == "now" {
		return timestamppb.New(a.now()), nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return timestamppb.New(a.now().Add(-d)), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return timestamppb.New(t), nil
	}
	for _, form := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime} {
		if t, err := time.ParseInLocation(form, strings.Join(strings.Fields(text), " "), zone); err == nil {
			return timestamppb.New(t), nil
		}
	}
	return nil, fail(exitUsage, "for example "+flag+" 2026-07-01, "+flag+" '2026-07-01 12:30' or "+flag+" 6h",
		"%s %q: want RFC 3339, a date, a date with HH:MM, now, or a duration ago", flag, text)
}

func (a *app) describePlan(w io.Writer, p *api.BackfillPlan) {
	b := p.GetBackfill()
	zone, err := time.LoadLocation(p.GetZone())
	if err != nil {
		zone = time.Local
	}
	left := ""
	if p.GetLeftOut() > 0 {
		left = fmt.Sprintf("%d, which ran already (--again runs them too)", p.GetLeftOut())
	}
	fmt.Fprintf(w, "%s: %d of %d nominal times from %s to %s would run.\n",
		clean(b.GetJob()), b.GetTotal(), p.GetNominal(), at(b.GetFrom(), zone), at(b.GetTo(), zone))
	var times []string
	for i, t := range append(p.GetFirst(), p.GetLast()...) {
		if i == len(p.GetFirst()) && b.GetTotal() > int64(len(p.GetFirst())+len(p.GetLast())) {
			times = append(times, "…")
		}
		times = append(times, at(t, zone))
	}
	facts(w, "Left out", left, "Times", strings.Join(times, ", "),
		"Pace", fmt.Sprintf("%s, %d a minute at most", together(b), b.GetRate()),
		"Takes", "about "+span(time.Duration(p.GetEstimateMs())*time.Millisecond)+", or longer")
}

func together(b *api.Backfill) string {
	if b.GetParallel() == 1 {
		return "one after another"
	}
	return fmt.Sprintf("%d at once", b.GetParallel())
}

func (a *app) showBackfill(b *api.Backfill) error {
	return a.show(b, func(w io.Writer) {
		state := b.GetState()
		if b.GetReason() != "" {
			state += ": " + b.GetReason()
		}
		failed := b.GetStarted() - b.GetSucceeded() - b.GetOpen()
		runs := fmt.Sprintf("%d succeeded, %d running or waiting", b.GetSucceeded(), b.GetOpen())
		if failed > 0 {
			runs += fmt.Sprintf(", %d did not succeed", failed)
		}
		facts(w,
			"ID", b.GetId(), "Job", b.GetJob(), "State", state, "Progress", a.progress(b), "Runs", runs,
			"From", at(b.GetFrom(), time.Local), "To", at(b.GetTo(), time.Local), "Begun up to", begunUpTo(b),
			"Pace", fmt.Sprintf("%s, %d a minute at most", together(b), b.GetRate()),
			"For", b.GetPrincipal(), "Created", a.when(b.GetCreated(), time.Local), "Ended", a.when(b.GetEnded(), time.Local),
		)
	})
}

func begunUpTo(b *api.Backfill) string {
	if b.GetStarted() == 0 {
		return ""
	}
	return at(b.GetCursor(), time.Local)
}

// progress is how far a backfill is, and when it will be through if it goes on so.
func (a *app) progress(b *api.Backfill) string {
	text := fmt.Sprintf("%d of %d", b.GetStarted(), b.GetTotal())
	left := b.GetTotal() - b.GetStarted()
	if b.GetState() != "running" || b.GetStarted() == 0 || left <= 0 {
		return text
	}
	so := a.now().Sub(b.GetCreated().AsTime())
	return text + ", about " + span(time.Duration(float64(so)/float64(b.GetStarted())*float64(left))) + " to go"
}

func (a *app) backfillList() *cobra.Command {
	var job string
	var limit int32
	c := a.command("list", "List backfills, newest first", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		all, err := c.Jobs.ListBackfills(ctx, &api.ListBackfillsRequest{Job: job, Limit: limit})
		if err != nil {
			return err
		}
		return list(a, all.GetBackfills(), []string{"ID", "JOB", "FROM", "TO", "PROGRESS", "STATE"}, func(b *api.Backfill) []string {
			return []string{b.GetId(), b.GetJob(), at(b.GetFrom(), time.Local), at(b.GetTo(), time.Local), a.progress(b), b.GetState()}
		})
	})
	c.Aliases = []string{"ls"}
	c.Flags().StringVar(&job, "job", "", "only of this job")
	c.Flags().Int32VarP(&limit, "limit", "n", 20, "how many")
	_ = c.RegisterFlagCompletionFunc("job", a.jobNames)
	return c
}

func (a *app) backfillShow() *cobra.Command {
	return a.command("show ID", "Show a backfill", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		b, err := c.Jobs.GetBackfill(ctx, &api.GetBackfillRequest{Id: args[0]})
		if err != nil {
			return err
		}
		return a.showBackfill(b)
	})
}

func (a *app) backfillCancel() *cobra.Command {
	return a.command("cancel ID", "Start no more runs of a backfill; what runs goes on", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		b, err := c.Jobs.CancelBackfill(ctx, &api.CancelBackfillRequest{Id: args[0]})
		if err != nil {
			return err
		}
		return a.showBackfill(b)
	})
}
