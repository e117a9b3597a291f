package worker

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
	pluginv1 "github.com/palyra-go/palyra/sdk/proto/palyra/plugin/v1"
)

func TestWorkerServesAGuest(t *testing.T) {
	file, err := rude()
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, file, "echo,bomb,spin")
	described, err := c.plugin.Describe(t.Context(), &pluginv1.DescribeRequest{})
	if err != nil || described.Protocol != sdk.Protocol || !slices.Equal(described.Entrypoints, []string{"bomb", "echo", "spin"}) {
		t.Errorf("described as %v, %v", described, err)
	}
	for i, test := range []struct {
		entrypoint, code string
	}{
		{"echo", ""},
		{"bomb", "memory_limit"},
		{"silent", "unknown_entrypoint"}, // the module has it, the manifest has not
		{"echo", ""},
	} {
		result, err := c.outcome(sdk.Request{Entrypoint: test.entrypoint, Input: json.RawMessage(`"hi"`), Run: "r", Attempt: 1})
		if test.code != "" {
			if err == nil || sdk.AsError(err).Code != test.code {
				t.Errorf("%d: %s ended with %v, want %s", i, test.entrypoint, err, test.code)
			}
			continue
		}
		if err != nil || string(result.Output) != `"hi"` || result.Summary != "r" {
			t.Errorf("%d: %s answered %s, %v", i, test.entrypoint, result.Output, err)
		}
	}
}

// A guest that only computes is stopped by killing its worker. What it has
// logged is there before that.
func TestEndlessLoopEndsWithItsWorker(t *testing.T) {
	file, err := rude()
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, file, "spin")
	logged := false
	err = c.run(sdk.Request{Entrypoint: "spin"}, func(m *pluginv1.RunResponse) bool {
		logged = m.GetLog().GetLine() == "spinning"
		// A second run meanwhile is refused.
		if _, err := c.outcome(sdk.Request{Entrypoint: "spin"}); err == nil || sdk.AsError(err).Code != "busy" {
			t.Errorf("a second run ended with %v, want busy", err)
		}
		if err := c.process.Process.Kill(); err != nil {
			t.Error(err)
		}
		return true
	})
	if err == nil || !logged {
		t.Errorf("logged: %t, ended with %v", logged, err)
	}
}

func TestBadModuleFailsEveryRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.wasm")
	if err := os.WriteFile(file, []byte("not a module"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := start(t, file, "greet")
	for range 2 {
		if _, err := c.outcome(sdk.Request{Entrypoint: "greet"}); err == nil || sdk.AsError(err).Code != "bad_module" {
			t.Errorf("got %v, want bad_module", err)
		}
	}
}

func TestAudit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.palyra-skill")
	if err := os.WriteFile(file, []byte("not an artifact"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := start(t, file, "", "audit")
	for _, test := range []struct{ input, code, check string }{
		{`{"digest":"` + strings.Repeat("ab", 32) + `"}`, "", "digest.match"},
		{`{"digest":"abc"}`, "bad_input", ""},
		{`{"digest":"` + strings.Repeat("ab", 32) + `","file":"x"}`, "bad_input", ""},
		{``, "bad_input", ""},
	} {
		result, err := c.outcome(sdk.Request{Entrypoint: "audit", Input: json.RawMessage(test.input)})
		if test.code != "" {
			if err == nil || sdk.AsError(err).Code != test.code {
				t.Errorf("%s: got %v, want %s", test.input, err, test.code)
			}
			continue
		}
		var report bundle.Report
		if err != nil || json.Unmarshal(result.Output, &report) != nil {
			t.Fatalf("%s: %s, %v", test.input, result.Output, err)
		}
		found := slices.ContainsFunc(report.Findings, func(f bundle.Finding) bool { return f.Check == test.check })
		if report.Passed() || !found || !strings.Contains(result.Summary, "failed: "+test.check) {
			t.Errorf("report %+v, summary %q; want a finding of %s", report, result.Summary, test.check)
		}
	}
}

func TestStartedByAPerson(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"worker"}, "no file at descriptor 3"},
		{[]string{"worker", "audit"}, "no file at descriptor 3"},
		{[]string{"worker", "faster"}, "want none, or audit"},
	} {
		var stderr bytes.Buffer
		command := exec.Command(os.Args[0], test.args...)
		command.Stderr = &stderr
		if err := command.Run(); err == nil || command.ProcessState.ExitCode() != 2 || !strings.Contains(stderr.String(), test.want) {
			t.Errorf("%q: %v, %s; want exit code 2 and %q", test.args, err, &stderr, test.want)
		}
	}
}
