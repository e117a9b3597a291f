package main

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
)

// pauseEnd reads when a pause is to end: an instant, or a duration from now on;
// nil if it does not end by itself.
func (a *app) pauseEnd(until string) (*timestamppb.Timestamp, error) {
	if until == "" {
		return nil, nil
	}
	if d, err := time.ParseDuration(until); err == nil && d > 0 {
		return timestamppb.New(a.now().Add(d)), nil
	}
	end, err := time.Parse(time.RFC3339, until)
	if err != nil {
		return nil, fail(exitUsage, "for example --until 2h, or --until 2030-01-01T00:00:00+01:00",
			"--until %q: want a duration, or an RFC 3339 time with its offset", until)
	}
	return timestamppb.New(end), nil
}

// paused says that a job is paused, until when and why.
func (a *app) paused(j *api.Job) string {
	text := "paused"
	if j.GetPausedUntil() != nil {
		text += " until " + a.when(j.GetPausedUntil(), zoneOf(j.GetSchedule()))
	}
	if j.GetPauseReason() != "" {
		text += ": " + j.GetPauseReason()
	}
	return text
}
