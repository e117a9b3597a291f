package dispatch

import "github.com/palyra-go/palyra/host/internal/job"

// admit says in which state a run that was allowed is born, given the lane of
// its job and whether there is a free slot.
func admit(c job.Concurrency, l *lane, slot bool) (job.State, job.Reason) {
	active, waiting := l.count()
	switch c.Policy {
	case job.Replace:
	case job.QueueOne:
		if waiting > 0 {
			return job.Skipped, job.ReasonQueueFull
		}
	case job.Allow:
		if active+waiting >= c.Max {
			return job.Skipped, job.ReasonQueueFull
		}
		active = 0
	default: // Forbid, and what nobody knows
		if active+waiting > l.fills() {
			return job.Skipped, job.ReasonOverlap
		}
	}
	if active > 0 || waiting > 0 || !slot {
		return job.Queued, job.NoReason
	}
	return job.Running, job.NoReason
}
