package audit

import "unicode/utf8"

// byte reads one byte.
func (w *walk) byte() byte {
	if w.at >= w.end {
		w.fail("cut off")
		return 0
	}
	w.at++
	return w.data[w.at-1]
}

// skip passes over bytes.
func (w *walk) skip(n uint32) []byte {
	if int64(n) > int64(w.end-w.at) {
		w.fail("%d bytes are announced, %d are left", n, w.end-w.at)
		return nil
	}
	w.at += int(n)
	return w.data[w.at-int(n) : w.at]
}

// u32 reads an unsigned LEB128 number.
func (w *walk) u32() uint32 {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		b := w.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if v > 1<<32-1 {
				w.fail("number above 32 bits")
				return 0
			}
			return uint32(v)
		}
	}
	w.fail("number of more than 5 bytes")
	return 0
}

// leb passes over a LEB128 number of at most n bytes.
func (w *walk) leb(n int) {
	for range n {
		if w.byte() < 0x80 {
			return
		}
	}
	w.fail("number of more than %d bytes", n)
}

// name reads a string.
func (w *walk) name() string {
	s := w.skip(w.u32())
	if !utf8.Valid(s) {
		w.fail("name is not UTF-8")
		return ""
	}
	return string(s)
}

// vector reads a count and so many entries of at least size bytes each.
func (w *walk) vector(what string, most, size int, entry func()) uint32 {
	n := w.u32()
	if int64(n) > int64(most) {
		w.fail("%d %s, at most %d", n, what, most)
		return 0
	}
	if int64(n)*int64(size) > int64(w.end-w.at) {
		w.fail("%d %s in %d bytes", n, what, w.end-w.at)
		return 0
	}
	for range n {
		if w.err != nil {
			return 0
		}
		entry()
	}
	return n
}

// constant reads a constant expression up to its end.
func (w *walk) constant() {
	for range maxFixedOps {
		switch op := w.byte(); op {
		case 0x0b: // end
			return
		case 0x41: // i32.const
			w.leb(5)
		case 0x42: // i64.const
			w.leb(10)
		case 0x43: // f32.const
			w.skip(4)
		case 0x44: // f64.const
			w.skip(8)
		case 0x23, 0xd2: // global.get, ref.func
			w.u32()
		case 0xd0: // ref.null
			w.valueType()
		case 0xfd: // v128.const
			if w.u32() != 12 {
				w.fail("not a constant expression")
			}
			w.skip(16)
		default:
			w.fail("not a constant expression: instruction %#x", op)
		}
		if w.err != nil {
			return
		}
	}
	w.fail("constant expression without an end")
}

// element reads an element segment; bits of its flags say what it has: passive
// or declared (1), a table or declared (2), expressions (4).
func (w *walk) element() {
	flags := w.u32()
	if flags > 7 {
		w.fail("element segment of unknown form %d", flags)
		return
	}
	if flags&1 == 0 {
		if flags&2 != 0 {
			w.u32() // table
		}
		w.constant()
	}
	if flags&3 != 0 {
		w.byte() // kind or type
	}
	if flags&4 != 0 {
		w.vector("elements", MaxTableElements, 2, w.constant)
	} else {
		w.vector("elements", MaxTableElements, 1, func() { w.u32() })
	}
}

// custom reads a custom section. Of what is in them engines read the names.
func (w *walk) custom() {
	if w.customs++; w.customs > maxCustom {
		w.fail("more than %d custom sections", maxCustom)
	}
	if w.name() != "name" {
		w.at = w.end
		return
	}
	for w.err == nil && w.at < w.end {
		id := w.byte()
		size := w.u32()
		if int64(size) > int64(w.end-w.at) {
			w.fail("names announce %d bytes, %d are left", size, w.end-w.at)
			return
		}
		sectionEnd := w.end
		w.end = w.at + int(size)
		w.names(id)
		if w.err == nil {
			w.at, w.end = w.end, sectionEnd
		}
	}
}

func (w *walk) names(id byte) {
	named := func() { w.u32(); w.name() }
	switch id {
	case 0:
		w.name()
	case 1:
		w.vector("names", MaxModule, 2, named)
	case 2:
		w.vector("functions with names", MaxModule, 2, func() {
			w.u32()
			w.vector("names", MaxModule, 2, named)
		})
	}
}
