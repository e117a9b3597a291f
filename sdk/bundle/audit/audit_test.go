package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/sdk/bundle"
)

const manifest = `id = "example.hello"
version = "1.0.0"
kind = "wasm"
program = "hello"

[entrypoints.greet]
`

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fixture is an artifact in the making.
type fixture struct {
	files map[string][]byte
	key   bundle.PrivateKey
	sign  bundle.SignOptions
	alter func([]byte) []byte // after signing
	opts  Options
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	key, err := bundle.GenerateKey("example")
	if err != nil {
		t.Fatal(err)
	}
	public := key.Public().Key
	return &fixture{
		files: map[string][]byte{"skill.toml": []byte(manifest), "modules/hello.wasm": module(nil), "assets/a.txt": []byte("hello")},
		key:   key,
		sign:  bundle.SignOptions{Epoch: 1, Created: now, Expires: now.Add(time.Hour)},
		opts:  Options{Now: now, Key: &public},
	}
}

// native turns the fixture into a native skill with one program.
func (f *fixture) native(platform string, program []byte) {
	f.files["skill.toml"] = bytes.Replace(f.files["skill.toml"], []byte(`"wasm"`), []byte(`"native"`), 1)
	delete(f.files, "modules/hello.wasm")
	f.files["bin/"+platform+"/hello"] = program
}

func (f *fixture) build(t *testing.T) []byte {
	t.Helper()
	data, err := bundle.Pack(f.files)
	if err != nil {
		t.Fatal(err)
	}
	if f.sign.Epoch != 0 {
		if data, err = bundle.Sign(data, f.key, f.sign); err != nil {
			t.Fatal(err)
		}
	}
	if f.alter != nil {
		data = f.alter(data)
	}
	return data
}

// rewrite replaces text by text of the same length and mends the checksums, as
// somebody would who does not have the key.
func rewrite(t *testing.T, file, old, new string) func([]byte) []byte {
	return func(data []byte) []byte {
		a, err := bundle.Open(data)
		if err != nil {
			t.Fatal(err)
		}
		content, _ := a.File(file)
		changed := bytes.Replace(content, []byte(old), []byte(new), 1)
		if len(changed) != len(content) || bytes.Equal(changed, content) {
			t.Fatalf("cannot put %q in the place of %q", new, old)
		}
		before := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(content))
		after := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(changed))
		data = bytes.Replace(data, content, changed, 1)
		return bytes.ReplaceAll(data, before, after)
	}
}

func elf(machine uint16) []byte {
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	b[16] = 2
	binary.LittleEndian.PutUint16(b[18:], machine)
	return b
}

// Each check has an artifact that fails it.
func TestEachCheckCanFail(t *testing.T) {
	other := newFixture(t).key.Public().Key
	for name, c := range map[string]struct {
		check string
		spoil func(*fixture)
	}{
		"bytes after the end":  {ContainerLayout, func(f *fixture) { f.alter = func(b []byte) []byte { return append(b, 0) } }},
		"flipped bit":          {ContainerLayout, func(f *fixture) { f.alter = func(b []byte) []byte { b[50] ^= 1; return b } }},
		"other artifact":       {DigestMatch, func(f *fixture) { f.opts.Expect = bundle.Digest{1} }},
		"bad manifest":         {ManifestValid, func(f *fixture) { f.alter = rewrite(t, "skill.toml", "1.0.0", "1.0,0") }},
		"unsigned":             {SignaturePresent, func(f *fixture) { f.sign = bundle.SignOptions{} }},
		"signature no JSON":    {SignaturePresent, func(f *fixture) { f.alter = rewrite(t, "signature.json", "{", "[") }},
		"other key":            {SignatureValid, func(f *fixture) { f.opts.Key = &other }},
		"file exchanged":       {StatementContents, func(f *fixture) { f.alter = rewrite(t, "assets/a.txt", "hello", "jello") }},
		"other version":        {StatementManifest, func(f *fixture) { f.alter = rewrite(t, "skill.toml", "1.0.0", "1.0.1") }},
		"expired":              {StatementExpiry, func(f *fixture) { f.opts.Now = now.Add(time.Hour) }},
		"no module":            {ProgramPresent, func(f *fixture) { delete(f.files, "modules/hello.wasm") }},
		"module of other name": {ProgramPresent, func(f *fixture) { f.rename("modules/hello.wasm", "modules/other.wasm") }},
		"program of other name": {ProgramPresent, func(f *fixture) {
			f.native("linux-amd64", elf(62))
			f.rename("bin/linux-amd64/hello", "bin/linux-amd64/other")
		}},
		"module in native": {ProgramPresent, func(f *fixture) {
			f.native("linux-amd64", nil)
			f.rename("bin/linux-amd64/hello", "modules/hello.wasm")
		}},
		"script as a program":  {ProgramFormat, func(f *fixture) { f.native("linux-amd64", []byte("#!/bin/sh")) }},
		"other machine":        {ProgramFormat, func(f *fixture) { f.native("linux-amd64", elf(183)) }},
		"unknown machine":      {ProgramFormat, func(f *fixture) { f.native("linux-z80", elf(62)) }},
		"unknown system":       {ProgramFormat, func(f *fixture) { f.native("hurd-amd64", elf(62)) }},
		"ELF for darwin":       {ProgramFormat, func(f *fixture) { f.native("darwin-arm64", elf(183)) }},
		"ELF for windows":      {ProgramFormat, func(f *fixture) { f.native("windows-amd64", elf(62)) }},
		"hostile module":       {WASMPrecheck, func(f *fixture) { f.files["modules/hello.wasm"] = module(map[byte][]byte{8: section(8, num(0))}) }},
		"hostile other module": {WASMPrecheck, func(f *fixture) { f.files["modules/z.wasm"] = []byte("#!/bin/sh") }},
		"TLS key":              {AssetsContent, func(f *fixture) { f.files["assets/k"] = []byte("-----BEGIN RSA PRIVATE" + " KEY-----") }},
		"signing key":          {AssetsContent, func(f *fixture) { f.files["assets/k"] = []byte(f.key.String()) }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			c.spoil(f)
			r := Audit(f.build(t), f.opts)
			if r.Passed() || !slices.ContainsFunc(r.Findings, func(x bundle.Finding) bool {
				return x.Check == c.check && x.Severity == bundle.SeverityError && x.Message != ""
			}) {
				t.Errorf("findings %+v, want an error of %s", r.Findings, c.check)
			}
		})
	}
}

func (f *fixture) rename(from, to string) {
	f.files[to] = f.files[from]
	delete(f.files, from)
}

func TestGoodArtifactsPass(t *testing.T) {
	for name, change := range map[string]func(*fixture){
		"wasm":            func(*fixture) {},
		"linux-amd64":     func(f *fixture) { f.native("linux-amd64", elf(62)) },
		"linux-arm64":     func(f *fixture) { f.native("linux-arm64", elf(183)) },
		"darwin-arm64":    func(f *fixture) { f.native("darwin-arm64", []byte("\xcf\xfa\xed\xfe")) },
		"windows-amd64":   func(f *fixture) { f.native("windows-amd64", []byte("MZ")) },
		"without the key": func(f *fixture) { f.opts.Key = nil },
		"never expiring":  func(f *fixture) { f.sign.Expires = time.Time{}; f.opts.Now = now.AddDate(50, 0, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			change(f)
			data := f.build(t)
			f.opts.Expect = sha256.Sum256(data)
			r := Audit(data, f.opts)
			if !r.Passed() || r.Findings == nil || len(r.Findings) > 0 || r.Digest != f.opts.Expect {
				t.Errorf("report %+v", r)
			}
		})
	}
}

// A program that this very toolchain made is one.
func TestOwnExecutableIsAProgram(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(data), "\x7fELF") {
		t.Log("not an ELF system: nothing to compare with")
		return
	}
	if errs := []error{checkFormat("linux-amd64", data), checkFormat("linux-arm64", data)}; (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("for amd64: %v; for arm64: %v; want one of them", errs[0], errs[1])
	}
}

func TestProgramsAmongAssetsAreNoted(t *testing.T) {
	f := newFixture(t)
	f.files["assets/run"] = []byte("#!/bin/sh\n")
	r := Audit(f.build(t), f.opts)
	if !r.Passed() || len(r.Findings) != 1 || r.Findings[0].Severity != bundle.SeverityWarn || r.Findings[0].File != "assets/run" {
		t.Errorf("report %+v, want one warning", r)
	}
}

func TestFindingsOfModulesHaveAnOffset(t *testing.T) {
	f := newFixture(t)
	f.files["modules/hello.wasm"] = module(map[byte][]byte{8: section(8, num(0))})
	for _, x := range Audit(f.build(t), f.opts).Findings {
		if x.Check == WASMPrecheck && x.Offset > 8 && x.File == "modules/hello.wasm" {
			return
		}
	}
	t.Error("no finding says where in the module")
}
