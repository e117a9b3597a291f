package job

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// stamp is how an instant reads in an explanation.
const stamp = "2006-01-02 15:04:05 MST"

// Explain says in one sentence what became of the run and why, with instants in
// zone.
func (r *Run) Explain(zone *time.Location) string {
	switch r.State {
	case Queued:
		if !r.Retry.IsZero() {
			return fmt.Sprintf("Waits for attempt %d at %s.", r.Attempt+1, r.Retry.In(zone).Format(stamp))
		}
		return "Queued: waits for a free place."
	case Running:
		if !r.Retry.IsZero() {
			return fmt.Sprintf("Attempt %d failed; the next one starts at %s.", r.Attempt, r.Retry.In(zone).Format(stamp))
		}
		return "Running" + r.nthAttempt() + "."
	case Succeeded:
		return "Succeeded" + r.nthAttempt() + "."
	case Denied:
		return r.denied()
	case Skipped:
		return r.times("Skipped", zone) + ": " + skippedBecause(r.Reason) + "."
	case Missed:
		return r.times("Missed", zone) + ": " + missedBecause(r.Reason) + "."
	case Expired:
		return "Expired: it waited in the queue longer than its misfire grace."
	case Failed, TimedOut, Cancelled, Interrupted:
		return r.ended()
	}
	return string(r.State) + "."
}

func (r *Run) nthAttempt() string {
	if r.Attempt > 1 {
		return fmt.Sprintf(" at attempt %d", r.Attempt)
	}
	return ""
}

// times begins a sentence about a nominal time or a range of them.
func (r *Run) times(verb string, zone *time.Location) string {
	if r.Count <= 1 {
		return verb
	}
	return fmt.Sprintf("%s %d times between %s and %s", verb, r.Count,
		r.Due.In(zone).Format(stamp), r.Last.In(zone).Format(stamp))
}

// denied tells by what. A policy speaks for itself by its id; what a built-in
// invariant found is in Error.
func (r *Run) denied() string {
	why := ""
	switch r.Reason {
	case ReasonPolicy:
		if len(r.Decision.Policies) == 1 {
			return "Denied by policy " + r.Decision.Policies[0] + "."
		}
		if len(r.Decision.Policies) > 1 {
			return "Denied by policies " + strings.Join(r.Decision.Policies, ", ") + "."
		}
		why = "no policy permits " + r.Principal.String() + " to run it"
	case ReasonPolicyError:
		why = "a policy could not be evaluated, and errors deny"
		if len(r.Decision.Errors) > 0 {
			why += ": " + r.Decision.Errors[0]
		}
	case ReasonNoSkill:
		why = "skill " + r.Action.Skill + " is not installed"
	case ReasonNoEntry:
		why = "skill " + r.Action.Skill + " has no entrypoint " + r.Action.Entrypoint
	case ReasonSkillState:
		why = cmp.Or(r.Error, "skill "+r.Action.Skill+" is not active")
	case ReasonStale:
		why = cmp.Or(r.Error, "skill "+r.Action.Skill+" was not audited in time")
	default:
		why = cmp.Or(r.Error, string(r.Reason))
	}
	return "Denied: " + strings.TrimSuffix(why, ".") + "."
}

func skippedBecause(r Reason) string {
	switch r {
	case ReasonOverlap:
		return "a run was still active (forbid)"
	case ReasonQueueFull:
		return "as many runs as the job may have were active or waiting"
	case ReasonPaused:
		return "the job was paused"
	case ReasonDeleted:
		return "the job was deleted before its jitter had passed"
	case ReasonChainDepth:
		return "the runs that started one another were too many, which looks like a circle"
	}
	return string(r)
}

func missedBecause(r Reason) string {
	switch r {
	case ReasonMisfire:
		return "the daemon was not running or was late, and the job skips missed times"
	case ReasonCoalesced:
		return "a later time ran in its place"
	case ReasonEarlier:
		return "an earlier time, the first that was missed, ran in its place"
	case ReasonWindow:
		return "it was older than the catch-up window"
	case ReasonEdited:
		return "the schedule was edited, or the job deleted, before its turn to be caught up came"
	}
	return string(r)
}

func (r *Run) ended() string {
	verb, why := "", ""
	switch r.State {
	case TimedOut:
		verb = "Timed out"
	case Cancelled:
		verb = "Cancelled"
	case Interrupted:
		verb = "Interrupted"
	default:
		verb = "Failed"
	}
	switch r.Reason {
	case ReasonCrashed:
		why = "the child process died or broke the protocol"
	case ReasonStart:
		why = "the child process did not start"
	case ReasonOutput:
		why = "the answer exceeded its limit"
	case ReasonUnsupported:
		why = "the artifact has no program for this machine"
	case ReasonCancelled:
		why = "somebody asked for it"
	case ReasonReplaced:
		why = "a newer occurrence took its place"
	case ReasonQuarantined:
		why = "its skill was quarantined meanwhile"
	case ReasonDisabled:
		why = "its job was paused while it waited"
	case ReasonDeleted:
		why = "its job was deleted while it waited"
	case ReasonShutdown:
		why = "the daemon was stopped"
	case ReasonLost:
		why = "the daemon died while it ran"
	case ReasonTimeout:
		why = "the attempt took longer than the timeout of the job"
	case ReasonRunTimeout:
		why = "with all its attempts it took longer than the run timeout of the job"
	}
	sentence := verb + r.nthAttempt()
	if why != "" {
		sentence += ": " + why
	}
	if r.State == Failed && r.Error != "" {
		sentence += ": " + r.Error
	}
	return strings.TrimSuffix(sentence, ".") + "."
}
