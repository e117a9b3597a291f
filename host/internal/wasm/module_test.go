package wasm

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/palyra-go/palyra/sdk"
)

// section is a section of a module (WebAssembly 1.0, 5.5.2) of less than 128
// bytes.
func section(id byte, body ...byte) []byte { return append([]byte{id, byte(len(body))}, body...) }

func module(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...)...)
}

// name is a name as a module spells it.
func name(s string) []byte { return append([]byte{byte(len(s))}, s...) }

var (
	oneType  = section(1, 1, 0x60, 0, 0) // type 0: func ()
	oneFunc  = section(3, 1, 0)          // function 0 of type 0
	memory1  = section(5, 1, 0, 1)       // one page, no maximum
	command0 = section(7, slices.Concat([]byte{2}, name("memory"), []byte{2, 0}, name("_start"), []byte{0, 0})...)
)

func code(body ...byte) []byte {
	return section(10, slices.Concat([]byte{1, byte(len(body) + 2), 0}, body, []byte{0x0b})...)
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		module []byte
		want   string
	}{
		{"nothing", nil, "not a WASM module"},
		{"no module", []byte("#!/bin/sh\necho\n"), "not a WASM module"},
		{"too large", make([]byte, 8<<20+1), "at most 8388608"},
		{"two billion types", module([]byte{1, 6, 0xff, 0xff, 0xff, 0xff, 0x07, 0x60}), "at most"},
		{"two billion functions", module(oneType, []byte{3, 6, 0xff, 0xff, 0xff, 0xff, 0x07, 0}), "at most"},
		{"no command", module(oneType, oneFunc, code()), "_start"},
		{"foreign import", module(oneType,
			section(2, slices.Concat([]byte{1}, name("env"), name("system"), []byte{0, 0})...),
			oneFunc, memory1,
			section(7, slices.Concat([]byte{1}, name("_start"), []byte{0, 1})...), code()), "env"},
		{"table without a limit", module(section(1, 2, 0x60, 0, 0, 0x60, 0, 0), oneFunc, section(4, 1, 0x70, 0, 1), memory1, command0,
			code(0xd0, 0x70, 0x41, 1, 0xfc, 15, 0, 0x1a)), "reference-types"}, // ref.null func, i32.const 1, table.grow 0, drop
		{"body that does not validate", module(oneType, oneFunc, memory1, command0, code(0x6a)), "i32.add"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := Open(t.Context(), test.module, Limits{})
			if err == nil {
				_ = m.Close(t.Context())
				t.Fatal("was opened")
			}
			if failure, ok := errors.AsType[*sdk.Error](err); !ok || failure.Code != "bad_module" || !strings.Contains(failure.Message, test.want) {
				t.Errorf("got %v, want bad_module with %q", err, test.want)
			}
		})
	}
}

func TestTraps(t *testing.T) {
	for _, test := range []struct {
		name   string
		module []byte
		code   string
		want   string
	}{
		{"unreachable", module(oneType, oneFunc, memory1, command0, code(0x00)), "guest_trap", "unreachable"},
		{"endless recursion", module(oneType, oneFunc, memory1, command0, code(0x10, 0)), "guest_trap", "stack overflow"},
		{"unknown WASI function", module(oneType, section(2, slices.Concat([]byte{1}, name("wasi_snapshot_preview1"), name("fork"), []byte{0, 0})...),
			oneFunc, memory1, command0, code()), "bad_module", `"fork"`},
		{"nothing done", module(oneType, oneFunc, memory1, command0, code()), "guest_exit", "without a result"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := open(t, test.module, Limits{})
			for range 2 { // a trap leaves the module as it was
				_, err := m.Run(t.Context(), sdk.Request{}, &record{})
				if got := sdk.AsError(err); got.Code != test.code || !strings.Contains(got.Message, test.want) || strings.Contains(got.Message, "\n") {
					t.Errorf("got %v, want %s with %q", err, test.code, test.want)
				}
			}
		})
	}
}

// A first memory beyond the limit is refused when an instance is made, if the
// pre-check of the time lets it pass.
func TestFirstMemoryBeyondTheLimit(t *testing.T) {
	m := open(t, module(oneType, oneFunc, section(5, 1, 0, 2), command0, code()), Limits{Memory: 64 << 10})
	_, err := m.Run(t.Context(), sdk.Request{}, &record{})
	if got := sdk.AsError(err); got.Code != "memory_limit" || !strings.Contains(got.Message, "128 KiB") {
		t.Errorf("got %v", err)
	}
}
