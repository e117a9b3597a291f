package bundle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/sdk/bundle"
)

// What was signed once stays valid: formats may grow, not change.
func TestOldArtifacts(t *testing.T) {
	const dir = "../../testdata/artifacts"
	line, err := os.ReadFile(filepath.Join(dir, "local.pub"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := bundle.ParseNamedKey(strings.TrimSpace(string(line)))
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{
		"palyra.hello-0.1.0.palyra-skill": "palyra.hello",
	} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		artifact, err := bundle.Open(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if artifact.Manifest.ID != id {
			t.Errorf("%s: is of %q, want %q", name, artifact.Manifest.ID, id)
		}
		if err := artifact.Verify(key.Key, time.Now()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
