package host

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStamp(t *testing.T) {
	dir := t.TempDir()
	exe, zones := filepath.Join(dir, "exe"), filepath.Join(dir, "zones")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(exe, "one")
	if err := os.Mkdir(zones, 0o700); err != nil {
		t.Fatal(err)
	}
	first := stamp(exe, nil)
	if first == "" || stamp(exe, []string{"HOME=/"}) != first {
		t.Error("the same build has another stamp")
	}
	own := stamp(exe, []string{"ZONEINFO=" + zones})
	write(filepath.Join(zones, "tzdata.zi"), "# version 2031a")
	newer := stamp(exe, []string{"ZONEINFO=" + zones})
	write(exe, "two")
	if second := stamp(exe, nil); second == first || own == first || own == newer || newer == first {
		t.Errorf("stamps %s, with zones of its own %s, newer ones %s, of another build %s", first, own, newer, second)
	}
	if s := stamp(filepath.Join(dir, "none"), nil); s != "" {
		t.Errorf("stamp %s of what cannot be read", s)
	}
}
