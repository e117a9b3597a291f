package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/schedule"
)

// versionTimeout is how long `palyra version` waits for a daemon.
const versionTimeout = 2 * time.Second

func (a *app) policyCommand() *cobra.Command {
	policy := noun("policy", "Policies: what judges")
	policy.AddCommand(a.policyCheck())
	return policy
}

func (a *app) policyCheck() *cobra.Command {
	return a.command("check FILE...", "Compile policies as the daemon would, and keep nothing", cobra.MinimumNArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		request := &api.CheckPoliciesRequest{}
		for _, arg := range args {
			paths := []string{arg}
			if info, err := os.Stat(arg); err == nil && info.IsDir() {
				if paths, err = filepath.Glob(filepath.Join(arg, "*.cedar")); err != nil {
					return err
				}
			}
			for _, path := range paths {
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				request.Files = append(request.Files, &api.PolicyFile{Name: filepath.Base(path), Text: string(text)})
			}
		}
		if len(request.GetFiles()) == 0 {
			return fail(exitNoSuch, "", "no *.cedar files in %s", strings.Join(args, ", "))
		}
		answer, err := c.Policies.Check(ctx, request)
		if err != nil {
			return err
		}
		if err := a.show(answer, func(io.Writer) {
			for _, p := range answer.GetProblems() {
				fmt.Fprintln(a.err, clean(p))
			}
		}); err != nil {
			return err
		}
		if n := len(answer.GetProblems()); n > 0 {
			return fail(exitData, "", "%d problems: palyrad would refuse these policies", n)
		}
		fmt.Fprintf(a.err, "%d files compile\n", len(request.GetFiles()))
		return nil
	})
}

func (a *app) statusCommand() *cobra.Command {
	return a.command("status", "Tell how the daemon is", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		s, err := c.Host.Status(ctx, &api.StatusRequest{})
		if err != nil {
			return err
		}
		return a.show(s, func(w io.Writer) { a.describeStatus(w, s) })
	})
}

func (a *app) describeStatus(w io.Writer, s *api.StatusResponse) {
	trouble := "none"
	if s.GetTrouble() != "" {
		trouble = s.GetTrouble()
	}
	facts(w,
		"palyrad", fmt.Sprintf("%s, pid %d, up %s", s.GetVersion(), s.GetPid(), took(s.GetStarted(), s.GetNow())),
		"State", s.GetStateDir(), "Trouble", trouble,
		"Jobs", fmt.Sprintf("%d, %d of them paused", s.GetJobs(), s.GetPaused()),
		"Runs now", fmt.Sprintf("%d running, %d queued", s.GetRunning(), s.GetQueued()),
		"Since start", fmt.Sprintf("%d succeeded, %d failed, %d denied, %d skipped, %d missed",
			s.GetSucceeded(), s.GetFailed(), s.GetDenied(), s.GetSkipped(), s.GetMissed()),
		"Policies", short(s.GetPolicySet()), "Memory", s.GetMemory(), "Zone", s.GetTimezone(), "You are", s.GetPrincipal(),
	)
	if len(s.GetNext()) == 0 {
		return
	}
	fmt.Fprintln(w, "\nNext")
	rows := make([][]string, 0, len(s.GetNext()))
	for _, f := range s.GetNext() {
		zone, err := time.LoadLocation(f.GetZone())
		if err != nil {
			zone = time.Local
		}
		rows = append(rows, append(a.fireCells(f.GetAt().AsTime(), zone), f.GetJob()))
	}
	table(w, []string{"AT", "UTC", "IN", "JOB"}, rows)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the versions of palyra and, if it runs, of palyrad", Args: cobra.NoArgs,
		RunE: ran(func(cmd *cobra.Command, _ []string) error {
			versions := map[string]string{"palyra": api.Version(), "time_zones": schedule.TZData()}
			if client, err := a.client(); err == nil {
				ctx, cancel := context.WithTimeout(cmd.Context(), versionTimeout)
				defer cancel()
				if s, err := client.Host.Status(ctx, &api.StatusRequest{}); err == nil {
					versions["palyrad"] = s.GetVersion()
				}
			}
			if a.output == "table" {
				facts(a.out, "palyra", versions["palyra"], "palyrad", versions["palyrad"], "time zones", versions["time_zones"])
				return nil
			}
			raw, err := json.Marshal(versions)
			if err != nil {
				return err
			}
			return a.printJSON(raw)
		}),
	}
}
