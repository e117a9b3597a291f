//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/plugintest"
)

// skill is the skill with an environment of its own. Its grace is long, so that
// only a test that means to meets SIGKILL.
func skill(env map[string]string) sdk.Skill {
	s := shell{getenv: func(name string) string { return env[name] }, grace: time.Minute, drain: time.Minute}
	return sdk.Skill{"run": sdk.Handle(s.run)}
}

// request asks for a run of in.
func request(t *testing.T, in input) sdk.Request {
	t.Helper()
	encoded, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return sdk.Request{
		Entrypoint: "run", Input: encoded, Run: "run_1", Occurrence: "job_1@2026-03-01T12:00:00Z", Attempt: 2,
		Due: time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("CET", 3600)),
	}
}

func sh(script string) input { return input{Argv: []string{"sh", "-c", script}} }

func run(t *testing.T, in input) (output, sdk.Result, *plugintest.Host) {
	t.Helper()
	host := &plugintest.Host{}
	result, err := plugintest.Run(t, skill(nil), request(t, in), host)
	if err != nil {
		t.Fatal(err)
	}
	var out output
	if err := json.Unmarshal(result.Output, &out); err != nil {
		t.Fatal(err)
	}
	return out, result, host
}

func TestOutput(t *testing.T) {
	out, result, host := run(t, sh("echo one; echo; echo 'warned' >&2; printf 'two\\r\\n\\n  \\n'"))
	if want := (output{Stdout: "one\n\ntwo\r\n\n  \n", Stderr: "warned\n"}); out.Stdout != want.Stdout || out.Stderr != want.Stderr || out.Truncated {
		t.Errorf("output %+v, want %+v", out, want)
	}
	if result.Summary != "two" {
		t.Errorf("summary %q, want the last line that says something", result.Summary)
	}
	var info []string
	for _, l := range host.Logs() {
		if l.Level == sdk.LevelInfo {
			info = append(info, l.Line)
		} else if l.Level != sdk.LevelWarn || l.Line != "warned" {
			t.Errorf("log %+v", l)
		}
	}
	if diff := cmp.Diff([]string{"one", "", "two", "", "  "}, info); diff != "" {
		t.Error(diff)
	}
}

func TestEnvironment(t *testing.T) {
	tests := []struct {
		name string
		own  map[string]string
		in   map[string]string
		want []string // besides what says what it is run for

		chained bool // the end of another run started it
	}{
		{"nothing", nil, nil, []string{"PATH=" + defaultPath}, false},
		{
			"of another run", nil, nil, []string{
				"PALYRA_UPSTREAM_JOB=nightly", "PALYRA_UPSTREAM_REASON=error", "PALYRA_UPSTREAM_RUN=run_0",
				"PALYRA_UPSTREAM_STATE=failed", "PATH=" + defaultPath,
			}, true,
		},
		{
			"of the host",
			map[string]string{"PATH": "/bin:/usr/bin", "HOME": "/", "PALYRA_HOST": "h/1", "SECRET": "x"},
			nil,
			[]string{"HOME=/", "PALYRA_HOST=h/1", "PATH=/bin:/usr/bin"},
			false,
		},
		{
			"of the job",
			map[string]string{"PATH": "/nowhere", "HOME": "/"},
			map[string]string{"PATH": "/usr/bin:/bin", "A": "b=c\nd", "HOME": ""},
			[]string{"A=b=c\nd", "HOME=", "PATH=/usr/bin:/bin"},
			false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := request(t, input{Argv: []string{"env", "-0"}, Env: tt.in})
			if tt.chained {
				req.Upstream = &sdk.Upstream{Job: "nightly", Run: "run_0", State: "failed", Reason: "error"}
			}
			result, err := plugintest.Run(t, skill(tt.own), req, nil)
			if err != nil {
				t.Fatal(err)
			}
			var out output
			if err := json.Unmarshal(result.Output, &out); err != nil {
				t.Fatal(err)
			}
			got := strings.Split(strings.TrimSuffix(out.Stdout, "\x00"), "\x00")
			want := append([]string{
				"PALYRA_ATTEMPT=2", "PALYRA_DUE=2026-03-01T12:00:00Z",
				"PALYRA_OCCURRENCE=job_1@2026-03-01T12:00:00Z", "PALYRA_RUN=run_1",
			}, tt.want...)
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDirAndStdin(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "here"), []byte("#!/bin/sh\npwd; cat\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	out, _, _ := run(t, input{Argv: []string{"./here"}, Dir: dir, Stdin: "some text"})
	if want := dir + "\nsome text"; out.Stdout != want {
		t.Errorf("got %q, want %q", out.Stdout, want)
	}
	// A program that does not read a large input does not hang us, nor fail.
	run(t, input{Argv: []string{"true"}, Stdin: strings.Repeat("x", 512<<10)})
	if out, _, _ := run(t, input{Argv: []string{"cat"}}); out.Stdout != "" {
		t.Errorf("standard input without any: %q", out.Stdout)
	}
}

func TestArgumentsAreNotInterpreted(t *testing.T) {
	out, _, _ := run(t, input{Argv: []string{"printf", "[%s]", "$HOME", "a b", "`id`", ";", "*", ""}})
	if want := "[$HOME][a b][`id`][;][*][]"; out.Stdout != want {
		t.Errorf("got %q, want %q", out.Stdout, want)
	}
}

func TestFailures(t *testing.T) {
	tests := []struct {
		name string
		in   input
		want sdk.Error
	}{
		{"status", sh("echo out; echo first >&2; echo last >&2; exit 3"), sdk.Error{Code: "exit_3", Message: "exit status 3: first\nlast"}},
		{"status, said on stdout", sh("echo out; exit 1"), sdk.Error{Code: "exit_1", Message: "exit status 1: out"}},
		{"status, nothing said", sh("exit 255"), sdk.Error{Code: "exit_255", Message: "exit status 255"}},
		{"try again", sh("echo busy >&2; exit 75"), sdk.Error{Code: "exit_75", Message: "exit status 75: busy", Retryable: true}},
		{"signal", sh("kill -9 $$"), sdk.Error{Code: "signal_9", Message: "ended by signal 9 (killed)"}},
		{"nothing", input{}, sdk.Error{Code: "bad_input", Message: `argv: missing; give the program and its arguments, for example ["date", "-u"]`}},
		{"no name", input{Argv: []string{""}}, sdk.Error{Code: "bad_input", Message: `argv: missing; give the program and its arguments, for example ["date", "-u"]`}},
		{"NUL in an argument", input{Argv: []string{"echo", "a\x00b"}}, sdk.Error{Code: "bad_input", Message: `argv: "a\x00b" contains a NUL byte`}},
		{"NUL in a value", input{Argv: []string{"env"}, Env: map[string]string{"A": "\x00"}}, sdk.Error{Code: "bad_input", Message: "env: the value of A contains a NUL byte"}},
		{"no variable name", input{Argv: []string{"env"}, Env: map[string]string{"A=B": "c"}}, sdk.Error{Code: "bad_input", Message: `env: "A=B" is not a name`}},
		{"variable of the host", input{Argv: []string{"env"}, Env: map[string]string{"PALYRA_RUN": "x"}}, sdk.Error{Code: "bad_input", Message: "env: PALYRA_RUN is set by the host; choose a name that does not start with PALYRA_"}},
		{"relative dir", input{Argv: []string{"env"}, Dir: "x"}, sdk.Error{Code: "bad_input", Message: `dir: "x" is not an absolute path`}},
		{"missing dir", input{Argv: []string{"env"}, Dir: "/no/such"}, sdk.Error{Code: "bad_input", Message: "dir: stat /no/such: no such file or directory"}},
		{"dir is a file", input{Argv: []string{"env"}, Dir: "/dev/null"}, sdk.Error{Code: "bad_input", Message: "dir: /dev/null is not a directory"}},
		{"no such program", input{Argv: []string{"no-such-program"}}, sdk.Error{Code: "not_found", Message: "no-such-program: no such program in PATH (" + defaultPath + ")"}},
		{"no such file", input{Argv: []string{"./no-such"}, Dir: "/"}, sdk.Error{Code: "not_found", Message: "/no-such: no such file"}},
		{"not executable", input{Argv: []string{"/etc/passwd"}}, sdk.Error{Code: "not_found", Message: "/etc/passwd: not executable"}},
		{"a directory", input{Argv: []string{"/bin/"}}, sdk.Error{Code: "not_found", Message: "/bin/: not a file"}},
		{"relative PATH", input{Argv: []string{"env"}, Dir: "/usr/bin", Env: map[string]string{"PATH": ".:"}}, sdk.Error{Code: "not_found", Message: "env: no such program in PATH (.:)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := plugintest.Run(t, skill(nil), request(t, tt.in), nil)
			got, ok := errors.AsType[*sdk.Error](err)
			if !ok {
				t.Fatalf("got %v, want an error of the action", err)
			}
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNotAProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(file, []byte("\x01\x02"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := plugintest.Run(t, skill(nil), request(t, input{Argv: []string{file}}), nil)
	if got, ok := errors.AsType[*sdk.Error](err); !ok || got.Code != "start_failed" {
		t.Errorf("got %v, want start_failed", err)
	}
}

func TestUnknownInputKey(t *testing.T) {
	req := request(t, input{})
	req.Input = json.RawMessage(`{"command": "ls | wc"}`)
	_, err := plugintest.Run(t, skill(nil), req, nil)
	if got, ok := errors.AsType[*sdk.Error](err); !ok || got.Code != "bad_input" || !strings.Contains(got.Message, "command") {
		t.Errorf("got %v, want bad_input that names the key", err)
	}
}

func TestLargeOutputIsCut(t *testing.T) {
	out, result, host := run(t, sh(`echo first; i=0; while [ $i -lt 3000 ]; do echo "line $i, padded to some length ......................"; i=$((i+1)); done; echo last`))
	if !out.Truncated || len(out.Stdout) > 2*half+100 {
		t.Fatalf("%d bytes, truncated %v", len(out.Stdout), out.Truncated)
	}
	for _, want := range []string{"first\nline 0,", "bytes left out ...]\n", "line 2999,", "\nlast\n"} {
		if !strings.Contains(out.Stdout, want) {
			t.Errorf("output lacks %q", want)
		}
	}
	if result.Summary != "last" {
		t.Errorf("summary %q", result.Summary)
	}
	logs := host.Logs()
	if last := logs[len(logs)-1].Line; last != "(stdout goes on; no more of it is logged)" {
		t.Errorf("last log line %q", last)
	}
}

// What the program leaves behind in its group ends with it, and what escapes
// with the pipes open does not keep the run.
func TestLeftBehind(t *testing.T) {
	alive := newFIFO(t)
	run(t, input{Argv: []string{"sh", "-c", `(trap "" TERM HUP; echo up > "$0.up"; exec cat "$0.block") 3> "$0" & read line < "$0.up"`, alive.path}})
	alive.waitForEnd(t)
}

func TestEscapedHoldsThePipes(t *testing.T) {
	if _, err := os.Stat("/usr/bin/setsid"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED: no setsid(1) here, so nothing can leave its process group")
	}
	fifo := newFIFO(t)
	s := shell{getenv: func(string) string { return "" }, grace: time.Minute, drain: time.Millisecond}
	in := input{Argv: []string{"setsid", "-f", "cat", fifo.path}}
	result, err := plugintest.Run(t, sdk.Skill{"run": sdk.Handle(s.run)}, request(t, in), nil)
	if err != nil || len(result.Output) == 0 {
		t.Errorf("got %v, %v", result, err)
	}
	// Let the escaped one end.
	w, err := os.OpenFile(fifo.path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
}

func TestCancel(t *testing.T) {
	tests := []struct {
		name   string
		script string
		grace  time.Duration
	}{
		{"goes in peace", `trap 'echo cleaned; exit 0' TERM; echo ready; while :; do read x < "$1"; done`, time.Minute},
		{"ignores SIGTERM", `trap "" TERM; echo ready; while :; do read x < "$1"; done`, time.Millisecond},
		{"grandchild ignores SIGTERM", `(trap "" TERM; echo ready; while :; do read x < "$1"; done) & wait`, time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			alive, block := newFIFO(t), newFIFO(t)
			ctx, cancel := context.WithCancel(t.Context())
			host := &listener{on: map[string]func(){"ready": cancel}}
			in := input{Argv: []string{"sh", "-c", `exec 3> "$0"; ` + tt.script, alive.path, block.path}}
			req := request(t, in)
			s := shell{getenv: func(string) string { return "" }, grace: tt.grace, drain: time.Minute}
			_, err := sdk.Handle(s.run)(sdk.NewContext(ctx, host, req), req)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the end of the context", err)
			}
			if tt.grace == time.Minute && !slices.Contains(host.lines, "cleaned") {
				t.Errorf("log %q: it had no time to clean up", host.lines)
			}
			alive.waitForEnd(t)
		})
	}
}

// A run that is cancelled before it starts ends the program all the same.
func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := request(t, input{Argv: []string{"cat", newFIFO(t).path}})
	s := shell{getenv: func(string) string { return "" }, grace: time.Minute, drain: time.Minute}
	if _, err := sdk.Handle(s.run)(sdk.NewContext(ctx, &listener{}, req), req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
}

// listener is a host that acts on log lines. Lines of one stream come one after
// the other.
type listener struct {
	on    map[string]func()
	lines []string
}

func (l *listener) Call(context.Context, string, json.RawMessage) (json.RawMessage, error) {
	return nil, errors.New("no calls")
}
func (l *listener) Progress(int64, int64, string) {}
func (l *listener) Log(level sdk.Level, line string) {
	if level != sdk.LevelInfo {
		return
	}
	l.lines = append(l.lines, line)
	if f := l.on[line]; f != nil {
		f()
	}
}

// fifo is a named pipe. Who holds it open for writing is known to be gone when
// it ends.
type fifo struct {
	path string
	r    *os.File
}

func newFIFO(t *testing.T) fifo {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	for _, name := range []string{path, path + ".block", path + ".up"} {
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Non-blocking: there is no writer yet.
	r, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return fifo{path, r}
}

func (f fifo) waitForEnd(t *testing.T) {
	t.Helper()
	if _, err := io.Copy(io.Discard, f.r); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", f.path, err))
	}
}
