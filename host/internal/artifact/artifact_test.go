package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/palyra-go/palyra/sdk/bundle"
)

const manifest = "id = \"a.b\"\nversion = \"1.0.0\"\nkind = \"wasm\"\nprogram = \"b\"\n[entrypoints.run]\n"

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func pack(t *testing.T) []byte {
	t.Helper()
	data, err := bundle.Pack(map[string][]byte{"skill.toml": []byte(manifest)})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t *testing.T, s *Store, data []byte) bundle.Digest {
	t.Helper()
	d, err := s.Put(t.Context(), bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestStoreGivesBackWhatItGot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "skills")
	s := open(t, dir)
	data := pack(t)
	d := put(t, s, data)
	if d != sha256.Sum256(data) {
		t.Fatalf("digest %s", d)
	}
	if again := put(t, s, data); again != d {
		t.Errorf("put again: %s", again)
	}
	s = open(t, dir) // as after a restart
	if got, err := s.Read(d); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read: %d bytes, %v", len(got), err)
	}
	if a, err := s.Open(d); err != nil || a.Digest != d || a.Manifest.ID != "a.b" {
		t.Errorf("open: %+v, %v", a, err)
	}
	if list, err := s.List(); err != nil || !slices.Equal(list, []bundle.Digest{d}) {
		t.Errorf("list: %v, %v", list, err)
	}
	info, err := os.Stat(s.Path(d))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %v, %v", info.Mode(), err)
	}
}

func TestRemove(t *testing.T) {
	s := open(t, t.TempDir())
	d := put(t, s, pack(t))
	for range 2 { // the second time it is not there
		if err := s.Remove(d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Read(d); !errors.Is(err, ErrNotFound) {
		t.Errorf("read: %v, want ErrNotFound", err)
	}
	if _, err := s.Open(d); !errors.Is(err, ErrNotFound) {
		t.Errorf("open: %v, want ErrNotFound", err)
	}
}

// Whatever happens to the file, its bytes are not handed out.
func TestAlteredBytesAreNotHandedOut(t *testing.T) {
	for name, alter := range map[string]func(path string) error{
		"a bit": func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[len(data)/2] ^= 1
			return os.WriteFile(path, data, 0o600)
		},
		"cut":   func(path string) error { return os.Truncate(path, 10) },
		"empty": func(path string) error { return os.Truncate(path, 0) },
		"other": func(path string) error {
			data, err := bundle.Pack(map[string][]byte{"skill.toml": []byte(manifest + "# another\n")})
			if err != nil {
				return err
			}
			return os.WriteFile(path, data, 0o600)
		},
		"folder": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"link to the same": func(path string) error {
			return errors.Join(os.Rename(path, path+".moved"), os.Symlink(path+".moved", path))
		},
		"huge": func(path string) error { return os.Truncate(path, bundle.MaxSize+1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			data := pack(t)
			d := put(t, s, data)
			if err := alter(s.Path(d)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Read(d); !errors.Is(err, ErrAltered) || !errors.Is(err, bundle.ErrContents) {
				t.Errorf("read: %v, want ErrAltered", err)
			}
			if _, err := s.Open(d); !errors.Is(err, ErrAltered) {
				t.Errorf("open: %v, want ErrAltered", err)
			}
			if name == "folder" {
				return // a file does not replace it
			}
			put(t, s, data)
			if _, err := s.Read(d); err != nil {
				t.Errorf("stored anew: %v", err)
			}
		})
	}
}

// Bytes that hash right but are no artifact are the fault of whoever stored them.
func TestOpenOfSomethingElse(t *testing.T) {
	s := open(t, t.TempDir())
	d := put(t, s, []byte("no artifact"))
	if _, err := s.Open(d); !errors.Is(err, bundle.ErrContainer) || errors.Is(err, ErrAltered) {
		t.Errorf("open: %v, want ErrContainer", err)
	}
}

func TestRefusedBytesLeaveNothing(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("line dropped")
	for name, c := range map[string]struct {
		ctx  context.Context
		r    io.Reader
		want error
	}{
		"reader breaks": {t.Context(), io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), broken},
		"caller gone":   {cancelled, strings.NewReader("abc"), context.Canceled},
		"too big":       {t.Context(), endless{}, ErrTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			s.limit = 1 << 20
			if _, err := s.Put(c.ctx, c.r); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			entries, err := os.ReadDir(filepath.Join(dir, folder))
			if err != nil || len(entries) != 0 {
				t.Errorf("left over: %v, %v", entries, err)
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestOpenClearsWhatWasOnItsWay(t *testing.T) {
	dir := t.TempDir()
	d := put(t, open(t, dir), pack(t))
	left := filepath.Join(dir, folder, incoming+"X")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
	if _, err := s.Read(d); err != nil {
		t.Error(err)
	}
}

func TestStraysAreListedAndNotStored(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, name := range []string{"b.palyra-skill", "a.palyra-skill", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), pack(t), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Join(dir, "a.palyra-skill"), filepath.Join(dir, "b.palyra-skill")}
	if got := s.Strays(); !slices.Equal(got, want) {
		t.Errorf("strays %q, want %q", got, want)
	}
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("list: %v, %v", list, err)
	}
}

func TestOpenRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "skills")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.HasPrefix(err.Error(), "artifact store: ") {
		t.Errorf("error %v", err)
	}
}

func TestManyPutTheSame(t *testing.T) {
	s := open(t, t.TempDir())
	data := pack(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			d, err := s.Put(t.Context(), bytes.NewReader(data))
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := s.Read(d); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
