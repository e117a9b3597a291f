package wasm

import (
	"sync"

	"github.com/tetratelabs/wazero/experimental"
)

// memory is the linear memory of one instance. It refuses to grow beyond its
// limit and remembers that it did.
type memory struct {
	limit   int
	bytes   []byte // beyond its length, up to its capacity, zero
	refused uint64 // the size last refused
}

// Allocate implements experimental.MemoryAllocator. WASI guests have one memory.
func (m *memory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate implements experimental.LinearMemory.
func (m *memory) Reallocate(size uint64) []byte {
	if size > uint64(m.limit) {
		m.refused = size
		return nil
	}
	if size > uint64(cap(m.bytes)) {
		room := min(max(size, uint64(2*cap(m.bytes))), uint64(m.limit))
		grown := make([]byte, size, room)
		copy(grown, m.bytes)
		m.bytes = grown
	}
	m.bytes = m.bytes[:size]
	return m.bytes
}

// Free implements experimental.LinearMemory. The bytes outlive the instance.
func (m *memory) Free() {}

// memories keeps the bytes of ended instances for new ones, so that short runs
// are not spent on page faults.
type memories struct{ spare sync.Pool }

func (p *memories) take(limit int) *memory {
	m := &memory{limit: limit}
	if spare, ok := p.spare.Get().(*[]byte); ok {
		m.bytes = *spare
	}
	return m
}

// give takes back the memory of an instance that has ended, wiped.
func (p *memories) give(m *memory) {
	clear(m.bytes)
	spare := m.bytes[:0]
	p.spare.Put(&spare)
}
