package scheduler

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2030-01-"+clock)
	if err != nil {
		panic(err)
	}
	return t
}

// show says firings in one line each: "[state:reason first-last xN] trigger due".
func show(firings []job.Firing) string {
	const form = "02 15:04:05"
	var lines []string
	for _, f := range firings {
		var words, after []string
		for _, r := range f.Missed {
			words = append(words, fmt.Sprintf("[%s:%s %s to %s x%d]", r.State, r.Reason, r.First.Format(form), r.Last.Format(form), r.Count))
		}
		last := f.Due
		for _, r := range f.After {
			after = append(after, fmt.Sprintf("[%s:%s %s to %s x%d]", r.State, r.Reason, r.First.Format(form), r.Last.Format(form), r.Count))
			last = r.Last
		}
		if !f.Due.IsZero() {
			words = append(words, string(f.Trigger)+" "+f.Due.Format(form))
			if !f.Cursor.Equal(last) || !f.Fire.Equal(f.Due) {
				words = append(words, "cursor or fire is not due")
			}
			words = append(words, after...)
		} else if n := len(f.Missed); !f.Cursor.Equal(f.Missed[n-1].Last) {
			words = append(words, "cursor is not the last")
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return strings.Join(lines, "\n")
}

func TestPlan(t *testing.T) {
	minutely, hourly := schedule.Spec{Kind: schedule.Cron, Expr: "* * * * *"}, schedule.Spec{Kind: schedule.Cron, Expr: "0 * * * *"}
	once := schedule.Spec{Kind: schedule.At, Expr: "2030-01-01T12:00:00Z"}
	secondly := schedule.Spec{Kind: schedule.Every, Expr: "1s", Anchor: at("01 00:00:00")}
	catchUp := job.Misfire{Policy: job.CatchUp}
	for name, c := range map[string]struct {
		spec        schedule.Spec
		misfire     job.Misfire
		allow       bool // concurrency; else forbid, as for replace and queue-one
		paused      bool
		cursor, now string
		want        string
	}{
		"nothing is due":                  {spec: hourly, cursor: "01 12:00:00", now: "01 12:59:59", want: ""},
		"on the dot":                      {spec: hourly, cursor: "01 12:00:00", now: "01 13:00:00", want: "timer 01 13:00:00"},
		"as late as the grace":            {spec: hourly, cursor: "01 12:00:00", now: "01 13:01:00", want: "timer 01 13:00:00"},
		"later than the grace":            {spec: hourly, cursor: "01 12:00:00", now: "01 13:01:01", want: "[missed:misfire 01 13:00:00 to 01 13:00:00 x1]"},
		"a week, skipped":                 {spec: hourly, cursor: "01 12:00:00", now: "08 12:30:00", want: "[missed:misfire 01 13:00:00 to 08 12:00:00 x168]"},
		"a week, then on time":            {spec: hourly, cursor: "01 12:00:00", now: "08 12:00:30", want: "[missed:misfire 01 13:00:00 to 08 11:00:00 x167] timer 08 12:00:00"},
		"allow: a week, then on time":     {spec: hourly, allow: true, cursor: "01 12:00:00", now: "08 12:00:30", want: "[missed:misfire 01 13:00:00 to 08 11:00:00 x167]\ntimer 08 12:00:00"},
		"newest of several in grace":      {spec: minutely, cursor: "01 12:00:00", now: "01 12:02:00", want: "[missed:coalesced 01 12:01:00 to 01 12:01:00 x1] timer 01 12:02:00"},
		"allow: each of several in grace": {spec: minutely, allow: true, cursor: "01 12:00:00", now: "01 12:02:00", want: "timer 01 12:01:00\ntimer 01 12:02:00"},
		"a wide grace":                    {spec: hourly, misfire: job.Misfire{Grace: 2 * time.Hour}, cursor: "01 12:00:00", now: "01 14:30:00", want: "[missed:coalesced 01 13:00:00 to 01 13:00:00 x1] timer 01 14:00:00"},
		"allow: a wide grace":             {spec: hourly, allow: true, misfire: job.Misfire{Grace: 2 * time.Hour}, cursor: "01 12:00:00", now: "01 14:30:00", want: "timer 01 13:00:00\ntimer 01 14:00:00"},
		"caught up, one missed":           {spec: hourly, misfire: catchUp, cursor: "01 12:00:00", now: "01 13:30:00", want: "catch-up 01 13:00:00"},
		"caught up, two missed":           {spec: hourly, misfire: catchUp, cursor: "01 12:00:00", now: "01 14:30:00", want: "[missed:coalesced 01 13:00:00 to 01 13:00:00 x1] catch-up 01 14:00:00"},
		"caught up, beyond window":        {spec: hourly, misfire: catchUp, cursor: "01 12:00:00", now: "08 12:30:00", want: "[missed:window 01 13:00:00 to 07 12:00:00 x144] [missed:coalesced 07 13:00:00 to 08 11:00:00 x23] catch-up 08 12:00:00"},
		"caught up, newest on time":       {spec: hourly, misfire: catchUp, cursor: "01 00:00:00", now: "02 14:00:00", want: "[missed:window 01 01:00:00 to 01 13:00:00 x13] [missed:coalesced 01 14:00:00 to 02 13:00:00 x24] timer 02 14:00:00"},
		"allow: caught up, window edge":   {spec: hourly, allow: true, misfire: job.Misfire{Policy: job.CatchUp, Window: time.Hour}, cursor: "01 12:00:00", now: "01 14:00:00", want: "catch-up 01 13:00:00\ntimer 01 14:00:00"},
		"caught up, all too old":          {spec: once, misfire: catchUp, cursor: "01 00:00:00", now: "03 00:00:00", want: "[missed:window 01 12:00:00 to 01 12:00:00 x1]"},
		"window inside the grace":         {spec: minutely, misfire: job.Misfire{Policy: job.CatchUp, Window: time.Second}, cursor: "01 12:00:00", now: "01 12:03:30", want: "[missed:window 01 12:01:00 to 01 12:02:00 x2] timer 01 12:03:00"},
		"an instant":                      {spec: once, cursor: "01 00:00:00", now: "01 12:00:01", want: "timer 01 12:00:00"},
		"an instant, over":                {spec: once, cursor: "01 12:00:00", now: "02 12:00:00", want: ""},
		"an instant, caught up":           {spec: once, misfire: catchUp, cursor: "01 00:00:00", now: "01 20:00:00", want: "catch-up 01 12:00:00"},
		"paused":                          {spec: hourly, paused: true, cursor: "01 12:00:00", now: "02 12:00:00", want: "[skipped:paused 01 13:00:00 to 02 12:00:00 x24]"},
		"paused, nothing passed":          {spec: hourly, paused: true, cursor: "01 12:00:00", now: "01 12:59:00", want: ""},
		"the clock went back":             {spec: hourly, cursor: "01 12:00:00", now: "01 10:30:00", want: ""},
		"a cursor between nominals":       {spec: hourly, cursor: "01 12:34:56", now: "01 13:00:00", want: "timer 01 13:00:00"},
		"a month of seconds":              {spec: secondly, misfire: job.Misfire{Grace: time.Second}, cursor: "01 00:00:00", now: "31 00:00:00", want: "[missed:misfire 01 00:00:01 to 30 23:59:58 x2591998] [missed:coalesced 30 23:59:59 to 30 23:59:59 x1] timer 31 00:00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := schedule.Parse(c.spec)
			if err != nil {
				t.Fatal(err)
			}
			j := job.Job{Misfire: c.misfire, Paused: c.paused}
			if c.allow {
				j.Concurrency.Policy = job.Allow
			}
			j = j.WithDefaults()
			if got := show(plan(&j, s, at(c.cursor), at(c.now))); got != c.want {
				t.Errorf("plan:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

// However a stretch of time is cut into plans, each nominal time is accounted
// for once and in order.
func TestPlanCoversEachNominalTimeOnce(t *testing.T) {
	s, err := schedule.Parse(schedule.Spec{Kind: schedule.Cron, Expr: "*/7 * * * *"})
	if err != nil {
		t.Fatal(err)
	}
	for _, policy := range []job.Job{
		{Misfire: job.Misfire{Policy: job.Skip}},
		{Misfire: job.Misfire{Policy: job.CatchUp}},
		{Misfire: job.Misfire{Policy: job.Skip}, Concurrency: job.Concurrency{Policy: job.Allow}},
		{Misfire: job.Misfire{Policy: job.CatchUp}, Concurrency: job.Concurrency{Policy: job.Allow}},
	} {
		for _, step := range []time.Duration{13 * time.Second, 4 * time.Minute, time.Hour, 40 * time.Hour} {
			j := policy.WithDefaults()
			j.Misfire.Grace = 20 * time.Minute
			policy := fmt.Sprint(j.Misfire.Policy, " ", j.Concurrency.Policy)
			cursor, end := at("01 00:00:00"), at("15 00:00:00")
			next := s.Next(cursor)
			account := func(first, last time.Time, count int64) {
				for range count {
					if !first.Equal(next) {
						t.Fatalf("%s step %v: accounts for %v, want %v", policy, step, first, next)
					}
					if count == 1 && !last.Equal(first) {
						t.Fatalf("%s step %v: one time from %v to %v", policy, step, first, last)
					}
					next = s.Next(next)
					first = next
				}
			}
			for now := cursor; !now.After(end); now = now.Add(step) {
				for _, f := range plan(&j, s, cursor, now) {
					for _, r := range f.Missed {
						account(r.First, r.Last, r.Count)
					}
					if !f.Due.IsZero() {
						account(f.Due, f.Due, 1)
					}
					cursor = f.Cursor
				}
			}
			if !next.After(end.Add(-step)) {
				t.Errorf("%s step %v: accounted up to %v only", policy, step, next)
			}
		}
	}
}

func TestPlanIsBounded(t *testing.T) {
	s, err := schedule.Parse(schedule.Spec{Kind: schedule.Every, Expr: "1s", Anchor: at("01 00:00:00")})
	if err != nil {
		t.Fatal(err)
	}
	j := job.Job{Misfire: job.Misfire{Grace: time.Hour}, Concurrency: job.Concurrency{Policy: job.Allow}}.WithDefaults()
	cursor, total := at("01 00:00:00"), 0
	for {
		firings := plan(&j, s, cursor, at("01 00:05:00"))
		if len(firings) == 0 {
			break
		}
		if len(firings) > burst {
			t.Fatalf("a plan of %d firings, want at most %d", len(firings), burst)
		}
		total += len(firings)
		cursor = firings[len(firings)-1].Cursor
	}
	if total != 300 {
		t.Errorf("%d occurrences in five minutes, want 300", total)
	}
}
