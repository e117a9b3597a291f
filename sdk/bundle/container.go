package bundle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
)

// The limits of a container.
const (
	MaxSize    = 256 << 20 // bytes of an artifact
	MaxFiles   = 256
	MaxFile    = 16 << 20 // bytes of a file
	MaxProgram = 64 << 20 // bytes of a file under bin/
)

// Sizes and signatures of the three records of a ZIP file (APPNOTE.TXT 4.3).
const (
	localSize, localMark     = 30, 0x04034b50
	centralSize, centralMark = 46, 0x02014b50
	endSize, endMark         = 22, 0x06054b50

	zipVersion = 20     // 2.0
	zipDate    = 0x0021 // 1 January 1980
)

// file is one entry of a container: its bytes are a part of the container.
type file struct {
	name string
	data []byte
}

// encode writes the one container that holds the files, which are sorted.
func encode(files []file) []byte {
	size := endSize
	for _, f := range files {
		size += localSize + centralSize + 2*len(f.name) + len(f.data)
	}
	out := make([]byte, 0, size)
	var central []byte
	for _, f := range files {
		sum := crc32.ChecksumIEEE(f.data)
		central = appendCentral(central, f, sum, len(out))
		out = appendLocal(out, f, sum)
		out = append(out, f.data...)
	}
	return appendTail(out, central, len(files), len(out))
}

func appendLocal(b []byte, f file, sum uint32) []byte {
	b = binary.LittleEndian.AppendUint32(b, localMark)
	return append(appendCommon(b, f, sum), f.name...)
}

func appendCentral(b []byte, f file, sum uint32, offset int) []byte {
	b = binary.LittleEndian.AppendUint32(b, centralMark)
	b = binary.LittleEndian.AppendUint16(b, zipVersion) // made by
	b = appendCommon(b, f, sum)
	b = append(b, make([]byte, 2+2+2+4)...) // comment, disk, attributes
	b = binary.LittleEndian.AppendUint32(b, uint32(offset))
	return append(b, f.name...)
}

// appendCommon writes what the local and the central header share.
func appendCommon(b []byte, f file, sum uint32) []byte {
	for _, v := range []uint16{zipVersion, 0, 0, 0, zipDate} { // needed, flags, stored, time, date
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	for _, v := range []uint32{sum, uint32(len(f.data)), uint32(len(f.data))} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(f.name)))
	return binary.LittleEndian.AppendUint16(b, 0) // extra
}

// appendTail writes the central directory and the end record.
func appendTail(b, central []byte, count, offset int) []byte {
	b = append(b, central...)
	b = binary.LittleEndian.AppendUint32(b, endMark)
	b = binary.LittleEndian.AppendUint32(b, 0) // disks
	b = binary.LittleEndian.AppendUint16(b, uint16(count))
	b = binary.LittleEndian.AppendUint16(b, uint16(count))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(central)))
	b = binary.LittleEndian.AppendUint32(b, uint32(offset))
	return binary.LittleEndian.AppendUint16(b, 0) // comment
}

// decode reads a container. It takes names and sizes from the local headers,
// writes every record anew and accepts only what is equal to that: encode of
// the result gives the same bytes.
func decode(data []byte) ([]file, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrContainer, len(data), MaxSize)
	}
	var files []file
	var central []byte
	at := 0
	for len(data)-at >= localSize && binary.LittleEndian.Uint32(data[at:]) == localMark {
		if len(files) == MaxFiles {
			return nil, fmt.Errorf("%w: more than %d files", ErrContainer, MaxFiles)
		}
		f, size, err := decodeFile(data[at:])
		if err != nil {
			return nil, fmt.Errorf("%w: at byte %d: %w", ErrContainer, at, err)
		}
		central = appendCentral(central, f, crc32.ChecksumIEEE(f.data), at)
		files = append(files, f)
		at += size
	}
	if tail := appendTail(nil, central, len(files), at); !bytes.Equal(data[at:], tail) {
		return nil, fmt.Errorf("%w: at byte %d: not the directory of the files before it", ErrContainer, at)
	}
	if err := checkFiles(files); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrContainer, err)
	}
	return files, nil
}

// decodeFile reads the entry at the start of data, which is at least a local
// header long, and returns how many bytes it takes.
func decodeFile(data []byte) (file, int, error) {
	length := int(binary.LittleEndian.Uint16(data[26:]))
	size := int64(binary.LittleEndian.Uint32(data[22:]))
	if size > MaxProgram || int64(len(data)) < localSize+int64(length)+size {
		return file{}, 0, fmt.Errorf("%d bytes are announced, which is too much or not there", size)
	}
	start, end := localSize+length, localSize+length+int(size)
	f := file{name: string(data[localSize:start]), data: data[start:end:end]}
	if header := appendLocal(nil, f, crc32.ChecksumIEEE(f.data)); !bytes.Equal(data[:start], header) {
		return file{}, 0, fmt.Errorf("header of %q: not in canonical form, or wrong checksum", f.name)
	}
	return f, end, nil
}

// sorted returns the files in the order of a container.
func sorted(files map[string][]byte) []file {
	out := make([]file, 0, len(files))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		out = append(out, file{name: name, data: files[name]})
	}
	return out
}

// checkFiles applies the rules for names and sizes.
func checkFiles(files []file) error {
	if len(files) > MaxFiles {
		return fmt.Errorf("%d files, at most %d", len(files), MaxFiles)
	}
	folded := make(map[string]string, len(files)) // lower-case path, also of directories → name
	last := ""
	for _, f := range files {
		if err := checkName(f.name); err != nil {
			return err
		}
		if f.name <= last {
			return fmt.Errorf("%q: not in order after %q", f.name, last)
		}
		last = f.name
		limit := MaxFile
		if strings.HasPrefix(f.name, "bin/") {
			limit = MaxProgram
		}
		if len(f.data) > limit {
			return fmt.Errorf("%q: %d bytes, at most %d", f.name, len(f.data), limit)
		}
		if twin, ok := folded[strings.ToLower(f.name)]; ok {
			return fmt.Errorf("%q: collides with %q", f.name, twin)
		}
		folded[strings.ToLower(f.name)] = f.name
	}
	return checkFolders(files, folded)
}

// checkFolders refuses a file where another needs a folder, and folders whose
// names differ in case only.
func checkFolders(files []file, folded map[string]string) error {
	folders := make(map[string]string)
	for _, f := range files {
		for i := range len(f.name) {
			if f.name[i] != '/' {
				continue
			}
			folder := f.name[:i]
			lower := strings.ToLower(folder)
			if _, ok := folded[lower]; ok {
				return fmt.Errorf("%q: %q is a file", f.name, folder)
			}
			if twin, ok := folders[lower]; ok && twin != folder {
				return fmt.Errorf("%q: collides with %q", folder, twin)
			}
			folders[lower] = folder
		}
	}
	return nil
}

// checkName applies the grammar of names.
func checkName(name string) error {
	if len(name) > 200 || strings.ContainsFunc(name, func(r rune) bool { return !nameRune(r) }) {
		return fmt.Errorf("%q: want a name of at most 200 letters, digits and . _ + - /", name)
	}
	parts := strings.Split(name, "/")
	for _, part := range parts {
		if part == "" || part[0] == '.' || part[0] == '-' || part[len(part)-1] == '.' {
			return fmt.Errorf("%q: no part of a name is empty, starts with . or -, or ends with a dot", name)
		}
	}
	switch {
	case name == ManifestFile, name == SignatureFile, name == "sbom.cdx.json", name == "provenance.json":
	case parts[0] == "assets" && len(parts) > 1:
	case parts[0] == "modules" && len(parts) == 2 && strings.HasSuffix(name, ".wasm"):
	case parts[0] == "bin" && len(parts) == 3 && strings.Count(parts[1], "-") == 1:
	default:
		return fmt.Errorf("%q: has no place in an artifact; other files belong under assets/", name)
	}
	return nil
}

func nameRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._+-/", r)
}
