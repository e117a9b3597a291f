package runner

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/runner/testdata/conform"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/host/worker"
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
	"github.com/palyra-go/palyra/sdk/pluginmain"
	pluginv1 "github.com/palyra-go/palyra/sdk/proto/palyra/plugin/v1"
)

// The test binary is also every program that the tests need: the worker, a host
// that is going to be killed, and, by the name it is called by, native plugins
// good and bad.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("PALYRA_TEST_HOST") != "":
		doomedHost(os.Getenv("PALYRA_TEST_HOST"))
	case os.Getenv(pluginv1.CookieKey) == "":
		os.Exit(m.Run())
	case len(os.Args) > 1 && os.Args[1] == "worker":
		os.Exit(worker.Main(os.Args[2:]))
	}
	switch os.Args[0] {
	case "quits":
		fmt.Fprintln(os.Stderr, "no licence found")
		os.Exit(7)
	case "babbles":
		fmt.Println("Welcome to my skill!")
		hang()
	case "mute":
		hang()
	case "elsewhere":
		fmt.Println("1|1|tcp|127.0.0.1:1|grpc|")
		hang()
	case "outside":
		fmt.Println("1|1|unix|/run/other.sock|grpc|")
		hang()
	case "unproven":
		fmt.Println("1|1|unix|" + os.Getenv("PLUGIN_UNIX_SOCKET_DIR") + "/none|grpc|")
		hang()
	}
	s := conform.Skill()
	s["self"] = sdk.Handle(self)
	s["spawn"] = sdk.Handle(spawn)
	s["long"] = func(context.Context, sdk.Request) (sdk.Result, error) {
		return sdk.Result{Summary: strings.Repeat("long", 5<<20)}, nil
	}
	pluginmain.Serve(s)
	_ = os.WriteFile("bye", nil, 0o600) // in the data directory, if it has one
}

// hang waits for a signal that does not come; the runtime would notice that
// nobody wakes a plain select.
func hang() {
	never := make(chan os.Signal, 1)
	signal.Notify(never, syscall.SIGUSR1)
	<-never
}

// about is what a process knows of itself.
type about struct {
	PID     int
	Env     map[string]string
	Dir     string
	Data    string
	Store   string
	Files   []string // what its descriptors lead to
	Program string
}

func self(ctx context.Context, _ struct{}) (about, error) {
	a := about{PID: os.Getpid(), Env: map[string]string{}}
	for _, entry := range os.Environ() {
		key, value, _ := strings.Cut(entry, "=")
		a.Env[key] = value
	}
	a.Dir, _ = os.Getwd()
	a.Program, _ = os.Readlink("/proc/self/exe")
	links, err := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		target, _ := os.Readlink(link)
		a.Files = append(a.Files, target)
	}
	req := sdk.RequestFrom(ctx)
	a.Data, a.Store = req.Data, req.Artifacts
	return a, err
}

// spawn starts a process in its group and one in a session of its own, says
// their ids and its own, and waits.
func spawn(ctx context.Context, _ struct{}) (int, error) {
	pids := []int{os.Getpid()}
	for _, attr := range []*syscall.SysProcAttr{nil, {Setsid: true}} {
		cmd := exec.Command("/bin/sleep", "1000")
		cmd.SysProcAttr, cmd.Stderr = attr, os.Stderr
		if err := cmd.Start(); err != nil {
			return 0, err
		}
		pids = append(pids, cmd.Process.Pid)
	}
	text, err := json.Marshal(pids)
	sdk.Log(ctx, "%s", text)
	<-ctx.Done()
	return 0, err
}

// store is an artifact store in memory.
type store struct {
	mu        sync.Mutex
	artifacts map[bundle.Digest][]byte
	opened    map[bundle.Digest]*bundle.Artifact
}

var errAltered = errors.New("altered")

func (s *store) put(data []byte) bundle.Digest {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := bundle.Digest(sha256.Sum256(data))
	s.artifacts[d] = data
	return d
}

func (s *store) Read(d bundle.Digest) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if data, ok := s.artifacts[d]; ok {
		return data, nil
	}
	return nil, errAltered
}

func (s *store) Open(d bundle.Digest) (*bundle.Artifact, error) {
	data, err := s.Read(d)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened[d] == nil {
		s.opened[d], err = bundle.Open(data)
	}
	return s.opened[d], err
}

// programs are the test binary and, built by the first test that asks, the
// conformance skill as a guest.
var native = sync.OnceValues(func() ([]byte, error) { return os.ReadFile("/proc/self/exe") })

var guest = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "palyra-guest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "guest.wasm")
	command := exec.Command("go", "build", "-o", file, "./testdata/guest")
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %v\n%s", err, out)
	}
	return os.ReadFile(file)
})

// shared is the store of all tests: the artifacts are large.
var shared = &store{artifacts: map[bundle.Digest][]byte{}, opened: map[bundle.Digest]*bundle.Artifact{}}

// pack returns an installed skill, with the program under its name.
func pack(t testing.TB, kind bundle.Kind, program, capabilities string) *skill.Skill {
	t.Helper()
	s, err := packed(kind, program, capabilities)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func packed(kind bundle.Kind, program, capabilities string) (*skill.Skill, error) {
	path, read := "bin/"+runtime.GOOS+"-"+runtime.GOARCH+"/"+program, native
	if kind == bundle.WASM {
		path, read = "modules/"+program+".wasm", guest
	}
	if program == "absent" {
		path = "bin/plan9-arm/absent"
	}
	code, err := read()
	if err != nil {
		return nil, err
	}
	toml := fmt.Sprintf("id = \"test.%s\"\nversion = \"1.0.0\"\nkind = %q\ndescription = \"A test\"\nprogram = %q\n[capabilities]\n%s\n", kind, kind, program, capabilities)
	names := []string{"missing", "self", "spawn", "long"}
	for name := range conform.Skill() {
		names = append(names, name)
	}
	for _, name := range names {
		toml += fmt.Sprintf("[entrypoints.%s]\ndescription = \"A test\"\n", name)
	}
	data, err := bundle.Pack(map[string][]byte{bundle.ManifestFile: []byte(toml), path: code})
	if err != nil {
		return nil, err
	}
	d := shared.put(data)
	artifact, err := shared.Open(d)
	if err != nil {
		return nil, err
	}
	return &skill.Skill{
		Digest: d, Manifest: artifact.Manifest, Publisher: "test", Current: true,
		State: skill.Active, Installed: time.Now(), Audited: time.Now(),
	}, nil
}

// gate permits everything that the invariants permit.
var gate = sync.OnceValues(func() (*policy.Gate, error) {
	set, err := policy.Compile(policy.Config{Files: []policy.File{{Name: "all.cedar", Text: "@id(\"all\") permit (principal, action, resource);"}}})
	return policy.NewGate(set), err
})

// long is the deadline of runs that are not meant to meet one: with the race
// detector, a worker compiles for minutes.
const long = 10 * time.Minute

func permit(t testing.TB, s *skill.Skill, entrypoint string, timeout time.Duration) policy.Permit {
	t.Helper()
	p, err := permitted(s, entrypoint, timeout)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func permitted(s *skill.Skill, entrypoint string, timeout time.Duration) (policy.Permit, error) {
	g, err := gate()
	if err != nil {
		return policy.Permit{}, err
	}
	action := job.Action{Skill: s.ID(), Entrypoint: entrypoint}
	v := g.Judge(policy.Query{
		Run: "run_1", Job: &job.Job{ID: "job_1", Name: "test", Owner: job.User("alice"), Action: action, Timeout: timeout},
		Principal: job.User("alice"), Action: action, Trigger: job.ByHand,
		Due: time.Now(), Now: time.Now(), Attempt: 1, Skill: s,
	})
	if !v.Permit.Valid() {
		return v.Permit, errors.New(v.Message)
	}
	return v.Permit, nil
}

// open returns a runner that ends with the test.
func open(t testing.TB, change func(*Config)) *Runner {
	t.Helper()
	c := Config{
		Exe: "/proc/self/exe", Dir: shortDir(t), Data: t.TempDir(), Store: t.TempDir(),
		Host: t.Name(), Artifacts: shared, Grace: 300 * time.Millisecond,
	}
	if change != nil {
		change(&c)
	}
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// shortDir is a temporary directory that has room for sockets; t.TempDir has not.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, _ := os.ReadDir(dir)
		for _, entry := range left {
			t.Errorf("left behind: %s", entry.Name())
		}
		os.RemoveAll(dir)
	})
	return dir
}

// host records what it is told.
type host struct {
	call func(ctx context.Context, method string) (json.RawMessage, error)
	said chan string // log lines

	mu    sync.Mutex
	steps []string
}

func newHost() *host { return &host{said: make(chan string, 100)} }

func (h *host) Call(ctx context.Context, method string, _ json.RawMessage) (json.RawMessage, error) {
	if h.call != nil {
		return h.call(ctx, method)
	}
	if method == sdk.MethodStatus {
		return json.Marshal(sdk.Status{Running: 7})
	}
	return nil, &sdk.Error{Code: "denied", Message: method}
}

func (h *host) Log(level sdk.Level, line string) { h.said <- string(level) + " " + line }

// hears returns the next log line of a run that says on ended that it is over.
func (h *host) hears(t *testing.T, ended <-chan error) string {
	t.Helper()
	select {
	case line := <-h.said:
		return line
	case err := <-ended:
		t.Fatal("the run ended:", err)
		return ""
	}
}

func (h *host) Progress(done, total int64, note string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.steps = append(h.steps, fmt.Sprint(done, total, note))
}
