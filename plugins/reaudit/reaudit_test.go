package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
	"github.com/palyra-go/palyra/sdk/bundle/audit"
	"github.com/palyra-go/palyra/sdk/plugintest"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// module is the smallest WASI command: it has a memory, and starts, and ends.
const module = "\x00asm\x01\x00\x00\x00" +
	"\x01\x04\x01\x60\x00\x00" + // one type: func ()
	"\x03\x02\x01\x00" + // one function of it
	"\x05\x03\x01\x00\x01" + // one memory
	"\x07\x13\x02\x06_start\x00\x00\x06memory\x02\x00" + // both exported
	"\x0a\x04\x01\x02\x00\x0b" // its code: end

// shelf is an artifact store with a few good artifacts.
type shelf struct {
	dir     string
	digests []bundle.Digest
}

func newShelf(t *testing.T, n int) *shelf {
	t.Helper()
	s := &shelf{dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(s.dir, "sha256"), 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := bundle.GenerateKey("example")
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		manifest := fmt.Sprintf("id = \"example.hello\"\nversion = \"1.0.%d\"\nkind = \"wasm\"\nprogram = \"hello\"\n[entrypoints.greet]\n", i)
		data, err := bundle.Pack(map[string][]byte{"skill.toml": []byte(manifest), "modules/hello.wasm": []byte(module)})
		if err != nil {
			t.Fatal(err)
		}
		if data, err = bundle.Sign(data, key, bundle.SignOptions{Epoch: int64(i + 1), Created: now, Expires: now.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		d := audit.Audit(data, audit.Options{Now: now}).Digest
		if err := os.WriteFile(s.file(d), data, 0o600); err != nil {
			t.Fatal(err)
		}
		s.digests = append(s.digests, d)
	}
	return s
}

func (s *shelf) file(d bundle.Digest) string { return filepath.Join(s.dir, "sha256", d.String()) }

// alter changes one byte of an artifact.
func (s *shelf) alter(t *testing.T, d bundle.Digest, at func(size int) int) {
	t.Helper()
	data, err := os.ReadFile(s.file(d))
	if err != nil {
		t.Fatal(err)
	}
	data[at(len(data))] ^= 1
	if err := os.WriteFile(s.file(d), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs the action over the real transport.
func (s *shelf) run(t *testing.T, a auditor) (output, sdk.Result, *plugintest.Host) {
	t.Helper()
	encoded, err := json.Marshal(input{s.digests})
	if err != nil {
		t.Fatal(err)
	}
	host := &plugintest.Host{}
	result, err := plugintest.Run(t, sdk.Skill{"reaudit": sdk.Handle(a.reaudit)},
		sdk.Request{Entrypoint: "reaudit", Input: encoded, Artifacts: s.dir}, host)
	if err != nil {
		t.Fatal(err)
	}
	var out output
	if err := json.Unmarshal(result.Output, &out); err != nil {
		t.Fatal(err)
	}
	return out, result, host
}

func plain() auditor { return auditor{now: func() time.Time { return now }, read: read} }

func TestAllPass(t *testing.T) {
	s := newShelf(t, 5)
	out, result, host := s.run(t, plain())
	if result.Summary != "audited 5 artifacts: 5 passed" {
		t.Errorf("summary %q", result.Summary)
	}
	for i, r := range out.Reports {
		if !r.Passed() || r.Digest != s.digests[i] || len(r.Findings) > 0 {
			t.Errorf("report %d: %+v", i, r)
		}
	}
	if len(out.Reports) != 5 || len(host.Logs()) > 0 {
		t.Errorf("%d reports, logs %v", len(out.Reports), host.Logs())
	}
	want := []plugintest.Step{}
	for i, d := range s.digests {
		want = append(want, plugintest.Step{Done: int64(i), Total: 5, Note: d.Short()})
	}
	if diff := cmp.Diff(append(want, plugintest.Step{Done: 5, Total: 5}), host.Steps()); diff != "" {
		t.Errorf("progress: %s", diff)
	}
}

// Any altered byte is found, wherever it is, and condemns its artifact alone.
func TestAlteredByte(t *testing.T) {
	for name, at := range map[string]func(int) int{
		"first": func(int) int { return 0 }, "middle": func(n int) int { return n / 2 }, "last": func(n int) int { return n - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t, 3)
			s.alter(t, s.digests[1], at)
			out, result, host := s.run(t, plain())
			if result.Summary != "audited 3 artifacts: 2 passed, 1 failed" {
				t.Errorf("summary %q", result.Summary)
			}
			r := out.Reports[1]
			found := slices.ContainsFunc(r.Findings, func(f bundle.Finding) bool { return f.Check == audit.DigestMatch })
			if r.Passed() || r.Error != "" || r.Digest != s.digests[1] || !found {
				t.Errorf("report %+v, want a finding of %s about the artifact as it is called", r, audit.DigestMatch)
			}
			if !out.Reports[0].Passed() || !out.Reports[2].Passed() {
				t.Errorf("others: %+v", out.Reports)
			}
			if logs := host.Logs(); len(logs) != 1 || logs[0].Level != sdk.LevelWarn || !strings.Contains(logs[0].Line, s.digests[1].Short()+": digest.match: ") {
				t.Errorf("logs %+v", logs)
			}
		})
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, file string)
		want   string // in the error of the report
	}{
		{"gone", func(t *testing.T, file string) {}, "no such file"},
		{"a directory", func(t *testing.T, file string) { must(t, os.Mkdir(file, 0o700)) }, "not a file"},
		{"a link", func(t *testing.T, file string) { must(t, os.Symlink("/dev/zero", file)) }, "not a file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShelf(t, 2)
			must(t, os.Remove(s.file(s.digests[0])))
			tt.change(t, s.file(s.digests[0]))
			out, result, _ := s.run(t, plain())
			if r := out.Reports[0]; !strings.Contains(r.Error, tt.want) || len(r.Findings) > 0 || r.Passed() || r.Digest != s.digests[0] {
				t.Errorf("report %+v, want an error with %q and nothing about the artifact", r, tt.want)
			}
			if !out.Reports[1].Passed() || result.Summary != "audited 2 artifacts: 1 passed, 1 could not be read" {
				t.Errorf("other %+v, summary %q", out.Reports[1], result.Summary)
			}
		})
	}
}

// A passing trouble costs a second try, a lasting one its own report.
func TestReadTwice(t *testing.T) {
	for fails, want := range map[int]string{1: "audited 2 artifacts: 2 passed", 2: "audited 2 artifacts: 1 passed, 1 could not be read"} {
		s := newShelf(t, 2)
		tries := 0
		a := plain()
		a.read = func(store string, d bundle.Digest) ([]byte, error) {
			if tries++; tries <= fails {
				return nil, errors.New("input/output error")
			}
			return read(store, d)
		}
		if _, result, _ := s.run(t, a); result.Summary != want {
			t.Errorf("after %d failed reads: %q, want %q", fails, result.Summary, want)
		}
	}
}

func TestPanicIsOfOneReport(t *testing.T) {
	s := newShelf(t, 2)
	a := plain()
	a.read = func(store string, d bundle.Digest) ([]byte, error) {
		if d == s.digests[0] {
			panic("upset")
		}
		return read(store, d)
	}
	out, _, _ := s.run(t, a)
	if out.Reports[0].Error != "panic: upset" || out.Reports[0].Digest != s.digests[0] || !out.Reports[1].Passed() {
		t.Errorf("reports %+v", out.Reports)
	}
}

func TestExpired(t *testing.T) {
	s := newShelf(t, 1)
	a := plain()
	a.now = func() time.Time { return now.Add(2 * time.Hour) }
	out, result, _ := s.run(t, a)
	if f := out.Reports[0].Findings; len(f) != 1 || f[0].Check != audit.StatementExpiry || result.Summary != "audited 1 artifact: 0 passed, 1 failed" {
		t.Errorf("findings %+v, summary %q", f, result.Summary)
	}
}

func TestInput(t *testing.T) {
	skill := sdk.Skill{"reaudit": sdk.Handle(plain().reaudit)}
	tests := []struct {
		name, input, artifacts, code string
	}{
		{"not granted", `{"digests":[]}`, "", "no_artifacts"},
		{"not a digest", `{"digests":["../../etc/passwd"]}`, "/", "bad_input"},
		{"unknown key", `{"digest":[]}`, "/", "bad_input"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := sdk.Request{Entrypoint: "reaudit", Input: []byte(tt.input), Artifacts: tt.artifacts}
			_, err := plugintest.Run(t, skill, req, nil)
			if got, ok := errors.AsType[*sdk.Error](err); !ok || got.Code != tt.code {
				t.Errorf("got %v, want %s", err, tt.code)
			}
		})
	}
	result, err := plugintest.Run(t, skill, sdk.Request{Entrypoint: "reaudit", Input: []byte(`{}`), Artifacts: "/"}, nil)
	if err != nil || string(result.Output) != `{"reports":[]}` {
		t.Errorf("nothing to audit: %s, %v", result.Output, err)
	}
}

func TestCancelled(t *testing.T) {
	s := newShelf(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := plain().reaudit(sdk.NewContext(ctx, sdk.HostFrom(ctx), sdk.Request{Artifacts: s.dir}), input{s.digests})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
}

// One artifact with very much wrong with it does not crowd out the others.
func TestCapped(t *testing.T) {
	var many []bundle.Finding
	for range 100 {
		many = append(many, bundle.Finding{Check: "a", Severity: bundle.SeverityInfo, Message: strings.Repeat("é", 1000)})
	}
	many = append(many, bundle.Finding{Check: "bad", Severity: bundle.SeverityError})
	got := capped(many)
	if len(got) != maxFindings || got[0].Check != "bad" || got[maxFindings-1].Message != "82 more findings" {
		t.Errorf("%d findings, the first %+v, the last %+v", len(got), got[0], got[len(got)-1])
	}
	if len(got[1].Message) > maxMessage+len("…") || !strings.HasSuffix(got[1].Message, "é…") {
		t.Errorf("message of %d bytes", len(got[1].Message))
	}
	if diff := cmp.Diff(many[:maxFindings], capped(many[:maxFindings])[:maxFindings], cmp.FilterPath(
		func(p cmp.Path) bool { return p.Last().String() == ".Message" }, cmp.Ignore())); diff != "" {
		t.Errorf("as many as fit: %s", diff)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
