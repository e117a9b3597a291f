package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
)

func TestEmptyLists(t *testing.T) {
	c := newCLI(t)
	for _, args := range [][]string{{"job", "list"}, {"run", "list"}, {"memory", "list"}} {
		if out, _, code := c.palyra(t, append(args, "-o", "json")...); out != "[]\n" || code != exitOK {
			t.Errorf("%v -o json = %q, %d; want []", args, out, code)
		}
		if out, _, code := c.palyra(t, append(args, "-o", "jsonl")...); out != "" || code != exitOK {
			t.Errorf("%v -o jsonl = %q, %d; want nothing", args, out, code)
		}
		if out, _, code := c.palyra(t, args...); strings.Count(out, "\n") != 1 || code != exitOK {
			t.Errorf("%v = %q, %d; want the head of a table", args, out, code)
		}
	}
}

func TestJobListJSON(t *testing.T) {
	c := newCLI(t)
	c.daemon.jobs = []*api.Job{{
		Name: "health", TimeoutMs: 300_000, Schedule: &api.Schedule{Kind: "cron", Expr: "* * * * *", Zone: "Europe/Prague"},
		Next: timestamppb.New(noon.Add(90 * time.Second)), LastState: "succeeded", LastDue: timestamppb.New(noon.Add(-time.Hour)),
	}}
	out, _, _ := c.palyra(t, "job", "list", "-o", "json")
	var jobs []map[string]any
	if err := json.Unmarshal([]byte(out), &jobs); err != nil {
		t.Fatal(err)
	}
	if jobs[0]["timeout_ms"] != "300000" || jobs[0]["paused"] != false || jobs[0]["last_state"] != "succeeded" {
		t.Errorf("keys are not those of the proto: %s", out)
	}
	again, _, _ := c.palyra(t, "job", "list", "-o", "json")
	if again != out {
		t.Error("the same answer prints differently")
	}
	out, _, _ = c.palyra(t, "cron", "ls")
	if !strings.Contains(out, "13:01:30 CET (in 1m30s)") || !strings.Contains(out, "succeeded 1h ago") {
		t.Errorf("table = %s", out)
	}
}

func TestJobAddShowsThenSaves(t *testing.T) {
	c := newCLI(t)
	out, errs, code := c.palyra(t, "job", "add", "n", "--every", "1h", "--action", "a.b/c", "--input", ` {"x": 1} `,
		"--label", "team=ops", "--retries", "2", "--concurrency", "allow", "--max", "3")
	if code != exitOK || out != "" {
		t.Fatalf("code %d, stdout %q, stderr %s", code, out, errs)
	}
	if strings.Count(errs, "UTC") < 5 || !strings.Contains(errs, "in 5h") || strings.Contains(errs, "in 6h") {
		t.Errorf("want the next five fires on stderr, got\n%s", errs)
	}
	if len(c.daemon.created) != 2 || !c.daemon.created[0].GetDryRun() || c.daemon.created[1].GetDryRun() {
		t.Fatalf("asked %v; want a dry run, then the real one", c.daemon.created)
	}
	j := c.daemon.created[1].GetJob()
	if j.GetSchedule().GetAnchor() == nil || j.GetInput() != `{"x": 1}` || j.GetAttempts() != 3 || j.GetLabels()["team"] != "ops" || j.GetMaxConcurrent() != 3 {
		t.Errorf("saved %v", j)
	}
	c.daemon.created = nil
	if out, _, code := c.palyra(t, "job", "add", "n", "--every", "1h", "--action", "a.b/c", "--dry-run"); code != exitOK || len(c.daemon.created) != 1 || !strings.Contains(out, "a.b/c") {
		t.Errorf("dry run: code %d, %d calls, %q", code, len(c.daemon.created), out)
	}
}

func TestJobUpdateNamesItsFields(t *testing.T) {
	c := newCLI(t)
	if _, errs, code := c.palyra(t, "job", "update", "n", "--timeout", "2m", "--group", ""); code != exitOK {
		t.Fatal(errs)
	}
	got := c.daemon.updated
	if !slices.Equal(got.GetFields(), []string{"group", "timeout_ms"}) || got.GetChange().GetTimeoutMs() != 120_000 {
		t.Errorf("update = %v", got)
	}
}

func TestJobUpdateOfTheZoneAlone(t *testing.T) {
	c := newCLI(t)
	if _, errs, code := c.palyra(t, "job", "update", "n", "--tz", "Europe/Prague"); code != exitOK {
		t.Fatal(errs)
	}
	if got := c.daemon.updated.GetChange().GetSchedule(); got.GetZone() != "Europe/Prague" || got.GetExpr() != "" {
		t.Errorf("schedule = %v", got)
	}
}

func TestInput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in.json")
	if err := os.WriteFile(file, []byte("[1]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ arg, stdin, want string }{
		{`{"a":1}`, "", `{"a":1}`}, {"@" + file, "", "[1]"}, {"-", `"x"`, `"x"`}, {"", "", ""},
	} {
		a := &app{in: strings.NewReader(c.stdin)}
		if got, err := a.readInput(c.arg); err != nil || got != c.want {
			t.Errorf("readInput(%q) = %q, %v; want %q", c.arg, got, err, c.want)
		}
	}
	a := &app{}
	for _, bad := range []string{"{", "1 2", "{'a': 1}"} {
		if got, err := a.readInput(bad); err == nil {
			t.Errorf("readInput(%q) = %q; want an error", bad, got)
		}
	}
}

func TestRunShow(t *testing.T) {
	c := newCLI(t)
	c.daemon.run = &api.Run{
		Id: "run_1", Job: "backup", State: "denied", Reason: "policy", Trigger: "timer", Count: 1,
		Due: timestamppb.New(noon.Add(-5 * time.Minute)), Principal: `User::"al"`, Policies: []string{"50-demo"},
		Explanation: "Denied by policy 50-demo.", Output: `{"a":[1]}`, Summary: "evil \x1b]0;title\a",
	}
	out, _, code := c.palyra(t, "run", "show", "run_1")
	if code != exitOK {
		t.Fatal(out)
	}
	for _, want := range []string{"Denied by policy 50-demo.", "denied by 50-demo", "(5m ago)", "denied:policy", "one", `"a": [`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.ContainsAny(out, "\x1b\a") {
		t.Errorf("what a skill said reaches the terminal: %q", out)
	}
	if logs, _, _ := c.palyra(t, "run", "logs", "run_1"); logs != "one\n\x1b[31mtwo\n" {
		t.Errorf("a log that is piped is not the log: %q", logs)
	}
	// A run by hand that was denied is a failure of the command.
	if _, _, code := c.palyra(t, "job", "run", "backup"); code != exitFailed {
		t.Errorf("job run of a denied job = %d; want %d", code, exitFailed)
	}
}

func TestExitCodes(t *testing.T) {
	c := newCLI(t)
	for _, tt := range []struct {
		err  error
		want int
		says string
	}{
		{connect.NewError(connect.CodeInvalidArgument, "bad cron"), exitData, "palyra: bad cron\n"},
		{withProblem(connect.CodeNotFound, "no job", &api.Problem{Next: "did you mean x?"}), exitNoSuch, "palyra: no job\n  did you mean x?\n"},
		{connect.NewError(connect.CodePermissionDenied, "you may not"), exitDenied, "palyra: you may not\n"},
		{connect.NewError(connect.CodeUnavailable, "busy"), exitAgain, "palyra: busy\n"},
		{connect.NewError(connect.CodeAborted, "moved"), exitAgain, "palyra: moved\n"},
		{connect.NewError(connect.CodeResourceExhausted, "full"), exitAgain, "palyra: full\n"},
		{connect.NewError(connect.CodeFailedPrecondition, "ended"), exitFailed, "palyra: ended\n"},
		{connect.NewError(connect.CodeAlreadyExists, "taken"), exitFailed, "palyra: taken\n"},
		{connect.NewError(connect.CodeInternal, "\x1b[2J"), exitFailed, "palyra: \uFFFD[2J\n"},
	} {
		c.daemon.err = tt.err
		out, errs, code := c.palyra(t, "job", "list")
		if code != tt.want || errs != tt.says || out != "" {
			t.Errorf("%v: code %d, stderr %q, stdout %q; want %d, %q", tt.err, code, errs, out, tt.want, tt.says)
		}
	}
	gone := *c
	gone.socket = filepath.Join(t.TempDir(), "gone")
	long := *c
	long.socket = "/" + strings.Repeat("d", 120)
	for _, tt := range []struct {
		cli  *cli
		args []string
		want int
	}{
		{&gone, []string{"status"}, exitUnreachable},
		{&long, []string{"status"}, exitUsage},
		{c, []string{"job", "lst"}, exitUsage},
		{c, []string{"job", "list", "--frob"}, exitUsage},
		{c, []string{"job", "list", "extra"}, exitUsage},
		{c, []string{"job", "add", "n", "--every", "5s"}, exitUsage},
		{c, []string{"job", "add", "n", "--every", "5 s", "--action", "a/b"}, exitData},
		{c, []string{"skill", "inspect", "none.palyra-skill"}, exitNoSuch},
		{c, []string{"skill", "inspect", "cli_test.go"}, exitData},
		{c, []string{"publisher", "trust", "x+y+z", "--prefix", "x"}, exitData},
		{c, []string{"policy", "check", "none.cedar"}, exitNoSuch},
	} {
		if _, errs, code := tt.cli.palyra(t, tt.args...); code != tt.want || !strings.HasPrefix(errs, "palyra: ") {
			t.Errorf("%v = %d, %q; want %d", tt.args, code, errs, tt.want)
		}
	}
}

func TestMemoryPut(t *testing.T) {
	c := newCLI(t)
	c.stdin = "one\n\ntwo\n"
	if out, errs, code := c.palyra(t, "memory", "put", "-", "--ttl", "1h", "--tag", "x", "--lines"); code != exitOK || out != "n1\n" {
		t.Fatalf("put = %q, %s", out, errs)
	}
	if want := `{"nodes":[{"text":"one","tags":["x"],"ttl":"1h0m0s"},{"text":"two","tags":["x"],"ttl":"1h0m0s"}]}`; c.memory != want {
		t.Errorf("asked %s; want %s", c.memory, want)
	}
	if _, _, code := c.palyra(t, "memory", "put", "a", "text"); code != exitOK || c.memory != `{"nodes":[{"text":"a text"}]}` {
		t.Errorf("asked %s", c.memory)
	}
}

func TestSecretsAreNotOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k")
	if _, err := newKeyFile("acme", path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("mode = %v, %v; want 0600", info.Mode(), err)
	}
	if _, err := newKeyFile("acme", path); err == nil {
		t.Error("a key was overwritten")
	}
}

func TestCompletion(t *testing.T) {
	c := newCLI(t)
	c.daemon.jobs = []*api.Job{{Name: "health", English: "every 5s"}}
	t.Setenv("PALYRA_SOCKET", c.socket)
	var out strings.Builder
	a := &app{in: strings.NewReader(""), out: &out, err: io.Discard, now: time.Now}
	if code := a.main(t.Context(), []string{"__complete", "job", "show", ""}); code != exitOK || !strings.Contains(out.String(), "health\tevery 5s") {
		t.Errorf("completion = %d, %q", code, out.String())
	}
}
