package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts are written as a user would type them. A script runs in a
// directory of its own, with a home of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"palyra": main})
}

func TestScript(t *testing.T) {
	files, err := filepath.Glob("../../testdata/script/cli_*.txtar") // the others need a daemon
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	testscript.Run(t, testscript.Params{
		Files:               files,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"PALYRA_STATE", "PALYRA_SOCKET", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"} {
				env.Setenv(name, "")
			}
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("TZ", "UTC")
			return nil
		},
	})
}
