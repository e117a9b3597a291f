package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/palyra-go/palyra/sdk"
)

// Health is how a host is and what about it is worth a warning.
type Health struct {
	OK       bool       `json:"ok"`
	Warnings []string   `json:"warnings"` // never null
	Text     string     `json:"text"`
	Status   sdk.Status `json:"status"`
}

// Summary implements sdk.Summarizer.
func (h Health) Summary() string { return h.Text }

// Below these a host is well.
const (
	lowDisk    = 0.05 // share of the disk that is free
	manyFailed = 0.25 // share of the runs that failed,
	fewRuns    = 4    // once there were so many
)

// Judge says how a host with this status is.
func Judge(s sdk.Status) Health {
	warnings := warnings(s)
	verdict := "All well"
	if len(warnings) > 0 {
		verdict = "Look after " + strings.Join(warnings, " and ")
	}
	return Health{
		OK:       len(warnings) == 0,
		Warnings: warnings,
		Text:     verdict + ": " + facts(s) + next(s) + ".",
		Status:   s,
	}
}

func warnings(s sdk.Status) []string {
	warnings := []string{}
	if s.DiskTotal > 0 && float64(s.DiskFree) < lowDisk*float64(s.DiskTotal) {
		warnings = append(warnings, fmt.Sprintf("the disk (%.0f%% free)", 100*float64(s.DiskFree)/float64(s.DiskTotal)))
	}
	if runs := s.Succeeded + s.Failed; runs >= fewRuns && float64(s.Failed) > manyFailed*float64(runs) {
		warnings = append(warnings, "the failing runs")
	}
	return warnings
}

func facts(s sdk.Status) string {
	runs := s.Succeeded + s.Failed
	noun := "runs"
	if runs == 1 {
		noun = "run"
	}
	text := fmt.Sprintf("%d %s since start %s ago (%d failed, %d denied)", runs, noun, span(s.Now.Sub(s.Started)), s.Failed, s.Denied)
	if s.Load1 > 0 {
		text += fmt.Sprintf(", load %.1f", s.Load1)
	}
	if s.DiskTotal > 0 {
		text += ", " + size(s.DiskFree) + " free"
	}
	return text
}

func next(s sdk.Status) string {
	if len(s.Next) == 0 {
		return "; nothing is scheduled"
	}
	soonest := slices.MinFunc(s.Next, func(a, b sdk.Fire) int { return a.At.Compare(b.At) })
	if !soonest.At.After(s.Now) {
		return "; next: " + soonest.Job + " now"
	}
	return "; next: " + soonest.Job + " in " + span(soonest.At.Sub(s.Now))
}

// span says a duration, rounded, in the largest unit it fills.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute-time.Second/2:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour-time.Minute/2:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// size says bytes in decimal units.
func size(bytes uint64) string {
	value, unit := float64(bytes), "B"
	for _, larger := range []string{"kB", "MB", "GB", "TB", "PB"} {
		if value < 999.5 {
			break
		}
		value, unit = value/1000, larger
	}
	if value < 9.95 && unit != "B" {
		return fmt.Sprintf("%.1f %s", value, unit)
	}
	return fmt.Sprintf("%.0f %s", value, unit)
}
