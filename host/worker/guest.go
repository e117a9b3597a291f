package worker

import (
	"context"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/palyra-go/palyra/host/internal/wasm"
	"github.com/palyra-go/palyra/sdk"
)

// guest serves a module under each of its entrypoints.
func guest(bytes []byte, entrypoints string) sdk.Skill {
	g := &module{bytes: bytes}
	skill := sdk.Skill{}
	for entrypoint := range strings.SplitSeq(entrypoints, ",") {
		if entrypoint != "" {
			skill[entrypoint] = g.run
		}
	}
	return skill
}

// module is compiled when it is first needed, once.
type module struct {
	one   sync.Mutex // held by the run that executes; guards all below
	bytes []byte     // nil once they have been tried
	open  *wasm.Module
	err   error
}

// run is the action of every entrypoint.
func (m *module) run(ctx context.Context, req sdk.Request) (sdk.Result, error) {
	if !m.one.TryLock() {
		return sdk.Result{}, &sdk.Error{Code: "busy", Message: "this worker is executing a run", Retryable: true}
	}
	defer m.one.Unlock()
	if m.open == nil && m.err == nil {
		m.open, m.err = wasm.Open(ctx, m.bytes, wasm.Limits{})
		m.bytes = nil
		debug.FreeOSMemory() // compiling takes twice what stays
	}
	if m.err != nil {
		return sdk.Result{}, m.err
	}
	// To collect garbage is to wait for the guest, which may compute for ever:
	// nothing else would go on, not even the sending of what it has logged. So
	// it waits for the end of the run, short of the memory limit.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	return m.open.Run(ctx, req, sdk.HostFrom(ctx))
}
