package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect/v2"
	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/schedule"
)

const (
	// maxCrontab bounds the file; no crontab is so large.
	maxCrontab = 1 << 20
	// shellAction runs what a crontab has: commands of a shell.
	shellAction = "palyra.shell/run"
	// importTimeout is the longest that a job may have: cron has none.
	importTimeout = 24 * 60 * 60 * 1000
)

func (a *app) jobImport() *cobra.Command {
	var reader crontab
	var dryRun bool
	c := &cobra.Command{
		Use: "import CRONTAB", Short: "Make jobs of a crontab, paused until you have reviewed them",
		Long: "Make jobs of a crontab (a file, or - for standard input), and say of each of\n" +
			"its lines what became of it. The jobs run palyra.shell/run with /bin/sh -c (or\n" +
			"the crontab's SHELL), and are paused until `palyra job resume`. They differ\n" +
			"from cron in this: one run of a job at a time, for a day at most, no mail.\n" +
			"With lines that are refused it exits 65; the others are imported all the same.",
		Example: `  crontab -l | palyra job import - --dry-run
  palyra job import /etc/crontab --system`,
		Args: cobra.ExactArgs(1),
		RunE: ran(func(cmd *cobra.Command, args []string) error {
			text, err := a.readFile(args[0], maxCrontab)
			if err != nil {
				return err
			}
			if _, err := schedule.Parse(schedule.Spec{Kind: schedule.Cron, Expr: "@daily", Zone: reader.tz}); err != nil {
				return fail(exitData, "", "--tz: %v", err)
			}
			if reader.prefix != "" && nameOf(reader.prefix+"x") != reader.prefix+"x" {
				return fail(exitUsage, "", "--prefix %q: want a-z 0-9 . _ -, starting with a letter or digit", reader.prefix)
			}
			lines := reader.read(text)
			if !dryRun {
				if saved, err := a.importJobs(cmd.Context(), args[0], lines); err != nil {
					if saved > 0 {
						_ = a.reportImport(lines, dryRun) // what is saved already
					}
					return err
				}
			}
			return a.reportImport(lines, dryRun)
		}),
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only report; needs no daemon")
	c.Flags().BoolVar(&reader.system, "system", false, "the sixth field is a user, as in /etc/crontab")
	c.Flags().StringVar(&reader.tz, "tz", "local", "zone of the times, where no CRON_TZ says otherwise")
	c.Flags().StringVar(&reader.prefix, "prefix", "", "put this before the names of the jobs")
	return c
}

// importJobs saves the jobs and says how many. One that the daemon refuses is a
// refused line; it ends early only if the daemon is gone or allows nothing, and
// then the lines left are refused.
func (a *app) importJobs(ctx context.Context, file string, lines []cronLine) (saved int, err error) {
	client, err := a.client()
	if err != nil {
		return 0, err
	}
	var fatal error
	for i := range lines {
		l := &lines[i]
		if l.Became != lineJob {
			continue
		}
		if fatal != nil {
			l.refuse("not tried: the import ended above")
			continue
		}
		err := l.save(ctx, client, file)
		e, refused := errors.AsType[*connect.Error](err)
		switch {
		case err == nil:
			saved++
		case refused && refusesOne(e.Code()):
			why := a.refusal(e)
			if e.Code() == connect.CodeAlreadyExists {
				why.next = "remove it, or import with --prefix"
			}
			l.refuse(strings.TrimSuffix(why.Error()+"; "+why.next, "; "))
		default:
			fatal = fmt.Errorf("line %d: %w", l.Line, err)
			l.refuse("not imported: the import ended here")
		}
	}
	return saved, fatal
}

// refusesOne reports whether the daemon may take the next job all the same.
func refusesOne(code connect.Code) bool {
	switch code {
	case connect.CodeInvalidArgument, connect.CodeAlreadyExists, connect.CodeNotFound, connect.CodeFailedPrecondition:
		return true
	default: // it is no matter of this job
		return false
	}
}

func (l *cronLine) save(ctx context.Context, client *api.Client, file string) error {
	j, err := l.job(file)
	if err != nil {
		return err
	}
	_, err = client.Jobs.Create(ctx, &api.CreateJobRequest{Job: j})
	return err
}

// job is the job that a line becomes.
func (l *cronLine) job(file string) (*api.Job, error) {
	input, err := json.Marshal(l.task)
	if err != nil {
		return nil, err
	}
	j := &api.Job{
		Name: l.Job, Action: shellAction, Input: string(input), TimeoutMs: importTimeout,
		Schedule: &api.Schedule{Kind: string(schedule.Cron), Expr: l.Schedule, Zone: l.Zone},
		Paused:   true, PauseReason: fmt.Sprintf("imported from %s line %d: review it, then resume", file, l.Line),
	}
	if l.task.user != "" {
		j.Labels = map[string]string{"crontab-user": l.task.user}
	}
	return j, nil
}

func (a *app) reportImport(lines []cronLine, dryRun bool) error {
	count := map[string]int{}
	for _, l := range lines {
		count[l.Became]++
	}
	if err := a.listLines(lines); err != nil {
		return err
	}
	if count[lineJob] > 0 {
		fmt.Fprintf(a.err, "the commands become %s with argv [\"/bin/sh\", \"-c\", COMMAND], or the SHELL that was set; the jobs are paused: review them, then `palyra job resume JOB`\n", shellAction)
	}
	did := "imported"
	if dryRun {
		did = "dry run: would import"
	}
	fmt.Fprintf(a.err, "%s %d jobs of %d lines; %d settings, %d ignored, %d comments, %d blank, %d refused\n",
		did, count[lineJob], len(lines), count[lineSetting], count[lineIgnored], count[lineComment], count[lineBlank], count[lineRefused])
	if n := count[lineRefused]; n > 0 {
		return fail(exitData, "", "%d lines were refused", n)
	}
	return nil
}

func (a *app) listLines(lines []cronLine) error {
	switch a.output {
	case "table":
		var rows [][]string
		for _, l := range lines {
			what := l.Job
			if l.English != "" {
				what = l.Job + ": " + l.English
			}
			rows = append(rows, []string{fmt.Sprint(l.Line), l.Became, cmp.Or(what, brief(l.Text, 60)), l.Note})
		}
		table(a.out, []string{"LINE", "BECAME", "WHAT", "NOTE"}, rows)
		return nil
	case "jsonl":
		for _, l := range lines {
			raw, err := json.Marshal(l)
			if err != nil {
				return err
			}
			if err := a.printJSON(raw); err != nil {
				return err
			}
		}
		return nil
	}
	if lines == nil {
		lines = []cronLine{}
	}
	raw, err := json.Marshal(lines)
	if err != nil {
		return err
	}
	return a.printJSON(raw)
}
