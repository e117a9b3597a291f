package wasm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/palyra-go/palyra/sdk"
)

// dir holds the guests that the tests of this package build.
var dir string

// rudeOnce is testdata/wasm/rude, built and compiled once.
var rudeOnce = sync.OnceValues(func() (*Module, error) {
	module, err := build("testdata/wasm/rude")
	if err != nil {
		return nil, err
	}
	return Open(context.Background(), module, Limits{})
})

func rude(t *testing.T) *Module {
	t.Helper()
	m, err := rudeOnce()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMain(m *testing.M) {
	var err error
	if dir, err = os.MkdirTemp("", "palyra-wasm-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// build returns the module of a Go guest, given its directory from the root of
// the repository.
func build(source string) ([]byte, error) {
	file := filepath.Join(dir, filepath.Base(source)+".wasm")
	command := exec.Command("go", "build", "-o", file, "./"+source)
	command.Dir = filepath.Join("..", "..", "..")
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %v\n%s", source, err, out)
	}
	return os.ReadFile(file)
}

// compile opens the module of a Go guest.
func compile(t *testing.T, source string) *Module {
	t.Helper()
	module, err := build(source)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, module, Limits{})
}

func open(t *testing.T, module []byte, limits Limits) *Module {
	t.Helper()
	m, err := Open(t.Context(), module, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	return m
}

// record is a host that remembers what it was told and echoes calls.
type record struct {
	logs     []string
	warnings []string
	progress []string
	calls    int
	refusal  error
	onLog    func()
}

func (r *record) Log(level sdk.Level, line string) {
	if level == sdk.LevelWarn {
		r.warnings = append(r.warnings, line)
		return
	}
	r.logs = append(r.logs, line)
	if r.onLog != nil {
		r.onLog()
	}
}

func (r *record) Progress(done, total int64, note string) {
	r.progress = append(r.progress, fmt.Sprintf("%d/%d %s", done, total, note))
}

func (r *record) Call(_ context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
	r.calls++
	if r.refusal != nil {
		return nil, r.refusal
	}
	return json.Marshal(map[string]any{"method": method, "params": params})
}
