package audit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/palyra-go/palyra/sdk/bundle"
)

// programs checks every executable and module.
func (r *report) programs(a *bundle.Artifact) {
	m := a.Manifest
	found := false
	for _, name := range a.Names() {
		data, _ := a.File(name)
		switch platform, isBin := binaryOf(name); {
		case isBin:
			found = found || m.Kind == bundle.Native && name == "bin/"+platform+"/"+m.Program
			if err := checkFormat(platform, data); err != nil {
				r.fail(ProgramFormat, name, "%v", err)
			}
		case strings.HasPrefix(name, "modules/"):
			found = found || m.Kind == bundle.WASM && name == m.ProgramFile("", "")
			r.module(name, data)
		}
	}
	if !found {
		r.fail(ProgramPresent, "", "no program %q of kind %q", m.Program, m.Kind)
	}
}

func (r *report) module(name string, data []byte) {
	err := Precheck(data)
	if err == nil {
		return
	}
	r.fail(WASMPrecheck, name, "%v", err)
	if at, ok := errors.AsType[*ModuleError](err); ok {
		r.Findings[len(r.Findings)-1].Offset = at.Offset
	}
}

// binaryOf returns the platform of a file under bin/.
func binaryOf(name string) (platform string, ok bool) {
	rest, ok := strings.CutPrefix(name, "bin/")
	platform, _, _ = strings.Cut(rest, "/")
	return platform, ok
}

// machine returns the e_machine of ELF for an architecture of Go.
func machine(goarch string) (uint16, bool) {
	switch goarch {
	case "386":
		return 3, true
	case "arm":
		return 40, true
	case "amd64":
		return 62, true
	case "arm64":
		return 183, true
	case "riscv64":
		return 243, true
	}
	return 0, false
}

// checkFormat looks at the first bytes of an executable.
func checkFormat(platform string, data []byte) error {
	goos, goarch, _ := strings.Cut(platform, "-")
	switch goos {
	case "linux", "freebsd":
		return checkELF(goarch, data)
	case "darwin":
		if !bytes.HasPrefix(data, []byte{0xcf, 0xfa, 0xed, 0xfe}) {
			return errors.New("not a 64-bit Mach-O executable")
		}
		return nil
	case "windows":
		if !bytes.HasPrefix(data, []byte("MZ")) {
			return errors.New("not a PE executable")
		}
		return nil
	}
	return fmt.Errorf("unknown platform %q", platform)
}

// checkELF checks magic, kind and machine of an ELF executable (elf(5)).
func checkELF(goarch string, data []byte) error {
	const executable, shared = 2, 3 // e_type
	want, ok := machine(goarch)
	switch {
	case !ok:
		return fmt.Errorf("unknown architecture %q", goarch)
	case len(data) < 64 || !bytes.HasPrefix(data, []byte("\x7fELF")):
		return errors.New("not an ELF executable")
	case data[5] != 1:
		return errors.New("not little-endian")
	}
	if kind := binary.LittleEndian.Uint16(data[16:]); kind != executable && kind != shared {
		return errors.New("ELF, but not an executable")
	}
	if got := binary.LittleEndian.Uint16(data[18:]); got != want {
		return fmt.Errorf("for another machine: %d, want %d (%s)", got, want, goarch)
	}
	return nil
}

// assets looks for what should not be shipped.
func (r *report) assets(a *bundle.Artifact) {
	// Split, so that this file is not a finding itself.
	secrets := [][]byte{[]byte("PRIVATE" + " KEY-----"), []byte("PRIVATE" + "+KEY+")}
	programs := [][]byte{[]byte("\x7fELF"), []byte("\x00asm"), []byte("MZ"), []byte("#!"), {0xcf, 0xfa, 0xed, 0xfe}}
	for _, name := range a.Names() {
		if strings.HasPrefix(name, "bin/") || strings.HasPrefix(name, "modules/") {
			continue
		}
		data, _ := a.File(name)
		if slices.ContainsFunc(secrets, func(s []byte) bool { return bytes.Contains(data, s) }) {
			r.fail(AssetsContent, name, "holds a private key: everybody who has the artifact has it")
		}
		if slices.ContainsFunc(programs, func(p []byte) bool { return bytes.HasPrefix(data, p) }) {
			r.add(bundle.SeverityWarn, AssetsContent, name, "is a program where none is expected")
		}
	}
}
