package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/palyra-go/palyra/host/api"
)

// patience is how long a story waits for what must come.
const patience = time.Minute

// TestStories runs testdata/script/story_*.txtar: what a user types, against the
// real daemon and the real skills. Every story has a state directory of its own,
// $PALYRA_STATE, and finds palyrad and palyra in PATH, the signed first-party
// skills in $SKILLS, their publisher's public key in $PUBLISHER, the private one
// in $KEY and the repository in $ROOT. Beside the commands of testscript there are
//
//	daemon [ARG...]         start palyrad in the background; returns when it is ready
//	daemon-stop             ask it to stop; it must exit with 0
//	daemon-kill             kill it with SIGKILL
//	skills NAME...          trust $PUBLISHER with palyra.* and install palyra.NAME
//	exits CODE PROGRAM...   run a program that must exit with CODE
//	expand FILE...          replace $VARIABLES in files
//	await JOB STATE[:REASON] [N|+N]
//	                        wait until N (1) nominal times of the job have ended so,
//	                        or N more than now
//	accounted JOB STEP      every nominal time of the job, STEP apart, is in one row
//	processes ENTRY N       N processes have NAME=VALUE in their environment
//	soon VARIABLE DURATION  set VARIABLE to the time after DURATION, RFC 3339
//	flip FILE               change a byte in the middle of a file
//	embeddings N...         serve an OpenAI-compatible API as $EMBEDDINGS; wait until
//	                        it has been asked for batches of N, N... texts, if given
//	hook [-hold] [N]        receive webhooks and pings as $HOOK; wait until N have come
//	                        in all, if given, and print what did. With -hold the next
//	                        ones get no answer
//
// and the conditions [root] and [tame-root]: root that can lay down its power
// over files with setpriv(1).
func TestStories(t *testing.T) {
	tools, goEnv := buildTools(t), goEnviron(t)
	testscript.Run(t, testscript.Params{
		Files:               stories(t),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(env *testscript.Env) error { return setup(env, tools, goEnv) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"daemon": startDaemon, "daemon-stop": stopDaemon, "daemon-kill": killDaemon,
			"skills": installSkills, "exits": exits, "expand": expand, "await": await,
			"accounted": accounted, "soon": soon, "processes": processes, "flip": flip, "embeddings": embeddings,
			"hook": hook,
		},
		Condition: condition,
	})
}

func stories(t *testing.T) []string {
	files, err := filepath.Glob("../../testdata/script/story_*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	return files
}

func condition(cond string) (bool, error) {
	switch cond {
	case "root":
		return os.Getuid() == 0, nil
	case "tame-root":
		tame := exec.Command("setpriv", "--bounding-set=-dac_override,-dac_read_search", "true")
		return os.Getuid() == 0 && tame.Run() == nil, nil
	}
	return false, fmt.Errorf("no condition [%s]", cond)
}

// buildTools builds what `make build` builds, and signs the skills.
func buildTools(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	bin, key := filepath.Join(dir, "bin"), filepath.Join(dir, "local.key")
	run := func(env []string, name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = "../..", append(os.Environ(), append(env, "CGO_ENABLED=0")...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, &stderr)
		}
		return string(out)
	}
	build := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"}
	run(nil, "go", append(build, "-o", bin+"/", "./cmd/palyrad", "./cmd/palyra", "./plugins/...")...)
	run([]string{"GOOS=wasip1", "GOARCH=wasm"}, "go", append(build, "-o", bin+"/", "./skills/...")...)
	palyra := filepath.Join(bin, "palyra")
	public := run(nil, palyra, "publisher", "new", "local", "--out", key)
	write(t, filepath.Join(dir, "local.pub"), public)
	for _, manifest := range glob(t, "../../*/*/skill.toml") {
		name := filepath.Base(filepath.Dir(manifest))
		stage, program := filepath.Join(dir, "stage", name), filepath.Join("bin", runtime.GOOS+"-"+runtime.GOARCH, name)
		if filepath.Base(filepath.Dir(filepath.Dir(manifest))) == "skills" {
			program = filepath.Join("modules", name+".wasm")
		}
		text, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(stage, "skill.toml"), string(text))
		if err := os.MkdirAll(filepath.Dir(filepath.Join(stage, program)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(bin, name), filepath.Join(stage, program)); err != nil {
			t.Fatal(err)
		}
		artifact := filepath.Join(dir, "palyra."+name+".palyra-skill")
		run(nil, palyra, "skill", "pack", stage, "-o", artifact)
		run(nil, palyra, "skill", "sign", artifact, "--key", key, "--epoch", "1700000000")
	}
	return dir
}

// goEnviron lets a script call go in the repository, $ROOT, with the caches of
// whoever runs the test.
func goEnviron(t *testing.T) []string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"ROOT=" + root, "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOTOOLCHAIN=local"}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(value)))
	}
	return env
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatal(pattern, "matches nothing", err)
	}
	return found
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// story is what a script has running.
type story struct {
	daemon *exec.Cmd // nil: none runs
	exited chan error
	log    string      // file with what the daemons said
	asked  chan []int  // batches that the embeddings API was asked for; see embeddings
	client *api.Client // of $PALYRA_STATE
	hook   *receiver   // nil: none receives
}

type storyKey struct{}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

func setup(env *testscript.Env, tools string, goEnv []string) error {
	state := filepath.Join(env.WorkDir, "state")
	s := &story{log: filepath.Join(env.WorkDir, "palyrad.log"), client: api.Dial(filepath.Join(state, "palyra.sock"))}
	env.Values[storyKey{}] = s
	env.Vars = append(env.Vars, goEnv...)
	for name, value := range map[string]string{
		"PALYRA_STATE": state, "PALYRA_SOCKET": "", "HOME": env.WorkDir, "TZ": "UTC", "NO_COLOR": "1",
		"XDG_CONFIG_HOME": filepath.Join(env.WorkDir, "config"), "XDG_STATE_HOME": "", "XDG_RUNTIME_DIR": "",
		"PATH":   filepath.Join(tools, "bin") + string(os.PathListSeparator) + os.Getenv("PATH"),
		"SKILLS": tools, "PUBLISHER": filepath.Join(tools, "local.pub"), "KEY": filepath.Join(tools, "local.key"),
	} {
		env.Setenv(name, value)
	}
	env.Defer(func() {
		if s.daemon != nil {
			_ = s.daemon.Process.Kill()
			<-s.exited
		}
		if t, ok := env.T().(testing.TB); ok && t.Failed() {
			said, _ := os.ReadFile(s.log)
			t.Logf("palyrad said:\n%s", said)
		}
	})
	return nil
}

func startDaemon(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if neg || s.daemon != nil {
		ts.Fatalf("usage: daemon [ARG...], while none runs")
	}
	ready, notify := listenReady(ts)
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	ts.Check(err)
	defer log.Close()
	before, err := log.Seek(0, 2)
	ts.Check(err)
	cmd := exec.Command(filepath.Join(ts.Getenv("SKILLS"), "bin", "palyrad"), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), log, log
	cmd.Env = append(environ(ts), "NOTIFY_SOCKET="+notify)
	ts.Check(cmd.Start())
	exited, told := make(chan error, 1), make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	go func() { told <- awaitReady(ready) }()
	select {
	case err = <-told:
	case err = <-exited:
		said, _ := os.ReadFile(s.log)
		ts.Fatalf("palyrad did not start: %v\n%s", err, said[before:])
	}
	s.daemon, s.exited = cmd, exited
	ts.Check(err)
}

// environ is what the daemon finds in its environment: of the script, what the
// harness sets or a script may.
func environ(ts *testscript.TestScript) []string {
	env := []string{}
	for _, name := range []string{
		"PALYRA_STATE", "PALYRA_SKILL_REAUDIT_INTERVAL_MS", "HOME", "TZ", "PATH", "TMPDIR", "XDG_CONFIG_HOME",
	} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// listenReady makes a socket on which a daemon says that it is ready
// (sd_notify(3)).
func listenReady(ts *testscript.TestScript) (conn *net.UnixConn, path string) {
	dir, err := os.MkdirTemp("", "story")
	ts.Check(err)
	ts.Defer(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "notify")
	conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	ts.Check(err)
	ts.Defer(func() { conn.Close() })
	ts.Check(conn.SetReadDeadline(time.Now().Add(patience)))
	return conn, path
}

func awaitReady(conn *net.UnixConn) error {
	message := make([]byte, 256)
	for {
		n, err := conn.Read(message)
		if err != nil || string(message[:n]) == "READY=1" {
			return err
		}
	}
}

func stopDaemon(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if neg || len(args) > 0 || s.daemon == nil {
		ts.Fatalf("usage: daemon-stop, while one runs")
	}
	ts.Check(s.daemon.Process.Signal(syscall.SIGTERM))
	s.daemon = nil
	ts.Check(<-s.exited)
}

func killDaemon(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	if neg || len(args) > 0 || s.daemon == nil {
		ts.Fatalf("usage: daemon-kill, while one runs")
	}
	ts.Check(s.daemon.Process.Kill())
	s.daemon = nil
	if err := <-s.exited; err == nil {
		ts.Fatalf("palyrad had ended before it was killed")
	}
}

func installSkills(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: skills NAME...")
	}
	ts.Check(ts.Exec("palyra", "publisher", "trust", ts.Getenv("PUBLISHER"), "--prefix", "palyra"))
	for _, name := range args {
		ts.Check(ts.Exec("palyra", "skill", "install", "--yes",
			filepath.Join(ts.Getenv("SKILLS"), "palyra."+name+".palyra-skill")))
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

func soon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: soon VARIABLE DURATION")
	}
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	ts.Setenv(args[0], time.Now().Add(d).UTC().Format(time.RFC3339))
}

func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip FILE")
	}
	text := []byte(ts.ReadFile(args[0]))
	text[len(text)/2] ^= 1
	ts.Check(os.Remove(ts.MkAbs(args[0]))) // it may be read-only
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}
