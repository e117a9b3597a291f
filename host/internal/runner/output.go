package runner

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// output takes what a child writes to its standard streams: each line is logged,
// and the last ones are kept as a hint at why it died.
type output struct {
	log *slog.Logger

	mu      sync.Mutex // guards all below
	partial []byte
	last    []string
	panic   string
}

const (
	maxOutputLine = 4 << 10
	maxHint       = 400
)

// Write implements io.Writer; it never fails.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.partial = append(o.partial, p...)
	for {
		line, rest, found := bytes.Cut(o.partial, []byte{'\n'})
		if !found && len(o.partial) < maxOutputLine {
			return len(p), nil
		}
		o.take(strings.ToValidUTF8(string(line), "\uFFFD"))
		o.partial = append(o.partial[:0], rest...)
		if !found {
			return len(p), nil
		}
	}
}

func (o *output) take(line string) {
	line = strings.TrimSpace(line)
	if line == "" {
		return
	}
	line = cut(line, maxOutputLine)
	o.log.Debug("child wrote", "line", line)
	if o.panic == "" && (strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")) {
		o.panic = line
	}
	if o.last = append(o.last, line); len(o.last) > 3 {
		o.last = o.last[1:]
	}
}

// hint returns what most likely says why the child died: how a Go program
// panicked, or else its last words.
func (o *output) hint() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.panic != "" {
		return cut(o.panic, maxHint)
	}
	return cut(strings.Join(o.last, " / "), maxHint)
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
