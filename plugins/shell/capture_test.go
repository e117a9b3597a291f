//go:build unix

package main

import (
	"strings"
	"testing"
)

// However a stream is cut into writes, what is kept of it is the same.
func TestCapture(t *testing.T) {
	long := strings.Repeat("0123456789abcde\n", 5000) // 80,000 bytes
	tests := []struct {
		name, stream, want, last string
		logs                     int
	}{
		{"nothing", "", "", "", 0},
		{"no newline", "a", "a", "a", 1},
		{"lines", "a\nb\n", "a\nb\n", "b", 2},
		{"not UTF-8", "a\xffb\n", "a\uFFFDb\n", "a\uFFFDb", 1},
		{"exactly what fits", long[:2*half], long[:2*half], "0123456789abcde", 4096},
		{"one byte more", long[:2*half+1], long[:half] + "\n[... 1 bytes left out ...]\n" + long[half+1:2*half+1], "0", 4097},
		{"much more", long, long[:half] + "\n[... 14464 bytes left out ...]\n" + long[len(long)-half:], "0123456789abcde", 4097 + 1},
		{"a long line", strings.Repeat("x", maxLine+1) + "\n", strings.Repeat("x", maxLine+1) + "\n", strings.Repeat("x", maxSummary) + "…", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 7, 4096, 1 << 20} {
				var logged []string
				c := &capture{name: "stdout", log: func(line string) { logged = append(logged, line) }}
				for rest := tt.stream; rest != ""; {
					n := min(size, len(rest))
					if wrote, err := c.Write([]byte(rest[:n])); wrote != n || err != nil {
						t.Fatal(wrote, err)
					}
					rest = rest[n:]
				}
				_ = c.Close()
				if got := c.String(); got != tt.want {
					t.Errorf("in writes of %d: got %d bytes, want %d", size, len(got), len(tt.want))
				}
				if got := c.lastLine(); got != tt.last {
					t.Errorf("in writes of %d: last line %q, want %q", size, got, tt.last)
				}
				if len(logged) != tt.logs {
					t.Errorf("in writes of %d: %d log lines, want %d; the last is %.100q", size, len(logged), tt.logs, logged[max(0, len(logged)-1):])
				}
			}
		})
	}
}
