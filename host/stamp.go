package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// zoneSources are where package time looks for zones before it takes those that
// are embedded.
var zoneSources = [...]string{"/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo"}

// stamp names what computes when jobs fire: the bytes of the daemon, and the time
// zones it finds. It is empty if that cannot be told.
func stamp(exe string, env []string) string {
	f, err := os.Open(exe)
	if err != nil {
		return ""
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return ""
	}
	sources := zoneSources[:]
	for _, v := range env {
		if name, value, _ := strings.Cut(v, "="); name == "ZONEINFO" || name == "TZ" {
			fmt.Fprintln(sum, v)
			sources = append(sources, value)
		}
	}
	for _, dir := range sources {
		for _, path := range []string{dir, filepath.Join(dir, "tzdata.zi"), filepath.Join(dir, "+VERSION")} {
			if info, err := os.Stat(path); err == nil {
				fmt.Fprintln(sum, path, info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	// What is local is known by its clock: at noon, on some days of many years.
	for year := 2000; year < 2070; year++ {
		for month := time.January; month <= time.December; month++ {
			_, offset := time.Date(year, month, 1, 12, 0, 0, 0, time.Local).Zone()
			fmt.Fprintln(sum, offset)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
