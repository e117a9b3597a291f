package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
)

func (a *app) runCommand() *cobra.Command {
	run := noun("run", "Runs: what became of the jobs", "runs")
	run.AddCommand(a.runList(), a.runShow(), a.runLogs(), a.runCancel())
	return run
}

func (a *app) runList() *cobra.Command {
	request := &api.ListRunsRequest{}
	c := a.command("list", "List runs, newest first", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		runs, err := c.Runs.List(ctx, request)
		if err != nil {
			return err
		}
		head := []string{"RUN", "JOB", "TRIGGER", "DUE", "STATE", "TOOK", "SUMMARY"}
		return list(a, runs.GetRuns(), head, func(r *api.Run) []string {
			due := at(r.GetDue(), time.Local)
			if r.GetCount() > 1 {
				due += fmt.Sprintf(" ×%d", r.GetCount())
			}
			return []string{
				r.GetId(), r.GetJob(), r.GetTrigger(), due, stateOf(r),
				took(r.GetStarted(), r.GetEnded()), brief(a.gist(r), 70),
			}
		})
	})
	c.Aliases = []string{"ls"}
	c.Flags().StringVar(&request.State, "state", "", "only this state: running, succeeded, failed, denied, …")
	c.Flags().StringVar(&request.Job, "job", "", "only this job")
	c.Flags().Int32VarP(&request.Limit, "limit", "n", 20, "how many, up to 1000")
	_ = c.RegisterFlagCompletionFunc("state", oneOf("queued", "running", "succeeded", "failed", "timed_out", "cancelled",
		"interrupted", "denied", "skipped", "missed", "expired"))
	_ = c.RegisterFlagCompletionFunc("job", a.jobNames)
	return c
}

// gist is what a run has to say in one line.
func (a *app) gist(r *api.Run) string {
	switch {
	case r.GetSummary() != "":
		return r.GetSummary()
	case r.GetState() == "succeeded":
		return r.GetOutput()
	case r.GetState() == "failed" && r.GetError() != "":
		return r.GetError()
	}
	return r.GetExplanation()
}

func stateOf(r *api.Run) string {
	if r.GetReason() == "" || r.GetReason() == r.GetState() {
		return r.GetState()
	}
	return r.GetState() + ":" + r.GetReason()
}

func (a *app) runShow() *cobra.Command {
	c := a.command("show RUN", "Show what happened in a run, and why", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		r, err := c.Runs.Get(ctx, &api.GetRunRequest{Run: args[0]})
		if err != nil {
			return err
		}
		log := ""
		if a.output == "table" {
			logs, err := c.Runs.Logs(ctx, &api.LogsRequest{Run: r.GetId()})
			if err != nil {
				return err
			}
			log = logs.GetLog()
		}
		return a.showRun(r, log)
	})
	c.ValidArgsFunction = a.runIDs
	return c
}

func (a *app) showRun(r *api.Run, log string) error {
	return a.show(r, func(w io.Writer) { a.narrate(w, r, log) })
}

// narrate tells a run to people: what, when, why, and what came of it.
func (a *app) narrate(w io.Writer, r *api.Run, log string) {
	fmt.Fprintf(w, "%s of %s\n%s\n\n", r.GetId(), r.GetJob(), clean(r.GetExplanation()))
	due := a.when(r.GetDue(), time.Local)
	if r.GetCount() > 1 {
		due = fmt.Sprintf("%d times, from %s to %s", r.GetCount(), at(r.GetDue(), time.Local), a.when(r.GetLast(), time.Local))
	}
	ended := at(r.GetEnded(), time.Local)
	if t := took(r.GetStarted(), r.GetEnded()); t != "" {
		ended += ", after " + t
	}
	failed := r.GetError()
	if r.GetState() == "denied" {
		failed = "" // the explanation and the decision say it
	}
	digest := r.GetDigest()
	if digest != "" {
		digest = "sha256 " + digest
	}
	trigger := r.GetTrigger()
	if r.GetStartedBy() != "" {
		trigger += ", started by " + r.GetStartedBy()
	}
	facts(w,
		"Due", due, "Trigger", trigger, "Action", r.GetAction(), "Input", brief(r.GetInput(), 200), "Artifact", digest,
		"For", r.GetPrincipal(), "Decision", decision(r), "State", stateOf(r),
		"Started", at(r.GetStarted(), time.Local), "Ended", ended, "Retry", a.when(r.GetRetry(), time.Local),
		"Summary", r.GetSummary(), "Error", failed, "Occurrence", r.GetOccurrence(),
	)
	if len(r.GetStartedRuns()) > 0 {
		fmt.Fprintln(w, "\nIts end started")
		for _, started := range r.GetStartedRuns() {
			fmt.Fprintln(w, "  "+clean(started))
		}
	}
	if len(r.GetAttempts()) > 1 {
		fmt.Fprintln(w, "\nAttempts")
		for _, t := range r.GetAttempts() {
			fmt.Fprintf(w, "  %d  %s  %s  %s  %s\n", t.GetNumber(), at(t.GetStarted(), time.Local), t.GetState(),
				took(t.GetStarted(), t.GetEnded()), clean(t.GetError()))
		}
	}
	if out := r.GetOutput(); out != "" && out != "null" {
		fmt.Fprintf(w, "\nOutput\n%s\n", indent(cleanLines(pretty(out))))
	}
	if log != "" {
		fmt.Fprintf(w, "\nLog\n%s\n", indent(cleanLines(tail(log, 10))))
	}
}

// decision says what judgement answered, and by which policies.
func decision(r *api.Run) string {
	answer := "denied"
	if r.GetAllowed() {
		answer = "allowed"
	} else if len(r.GetPolicies()) == 0 && len(r.GetPolicyErrors()) == 0 && r.GetPolicySet() == "" {
		return ""
	}
	if len(r.GetPolicies()) > 0 {
		answer += " by " + strings.Join(r.GetPolicies(), ", ")
	}
	if len(r.GetPolicyErrors()) > 0 {
		answer += "; errors: " + strings.Join(r.GetPolicyErrors(), "; ")
	}
	return answer
}

func pretty(output string) string {
	var value any
	if json.Unmarshal([]byte(output), &value) != nil {
		return output
	}
	if text, ok := value.(string); ok {
		return text
	}
	indented, err := json.MarshalIndent(json.RawMessage(output), "", "  ")
	if err != nil {
		return output
	}
	return string(indented)
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n "), "\n", "\n  ")
}

// tail is the last n lines of a log.
func tail(log string, n int) string {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	if len(lines) > n {
		lines = append([]string{"…"}, lines[len(lines)-n:]...)
	}
	return strings.Join(lines, "\n")
}

func (a *app) runCancel() *cobra.Command {
	c := a.command("cancel RUN", "Stop a run", cobra.ExactArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		r, err := c.Runs.Cancel(ctx, &api.CancelRunRequest{Run: args[0]})
		if err != nil {
			return err
		}
		if a.output == "table" {
			fmt.Fprintf(a.err, "cancelling %s of %s: %s\n", r.GetId(), r.GetJob(), stateOf(r))
			return nil
		}
		return a.showRun(r, "")
	})
	c.ValidArgsFunction = a.runIDs
	return c
}
