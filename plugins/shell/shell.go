//go:build unix

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/palyra-go/palyra/sdk"
)

// shell runs programs.
type shell struct {
	getenv func(string) string
	grace  time.Duration // between SIGTERM and SIGKILL
	drain  time.Duration // how long output is read of what escaped from the group
}

type input struct {
	Argv  []string          `json:"argv"`
	Dir   string            `json:"dir"`
	Env   map[string]string `json:"env"`
	Stdin string            `json:"stdin"`
}

type output struct {
	ExitCode  int    `json:"exit_code"`
	Stdout    string `json:"stdout"`
	Stderr    string `json:"stderr"`
	Truncated bool   `json:"truncated"`

	last string
}

// Summary implements sdk.Summarizer.
func (o output) Summary() string { return o.last }

// run serves the entrypoint run.
func (s shell) run(ctx context.Context, in input) (output, error) {
	cmd, err := s.command(in, sdk.RequestFrom(ctx))
	if err != nil {
		return output{}, err
	}
	host := sdk.HostFrom(ctx)
	stdout := &capture{name: "stdout", log: func(line string) { host.Log(sdk.LevelInfo, line) }}
	stderr := &capture{name: "stderr", log: func(line string) { host.Log(sdk.LevelWarn, line) }}
	state, err := s.execute(ctx, cmd, in.Stdin, stdout, stderr)
	if err != nil {
		return output{}, err
	}
	if err := failure(state, cmp.Or(stderr.end(), stdout.end())); err != nil {
		return output{}, err
	}
	return output{
		Stdout: stdout.String(), Stderr: stderr.String(),
		Truncated: stdout.truncated() || stderr.truncated(),
		last:      stdout.lastLine(),
	}, nil
}

// command checks the input and prepares what it asks for.
func (s shell) command(in input, req sdk.Request) (*exec.Cmd, error) {
	if len(in.Argv) == 0 || in.Argv[0] == "" {
		return nil, badInput(`argv: missing; give the program and its arguments, for example ["date", "-u"]`)
	}
	for _, arg := range in.Argv {
		if strings.ContainsRune(arg, 0) {
			return nil, badInput("argv: %q contains a NUL byte", arg)
		}
	}
	dir := cmp.Or(in.Dir, s.getenv("HOME"), "/")
	if !filepath.IsAbs(dir) {
		return nil, badInput("dir: %q is not an absolute path", dir)
	}
	if st, err := os.Stat(dir); err != nil {
		return nil, badInput("dir: %v", err)
	} else if !st.IsDir() {
		return nil, badInput("dir: %s is not a directory", dir)
	}
	env, path, err := s.environment(in.Env, req)
	if err != nil {
		return nil, err
	}
	program, err := find(in.Argv[0], path, dir)
	if err != nil {
		return nil, err
	}
	return &exec.Cmd{Path: program, Args: in.Argv, Dir: dir, Env: env}, nil
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment returns all that the program finds in its environment, and the
// PATH that is in it.
func (s shell) environment(extra map[string]string, req sdk.Request) (env []string, path string, err error) {
	vars := map[string]string{
		"PATH":              cmp.Or(s.getenv("PATH"), defaultPath),
		"PALYRA_OCCURRENCE": req.Occurrence,
		"PALYRA_RUN":        req.Run,
		"PALYRA_DUE":        req.Due.UTC().Format(time.RFC3339Nano),
		"PALYRA_ATTEMPT":    strconv.Itoa(req.Attempt),
	}
	if u := req.Upstream; u != nil {
		vars["PALYRA_UPSTREAM_JOB"], vars["PALYRA_UPSTREAM_RUN"] = u.Job, u.Run
		vars["PALYRA_UPSTREAM_STATE"], vars["PALYRA_UPSTREAM_REASON"] = u.State, u.Reason
	}
	for _, name := range []string{"HOME", "PALYRA_HOST"} {
		if value := s.getenv(name); value != "" {
			vars[name] = value
		}
	}
	for name, value := range extra {
		switch {
		case name == "" || strings.ContainsAny(name, "=\x00"):
			return nil, "", badInput("env: %q is not a name", name)
		case strings.HasPrefix(name, "PALYRA_"):
			return nil, "", badInput("env: %s is set by the host; choose a name that does not start with PALYRA_", name)
		case strings.ContainsRune(value, 0):
			return nil, "", badInput("env: the value of %s contains a NUL byte", name)
		}
		vars[name] = value
	}
	for name, value := range vars {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env, vars["PATH"], nil
}

// find returns the file that name means. A name with a slash is looked up from
// dir; another one in path, whose relative entries do not count.
func find(name, path, dir string) (string, error) {
	if strings.Contains(name, "/") {
		file := name
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		if why := runnable(file); why != "" {
			return "", &sdk.Error{Code: "not_found", Message: fmt.Sprintf("%s: %s", file, why)}
		}
		return file, nil
	}
	for _, entry := range filepath.SplitList(path) {
		if file := filepath.Join(entry, name); filepath.IsAbs(entry) && runnable(file) == "" {
			return file, nil
		}
	}
	return "", &sdk.Error{Code: "not_found", Message: fmt.Sprintf("%s: no such program in PATH (%s)", name, path)}
}

// runnable says why file is no program, if it is none.
func runnable(file string) string {
	st, err := os.Stat(file)
	switch {
	case err != nil:
		return "no such file"
	case !st.Mode().IsRegular():
		return "not a file"
	case st.Mode()&0o111 == 0:
		return "not executable"
	}
	return ""
}

func badInput(format string, args ...any) error {
	return &sdk.Error{Code: "bad_input", Message: fmt.Sprintf(format, args...)}
}
