package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/schedule"
)

// jobTimes are the flags that say more about a schedule. An empty value, given
// to an update, takes one away.
type jobTimes struct {
	jitter, start, end string
	except, onExcluded string
	dstGap, dstOverlap string
	maxRuns            int64
	startTime, endTime time.Time // start and end, read
}

func (f *jobTimes) define(flags *pflag.FlagSet) {
	flags.StringVar(&f.jitter, "jitter", "", "fire later by a part of this (30s), the same for ever for each time")
	flags.StringVar(&f.start, "start", "", "none before this instant, RFC 3339 (2030-01-01T00:00:00Z)")
	flags.StringVar(&f.end, "end", "", "none after this instant, RFC 3339")
	flags.Int64Var(&f.maxRuns, "max-runs", 0, "so many times at most, from --start on (--every: from its creation)")
	flags.StringVar(&f.except, "except", "", `of --cron, days left out: "2026-12-24; 2026-12-27/2026-12-31; * * * * SAT,SUN"`)
	flags.StringVar(&f.onExcluded, "on-excluded", "", "a time on a day left out: skip, or move to the next-workday (default skip)")
	flags.StringVar(&f.dstGap, "dst-gap", "", "of --cron with fixed times, one that the clock jumps over: next or skip (default next: when the jump ends)")
	flags.StringVar(&f.dstOverlap, "dst-overlap", "", "of --cron with fixed times, one that the clock shows twice: first, second or both (default first)")
}

func (f *jobTimes) complete(c *cobra.Command) {
	for _, choice := range f.choices() {
		_ = c.RegisterFlagCompletionFunc(choice.flag, oneOf(choice.of...))
	}
}

type choice struct {
	flag, value string
	of          []string
}

func (f *jobTimes) choices() []choice {
	return []choice{
		{"on-excluded", f.onExcluded, []string{"skip", "next-workday"}},
		{"dst-gap", f.dstGap, []string{"next", "skip"}},
		{"dst-overlap", f.dstOverlap, []string{"first", "second", "both"}},
	}
}

// check reads what can be read without knowing the schedule.
func (f *jobTimes) check() error {
	for _, c := range f.choices() {
		if c.value != "" && !slices.Contains(c.of, c.value) {
			return fail(exitUsage, "", "--%s %q: want %s", c.flag, c.value, strings.Join(c.of, " or "))
		}
	}
	for _, t := range []struct {
		flag, text string
		to         *time.Time
	}{{"start", f.start, &f.startTime}, {"end", f.end, &f.endTime}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			return fail(exitUsage, "for example --"+t.flag+" 2030-01-01T00:00:00+01:00", "--%s %q: want an RFC 3339 time, with its offset", t.flag, t.text)
		}
		*t.to = at
	}
	if f.maxRuns < 0 {
		return fail(exitUsage, "", "--max-runs %d: want 1 or more", f.maxRuns)
	}
	return nil
}

// apply adds to a schedule what the flags say.
func (f *jobTimes) apply(spec *schedule.Spec) error {
	if err := f.check(); err != nil {
		return err
	}
	for _, option := range []struct {
		to    *string
		value string
	}{
		{&spec.Jitter, f.jitter},
		{&spec.Except, f.except},
		{&spec.OnExcluded, f.onExcluded},
		{&spec.DSTGap, f.dstGap},
		{&spec.DSTOverlap, f.dstOverlap},
	} {
		if option.value != "" {
			*option.to = option.value
		}
	}
	if f.start != "" {
		spec.Start = f.startTime
	}
	if f.end != "" {
		spec.End = f.endTime
	}
	if f.maxRuns != 0 {
		spec.MaxRuns = f.maxRuns
	}
	return nil
}

// update adds what the flags say to the schedule of a change, and names the
// fields that they set or take away.
func (f *jobTimes) update(j *api.Job, flags *pflag.FlagSet) ([]string, error) {
	var fields []string
	for _, name := range []string{"jitter", "start", "end", "max-runs", "except", "on-excluded", "dst-gap", "dst-overlap"} {
		if flags.Changed(name) {
			fields = append(fields, "schedule."+strings.ReplaceAll(name, "-", "_"))
		}
	}
	if len(fields) == 0 {
		return nil, nil
	}
	spec := specOf(j.GetSchedule())
	if err := f.apply(&spec); err != nil {
		return nil, err
	}
	j.Schedule = scheduleOf(spec)
	return fields, nil
}

// scheduleOf is a schedule as the API carries it, without anchor.
func scheduleOf(s schedule.Spec) *api.Schedule {
	p := &api.Schedule{
		Kind: string(s.Kind), Expr: s.Expr, Zone: s.Zone, DstGap: s.DSTGap, DstOverlap: s.DSTOverlap, MaxRuns: s.MaxRuns,
		Except: s.Except, OnExcluded: s.OnExcluded, Jitter: s.Jitter, Key: s.Key,
	}
	if !s.Start.IsZero() {
		p.Start = timestamppb.New(s.Start)
	}
	if !s.End.IsZero() {
		p.End = timestamppb.New(s.End)
	}
	return p
}

func specOf(s *api.Schedule) schedule.Spec {
	spec := schedule.Spec{
		Kind: schedule.Kind(s.GetKind()), Expr: s.GetExpr(), Zone: s.GetZone(), DSTGap: s.GetDstGap(), DSTOverlap: s.GetDstOverlap(),
		MaxRuns: s.GetMaxRuns(), Except: s.GetExcept(), OnExcluded: s.GetOnExcluded(), Jitter: s.GetJitter(), Key: s.GetKey(),
	}
	for _, t := range []struct {
		from *timestamppb.Timestamp
		to   *time.Time
	}{{s.GetAnchor(), &spec.Anchor}, {s.GetStart(), &spec.Start}, {s.GetEnd(), &spec.End}} {
		if t.from != nil {
			*t.to = t.from.AsTime()
		}
	}
	return spec
}

// following returns the time after t, zero if nobody knows it yet: that of a
// delay depends on when its run ends.
func following(s *schedule.Schedule, t time.Time) time.Time {
	if s.Spec().Kind == schedule.Delay {
		return time.Time{}
	}
	return s.Next(t)
}
