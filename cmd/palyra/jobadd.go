package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/schedule"
)

// jobFlags are the flags that say what a job is.
type jobFlags struct {
	cron, every, at, phrase, tz  string
	zone                         string // of a phrase that names none
	action, input, group         string
	concurrency, misfire, rename string
	labels                       map[string]string
	max, retries                 int32
	grace, window, backoff, cap  time.Duration
	timeout                      time.Duration
	rules                        jobRules
	delay                        string
	manual                       bool
	times                        jobTimes
}

func (f *jobFlags) schedule(flags *pflag.FlagSet) {
	flags.StringVar(&f.cron, "cron", "", `cron expression: 5 fields, or 6 with seconds first ("*/5 * * * *")`)
	flags.StringVar(&f.every, "every", "", "interval (30s, 5m, 12h)")
	flags.StringVar(&f.at, "at", "", "one instant, RFC 3339 (2030-01-01T00:00:00Z)")
	flags.StringVar(&f.delay, "delay", "", "interval from the end of a run to the next (10m)")
	flags.BoolVar(&f.manual, "manual", false, "never by itself: only when it is started by hand or by another job")
	flags.StringVar(&f.phrase, "schedule", "", `in English ("every weekday at 9am", "in 2h"), or cron; see palyra schedule explain`)
	flags.StringVar(&f.tz, "tz", "", "zone of --cron or --schedule: IANA name, utc or local (default: that of the daemon)")
	f.times.define(flags)
}

func (f *jobFlags) all(c *cobra.Command) {
	flags := c.Flags()
	f.schedule(flags)
	flags.StringVar(&f.action, "action", "", "what to run: SKILL/ENTRYPOINT")
	flags.StringVar(&f.input, "input", "", "input of the action: JSON, @FILE, or - for standard input")
	flags.StringVar(&f.group, "group", "", "group of the job")
	flags.StringToStringVar(&f.labels, "label", nil, "label KEY=VALUE; may be repeated")
	flags.StringVar(&f.concurrency, "concurrency", "", "while a run is active: forbid, replace, queue-one or allow (default forbid)")
	flags.Int32Var(&f.max, "max", 0, "of --concurrency allow: active runs at most")
	flags.StringVar(&f.misfire, "misfire", "", "times that were missed: skip or catch-up (default skip)")
	flags.DurationVar(&f.grace, "grace", 0, "up to this late is on time (default 1m)")
	flags.DurationVar(&f.window, "window", 0, "of --misfire catch-up: how far back (default 24h)")
	flags.DurationVar(&f.timeout, "timeout", 0, "of one attempt (default 5m)")
	f.rules.define(c)
	flags.Int32Var(&f.retries, "retries", 0, "further attempts after one that failed and may be retried, up to 15")
	flags.DurationVar(&f.backoff, "backoff", 0, "before the first retry; doubles each time (default 1s)")
	flags.DurationVar(&f.cap, "backoff-cap", 0, "longest back-off (default 5m)")
	_ = c.RegisterFlagCompletionFunc("concurrency", oneOf("forbid", "replace", "queue-one", "allow"))
	f.times.complete(c)
	_ = c.RegisterFlagCompletionFunc("misfire", oneOf("skip", "catch-up"))
}

func (f *jobFlags) hasSchedule() bool {
	return f.cron != "" || f.every != "" || f.at != "" || f.delay != "" || f.phrase != "" || f.manual
}

// spec reads the schedule flags at the instant now.
func (f *jobFlags) spec(now time.Time) (schedule.Spec, error) {
	spec := schedule.Spec{Zone: f.tz}
	given := 0
	if f.phrase != "" {
		given++
	}
	if f.manual {
		given++
		spec.Kind = schedule.Manual
	}
	for _, s := range []struct {
		kind schedule.Kind
		expr string
	}{{schedule.Cron, f.cron}, {schedule.Every, f.every}, {schedule.At, f.at}, {schedule.Delay, f.delay}} {
		if s.expr != "" {
			given++
			spec.Kind, spec.Expr = s.kind, s.expr
		}
	}
	if given != 1 {
		return spec, fail(exitUsage, `for example --cron "*/5 * * * *", --every 30s, --at 2030-01-01T00:00:00Z or --schedule "every weekday at 9am"`,
			"give one schedule: --cron, --every, --at, --delay, --manual or --schedule")
	}
	if f.phrase != "" {
		compiled, err := readSchedule(f.phrase, now, cmp.Or(f.tz, f.zone, "local"))
		if err != nil {
			return spec, err
		}
		spec = compiled.Spec()
	} else if f.tz != "" && spec.Kind != schedule.Cron {
		return spec, fail(exitUsage, "", "--tz goes with --cron or --schedule")
	}
	checked := spec
	if checked.Kind == schedule.Every {
		checked.Anchor = time.Unix(0, 0)
	}
	if _, err := schedule.Parse(checked); err != nil {
		return spec, fail(exitData, "", "%v", err)
	}
	return spec, f.times.apply(&spec) // an update may have the rest of what they need
}

// read makes a Job of the flags that were given, and names its fields.
func (f *jobFlags) read(a *app, flags *pflag.FlagSet) (*api.Job, []string, error) {
	j := &api.Job{}
	var fields []string
	set := func(flag, field string, assign func()) {
		if flags.Changed(flag) {
			assign()
			fields = append(fields, field)
		}
	}
	set("action", "action", func() { j.Action = f.action })
	set("group", "group", func() { j.Group = f.group })
	set("label", "labels", func() { j.Labels = f.labels })
	set("concurrency", "concurrency", func() { j.Concurrency = f.concurrency })
	set("max", "max_concurrent", func() { j.MaxConcurrent = f.max })
	set("misfire", "misfire", func() { j.Misfire = f.misfire })
	set("grace", "misfire_grace_ms", func() { j.MisfireGraceMs = f.grace.Milliseconds() })
	set("window", "catch_up_window_ms", func() { j.CatchUpWindowMs = f.window.Milliseconds() })
	set("timeout", "timeout_ms", func() { j.TimeoutMs = f.timeout.Milliseconds() })
	set("retries", "attempts", func() { j.Attempts = f.retries + 1 })
	set("backoff", "backoff_ms", func() { j.BackoffMs = f.backoff.Milliseconds() })
	set("backoff-cap", "backoff_cap_ms", func() { j.BackoffCapMs = f.cap.Milliseconds() })
	f.rules.read(j, set)
	set("rename", "name", func() { j.Name = f.rename })
	if f.retries < 0 {
		return nil, nil, fail(exitUsage, "", "--retries %d: want 0 to 15", f.retries)
	}
	if flags.Changed("input") {
		input, err := a.readInput(f.input)
		if err != nil {
			return nil, nil, err
		}
		j.Input, fields = input, append(fields, "input")
	}
	if f.tz != "" && !f.hasSchedule() { // the same schedule in another zone
		j.Schedule, fields = &api.Schedule{Zone: f.tz}, append(fields, "schedule")
	} else if f.hasSchedule() {
		spec, err := f.spec(a.now())
		if err != nil {
			return nil, nil, err
		}
		if spec.Kind == schedule.Every || spec.Kind == schedule.Delay || spec.Kind == schedule.Manual {
			spec.Zone = "" // it has no meaning there
		}
		j.Schedule = scheduleOf(spec)
		fields = append(fields, "schedule")
	}
	more, err := f.times.update(j, flags)
	if err != nil {
		return nil, nil, err
	}
	fields = append(fields, more...)
	return j, fields, nil
}

// readInput reads JSON from the flag itself, from @FILE or from standard input.
func (a *app) readInput(arg string) (string, error) {
	data, from := []byte(arg), "--input"
	var err error
	if file, ok := strings.CutPrefix(arg, "@"); ok {
		from = file
		data, err = os.ReadFile(file)
	} else if arg == "-" {
		from = "standard input"
		data, err = io.ReadAll(a.in)
	}
	if err != nil {
		return "", err
	}
	if len(strings.TrimSpace(string(data))) == 0 {
		return "", nil
	}
	var value json.RawMessage
	if err := json.Unmarshal(data, &value); err != nil {
		return "", fail(exitData, `quote it for the shell: --input '{"key": "value"}'`, "%s: not valid JSON: %v", from, err)
	}
	return string(value), nil
}

func (a *app) jobAdd() *cobra.Command {
	var flags jobFlags
	var paused, dryRun, replace bool
	c := a.command("add NAME", "Add a job", cobra.ExactArgs(1), nil)
	c.Example = `  palyra job add report --schedule "every weekday at 9am Europe/Prague" --action palyra.health/summarize
  palyra job add health --cron "*/5 * * * *" --tz Europe/Prague --action palyra.health/summarize
  palyra job add disk --every 30s --action palyra.shell/run --input '{"argv": ["df", "-h"]}'`
	c.RunE = ran(func(cmd *cobra.Command, args []string) error {
		if _, err := flags.spec(a.now()); err != nil {
			return err
		}
		if flags.action == "" {
			return fail(exitUsage, "", "--action SKILL/ENTRYPOINT is missing")
		}
		client, err := a.client()
		if err != nil {
			return err
		}
		if err := flags.askZone(cmd.Context(), client); err != nil {
			return err
		}
		j, _, err := flags.read(a, cmd.Flags())
		if err != nil {
			return err
		}
		j.Name, j.Paused = args[0], paused
		return a.addJob(cmd.Context(), client, &api.CreateJobRequest{Job: j, Replace: replace}, dryRun)
	})
	flags.all(c)
	c.Flags().BoolVar(&paused, "paused", false, "add it, but do not fire it yet")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be saved, and save nothing")
	c.Flags().BoolVar(&replace, "replace", false, "if the name is taken, change that job")
	return c
}

// addJob shows when the job will fire, as the daemon sees it, then saves it.
func (a *app) addJob(ctx context.Context, c *api.Client, request *api.CreateJobRequest, dryRun bool) error {
	request.DryRun = true
	draft, err := c.Jobs.Create(ctx, request)
	if err != nil {
		return err
	}
	a.announce(draft)
	if dryRun {
		fmt.Fprintln(a.err, "dry run: nothing was saved")
		return a.showJob(draft)
	}
	request.DryRun = false
	request.Job.Schedule.Anchor, request.Job.Schedule.Key = draft.GetSchedule().GetAnchor(), draft.GetSchedule().GetKey() // what was shown is what is saved
	saved, err := c.Jobs.Create(ctx, request)
	if err != nil {
		return err
	}
	if a.output != "table" {
		return a.showJob(saved)
	}
	fmt.Fprintf(a.err, "saved %s (%s)\n", saved.GetName(), saved.GetId())
	return nil
}

// announce says on standard error what a job does and when it fires next.
func (a *app) announce(j *api.Job) {
	fmt.Fprintf(a.err, "%s: %s, %s\n", j.GetName(), clean(j.GetAction()), clean(j.GetEnglish()))
	fmt.Fprintf(a.err, "  schedule: %s\n", clean(written(j.GetSchedule())))
	compiled, err := schedule.Parse(specOf(j.GetSchedule()))
	if err == nil {
		for _, hint := range compiled.Hints() {
			fmt.Fprintf(a.err, "  note: %s\n", hint)
		}
	}
	a.warn(j.GetWarnings())
	if j.GetPaused() {
		fmt.Fprintln(a.err, "  paused: it does not fire until `palyra job resume "+j.GetName()+"`")
		return
	}
	if err != nil || j.GetNext() == nil {
		return
	}
	var rows [][]string
	for t := j.GetNext().AsTime(); !t.IsZero() && len(rows) < 5; t = following(compiled, t) {
		rows = append(rows, a.fireCells(t, zoneOf(j.GetSchedule())))
	}
	table(a.err, []string{"NEXT", "UTC", "IN"}, rows)
}

// preview tells when a schedule would fire, without a daemon.
func (a *app) preview(flags *jobFlags, limit int) error {
	spec, err := flags.spec(a.now())
	if err != nil {
		return err
	}
	if spec.Kind == schedule.Every {
		spec.Anchor = a.now().Truncate(time.Second)
	}
	compiled, err := schedule.Parse(spec)
	if err != nil {
		return fail(exitData, "", "%v", err)
	}
	fmt.Fprintln(a.err, compiled.English())
	var fires []*api.Fire
	for t := compiled.Next(a.now()); !t.IsZero() && len(fires) < limit; t = following(compiled, t) {
		fires = append(fires, &api.Fire{At: timestamppb.New(t), Zone: compiled.Location().String()})
	}
	if len(fires) == 0 && spec.Kind != schedule.Manual {
		return fail(exitFailed, "", "it never fires from now on")
	}
	return a.listFires(fires)
}
