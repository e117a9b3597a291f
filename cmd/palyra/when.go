package main

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/schedule"
)

const stamp = "2006-01-02 15:04:05 MST"

// zoneOf is the zone in which a job's schedule is written: its own if it is a
// cron job, else that of whoever reads.
func zoneOf(s *api.Schedule) *time.Location {
	if s.GetKind() == string(schedule.Cron) {
		if compiled, err := schedule.Parse(specOf(s)); err == nil {
			return compiled.Location()
		}
	}
	return time.Local
}

// when is an instant with how far away it is.
func (a *app) when(t *timestamppb.Timestamp, zone *time.Location) string {
	if t == nil {
		return ""
	}
	return fmt.Sprintf("%s (%s)", t.AsTime().In(zone).Format(stamp), relative(t.AsTime().Sub(a.now())))
}

// at is an instant alone.
func at(t *timestamppb.Timestamp, zone *time.Location) string {
	if t == nil {
		return ""
	}
	return t.AsTime().In(zone).Format(stamp)
}

// relative says how far away an instant is: "in 4m58s", "3d2h ago", "now".
func relative(d time.Duration) string {
	switch {
	case d >= time.Second:
		return "in " + span(d)
	case d <= -time.Second:
		return span(-d) + " ago"
	}
	return "now"
}

// span is a length of time in its two largest units.
func span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second && d%time.Second >= 10*time.Millisecond:
		return fmt.Sprintf("%.2gs", d.Truncate(10*time.Millisecond).Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return two(d, time.Minute, "m", time.Second, "s")
	case d < 24*time.Hour:
		return two(d, time.Hour, "h", time.Minute, "m")
	}
	return two(d, 24*time.Hour, "d", time.Hour, "h")
}

func two(d, large time.Duration, l string, small time.Duration, s string) string {
	if rest := d % large / small; rest > 0 {
		return fmt.Sprintf("%d%s%d%s", d/large, l, rest, s)
	}
	return fmt.Sprintf("%d%s", d/large, l)
}

// took is how long it was from one instant to another.
func took(from, to *timestamppb.Timestamp) string {
	if from == nil || to == nil {
		return ""
	}
	return span(to.AsTime().Sub(from.AsTime()))
}

// milliseconds is a length of time that the API carries.
func milliseconds(ms int64) string {
	return (time.Duration(ms) * time.Millisecond).String()
}
