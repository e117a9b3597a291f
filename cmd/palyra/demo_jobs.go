package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/adrg/xdg"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// demoJob is a job of the demo and how it must end within half a minute; empty:
// it need not fire.
type demoJob struct {
	name   string
	kind   string
	expr   string
	action string
	input  string
	labels map[string]string
	expect string
}

func jobsOfDemo(now time.Time) []demoJob {
	return []demoJob{
		{name: "health-summary", kind: "every", expr: "5s", action: "palyra.health/summarize", expect: "succeeded"},
		{name: "health-summary-5min", kind: "cron", expr: "*/5 * * * *", action: "palyra.health/summarize"},
		{name: "disk", kind: "cron", expr: "*/7 * * * * *", action: "palyra.shell/run", input: `{"argv":["df","-h","/"]}`, expect: "succeeded"},
		{name: "greet-once", kind: "at", expr: now.Add(10 * time.Second).UTC().Format(time.RFC3339), action: "palyra.hello/greet", input: `{"name":"palyra"}`, expect: "succeeded"},
		{name: "on-hold", kind: "every", expr: "9s", action: "palyra.hello/greet", labels: map[string]string{"hold": "true"}, expect: "denied"},
		// The daemon's own jobs, armed by it once their skills are installed.
		{name: "skill.reaudit", expect: "succeeded"},
		{name: "memory.maintain", expect: "succeeded"},
		{name: "memory.backfill", expect: "succeeded"},
	}
}

func demoJobs(ctx context.Context, client *api.Client, now time.Time) error {
	for _, j := range jobsOfDemo(now) {
		if j.kind == "" {
			continue
		}
		_, err := client.Jobs.Create(ctx, &api.CreateJobRequest{Replace: true, Job: &api.Job{
			Name: j.name, Action: j.action, Input: j.input, Labels: j.labels,
			Schedule: &api.Schedule{Kind: j.kind, Expr: j.expr},
		}})
		if err != nil {
			return fmt.Errorf("job %s: %w", j.name, err)
		}
	}
	return nil
}

// demoSkills trusts the local publisher and installs the first-party skills,
// signed with its key.
func demoSkills(ctx context.Context, out io.Writer, client *api.Client) error {
	key, err := localKey()
	if err != nil {
		return err
	}
	public := key.Public()
	if _, err := client.Publishers.Trust(ctx, &api.TrustRequest{Key: public.String(), Prefixes: []string{"palyra"}}); err != nil {
		return fmt.Errorf("publisher %s: %w", public.Name, err)
	}
	fmt.Fprintf(out, "publisher %s (%s) is trusted with palyra.*\n", public.Name, public.Key.Fingerprint())
	self, err := os.Executable()
	if err != nil {
		return err
	}
	artifacts, err := filepath.Glob(filepath.Join(filepath.Dir(self), "skills", "*.palyra-skill"))
	if err != nil || len(artifacts) == 0 {
		return errors.New("no artifacts in bin/skills; build them with `make build`")
	}
	for _, path := range artifacts {
		if err := installSigned(ctx, out, client, path, key); err != nil {
			return err
		}
	}
	return nil
}

// localKey is the key of this user's own publisher, in the user's configuration
// directory: outside the state, so that the daemon never holds it.
func localKey() (bundle.PrivateKey, error) {
	path := filepath.Join(xdg.ConfigHome, "palyra", "keys", "local.key")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return newKeyFile("local", path)
	}
	if err != nil {
		return bundle.PrivateKey{}, err
	}
	key, err := bundle.ParsePrivateKey(string(bytes.TrimSpace(text)))
	if err != nil {
		return key, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// installSigned signs an artifact as of when it was built and installs it: the
// same build gives the same bytes, which are not installed twice, and a newer
// one a newer epoch.
func installSigned(ctx context.Context, out io.Writer, client *api.Client, path string, key bundle.PrivateKey) error {
	unsigned, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	built, err := os.Stat(path)
	if err != nil {
		return err
	}
	signed, err := bundle.Sign(unsigned, key, bundle.SignOptions{Epoch: built.ModTime().Unix(), Created: built.ModTime()})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	answer, err := client.Install(ctx, bytes.NewReader(signed), "")
	if err != nil {
		return fmt.Errorf("install %s: %w", filepath.Base(path), err)
	}
	word := "installed"
	if answer.GetUnchanged() {
		word = "unchanged"
	}
	s := answer.GetSkill()
	fmt.Fprintf(out, "%s %-14s %s, %s, sha256 %.12s\n", word, s.GetId(), s.GetVersion(), s.GetKind(), s.GetDigest())
	return nil
}

// seedMemory stores 200 nodes that live for half a minute.
func seedMemory(ctx context.Context, client *api.Client) error {
	type node struct {
		Text string `json:"text"`
		TTL  string `json:"ttl"`
	}
	var in struct {
		Nodes []node `json:"nodes"`
	}
	for i := range 200 {
		in.Nodes = append(in.Nodes, node{fmt.Sprintf("demo note %d: the lighthouse keeper logs the weather", i+1), fmt.Sprintf("%ds", 12+i%24)})
	}
	input, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if _, err := client.Memory.Put(ctx, &api.MemoryRequest{Input: string(input)}); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	return nil
}

func printNext(ctx context.Context, out io.Writer, client *api.Client) error {
	next, err := client.Jobs.Next(ctx, &api.NextRequest{Limit: 12})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "\nnext fires:")
	for _, f := range next.GetFires() {
		fmt.Fprintf(out, "  %s  %s\n", f.GetAt().AsTime().Local().Format(time.TimeOnly), f.GetJob())
	}
	fmt.Fprintf(out, "\n%-8s  %-20s %-8s %-7s %-10s %8s  %s\n", "time", "job", "trigger", "policy", "state", "took", "summary")
	return nil
}

// follow prints every run that ends until ctx is done.
func follow(ctx context.Context, out io.Writer, client *api.Client) error {
	stream, err := client.Runs.Watch(ctx, &api.WatchRequest{})
	if err != nil {
		return err
	}
	for {
		run, err := stream.Receive()
		if err != nil {
			return err
		}
		printRun(out, run)
	}
}

func printRun(out io.Writer, run *api.Run) {
	decision := "deny"
	if run.GetAllowed() {
		decision = "allow"
	}
	took, summary := "", run.GetSummary()
	if run.GetStarted() != nil && run.GetEnded() != nil {
		took = run.GetEnded().AsTime().Sub(run.GetStarted().AsTime()).Round(time.Millisecond).String()
	}
	if summary == "" {
		summary = run.GetExplanation()
	}
	fmt.Fprintf(out, "%-8s  %-20s %-8s %-7s %-10s %8s  %s\n", time.Now().Format(time.TimeOnly),
		run.GetJob(), run.GetTrigger(), decision, run.GetState(), took, summary)
}

// demoReport prints how often each job ended in each state since the start, and
// fails if an expected end is missing.
func demoReport(ctx context.Context, out io.Writer, client *api.Client, started time.Time) error {
	summary, err := client.Runs.Summary(ctx, &api.SummaryRequest{Since: timestamppb.New(started)})
	if err != nil {
		return err
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "JOB\tSTATE\tREASON\tRUNS")
	for _, c := range summary.GetCounts() {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\n", c.GetJob(), c.GetState(), c.GetReason(), c.GetCount())
	}
	table.Flush()
	var missing []error
	for _, j := range jobsOfDemo(started) {
		if j.expect != "" && !slices.ContainsFunc(summary.GetCounts(), func(c *api.RunCount) bool {
			return c.GetJob() == j.name && c.GetState() == j.expect
		}) {
			missing = append(missing, fmt.Errorf("%s: no run %s", j.name, j.expect))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("not as expected:\n%w", errors.Join(missing...))
	}
	fmt.Fprintln(out, "\nas expected")
	return nil
}
