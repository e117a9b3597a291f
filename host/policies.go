package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/palyra-go/palyra/host/internal/policy"
)

// loadPolicies reads dir/*.cedar and compiles them. At the first start on a
// state it writes the default file, which is the operator's from then on.
func loadPolicies(dir string, first bool, operators []string, cfg Config) (*policy.Set, error) {
	if first {
		if err := writeDefaultPolicy(dir); err != nil {
			return nil, fmt.Errorf("policies: %w", err)
		}
	}
	files, err := policyFiles(dir)
	if err != nil {
		return nil, fmt.Errorf("policies: %w", err)
	}
	set, err := policy.Compile(policy.Config{Files: files, Operators: operators, Lease: cfg.lease()})
	if err != nil {
		return nil, &ConfigError{Where: dir, Message: err.Error()}
	}
	return set, nil
}

// policyFiles are in the order of their names, as os.ReadDir gives them.
func policyFiles(dir string) ([]policy.File, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []policy.File
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".cedar") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, policy.File{Name: e.Name(), Text: string(text)})
	}
	return files, nil
}

// writeDefaultPolicy leaves a file alone that is there already.
func writeDefaultPolicy(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file := policy.DefaultFile()
	path := filepath.Join(dir, file.Name)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := renameio.WriteFile(path, []byte(file.Text), 0o600); err != nil {
		return err
	}
	// Before there is a journal: with one and without policies nothing starts.
	return syncNames(dir, filepath.Dir(dir))
}
