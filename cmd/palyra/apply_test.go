package main

import (
	"encoding/json"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/jobfile"
)

// What a flag of `job add` says, a file can say with the same word.
func TestFilesKnowTheFlags(t *testing.T) {
	var flags jobFlags
	c := &cobra.Command{}
	flags.all(c)
	c.Flags().VisitAll(func(f *pflag.Flag) {
		key := strings.ReplaceAll(f.Name, "-", "_")
		if key == "label" {
			key = "labels"
		}
		_, errs := jobfile.Parse("f", []byte("[job.x]\n"+key+" = nan\n"))
		for _, err := range errs {
			if strings.Contains(err.Error(), "unknown key") {
				t.Error(err)
			}
		}
	})
}

func threeJobs() string {
	return `
[job.first]
every = "1h"
action = "a/b"
on_success = ["last"]
[job.middle]
every = "1h"
action = "a/b"
[job.last]
every = "1h"
action = "a/b"
`
}

// What fails is said, what is done stays, and the rest is done if it can be.
func TestApplyInPart(t *testing.T) {
	for _, tt := range []struct {
		name   string
		code   connect.Code
		exit   int
		became []string // of last, first, middle: in the order of the chain
		says   string
	}{
		{"changed meanwhile", connect.CodeAborted, exitAgain, []string{"done", "failed", "done"}, "2 of 3 were done"},
		{"refused", connect.CodeInvalidArgument, exitData, []string{"done", "failed", "done"}, "2 of 3 were done"},
		{"denied", connect.CodePermissionDenied, exitDenied, []string{"done", "failed", "done"}, "2 of 3 were done"},
		{"no room", connect.CodeUnavailable, exitAgain, []string{"done", "failed", "not tried"}, "not tried: create middle"},
	} {
		c := newCLI(t)
		c.stdin = threeJobs()
		c.daemon.refuse = func(r *api.CreateJobRequest) error {
			if r.GetJob().GetName() == "first" && !r.GetDryRun() {
				return connect.NewError(tt.code, "because")
			}
			return nil
		}
		out, errs, code := c.palyra(t, "apply", "-f", "-", "-o", "json")
		var steps []step
		if err := json.Unmarshal([]byte(out), &steps); err != nil || len(steps) != 3 {
			t.Fatalf("%s: %v: %s", tt.name, err, out)
		}
		if code != tt.exit || !strings.Contains(errs, tt.says) || !strings.Contains(errs, "create first: because") {
			t.Errorf("%s: exit %d: %s", tt.name, code, errs)
		}
		for i, want := range tt.became {
			if steps[i].Became != want {
				t.Errorf("%s: %s became %q, want %q", tt.name, steps[i].Job, steps[i].Became, want)
			}
		}
	}
}

// One job that is refused keeps all from being applied, and each is said.
func TestApplyNothingIfOneIsBad(t *testing.T) {
	c := newCLI(t)
	c.stdin = threeJobs()
	c.daemon.refuse = func(r *api.CreateJobRequest) error {
		if r.GetJob().GetName() != "last" {
			return connect.NewError(connect.CodeInvalidArgument, "no good")
		}
		return nil
	}
	_, errs, code := c.palyra(t, "apply", "-f", "-")
	if code != exitData || !strings.Contains(errs, "standard input:2: job first: no good") || !strings.Contains(errs, "2 errors; nothing was changed") {
		t.Errorf("exit %d: %s", code, errs)
	}
	for _, r := range c.daemon.created {
		if !r.GetDryRun() {
			t.Errorf("saved %s", r.GetJob().GetName())
		}
	}
}

// What was seen is what is replaced: the generation goes along, and so does a
// pause that the file does not speak of.
func TestApplyReplacesWhatWasSeen(t *testing.T) {
	c := newCLI(t)
	c.daemon.jobs = []*api.Job{{
		Name: "last", Generation: 7, Paused: true, PauseReason: "later", Action: "a/c", Schedule: &api.Schedule{Kind: "every", Expr: "1h"},
	}}
	c.stdin = threeJobs()
	if _, errs, code := c.palyra(t, "apply", "-f", "-"); code != exitOK {
		t.Fatal(errs)
	}
	for _, r := range c.daemon.created {
		j := r.GetJob()
		if r.GetDryRun() || j.GetName() != "last" {
			continue
		}
		if !r.GetReplace() || j.GetGeneration() != 7 || !j.GetPaused() || j.GetPauseReason() != "later" || j.GetLabels()[applyLabel] != "jobs" {
			t.Errorf("asked for %v", r)
		}
		return
	}
	t.Error("the job was not replaced")
}
