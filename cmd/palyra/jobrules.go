package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
)

// jobRules are the flags for what becomes of runs in special cases.
type jobRules struct {
	runTimeout                       time.Duration
	priority, pauseAfter, catchUpMax int32
	atLeastOnce                      bool
	coalesce                         string
	onSuccess, onFailure, onRecovery []string
}

func (r *jobRules) define(c *cobra.Command) {
	flags := c.Flags()
	flags.DurationVar(&r.runTimeout, "run-timeout", 0, "of a run with all its attempts (default: what they and their back-offs may take)")
	flags.Int32Var(&r.priority, "priority", 0, "while runs wait for a slot, the greatest starts first: -100 to 100")
	flags.Int32Var(&r.pauseAfter, "pause-after", 0, "pause the job after so many failed runs in a row (default: never)")
	flags.BoolVar(&r.atLeastOnce, "at-least-once", false, "attempt again what was running when the daemon died; the action may then run twice")
	flags.StringVar(&r.coalesce, "coalesce", "", "of --misfire catch-up, which of the missed run: latest, earliest or all (default latest)")
	flags.Int32Var(&r.catchUpMax, "catch-up-max", 0, "of --coalesce all: how many at most (default 3)")
	flags.StringSliceVar(&r.onSuccess, "on-success", nil, "job to start after a run succeeded; may be repeated")
	flags.StringSliceVar(&r.onFailure, "on-failure", nil, "job to start after a run failed; may be repeated")
	flags.StringSliceVar(&r.onRecovery, "on-recovery", nil, "job to start after the first success that follows a failure; may be repeated")
	_ = c.RegisterFlagCompletionFunc("coalesce", oneOf("latest", "earliest", "all"))
}

// read puts the flags that were given into a job, by set, which knows them.
func (r *jobRules) read(j *api.Job, set func(flag, field string, assign func())) {
	set("run-timeout", "run_timeout_ms", func() { j.RunTimeoutMs = r.runTimeout.Milliseconds() })
	set("priority", "priority", func() { j.Priority = r.priority })
	set("pause-after", "pause_after", func() { j.PauseAfter = r.pauseAfter })
	set("at-least-once", "at_least_once", func() { j.AtLeastOnce = r.atLeastOnce })
	set("coalesce", "coalesce", func() { j.Coalesce = r.coalesce })
	set("catch-up-max", "catch_up_max", func() { j.CatchUpMax = r.catchUpMax })
	set("on-success", "on_success", func() { j.OnSuccess = r.onSuccess })
	set("on-failure", "on_failure", func() { j.OnFailure = r.onFailure })
	set("on-recovery", "on_recovery", func() { j.OnRecovery = r.onRecovery })
}

// caughtUp says what of the missed runs later.
func caughtUp(j *api.Job) string {
	what := "the latest"
	switch j.GetCoalesce() {
	case "earliest":
		what = "the earliest"
	case "all":
		what = fmt.Sprintf("the latest %d, one after another,", j.GetCatchUpMax())
	}
	return "catch-up of " + what + " within " + milliseconds(j.GetCatchUpWindowMs())
}

// rulesOf tells the rules of a job, those that are not the default empty.
func rulesOf(j *api.Job) (timeout, priority, failures, lost string) {
	timeout = milliseconds(j.GetTimeoutMs())
	if j.GetRunTimeoutMs() > 0 {
		timeout += ", of the run with all its attempts " + milliseconds(j.GetRunTimeoutMs())
	}
	if j.GetPriority() != 0 {
		priority = fmt.Sprint(j.GetPriority())
	}
	if j.GetPauseAfter() > 0 {
		failures = fmt.Sprintf("pause the job after %d in a row", j.GetPauseAfter())
	}
	if j.GetAtLeastOnce() {
		lost = "attempted again (at least once)"
	}
	return timeout, priority, failures, lost
}
