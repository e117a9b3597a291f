package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

// section makes a section of its parts.
func section(id byte, parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	return append(binary.AppendUvarint([]byte{id}, uint64(len(content))), content...)
}

func name(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

func num(n uint64) []byte { return binary.AppendUvarint(nil, n) }

// module joins sections; those of a small command, changed by id.
func module(change map[byte][]byte) []byte {
	sections := map[byte][]byte{
		1:  section(1, []byte{1, 0x60, 0, 0}),
		3:  section(3, []byte{1, 0}),
		5:  section(5, []byte{1, 0, 1}),
		7:  section(7, []byte{2}, name("_start"), []byte{0, 0}, name("memory"), []byte{2, 0}),
		10: section(10, []byte{1, 2, 0, 0x0b}),
	}
	for id, s := range change {
		sections[id] = s
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, id := range []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11, 0, 13} {
		out = append(out, sections[id]...)
	}
	return out
}

func TestPrecheckAccepts(t *testing.T) {
	for what, change := range map[string]map[byte][]byte{
		"the smallest": nil,
		"an import":    {2: section(2, []byte{1}, name("wasi_snapshot_preview1"), name("fd_write"), []byte{0, 0})},
		"every kind of section": {
			0:  section(0, name("name"), []byte{0, 2, 1, 'm', 1, 4, 1, 0, 1, 'f', 2, 6, 1, 0, 1, 0, 1, 'x', 9, 1, 0}),
			4:  section(4, []byte{1, 0x70, 1, 1, 2}),
			6:  section(6, []byte{4, 0x7f, 0, 0x41, 0x7f, 0x0b, 0x7e, 1, 0x42, 0, 0x0b, 0x7c, 0, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b, 0x70, 0, 0xd0, 0x70, 0x0b}),
			9:  section(9, []byte{3, 0, 0x41, 0, 0x0b, 1, 0, 1, 0, 1, 0, 5, 0x70, 1, 0xd2, 0, 0x0b}),
			12: section(12, num(2)),
			10: section(10, []byte{1, 4, 1, 5, 0x7f, 0x0b}),
			11: section(11, []byte{2, 0, 0x41, 0, 0x0b, 2, 'h', 'i', 1, 0}),
		},
		"other custom sections": {0: slices.Concat(section(0, name("producers"), []byte{0xff}), section(0, name("x")))},
	} {
		if err := Precheck(module(change)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestPrecheckRefuses(t *testing.T) {
	huge := num(1<<32 - 1)
	for what, c := range map[string]struct {
		module []byte
		want   string
	}{
		"nothing":                   {nil, "version 1"},
		"a component":               {[]byte("\x00asm\x0d\x00\x01\x00"), "version 1"},
		"8 MiB and a byte":          {append(module(nil), make([]byte, MaxModule)...), "at most"},
		"a section too long":        {append(module(nil), 0, 9, 1), "announces 9 bytes"},
		"a section too short":       {module(map[byte][]byte{3: section(3, []byte{1, 0, 0})}), "too many"},
		"an unknown section":        {module(map[byte][]byte{13: section(13, num(0))}), "section 13"},
		"a section twice":           {module(map[byte][]byte{3: bytes.Repeat(section(3, []byte{1, 0}), 2)}), "repeated"},
		"out of order":              {module(map[byte][]byte{1: nil, 3: slices.Concat(section(3, []byte{1, 0}), section(1, []byte{1, 0x60, 0, 0}))}), "out of order"},
		"count after code":          {module(map[byte][]byte{11: section(12, num(0))}), "out of order"},
		"many types":                {module(map[byte][]byte{1: section(1, huge)}), "types"},
		"more types than bytes":     {module(map[byte][]byte{1: section(1, num(90_000), []byte{0x60, 0, 0})}), "90000 types in 3 bytes"},
		"many parameters":           {module(map[byte][]byte{1: section(1, []byte{1, 0x60}, huge)}), "parameters"},
		"no function type":          {module(map[byte][]byte{1: section(1, []byte{1, 0x5f, 0, 0})}), "form 0x5f"},
		"unknown value type":        {module(map[byte][]byte{1: section(1, []byte{1, 0x60, 1, 0x01, 0})}), "value type"},
		"import from elsewhere":     {module(map[byte][]byte{2: section(2, []byte{1}, name("env"), name("system"), []byte{0, 0})}), `"system" from "env"`},
		"imported memory":           {module(map[byte][]byte{2: section(2, []byte{1}, name("wasi_snapshot_preview1"), name("m"), []byte{2, 0, 1})}), "not a function"},
		"import name not UTF-8":     {module(map[byte][]byte{2: section(2, []byte{1, 1, 0xff, 0, 0, 0})}), "UTF-8"},
		"name beyond the end":       {module(map[byte][]byte{2: section(2, []byte{1}, huge)}), "announced"},
		"many functions":            {module(map[byte][]byte{3: section(3, huge)}), "functions"},
		"large table":               {module(map[byte][]byte{4: section(4, []byte{1, 0x70, 0}, num(MaxTableElements+1))}), "elements"},
		"table that may grow":       {module(map[byte][]byte{4: section(4, []byte{1, 0x70, 1, 0}, huge)}), "elements"},
		"many tables":               {module(map[byte][]byte{4: section(4, num(17), bytes.Repeat([]byte{0x70, 0, 0}, 17))}), "tables"},
		"table of integers":         {module(map[byte][]byte{4: section(4, []byte{1, 0x7f, 0, 0})}), "unknown type"},
		"large memory":              {module(map[byte][]byte{5: section(5, []byte{1, 0}, num(MaxMemoryPages+1))}), "pages"},
		"memory beyond 4 GiB":       {module(map[byte][]byte{5: section(5, []byte{1, 1, 1}, num(1<<16+1))}), "pages"},
		"memory that shrinks":       {module(map[byte][]byte{5: section(5, []byte{1, 1, 2, 1})}), "limits from 2 to 1"},
		"two memories":              {module(map[byte][]byte{5: section(5, []byte{2, 0, 1, 0, 1})}), "memories"},
		"shared memory":             {module(map[byte][]byte{5: section(5, []byte{1, 3, 1, 1})}), "unknown form"},
		"endless constant":          {module(map[byte][]byte{6: section(6, []byte{1, 0x7f, 0}, bytes.Repeat([]byte{0x41, 0}, 20))}), "without an end"},
		"computed constant":         {module(map[byte][]byte{6: section(6, []byte{1, 0x7f, 0, 0x10, 0, 0x0b})}), "instruction 0x10"},
		"no _start":                 {module(map[byte][]byte{7: section(7, []byte{1}, name("memory"), []byte{2, 0})}), "WASI command"},
		"no memory":                 {module(map[byte][]byte{7: section(7, []byte{1}, name("_start"), []byte{0, 0})}), "WASI command"},
		"unknown export":            {module(map[byte][]byte{7: section(7, []byte{1}, name("x"), []byte{4, 0})}), "unknown kind"},
		"start function":            {module(map[byte][]byte{8: section(8, num(0))}), "start function"},
		"many elements":             {module(map[byte][]byte{9: section(9, []byte{1, 1, 0}, huge)}), "elements"},
		"unknown element form":      {module(map[byte][]byte{9: section(9, []byte{1, 8, 0, 0})}), "unknown form"},
		"many segments":             {module(map[byte][]byte{11: section(11, huge)}), "data segments"},
		"segment beyond the end":    {module(map[byte][]byte{11: section(11, []byte{1, 1}, huge)}), "announced"},
		"unknown segment mode":      {module(map[byte][]byte{11: section(11, []byte{1, 3, 0})}), "unknown mode"},
		"wrong data count":          {module(map[byte][]byte{12: section(12, huge)}), "data segments where"},
		"missing body":              {module(map[byte][]byte{10: section(10, num(0))}), "1 functions with 0 bodies"},
		"body beyond the end":       {module(map[byte][]byte{10: section(10, []byte{1}, huge, []byte{0, 0x0b})}), "announces"},
		"body without an end":       {module(map[byte][]byte{10: section(10, []byte{1, 2, 0, 0})}), "without an end"},
		"billions of locals":        {module(map[byte][]byte{10: section(10, []byte{1, 8, 1}, huge, []byte{0x7f, 0x0b})}), "locals"},
		"locals that add up":        {module(map[byte][]byte{10: section(10, []byte{1, 10, 2}, num(49_000), []byte{0x7f}, num(49_000), []byte{0x7f, 0x0b})}), "locals"},
		"billions of names":         {module(map[byte][]byte{0: section(0, name("name"), []byte{1, 5}, huge)}), "names"},
		"billions of locals' names": {module(map[byte][]byte{0: section(0, name("name"), []byte{2, 7, 1, 0}, huge)}), "names"},
		"names beyond the end":      {module(map[byte][]byte{0: section(0, name("name"), []byte{1}, huge)}), "names announce"},
		"many custom sections":      {module(map[byte][]byte{0: bytes.Repeat(section(0, name("x")), maxCustom+1)}), "custom sections"},
		"number of six bytes":       {module(map[byte][]byte{3: section(3, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0})}), "5 bytes"},
		"number above 32 bits":      {module(map[byte][]byte{3: section(3, []byte{0xff, 0xff, 0xff, 0xff, 0x7f})}), "32 bits"},
		"cut off in the middle":     {module(nil)[:len(module(nil))-1], "announces"},
	} {
		t.Run(what, func(t *testing.T) {
			err := Precheck(c.module)
			at, ok := errors.AsType[*ModuleError](err)
			if !ok || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if at.Offset < 0 || at.Offset > int64(len(c.module)) {
				t.Errorf("offset %d of %d", at.Offset, len(c.module))
			}
		})
	}
}

// Cut anywhere, a module is refused, and quickly.
func TestPrecheckOfTruncatedModules(t *testing.T) {
	whole := module(map[byte][]byte{11: section(11, []byte{1, 0, 0x41, 0, 0x0b, 2, 'h', 'i'})})
	ends := 0
	for i := range whole {
		if Precheck(whole[:i]) == nil {
			ends++
		}
	}
	if ends != 1 { // after the code, before the data
		t.Errorf("%d truncated modules are accepted, want 1", ends)
	}
}

func FuzzPrecheck(f *testing.F) {
	f.Add(module(nil))
	f.Add(module(map[byte][]byte{0: section(0, name("name"), []byte{1, 4, 1, 0, 1, 'f'}), 9: section(9, []byte{1, 4, 0x41, 0, 0x0b, 1, 0xd2, 0, 0x0b})}))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Precheck(data)
		if at, ok := errors.AsType[*ModuleError](err); err != nil && (!ok || at.Offset > int64(len(data))) {
			t.Errorf("error %#v", err)
		}
	})
}
