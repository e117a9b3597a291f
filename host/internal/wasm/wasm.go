// Package wasm runs a WASI guest in wazero, a fresh instance per run.
//
// The guest speaks palyra-stdio/1 (package sdk/stdio). It sees its arguments,
// standard input, output and error, the clocks and random numbers; no
// environment, no file, no socket. Nothing of one run is left for the next.
//
// A module is WebAssembly 2.0 without reference types, whose table.grow knows no
// limit. [Open] refuses, with an *sdk.Error of code "bad_module", one that fails
// the bounded pre-check of bundle/audit (its size, its imports, that it is a
// command, that it announces no more than it holds) or does not compile. The
// engine sees nothing that the pre-check has not passed.
//
// A run ends with the guest's result or error, or with an *sdk.Error, never
// retryable, of code
//
//	guest_exit     it ended without a result
//	guest_trap     it did what WebAssembly forbids
//	memory_limit   it ended so after it was refused memory
//	output_limit   a line, and so a result, was too long
//	call_limit     it made too many calls
//	protocol       it wrote something that is no message, or heaps up answers
//	cancelled      the context ended; "timeout" if by its deadline
//	bad_module     it could not be started
//
// Whatever ends a run stops the guest where it is. The log, standard error
// included, is cut at its limit with a line that says so; the run goes on.
//
// Sleeps, reads, writes and host calls end when the context does. A guest that
// only computes does not: it holds its goroutine, and at the next collection of
// garbage its process, until the process is killed. That is why guests run in
// worker processes, one run at a time, and why a deadline is a kill.
package wasm

import (
	"context"
	"fmt"
	"runtime"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle/audit"
)

// Limits bounds a run. Zero fields mean the default.
type Limits struct {
	Memory int // bytes of linear memory; 64 MiB
	Line   int // bytes of a line the guest writes, and so of its result; 1 MiB
	Logs   int // bytes of log; 256 KiB
	Calls  int // host calls; 1,000
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		limit *int
		value int
	}{
		{&l.Memory, 64 << 20},
		{&l.Line, 1 << 20},
		{&l.Logs, 256 << 10},
		{&l.Calls, 1000},
	} {
		if *f.limit == 0 {
			*f.limit = f.value
		}
	}
	return l
}

// Module is a compiled guest. It must be closed. Runs of it may overlap.
type Module struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	limits   Limits
	memories memories
}

// Open checks and compiles a module. The context does not bound compilation.
func Open(ctx context.Context, module []byte, limits Limits) (*Module, error) {
	if err := audit.Precheck(module); err != nil {
		return nil, badModule(err)
	}
	m := &Module{runtime: wazero.NewRuntimeWithConfig(ctx, engine()), limits: limits.withDefaults()}
	if err := m.compile(ctx, module); err != nil {
		_ = m.Close(ctx)
		return nil, badModule(fmt.Errorf("module: %w", err))
	}
	return m, nil
}

// engine compiles to machine code where wazero can, and interprets elsewhere.
// Its own limit on memory stays at the most that 32 bits address: ours is
// enforced by the allocator, which can tell that a guest ran into it.
func engine() wazero.RuntimeConfig {
	features := api.CoreFeaturesV2.SetEnabled(api.CoreFeatureReferenceTypes, false)
	return wazero.NewRuntimeConfig().WithCoreFeatures(features).WithDebugInfoEnabled(false)
}

func (m *Module) compile(ctx context.Context, module []byte) error {
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, m.runtime); err != nil {
		return err
	}
	workers := experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	compiled, err := m.runtime.CompileModule(workers, module)
	if err != nil {
		return err
	}
	m.compiled = compiled
	return nil
}

// Close frees the compiled code.
func (m *Module) Close(ctx context.Context) error { return m.runtime.Close(ctx) }

func badModule(err error) error {
	return &sdk.Error{Code: "bad_module", Message: firstLine(err.Error())}
}
