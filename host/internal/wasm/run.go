package wasm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/stdio"
)

// Run runs the guest once in an instance of its own. Its error is an *sdk.Error.
func (m *Module) Run(ctx context.Context, req sdk.Request, host sdk.Host) (sdk.Result, error) {
	invocation, err := stdio.Encode(stdio.Invocation{ABI: stdio.ABI, Request: req})
	if err != nil {
		return sdk.Result{}, &sdk.Error{Code: "bad_input", Message: "input: " + err.Error()}
	}
	s := &session{ctx: ctx, host: host, limits: m.limits, input: invocation}
	memory := m.memories.take(m.limits.Memory)
	defer m.memories.give(memory)
	ended := m.execute(experimental.WithMemoryAllocator(ctx, memory), m.config(s, req.Entrypoint))
	s.flush()
	switch {
	case s.result != nil:
		return *s.result, nil
	case s.failure != nil:
		return sdk.Result{}, s.failure
	}
	return sdk.Result{}, reason(ended, memory)
}

// execute runs the command of a new instance from its start to its end.
func (m *Module) execute(ctx context.Context, config wazero.ModuleConfig) (err error) {
	defer func() {
		// wazero recovers in guest code; what it meets while it sets up an
		// instance, such as a refused first memory, arrives here.
		if r := recover(); r != nil {
			err = &startError{fmt.Sprint(r)}
		}
	}()
	instance, err := m.runtime.InstantiateModule(ctx, m.compiled, config)
	if err != nil {
		return &startError{err.Error()}
	}
	defer instance.Close(ctx)
	_, err = instance.ExportedFunction("_start").Call(ctx)
	return err
}

func (m *Module) config(s *session, entrypoint string) wazero.ModuleConfig {
	return wazero.NewModuleConfig().
		WithName("").         // anonymous: instances do not see each other
		WithStartFunctions(). // execute calls it
		WithArgs(stdio.ABI, entrypoint).
		WithStdin((*stdin)(s)).
		WithStdout((*stdout)(s)).
		WithStderr((*stderr)(s)).
		WithSysWalltime().
		WithSysNanotime().
		WithNanosleep(s.sleep).
		WithRandSource(rand.Reader)
}

// startError says that there was no instance to run.
type startError struct{ detail string }

func (e *startError) Error() string { return e.detail }

// reason says why a guest ended that told nothing itself.
func reason(ended error, memory *memory) *sdk.Error {
	if memory.refused > 0 {
		return &sdk.Error{Code: "memory_limit", Message: fmt.Sprintf("the guest ended after it was refused %d KiB of memory; it may have %d KiB", memory.refused>>10, memory.limit>>10)}
	}
	if ended == nil {
		return &sdk.Error{Code: "guest_exit", Message: "the guest ended without a result"}
	}
	if start, ok := errors.AsType[*startError](ended); ok {
		return &sdk.Error{Code: "bad_module", Message: "the guest could not be started: " + firstLine(start.detail)}
	}
	if exit, ok := errors.AsType[*sys.ExitError](ended); ok {
		return &sdk.Error{Code: "guest_exit", Message: fmt.Sprintf("the guest exited with code %d and without a result; its log may say why", exit.ExitCode())}
	}
	return &sdk.Error{Code: "guest_trap", Message: firstLine(ended.Error())}
}

// firstLine drops wazero's stack traces.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.ToValidUTF8(line, "�")
}
