package runner

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
)

func askSelf(t *testing.T, r *Runner, s *skill.Skill) about {
	t.Helper()
	result, err := r.Run(t.Context(), permit(t, s, "self", long), sdk.Request{}, newHost())
	if err != nil {
		t.Fatal(err)
	}
	var a about
	if err := json.Unmarshal(result.Output, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestChildGetsWhatItIsGranted(t *testing.T) {
	t.Setenv("PALYRA_SECRET", "s3cret")
	t.Setenv("PATH", "/usr/bin:/bin")
	canary := filepath.Join(t.TempDir(), "canary")
	fd, err := syscall.Open(canary, syscall.O_CREAT|syscall.O_RDWR, 0o600) // would be inherited
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	r := open(t, nil)

	always := []string{"PALYRA_HOST", "PALYRA_PLUGIN", "PLUGIN_CLIENT_CERT", "PLUGIN_MAX_PORT", "PLUGIN_MIN_PORT", "PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_UNIX_SOCKET_DIR", "TMPDIR"}
	a := askSelf(t, r, pack(t, bundle.Native, "good", ""))
	if keys := slices.Sorted(maps.Keys(a.Env)); !slices.Equal(keys, always) {
		t.Errorf("environment %v; want %v", keys, always)
	}
	if a.Env["PALYRA_HOST"] != t.Name()+"/1" || a.Dir != a.Env["TMPDIR"] || a.Dir != a.Env["PLUGIN_UNIX_SOCKET_DIR"] {
		t.Errorf("environment %v in %s", a.Env, a.Dir)
	}
	if a.Data != "" || a.Store != "" {
		t.Errorf("directories %q, %q", a.Data, a.Store)
	}
	for _, file := range a.Files {
		if strings.Contains(file, "canary") || strings.Contains(file, "memfd") {
			t.Errorf("it inherited %s", file)
		}
	}
	if !slices.Contains(a.Files, os.DevNull) {
		t.Errorf("standard input is not %s: %v", os.DevNull, a.Files)
	}
	if a.Program != "/memfd:good (deleted)" {
		t.Errorf("it executes %s", a.Program)
	}

	a = askSelf(t, r, pack(t, bundle.Native, "good", "data = true\nartifacts = true\nprocess = true"))
	own := filepath.Join(r.config.Data, "test.native")
	if a.Data != own || a.Dir != own || a.Store != r.config.Store {
		t.Errorf("granted directories %q, %q in %q; want %q, %q", a.Data, a.Store, a.Dir, own, r.config.Store)
	}
	if info, err := os.Stat(own); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v, %v", info, err)
	}
	if a.Env["PATH"] != "/usr/bin:/bin" || a.Env["HOME"] != os.Getenv("HOME") || a.Env["PALYRA_SECRET"] != "" {
		t.Errorf("with the capability process: environment %v", a.Env)
	}
}

// meeting is a host whose runs meet in a host call and stay there until they are
// released.
type meeting struct {
	*host
	r              *Runner
	s              *skill.Skill
	here, released chan bool
	ended          chan error
}

func meet(r *Runner, s *skill.Skill) *meeting {
	m := &meeting{newHost(), r, s, make(chan bool), make(chan bool), make(chan error, 100)}
	m.call = func(ctx context.Context, _ string) (json.RawMessage, error) {
		for _, c := range []chan bool{m.here, m.released} {
			select {
			case c <- true:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return []byte("{}"), nil
	}
	return m
}

func (m *meeting) run(ctx context.Context, t *testing.T) error {
	_, err := m.r.Run(ctx, permit(t, m.s, "call", long), sdk.Request{Input: []byte(`{"method":"x"}`)}, m)
	return err
}

// next waits for one of from; no run may end meanwhile.
func (m *meeting) next(t *testing.T, from chan bool) {
	t.Helper()
	select {
	case <-from:
	case err := <-m.ended:
		t.Fatal("a run ended:", err)
	}
}

func TestNativeChildServesManyRuns(t *testing.T) {
	r := open(t, nil)
	m := meet(r, pack(t, bundle.Native, "good", "status = true"))
	const runs = 20
	for range runs {
		go func() { m.ended <- m.run(t.Context(), t) }()
	}
	for range runs {
		m.next(t, m.here) // all at once
	}
	for range runs {
		<-m.released
	}
	for range runs {
		if err := <-m.ended; err != nil {
			t.Error(err)
		}
	}
	if r.births != 1 {
		t.Errorf("%d children for %d runs at once", r.births, runs)
	}
}

func TestWorkersServeOneRunEach(t *testing.T) {
	r := open(t, func(c *Config) { c.MaxWorkers = 2 })
	m := meet(r, pack(t, bundle.WASM, "good", "status = true"))
	for range 3 {
		go func() { m.ended <- m.run(t.Context(), t) }()
	}
	m.next(t, m.here)
	m.next(t, m.here)
	if r.births != 2 {
		t.Errorf("%d workers for two runs", r.births)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errReplaced)
	if err := m.run(ctx, t); !errors.Is(err, errReplaced) {
		t.Errorf("a run cancelled while it waits for a worker: %v", err)
	}
	m.next(t, m.released)
	if err := <-m.ended; err != nil {
		t.Error(err)
	}
	m.next(t, m.here) // the third, in the place of the one that ended
	m.next(t, m.released)
	<-m.released
	for range 2 {
		if err := <-m.ended; err != nil {
			t.Error(err)
		}
	}
	if r.births != 2 {
		t.Errorf("%d workers, at most 2", r.births)
	}
}

func TestIdleChildIsLetGo(t *testing.T) {
	r := open(t, func(c *Config) { c.Idle, c.Grace = time.Millisecond, long })
	s := pack(t, bundle.Native, "good", "data = true")
	first := askSelf(t, r, s)
	r.mu.Lock()
	children := slices.Clone(r.pools[poolKey{digest: s.Digest}].children)
	r.mu.Unlock()
	for _, c := range children {
		<-c.gone
	}
	if _, err := os.Stat(filepath.Join(first.Data, "bye")); err != nil {
		t.Errorf("it could not finish what its main does: %v", err)
	}
	if second := askSelf(t, r, s); second.PID == first.PID {
		t.Error("it is still there")
	}
}

func TestAudit(t *testing.T) {
	r := open(t, nil)
	s := pack(t, bundle.WASM, "good", "status = true")
	g, err := gate()
	if err != nil {
		t.Fatal(err)
	}
	report, err := r.Audit(t.Context(), g.PermitAudit(s.Digest, s.Manifest, time.Now().Add(long)))
	if err != nil {
		t.Fatal(err)
	}
	if report.Digest != s.Digest || report.Error != "" || report.Passed() {
		t.Errorf("report %+v; want findings, for it is not signed", report)
	}
	s.Digest[0]++
	if _, err := r.Audit(t.Context(), g.PermitAudit(s.Digest, s.Manifest, time.Now().Add(long))); !errors.Is(err, errAltered) {
		t.Errorf("of bytes that are gone: %v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if left := r.pools[poolKey{report.Digest, true}].children; len(left) != 0 {
		t.Errorf("%d auditors survive", len(left))
	}
}

func TestStateDirectoryTooDeepForASocket(t *testing.T) {
	runtimeDir := shortDir(t)
	t.Setenv("XDG_RUNTIME_DIR", runtimeDir)
	r := open(t, func(c *Config) { c.Dir = filepath.Join(t.TempDir(), strings.Repeat("deep/", 30), "run") })
	if a := askSelf(t, r, pack(t, bundle.Native, "good", "")); !strings.HasPrefix(a.Env["TMPDIR"], runtimeDir) {
		t.Errorf("its sockets are in %s", a.Env["TMPDIR"])
	}
}

func TestSocketDirectoryOfSomebodyElse(t *testing.T) {
	dir := shortDir(t)
	target := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if _, err := openSocketDir(link, "host"); err == nil {
		t.Error("a link was taken for a directory of ours")
	}
	os.Remove(link)
}

// Starts, half of them failures, leave no process, descriptor or goroutine.
func TestNothingLeaks(t *testing.T) {
	good, bad := pack(t, bundle.Native, "good", ""), pack(t, bundle.Native, "quits", "")
	ignore := goleak.IgnoreCurrent()
	files := descriptors(t)
	r := open(t, nil)
	for range 8 {
		if _, err := r.Run(t.Context(), permit(t, good, "echo", long), sdk.Request{}, newHost()); err != nil {
			t.Fatal(err)
		}
		r.Stop(good.Digest)
		if _, err := r.Run(t.Context(), permit(t, bad, "echo", long), sdk.Request{}, newHost()); err == nil {
			t.Fatal("quits did not quit")
		}
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, ignore)
	if left := descriptors(t); left > files {
		t.Errorf("%d descriptors before, %d after", files, left)
	}
	if _, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("there are still children: %v", err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
