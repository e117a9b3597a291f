package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

// Explain says in one sentence what became, or will become, of an instant.
func (s runs) Explain(ctx context.Context, req *api.ExplainRequest) (*api.Explanation, error) {
	j, err := s.job(ctx, "run.view", req.GetJob())
	if err != nil {
		return nil, err
	}
	compiled, err := s.parser.Parse(j.Schedule)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	at, width, err := parseInstant(req.GetTime(), now.In(compiled.Location()))
	if err != nil {
		return nil, problem(Invalid, "for example 2030-01-31T14:03:15+01:00, 14:03 or \"yesterday 14:03:15\"", "%v", err)
	}
	i := &job.Instant{Job: j, At: at, Now: now, Zone: compiled.Location(), Idle: s.Times.Idle(j.ID), CatchUp: s.Times.CatchUp(j.ID)}
	if err := s.look(ctx, i, compiled, width); err != nil {
		return nil, err
	}
	verdict, sentence := i.Explain()
	p := &api.Explanation{
		Job: j.Name, At: fromTime(i.At), Zone: i.Zone.String(), Verdict: string(verdict), Sentence: sentence,
		Previous: fromTime(i.Prev), Next: fromTime(i.Next),
	}
	if r := i.Record(); r != nil {
		p.Run = fromRun(r, i.Zone)
	} else if i.Before != nil {
		p.Before = fromRun(i.Before, i.Zone)
	}
	if i.After != nil {
		p.After = fromRun(i.After, i.Zone)
	}
	return p, nil
}

// look finds what there is about an instant, which stands for all within width:
// who names a second means what was due in it.
func (s runs) look(ctx context.Context, i *job.Instant, compiled *schedule.Schedule, width time.Duration) (err error) {
	next, prev := compiled.Next, compiled.Prev
	if compiled.Spec().Kind == schedule.Delay {
		next, prev = known(s.Times.Next(i.Job.ID))
	}
	until := i.At.Add(width)
	if n := next(i.At.Add(-1)); !n.IsZero() && n.Before(until) {
		i.At, i.Nominal, i.Fire = n, true, compiled.Fire(string(i.Job.ID), n)
	}
	if i.Before, i.After, err = s.Records.Around(ctx, i.Job.ID, i.At); err != nil {
		return err
	}
	if a := i.After; !i.Nominal && a != nil && a.Due.Before(until) {
		i.At = a.Due
		if i.Before, i.After, err = s.Records.Around(ctx, i.Job.ID, i.At); err != nil {
			return err
		}
	}
	if i.Again, err = s.Backfilled.Backfilled(ctx, i.Job.ID, i.At); err != nil {
		return err
	}
	i.Prev, i.Next = prev(i.At), next(i.At)
	i.TrimmedTo, err = s.Records.TrimmedTo(ctx)
	return err
}

// known are the times around an instant of a delay, of which one is known at
// most.
func known(at time.Time) (next, prev func(time.Time) time.Time) {
	next = func(t time.Time) time.Time {
		if at.After(t) {
			return at
		}
		return time.Time{}
	}
	prev = func(t time.Time) time.Time {
		if at.Before(t) {
			return at
		}
		return time.Time{}
	}
	return next, prev
}

// parseInstant reads RFC 3339 or [DAY] HH:MM[:SS], where DAY is a date, today,
// yesterday or tomorrow, in the zone of now; and how much of time it names.
func parseInstant(text string, now time.Time) (at time.Time, width time.Duration, err error) {
	text = strings.Join(strings.Fields(text), " ")
	at, err = time.Parse(time.RFC3339Nano, text)
	if err != nil {
		at, err = onTheWall(text, now)
	}
	switch {
	case err != nil:
		return time.Time{}, 0, err
	case at.UTC().Year() < 1970 || at.UTC().Year() > 9999:
		return time.Time{}, 0, fmt.Errorf("time %q: want one from 1970 to 9999", text)
	case at.Nanosecond() != 0:
		return at, 1, nil
	}
	return at, time.Second, nil
}

func onTheWall(text string, now time.Time) (time.Time, error) {
	date, clock, found := strings.Cut(text, " ")
	if !found {
		date, clock = "today", text
	}
	day := now
	switch date {
	case "today":
	case "yesterday":
		day = now.AddDate(0, 0, -1)
	case "tomorrow":
		day = now.AddDate(0, 0, 1)
	default:
		var err error
		if day, err = time.Parse(time.DateOnly, date); err != nil {
			return time.Time{}, wrongTime(text)
		}
	}
	of, err := time.Parse("15:04:05", clock)
	if err != nil {
		of, err = time.Parse("15:04", clock)
	}
	if err != nil {
		return time.Time{}, wrongTime(text)
	}
	at := time.Date(day.Year(), day.Month(), day.Day(), of.Hour(), of.Minute(), of.Second(), of.Nanosecond(), now.Location())
	if at.Hour() != of.Hour() || at.Minute() != of.Minute() {
		return time.Time{}, fmt.Errorf("time %q: the clock of %s jumps over it that day", text, now.Location())
	}
	return at, nil
}

func wrongTime(text string) error {
	return fmt.Errorf("time %q: want RFC 3339, or HH:MM[:SS] of today, alone or after a date, yesterday or tomorrow", text)
}
