// Package worker serves one WASM digest, or the audit, as a native skill would.
//
// It is what palyrad becomes in two hidden modes, started only by palyrad as a
// child over the plugin protocol (pluginmain.Serve):
//
//	palyrad worker          descriptor 3: the WASM module
//	palyrad worker audit    descriptor 3: a whole artifact, unverified
//
// Descriptor 3 is a file or a sealed memory file; it is read by section from its
// beginning, since its offset is shared, and then closed. Everything else is as
// for any native child: empty environment but for the handshake.
//
// A worker serves the entrypoints that PALYRA_ENTRYPOINTS lists, separated by
// commas: the host takes them from the manifest it has verified, for a module
// cannot be asked. It executes one run at a time; a second one meanwhile is
// refused with "busy". Pre-check and compilation happen at the first run, under
// that run's deadline; a module that fails them fails every run with
// "bad_module". The guest's limits and errors are those of package wasm.
// Cancelling stops a guest at its next use of the host; one that only computes
// is stopped by killing the worker.
//
// The audit mode serves one entrypoint, "audit", whose input is
// {"digest":"<hex>"}, the digest the host expects, and whose output is a
// bundle.Report. The artifact is parsed here and nowhere in the daemon. An audit
// that could not be done is an error of the run; one that found something is a
// result.
package worker

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/pluginmain"
)

// Main is the worker, given the arguments after the word worker. It returns the
// exit code of the process.
func Main(args []string) int {
	// A guest that computes yields its processor to nobody. A second one gets
	// out what it has logged even so.
	runtime.GOMAXPROCS(2)
	debug.SetMemoryLimit(256 << 20)
	skill, err := serves(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "palyrad worker:", err)
		return 2
	}
	pluginmain.Serve(skill)
	return 0
}

func serves(args []string) (sdk.Skill, error) {
	audit := len(args) == 1 && args[0] == "audit"
	if len(args) > 0 && !audit {
		return nil, fmt.Errorf("arguments %q: want none, or audit", args)
	}
	if audit {
		artifact, err := read(descriptor, maxArtifact)
		return auditor(artifact), err
	}
	module, err := read(descriptor, maxModule)
	return guest(module, os.Getenv("PALYRA_ENTRYPOINTS")), err
}
