package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/schedule"
	"github.com/palyra-go/palyra/host/schedule/english"
)

func (a *app) scheduleCommand() *cobra.Command {
	c := noun("schedule", "Schedules: what an expression means")
	c.AddCommand(a.scheduleExplain())
	return c
}

func (a *app) scheduleExplain() *cobra.Command {
	var tz, from string
	var count int
	c := &cobra.Command{
		Use: "explain EXPR", Short: "Tell what a schedule means and when it fires",
		Long: "Tell what a schedule means and when it fires; needs no daemon. EXPR is a cron\n" +
			"expression, a macro such as @daily, an RFC 3339 instant, or English. It may\n" +
			"be several words. With -o json, what the clocks do to it is part of the lint.",
		Example: `  palyra schedule explain "*/5 9-17 * * MON-FRI" --tz Europe/Prague
  palyra schedule explain every weekday at 9am Europe/Prague
  palyra schedule explain "30 2 * * *" --tz America/New_York -o json`,
		Args: cobra.MinimumNArgs(1),
		RunE: ran(func(_ *cobra.Command, args []string) error {
			if count < 1 || count > 1000 {
				return fail(exitUsage, "", "-n %d: want 1 to 1000", count)
			}
			now := a.now()
			if from != "" {
				given, err := time.Parse(time.RFC3339, from)
				if err != nil {
					return fail(exitUsage, "for example --from 2030-01-01T00:00:00Z", "--from %q: want an RFC 3339 time", from)
				}
				now = given
			}
			compiled, err := readSchedule(strings.Join(args, " "), now, cmp.Or(tz, "local"))
			if err != nil {
				return err
			}
			return a.explain(compiled, now, count)
		}),
	}
	c.Flags().StringVar(&tz, "tz", "", "zone, if EXPR names none: IANA name, utc or local (default local)")
	c.Flags().StringVar(&from, "from", "", "as if it were this instant, RFC 3339 (default now)")
	c.Flags().IntVarP(&count, "number", "n", 5, "how many fires, each way")
	return c
}

// readSchedule reads a schedule in any of its forms.
func readSchedule(text string, now time.Time, zone string) (*schedule.Schedule, error) {
	spec, err := schedule.Spec{Zone: zone}, error(nil)
	switch {
	case instantForm.MatchString(text):
		spec.Kind, spec.Expr = schedule.At, text
	case isCron(text):
		spec.Kind, spec.Expr = schedule.Cron, text
	default:
		if spec, err = english.Parse(text, now, zone); err != nil {
			return nil, fail(exitData, "", "%v", err)
		}
	}
	compiled, err := schedule.Parse(spec)
	if err != nil {
		return nil, fail(exitData, "", "%v", err)
	}
	return compiled, nil
}

var (
	instantForm = regexp.MustCompile(`^\s*\d{4}-\d\d-\d\d[Tt]`)
	cronWord    = regexp.MustCompile(`(?i)^([-0-9,/#~()LWH]|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)L?([-,/#]|$))+$`)
)

// isCron reports whether a text means to be a cron expression and not English,
// which has no stars.
func isCron(text string) bool {
	text = strings.TrimSpace(text)
	if strings.ContainsAny(text, "*?") || strings.HasPrefix(text, "@") || strings.HasPrefix(text, "cron(") || strings.HasPrefix(text, "rate(") {
		return true
	}
	words := strings.Fields(text)
	return len(words) >= 4 && !slices.ContainsFunc(words, func(w string) bool { return !cronWord.MatchString(w) })
}

// explanation is what is told of a schedule.
type explanation struct {
	Canonical string     `json:"canonical"`
	English   string     `json:"english"`
	Zone      string     `json:"zone"`
	Fires     []fireText `json:"fires"`
	Previous  []fireText `json:"previous"`
	Lint      []string   `json:"lint"`
}

type fireText struct {
	UTC      string `json:"utc"`
	Local    string `json:"local"`
	Relative string `json:"relative"`
}

func (a *app) explain(s *schedule.Schedule, now time.Time, count int) error {
	shifts := shiftsOf(s, now)
	e := explanation{
		Canonical: canonicalForm(s.Spec()), English: s.English(), Zone: s.Spec().Zone,
		Fires: []fireText{}, Previous: []fireText{}, Lint: append([]string{}, s.Hints()...),
	}
	next, prev := s.NextN(now, count), before(s, now, count)
	if a.output == "table" {
		a.drawExplanation(e, shifts, now, next, prev)
		return nil
	}
	for _, t := range next {
		e.Fires = append(e.Fires, fireTextOf(t, now))
	}
	for _, t := range prev {
		e.Previous = append(e.Previous, fireTextOf(t, now))
	}
	for _, shift := range shifts {
		e.Lint = append(e.Lint, shift.text)
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return a.printJSON(raw)
}

// before returns the last n fires before now, the latest first.
func before(s *schedule.Schedule, now time.Time, n int) []time.Time {
	var times []time.Time
	for t := s.Prev(now); !t.IsZero() && len(times) < n; t = s.Prev(t) {
		times = append(times, t)
	}
	return times
}

func fireTextOf(t, now time.Time) fireText {
	return fireText{t.UTC().Format(time.RFC3339Nano), t.Format(time.RFC3339Nano), relative(t.Sub(now))}
}

// canonicalForm is a schedule as `palyra schedule explain` takes it.
func canonicalForm(spec schedule.Spec) string {
	switch spec.Kind {
	case schedule.Every:
		return "every " + spec.Expr
	case schedule.Delay:
		return spec.Expr + " after each completion"
	case schedule.Manual:
		return "on demand"
	default:
		return spec.Expr
	}
}

func (a *app) drawExplanation(e explanation, shifts []shift, now time.Time, next, prev []time.Time) {
	facts(a.out, "Schedule", e.Canonical, "English", e.English, "Zone", e.Zone)
	a.drawFires("NEXT", next, shifts, now)
	a.drawFires("PREVIOUS", prev, shifts, now)
	if len(shifts) > 0 {
		fmt.Fprintln(a.out, "\nClock changes in the coming year")
	}
	for _, s := range shifts {
		fmt.Fprintln(a.out, "  ! "+s.text)
	}
	if len(e.Lint) > 0 {
		fmt.Fprintln(a.out, "\nNotes")
	}
	for _, hint := range e.Lint {
		fmt.Fprintln(a.out, "  "+hint)
	}
}

func (a *app) drawFires(head string, times []time.Time, shifts []shift, now time.Time) {
	fmt.Fprintln(a.out)
	if len(times) == 0 {
		fmt.Fprintln(a.out, head+"  none")
		return
	}
	var rows [][]string
	for _, t := range times {
		away := relative(t.Sub(now))
		if slices.ContainsFunc(shifts, func(s shift) bool { return slices.ContainsFunc(s.fires, t.Equal) }) {
			away += "  ! the clocks change"
		}
		rows = append(rows, []string{t.Format("Mon 2006-01-02 15:04:05 MST"), t.UTC().Format("2006-01-02 15:04:05"), away})
	}
	table(a.out, []string{head, "UTC", "IN"}, rows)
}
