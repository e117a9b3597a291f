package job

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/palyra-go/palyra/host/schedule"
)

// Verdict says in one word what is known of an instant of a job.
type Verdict string

// The verdicts.
const (
	Recorded Verdict = "recorded"  // a row of the journal covers it
	NoFire   Verdict = "no_fire"   // it is no nominal time
	Future   Verdict = "future"    // it is a nominal time to come
	Unborn   Verdict = "unborn"    // the job was not there yet
	Held     Verdict = "paused"    // it has come while the job is paused
	Pending  Verdict = "pending"   // it has come, and is not written yet
	Edited   Verdict = "edited"    // the schedule as it is has it, that of the time had not
	Trimmed  Verdict = "trimmed"   // its record is beyond the retention
	NoRecord Verdict = "no_record" // it should have a record, and has none
)

// writing is how long a nominal time that has come may be without a record
// before that is worth a word.
const writing = 10 * time.Second

// Instant is what is known of an instant of a job.
type Instant struct {
	Job           *Job
	At            time.Time // a nominal time, or the instant that was asked about
	Nominal       bool      // At is a time of the schedule as it is
	Fire          time.Time // of a nominal time: At with its jitter
	Now           time.Time
	Zone          *time.Location
	Idle          string    // why the job does not fire, if that is not a pause
	Before, After *Run      // rows around At; Before may cover it
	Prev, Next    time.Time // times of the schedule as it is around At
	Again         *Run      // the latest run of At that a backfill began
	CatchUp       string    // why what was missed and is to run has not yet
	TrimmedTo     time.Time // runs that ended up to then may be gone
}

// Explain says in one sentence what became, or will become, of the instant.
func (i *Instant) Explain() (Verdict, string) {
	v, sentence := i.explain()
	if r := i.Again; r != nil {
		sentence += fmt.Sprintf(" A backfill ran it again: %s (%s%s, of %s).",
			uncapital(strings.TrimSuffix(r.Explain(i.Zone), ".")), r.ID, i.took(r), r.Parent)
	}
	return v, sentence
}

func (i *Instant) explain() (Verdict, string) {
	name, at := i.Job.Name, i.show(i.At)
	switch v := i.verdict(); v {
	case Recorded:
		return v, fmt.Sprintf("%s, due %s: %s", name, at, i.recorded())
	case NoFire:
		if i.Job.Schedule.Kind == schedule.Manual && i.Before == nil && i.After == nil {
			return v, fmt.Sprintf("%s is no fire of %s, which never fires by itself: it is started by hand or by another job.", at, name)
		}
		return v, fmt.Sprintf("%s is no fire of %s: %s, %s.", at, name, i.before(), i.after())
	case Future:
		return v, i.future()
	case Unborn:
		return v, fmt.Sprintf("At %s there was no %s: it was created %s.", at, name, i.show(i.Job.Created))
	case Held:
		return v, fmt.Sprintf("%s, due %s: skipped, since the job is paused%s; the journal gets one row for all such times when it is resumed or edited.",
			name, at, i.pauseReason())
	case Pending:
		return v, fmt.Sprintf("%s, due %s: no record exists yet, %s.", name, at, i.pending())
	case Edited:
		return v, fmt.Sprintf("%s, %s: no record exists; the schedule has this time now, but the job was edited %s (generation %d), "+
			"and an edit makes nothing fire that was before it.", name, at, i.show(i.Job.Updated), i.Job.Generation)
	case Trimmed:
		return v, fmt.Sprintf("%s, due %s: no record is left; runs that ended up to %s are beyond the retention, and were trimmed.",
			name, at, i.show(i.TrimmedTo))
	default:
		return v, fmt.Sprintf("%s, due %s: no record exists, though the job counts as accounted for up to %s.",
			name, at, i.show(i.Job.Cursor))
	}
}

func (i *Instant) verdict() Verdict {
	switch {
	case i.Record() != nil:
		return Recorded
	case i.At.Before(i.Job.Created) && i.Before == nil:
		return Unborn
	case !i.Nominal:
		return NoFire
	}
	return i.missing(i.At, i.Fire)
}

// Record returns the row of the journal that covers the instant, nil if there is
// none.
func (i *Instant) Record() *Run {
	r := i.Before
	if r == nil || r.Last.Before(i.At) {
		return nil
	}
	if r.Count > 1 && !i.Nominal && !i.At.Equal(r.Due) && !i.At.Equal(r.Last) {
		return nil // among the times of a range
	}
	return r
}

// missing says why a nominal time has no record.
func (i *Instant) missing(at, fire time.Time) Verdict {
	switch {
	case fire.After(i.Now):
		return Future
	case i.trimmed(at):
		return Trimmed
	case !at.After(i.Job.Created):
		return Unborn
	case i.Job.Paused && at.After(i.Job.Cursor):
		return Held
	case at.After(i.Job.Cursor) || i.Now.Sub(fire) < writing:
		return Pending
	case i.Job.Generation > 1 && !at.After(i.Job.Updated):
		return Edited
	}
	return NoRecord
}

func (i *Instant) trimmed(at time.Time) bool {
	return at.After(i.Job.Created) && !at.After(i.TrimmedTo)
}

func (i *Instant) show(t time.Time) string { return t.In(i.Zone).Format(stamp) }

// beside shows a time near At, without its date if that is the same.
func (i *Instant) beside(t time.Time) string {
	if t.In(i.Zone).Format(time.DateOnly) == i.At.In(i.Zone).Format(time.DateOnly) {
		return t.In(i.Zone).Format(time.TimeOnly)
	}
	return i.show(t)
}

// recorded is what became of the instant by its row, with the row's id.
func (i *Instant) recorded() string {
	r := i.Record()
	evidence := string(r.ID) + i.took(r)
	if r.Count > 1 {
		because := skippedBecause(r.Reason)
		if r.State == Missed {
			because = missedBecause(r.Reason)
		}
		return fmt.Sprintf("%s, one of %d times from %s to %s: %s (%s).",
			r.State, r.Count, i.beside(r.Due), i.beside(r.Last), because, evidence)
	}
	return uncapital(strings.TrimSuffix(r.Explain(i.Zone), ".")) + " (" + evidence + ")."
}

// took is when a run started and how long it took, if it did.
func (i *Instant) took(r *Run) string {
	if r.Started.IsZero() {
		return ""
	}
	text := ", started " + i.beside(r.Started)
	if !r.Ended.IsZero() {
		text += ", took " + r.Ended.Sub(r.Started).Round(time.Millisecond).String()
	}
	return text
}

func uncapital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return strings.ToLower(string(first)) + s[size:]
}

func (i *Instant) before() string {
	if r := i.Before; r != nil {
		if !r.Last.Before(i.At) {
			return fmt.Sprintf("it lies among %d times from %s to %s that were %s", r.Count, i.beside(r.Due), i.beside(r.Last), gist(r))
		}
		if !r.Last.Before(i.Prev) || !i.Prev.After(i.Job.Updated) {
			return fmt.Sprintf("the time before is %s (%s)", i.beside(r.Last), gist(r))
		}
	}
	if i.Prev.IsZero() || !i.Prev.After(i.Job.Created) {
		return "there is none before"
	}
	return fmt.Sprintf("the time before is %s (%s)", i.beside(i.Prev), i.status(i.Prev))
}

func (i *Instant) after() string {
	if r := i.Before; r != nil && !i.Next.IsZero() && !i.Next.After(r.Last) {
		return fmt.Sprintf("the next is %s, one of them", i.beside(i.Next))
	}
	if r := i.After; r != nil && (!i.Next.Before(r.Due) || !i.Next.After(i.Job.Updated)) {
		return fmt.Sprintf("the next is %s (%s)", i.beside(r.Due), gist(r))
	}
	switch {
	case i.Next.IsZero() && i.Idle != "" && i.Idle != "over":
		return "the next is not known (" + i.Idle + ")"
	case i.Next.IsZero():
		return "there is none after"
	}
	return fmt.Sprintf("the next is %s (%s)", i.beside(i.Next), i.status(i.Next))
}

// gist is what became of a run in a few words.
func gist(r *Run) string {
	what := string(r.State)
	if r.Reason != "" && string(r.Reason) != what {
		what += ":" + string(r.Reason)
	}
	return what + ", " + string(r.ID)
}

// status is what is known of a time beside the instant that has no record.
func (i *Instant) status(at time.Time) string {
	switch i.missing(at, at) {
	case Future:
		if i.Job.Paused && (i.Job.PauseUntil.IsZero() || at.Before(i.Job.PauseUntil)) {
			return "to come, paused"
		}
		return "to come"
	case Trimmed:
		return "beyond the retention"
	case Unborn:
		return "before the job was created"
	case Held:
		return "skipped, the job is paused"
	case Pending:
		return "not written yet"
	case Edited:
		return "before the last edit"
	default:
		return "no record exists"
	}
}

func (i *Instant) future() string {
	name, at := i.Job.Name, i.show(i.At)
	switch {
	case i.Job.Paused && (i.Job.PauseUntil.IsZero() || i.At.Before(i.Job.PauseUntil)):
		return fmt.Sprintf("%s, due %s: will be skipped unless it is resumed before, since the job is paused%s.", name, at, i.pauseReason())
	case i.Idle != "":
		return fmt.Sprintf("%s, due %s: will not fire as things are: %s.", name, at, i.Idle)
	}
	late := ""
	if i.Fire.After(i.At) {
		late = ", with its jitter at " + i.Fire.In(i.Zone).Format("15:04:05.000")
	}
	return fmt.Sprintf("%s will fire at %s%s, unless it is paused, edited or deleted before, or judged otherwise then.", name, at, late)
}

func (i *Instant) pauseReason() string {
	text := ""
	if !i.Job.PauseUntil.IsZero() {
		text = " until " + i.show(i.Job.PauseUntil)
	}
	if i.Job.PauseReason != "" {
		text += " (" + i.Job.PauseReason + ")"
	}
	return text
}

// pending says why a nominal time that has come has no record yet.
func (i *Instant) pending() string {
	switch {
	case i.CatchUp != "":
		return "it was missed and is to be caught up, if it is not too old by then: " + i.CatchUp
	case i.Now.Sub(i.Fire) < writing:
		return "it is being decided or written"
	case i.Idle != "":
		return "the job does not fire as things are: " + i.Idle
	}
	return "though it is overdue: the job is accounted for up to " + i.show(i.Job.Cursor)
}
