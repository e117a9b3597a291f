package job

// Reason says why a run ended as it did. The list is closed: journals, metrics
// and people rely on the words.
type Reason string

// The reasons, by the state they go with.
const (
	NoReason Reason = "" // queued, running, succeeded

	// failed
	ReasonError       Reason = "error"        // the action answered with an error
	ReasonCrashed     Reason = "crashed"      // the child died or broke the protocol
	ReasonStart       Reason = "start_failed" // the child did not start
	ReasonOutput      Reason = "output_limit" // the answer exceeded its limit
	ReasonUnsupported Reason = "unsupported"  // the artifact has no program for this machine

	// timed_out
	ReasonTimeout    Reason = "timeout"     // an attempt, longer than the timeout of the job
	ReasonRunTimeout Reason = "run_timeout" // the run with all its attempts, longer than its run timeout

	// cancelled
	ReasonCancelled   Reason = "cancelled"   // by a person
	ReasonReplaced    Reason = "replaced"    // by a newer occurrence
	ReasonQuarantined Reason = "quarantined" // its skill was quarantined meanwhile
	ReasonDisabled    Reason = "disabled"    // its job was paused while it waited
	ReasonDeleted     Reason = "deleted"     // its job was deleted while it waited; skipped: for its jitter

	// interrupted
	ReasonShutdown Reason = "shutdown" // the daemon was stopped
	ReasonLost     Reason = "lost"     // the daemon died

	// skipped
	ReasonOverlap   Reason = "overlap"    // forbid: a run was active
	ReasonQueueFull Reason = "queue_full" // queue-one: one was waiting already, or allow: the maximum was active
	ReasonPaused    Reason = "paused"     // the job was paused

	ReasonChainDepth Reason = "chain_depth" // too many runs started one another

	// missed
	ReasonMisfire   Reason = "misfire"   // later than the grace, and the job skips those
	ReasonCoalesced Reason = "coalesced" // a later one ran in its place
	ReasonEarlier   Reason = "earlier"   // an earlier one ran in its place
	ReasonWindow    Reason = "window"    // older than the catch-up window
	ReasonEdited    Reason = "edited"    // its job was edited or deleted before it was caught up

	// denied
	ReasonPolicy      Reason = "policy"             // a policy forbids it, or none permits it
	ReasonPolicyError Reason = "policy_error"       // a policy could not be evaluated
	ReasonNoSkill     Reason = "skill_missing"      // no such skill is installed
	ReasonNoEntry     Reason = "entrypoint_missing" // the skill has no such entrypoint
	ReasonSkillState  Reason = "skill_inactive"     // quarantined, blocked, disabled or awaiting review
	ReasonStale       Reason = "skill_stale"        // not audited within the interval

	// expired
	ReasonLate Reason = "late" // waited in the queue beyond its misfire grace
)
