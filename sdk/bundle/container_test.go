package bundle

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

const helloManifest = `id = "example.hello"
version = "1.0.0"
kind = "wasm"
program = "hello"

[entrypoints.greet]
description = "Greets"
`

var signedAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func minimalFiles() map[string][]byte {
	return map[string][]byte{
		"skill.toml":         []byte(helloManifest),
		"modules/hello.wasm": []byte("\x00asm\x01\x00\x00\x00"),
	}
}

func mustPack(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	data, err := Pack(files)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustKey(t testing.TB, name string) PrivateKey {
	t.Helper()
	key, err := GenerateKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func mustSign(t testing.TB, data []byte, key PrivateKey) []byte {
	t.Helper()
	signed, err := Sign(data, key, SignOptions{Epoch: 7, Created: signedAt, Expires: signedAt.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestPackIsAnOrdinaryZip(t *testing.T) {
	files := minimalFiles()
	data := mustPack(t, files)
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != len(files) {
		t.Fatalf("%d files, want %d", len(r.File), len(files))
	}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(in)
		if err != nil || !bytes.Equal(got, files[f.Name]) {
			t.Errorf("%s: %q, %v", f.Name, got, err)
		}
	}
}

func TestOpenGivesBackWhatWasPacked(t *testing.T) {
	files := minimalFiles()
	files["assets/a/b.txt"] = nil
	data := mustPack(t, files)
	a, err := Open(data)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"assets/a/b.txt", "modules/hello.wasm", "skill.toml"}; !slices.Equal(a.Names(), want) {
		t.Errorf("names %q, want %q", a.Names(), want)
	}
	for name, want := range files {
		if got, ok := a.File(name); !ok || !bytes.Equal(got, want) {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
	if _, ok := a.File("assets"); ok {
		t.Error("a folder is a file")
	}
	if again := encode(a.files); !bytes.Equal(again, data) {
		t.Error("encoded again, the bytes differ")
	}
	program, err := a.Program("plan9", "mips")
	if err != nil || !bytes.Equal(program, files["modules/hello.wasm"]) {
		t.Errorf("program: %q, %v", program, err)
	}
}

func TestProgramOfANativeSkill(t *testing.T) {
	a, err := Open(mustPack(t, map[string][]byte{
		"skill.toml":            []byte(strings.Replace(helloManifest, `"wasm"`, `"native"`, 1)),
		"bin/linux-amd64/hello": []byte("x"),
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.Program("linux", "amd64"); err != nil || string(got) != "x" {
		t.Errorf("linux-amd64: %q, %v", got, err)
	}
	if _, err := a.Program("linux", "arm64"); !errors.Is(err, ErrProgram) {
		t.Errorf("linux-arm64: %v, want ErrProgram", err)
	}
}

func TestPackRefuses(t *testing.T) {
	for name, change := range map[string]func(map[string][]byte){
		"no manifest":          func(f map[string][]byte) { delete(f, "skill.toml") },
		"escaping name":        func(f map[string][]byte) { f["assets/../x"] = nil },
		"absolute name":        func(f map[string][]byte) { f["/assets/x"] = nil },
		"empty part":           func(f map[string][]byte) { f["assets//x"] = nil },
		"folder entry":         func(f map[string][]byte) { f["assets/"] = nil },
		"hidden file":          func(f map[string][]byte) { f["assets/.x"] = nil },
		"NUL in a name":        func(f map[string][]byte) { f["assets/x\x00"] = nil },
		"backslash":            func(f map[string][]byte) { f[`assets\x`] = nil },
		"not ASCII":            func(f map[string][]byte) { f["assets/é"] = nil },
		"long name":            func(f map[string][]byte) { f["assets/"+strings.Repeat("x", 200)] = nil },
		"stray file":           func(f map[string][]byte) { f["README"] = nil },
		"module in a folder":   func(f map[string][]byte) { f["modules/a/b.wasm"] = nil },
		"program of nothing":   func(f map[string][]byte) { f["bin/hello"] = nil },
		"case twins":           func(f map[string][]byte) { f["assets/x"], f["assets/X"] = nil, nil },
		"folder case twins":    func(f map[string][]byte) { f["assets/a/1"], f["assets/A/2"] = nil, nil },
		"file and folder":      func(f map[string][]byte) { f["assets/a"], f["assets/a/b"] = nil, nil },
		"file and folder twin": func(f map[string][]byte) { f["assets/A"], f["assets/a/b"] = nil, nil },
		"too big":              func(f map[string][]byte) { f["assets/x"] = make([]byte, MaxFile+1) },
		"too many": func(f map[string][]byte) {
			for _, extra := range manyFiles(MaxFiles) {
				f[extra.name] = nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			files := minimalFiles()
			change(files)
			if _, err := Pack(files); !errors.Is(err, ErrContainer) && !errors.Is(err, ErrManifest) {
				t.Errorf("error %v, want a refusal", err)
			}
		})
	}
}

// Other writers of ZIP files make other bytes, which could hide something.
func TestOpenRefusesOtherForms(t *testing.T) {
	good := mustPack(t, minimalFiles())
	for name, data := range map[string][]byte{
		"empty":           {},
		"empty zip":       good[len(good)-endSize:],
		"prepended":       append([]byte("#!/bin/sh\n"), good...),
		"appended":        append(bytes.Clone(good), 0),
		"twice":           append(bytes.Clone(good), good...),
		"archive/zip":     foreignZip(t),
		"duplicate":       encode([]file{{"skill.toml", []byte(helloManifest)}, {"skill.toml", []byte(helloManifest)}}),
		"out of order":    encode([]file{{"skill.toml", []byte(helloManifest)}, {"modules/hello.wasm", nil}}),
		"escaping":        encode([]file{{"../x", nil}, {"skill.toml", []byte(helloManifest)}}),
		"huge size":       []byte("PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00\x00x"),
		"too many files":  encode(manyFiles(MaxFiles + 1)),
		"far too big bin": encode([]file{{"assets/x", make([]byte, MaxFile+1)}, {"skill.toml", []byte(helloManifest)}}),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(data); !errors.Is(err, ErrContainer) {
				t.Errorf("error %v, want ErrContainer", err)
			}
		})
	}
}

func manyFiles(n int) []file {
	var files []file
	for i := range n {
		files = append(files, file{name: "assets/" + string(rune('a'+i/26)) + string(rune('a'+i%26))})
	}
	return files
}

func foreignZip(t *testing.T) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	out, err := w.CreateHeader(&zip.FileHeader{Name: "skill.toml", Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(out, helloManifest); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Whatever bit of an artifact changes and wherever it is cut, it is refused.
func TestEveryAlterationIsRefused(t *testing.T) {
	key := mustKey(t, "example")
	signed := mustSign(t, mustPack(t, minimalFiles()), key)
	public := key.Public().Key
	if err := openAndVerify(signed, public); err != nil {
		t.Fatal(err)
	}
	for i := range signed {
		for bit := range 8 {
			signed[i] ^= 1 << bit
			if openAndVerify(signed, public) == nil {
				t.Errorf("accepted with bit %d of byte %d flipped", bit, i)
			}
			signed[i] ^= 1 << bit
		}
		if openAndVerify(signed[:i], public) == nil {
			t.Errorf("accepted when cut to %d bytes", i)
		}
	}
}

func openAndVerify(data []byte, key PublicKey) error {
	a, err := Open(data)
	if err != nil {
		return err
	}
	return a.Verify(key, signedAt)
}

func FuzzOpen(f *testing.F) {
	packed := mustPack(f, minimalFiles())
	f.Add(packed)
	f.Add(mustSign(f, packed, mustKey(f, "example")))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Open(data)
		if err != nil {
			return
		}
		if !bytes.Equal(encode(a.files), data) {
			t.Error("accepted bytes that are not canonical")
		}
		if _, err := a.Statement(); err == nil && !a.Signed() {
			t.Error("a statement without a signature")
		}
	})
}
