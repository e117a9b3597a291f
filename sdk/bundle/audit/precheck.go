package audit

import (
	"bytes"
	"fmt"
)

// The bounds of a module.
const (
	MaxModule        = 8 << 20 // bytes
	MaxMemoryPages   = 1024    // of 64 KiB that a memory has from the start
	MaxTableElements = 100_000

	maxCount    = 100_000 // entries of a section
	maxImports  = 1_000
	maxTables   = 16
	maxParams   = 1_000
	maxLocals   = 50_000 // of a function
	maxCustom   = 1_000  // custom sections
	wasiModule  = "wasi_snapshot_preview1"
	maxFixedOps = 16 // of a constant expression
)

// ModuleError says where a module breaks which rule.
type ModuleError struct {
	Offset  int64
	Message string
}

func (e *ModuleError) Error() string { return fmt.Sprintf("module, byte %d: %s", e.Offset, e.Message) }

// Precheck accepts a WASI preview 1 command that announces nothing it does not
// contain: magic and version, sections in order and of their exact sizes, counts
// that fit into the bytes left, imports of functions from wasi_snapshot_preview1
// only, memories and tables that start small, no start function, locals within
// bounds, and the exports _start and memory. Its errors are of type
// *[ModuleError].
func Precheck(module []byte) error {
	if len(module) > MaxModule {
		return &ModuleError{Message: fmt.Sprintf("%d bytes, at most %d", len(module), MaxModule)}
	}
	if !bytes.HasPrefix(module, []byte("\x00asm\x01\x00\x00\x00")) {
		return &ModuleError{Message: "not a WASM module of version 1"}
	}
	w := &walk{data: module, end: len(module), at: 8}
	for w.err == nil && w.at < w.end {
		w.section()
	}
	if w.err == nil {
		w.finish()
	}
	if w.err != nil {
		return w.err
	}
	return nil
}

// walk reads a module from front to back. After the first error it reads
// nothing any more: counts and bytes are zero.
type walk struct {
	data    []byte
	at, end int // end of the section that is read
	err     *ModuleError

	order    int // of the last section
	customs  int
	defined  uint32 // functions of the function section
	bodies   uint32
	segments uint32 // of the data section
	counted  bool   // there is a data count
	count    uint32
	start    bool // _start is exported
	memory   bool // memory is exported
	memories uint32
}

func (w *walk) fail(format string, args ...any) {
	if w.err == nil {
		w.err = &ModuleError{Offset: int64(w.at), Message: fmt.Sprintf(format, args...)}
		w.at = w.end
	}
}

// order of the sections by id; a data count (12) stands before the code (10).
func sectionOrder(id byte) int {
	switch {
	case 1 <= id && id <= 9:
		return int(id)
	case id == 12:
		return 10
	case id == 10:
		return 11
	case id == 11:
		return 12
	}
	return 0
}

// section reads one section.
func (w *walk) section() {
	id := w.byte()
	size := w.u32()
	if int64(size) > int64(w.end-w.at) {
		w.fail("section %d announces %d bytes, %d are left", id, size, w.end-w.at)
		return
	}
	moduleEnd := w.end
	w.end = w.at + int(size)
	if id == 0 {
		w.custom()
	} else if order := sectionOrder(id); order == 0 || order <= w.order {
		w.fail("section %d is unknown, repeated or out of order", id)
	} else {
		w.order = order
		w.known(id)
	}
	if w.err == nil && w.at != w.end {
		w.fail("section %d has %d bytes too many", id, w.end-w.at)
	}
	w.end = moduleEnd
}

func (w *walk) known(id byte) {
	switch id {
	case 1:
		w.vector("types", maxCount, 3, w.functionType)
	case 2:
		w.vector("imports", maxImports, 4, w.importEntry)
	case 3:
		w.defined = w.vector("functions", maxCount, 1, func() { w.u32() })
	case 4:
		w.vector("tables", maxTables, 3, w.table)
	case 5:
		w.memories = w.vector("memories", 1, 2, w.memoryType)
	case 6:
		w.vector("globals", maxCount, 4, func() { w.valueType(); w.byte(); w.constant() })
	case 7:
		w.vector("exports", maxCount, 3, w.export)
	case 8:
		w.fail("a start function: it would run before it is asked to")
	case 9:
		w.vector("elements", maxCount, 3, w.element)
	case 10:
		w.bodies = w.vector("function bodies", maxCount, 3, w.body)
	case 11:
		w.segments = w.vector("data segments", maxCount, 2, w.segment)
	case 12:
		w.counted, w.count = true, w.u32()
	}
}

// finish checks what sections say about each other.
func (w *walk) finish() {
	switch {
	case w.defined != w.bodies:
		w.fail("%d functions with %d bodies", w.defined, w.bodies)
	case w.counted && w.count != w.segments:
		w.fail("%d data segments where %d are announced", w.segments, w.count)
	case !w.start || !w.memory || w.memories != 1:
		w.fail("not a WASI command: it does not export _start and memory")
	}
}

// functionType reads a type: 0x60, parameters, results.
func (w *walk) functionType() {
	if form := w.byte(); form != 0x60 {
		w.fail("type of form %#x, want a function", form)
	}
	w.vector("parameters", maxParams, 1, w.valueType)
	w.vector("results", maxParams, 1, w.valueType)
}

func (w *walk) valueType() {
	switch t := w.byte(); t {
	case 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f:
	default:
		w.fail("unknown value type %#x", t)
	}
}

func (w *walk) importEntry() {
	from, name := w.name(), w.name()
	if from != wasiModule {
		w.fail("imports %q from %q; only %s is there", name, from, wasiModule)
	}
	if kind := w.byte(); kind != 0 {
		w.fail("imports %q, which is not a function", name)
	}
	w.u32()
}

func (w *walk) table() {
	if t := w.byte(); t != 0x70 && t != 0x6f {
		w.fail("table of unknown type %#x", t)
	}
	least, most, bounded := w.limits()
	if least > MaxTableElements || bounded && most > MaxTableElements {
		w.fail("table of %d to %d elements, at most %d", least, most, MaxTableElements)
	}
}

// memoryType bounds what a memory has from the start; the engine bounds what it
// grows to.
func (w *walk) memoryType() {
	least, most, bounded := w.limits()
	if least > MaxMemoryPages || bounded && most > 1<<16 {
		w.fail("memory of %d to %d pages, at most %d at the start", least, most, MaxMemoryPages)
	}
}

func (w *walk) limits() (least, most uint32, bounded bool) {
	flag := w.byte()
	if flag > 1 {
		w.fail("limits of unknown form %#x", flag)
	}
	least = w.u32()
	if flag == 1 {
		if most = w.u32(); most < least {
			w.fail("limits from %d to %d", least, most)
		}
	}
	return least, most, flag == 1
}

func (w *walk) export() {
	name, kind := w.name(), w.byte()
	w.u32()
	w.start = w.start || name == "_start" && kind == 0
	w.memory = w.memory || name == "memory" && kind == 2
	if kind > 3 {
		w.fail("export %q of unknown kind %#x", name, kind)
	}
}

// body reads the size and the locals of a function; its code is left to the
// engine.
func (w *walk) body() {
	size := w.u32()
	if int64(size) > int64(w.end-w.at) {
		w.fail("function body announces %d bytes, %d are left", size, w.end-w.at)
		return
	}
	sectionEnd := w.end
	w.end = w.at + int(size)
	var locals int64
	w.vector("groups of locals", maxLocals, 2, func() {
		if locals += int64(w.u32()); locals > maxLocals {
			w.fail("function with more than %d locals", maxLocals)
		}
		w.valueType()
	})
	if w.err == nil && (w.at == w.end || w.data[w.end-1] != 0x0b) {
		w.fail("function body without an end")
	}
	w.at, w.end = w.end, sectionEnd
}

func (w *walk) segment() {
	switch mode := w.u32(); mode {
	case 0:
		w.constant()
	case 1:
	case 2:
		w.u32()
		w.constant()
	default:
		w.fail("data segment of unknown mode %d", mode)
	}
	w.skip(w.u32())
}
