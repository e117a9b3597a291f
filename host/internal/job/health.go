package job

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/schedule"
)

// Health is what is known of a job when somebody looks at it.
type Health struct {
	Now   time.Time
	Runs  []*Run // the latest, newest first
	All   bool   // there are no older ones
	Skill string // what is wrong with its skill, if anything is
}

// looked is of how many occurrences, and of how many durations, warnings speak.
const looked = 20

// Warnings says what about a job needs a look: that its skill cannot run, that it
// outlasts its interval, that it fails or is denied time after time, that it
// never ran.
func (j *Job) Warnings(h Health) []string {
	var list []string
	for _, w := range []string{h.Skill, j.outlasts(h), failing(h), denied(h), j.neverRan(h)} {
		if w != "" {
			list = append(list, w)
		}
	}
	return list
}

// outlasts says that the runs of a job take longer than there is between two of
// its nominal times, and what that did to them.
func (j *Job) outlasts(h Health) string {
	lost := crowded(h.Runs)
	interval := j.interval(h.Now)
	if interval == 0 {
		return ""
	}
	average, executing := lengths(h)
	switch {
	case j.Concurrency.Policy == Allow && lost == "": // they are meant to go side by side
		return ""
	case average > interval:
		return joined(fmt.Sprintf("its runs take %s on average, longer than its interval of %s", rough(average), rough(interval)), lost)
	case executing > interval:
		return joined(fmt.Sprintf("its run has been executing for %s, longer than its interval of %s", rough(executing), rough(interval)), lost)
	}
	return lost
}

func joined(what, evidence string) string {
	return strings.TrimSuffix(what+": "+evidence, ": ")
}

// interval is the time that lies between two nominal times to come, as it most
// often does; 0 if that is nothing to measure a run by.
func (j *Job) interval(now time.Time) time.Duration {
	s, err := schedule.Parse(j.Schedule)
	if err != nil || j.Schedule.Kind != schedule.Cron && j.Schedule.Kind != schedule.Every {
		return 0
	}
	var gaps []time.Duration
	last := s.Next(now)
	for range 9 {
		next := s.Next(last)
		if last.IsZero() || next.IsZero() {
			break
		}
		gaps = append(gaps, next.Sub(last))
		last = next
	}
	if len(gaps) == 0 {
		return 0
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

// crowded says how many of the last occurrences did not run, or not to their end,
// because another run of the job was in the way.
func crowded(runs []*Run) string {
	var total int64
	lost := map[string]int64{}
	for _, r := range runs {
		if !r.Trigger.Scheduled() || !r.State.Terminal() || total == looked {
			continue
		}
		n := min(max(r.Count, 1), looked-total)
		total += n
		switch r.Reason {
		case ReasonOverlap, ReasonQueueFull, ReasonReplaced:
			lost[string(r.State)+":"+string(r.Reason)] += n
		}
	}
	worst := ""
	for what, n := range lost {
		if n > lost[worst] || n == lost[worst] && what < worst {
			worst = what
		}
	}
	if lost[worst] < 2 {
		return "" // once is an accident
	}
	return fmt.Sprintf("%d of the last %d occurrences were %s", lost[worst], total, worst)
}

// lengths returns how long the last runs took on average, and for how long one
// has been executing.
func lengths(h Health) (average, executing time.Duration) {
	var sum time.Duration
	n := 0
	for _, r := range h.Runs {
		switch {
		case r.Started.IsZero():
		case r.State == Running:
			executing = max(executing, h.Now.Sub(r.Started))
		case n < looked && (r.State == Succeeded || r.State == Failed || r.State == TimedOut):
			sum += r.Ended.Sub(r.Started)
			n++
		}
	}
	if n > 0 {
		average = sum / time.Duration(n)
	}
	return average, executing
}

// failing says that the runs of a job fail one after the other.
func failing(h Health) string {
	n, latest := 0, ""
	for _, r := range h.Runs {
		if r.State == Succeeded {
			break
		}
		if r.State.Failure() {
			latest = cmp.Or(latest, r.Error, string(r.Reason))
			n++
		}
	}
	if n < 3 {
		return ""
	}
	return fmt.Sprintf("its last %d runs failed, the latest: %s", n, brief(latest))
}

// denied says that a job is denied time after time.
func denied(h Health) string {
	var n int64
	why := ""
	for _, r := range h.Runs {
		if !r.State.Terminal() {
			continue
		}
		if r.State != Denied {
			break
		}
		why = cmp.Or(why, r.Error, string(r.Reason))
		n += max(r.Count, 1)
	}
	if n < 2 {
		return ""
	}
	return fmt.Sprintf("its last %d occurrences were denied, the latest: %s", n, brief(why))
}

// neverRan says that none of the nominal times of a job became a run.
func (j *Job) neverRan(h Health) string {
	if !h.All || j.Paused {
		return ""
	}
	var due int64
	for _, r := range h.Runs {
		if !r.Started.IsZero() || !r.State.Terminal() {
			return ""
		}
		due += max(r.Count, 1)
	}
	if due > 0 && h.Runs[0].State != Denied {
		return fmt.Sprintf("it has never run: none of its %d occurrences became a run, the latest is %s:%s", due, h.Runs[0].State, h.Runs[0].Reason)
	}
	if due > 0 {
		return "" // the denials say so
	}
	s, err := schedule.Parse(j.Schedule)
	if err != nil {
		return ""
	}
	since := j.Updated
	if j.Cursor.After(since) {
		since = j.Cursor
	}
	first := s.Next(since)
	if first.IsZero() || h.Now.Sub(first) < overdue {
		return ""
	}
	return "it has never run, though it was due at " + first.UTC().Format(time.RFC3339)
}

// overdue is for how long a nominal time may have no row without anything being
// wrong: jitter and a daemon that has much to do are no faults.
const overdue = 5 * time.Minute

// rough is a length of time to two digits or so.
func rough(d time.Duration) string {
	switch {
	case d >= time.Hour:
		d = d.Round(time.Minute)
	case d >= time.Second:
		d = d.Round(time.Second)
	default:
		return d.Round(time.Millisecond).String()
	}
	return schedule.Length(d)
}

// brief is the beginning of a text, on one line.
func brief(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 120 {
		return string(runes[:120]) + "…"
	}
	return text
}
