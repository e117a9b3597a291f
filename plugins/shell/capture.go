//go:build unix

package main

import (
	"bytes"
	"fmt"
	"strings"
)

const (
	half        = 32 << 10 // bytes that are kept of each end of a stream
	maxLogged   = 64 << 10 // bytes of a stream that are logged
	maxLine     = 8 << 10  // bytes; longer lines are logged in pieces
	maxSummary  = 200
	maxEndLines = 2 << 10 // bytes of the end that go into an error
)

// capture keeps the beginning and the end of a stream, and logs its lines.
type capture struct {
	name string
	log  func(line string)

	head, tail []byte
	total      int64
	line       []byte // that has not ended yet
	logged     int
	silent     bool // it was said that no more is logged
}

// Write implements io.Writer. It takes everything.
func (c *capture) Write(p []byte) (int, error) {
	c.total += int64(len(p))
	n := min(len(p), half-len(c.head))
	c.head = append(c.head, p[:n]...)
	c.tail = append(c.tail, p[n:]...)
	if len(c.tail) > 2*half {
		c.tail = append(c.tail[:0], c.tail[len(c.tail)-half:]...)
	}
	c.logLines(p)
	return len(p), nil
}

// Close ends the last line.
func (c *capture) Close() error {
	if len(c.line) > 0 {
		c.logLine()
	}
	return nil
}

func (c *capture) logLines(p []byte) {
	for len(p) > 0 && c.logged <= maxLogged {
		n := bytes.IndexByte(p, '\n')
		ends := n >= 0
		if !ends {
			n = len(p)
		}
		if room := maxLine - len(c.line); n > room {
			n, ends = room, false
		}
		c.line = append(c.line, p[:n]...)
		p = p[n:]
		if ends {
			p = p[1:]
		}
		if ends || len(c.line) == maxLine {
			c.logLine()
		}
	}
	if len(p) > 0 && !c.silent {
		c.silent = true
		c.log(fmt.Sprintf("(%s goes on; no more of it is logged)", c.name))
	}
}

func (c *capture) logLine() {
	c.logged += len(c.line) + 1
	c.log(text(bytes.TrimSuffix(c.line, []byte("\r"))))
	c.line = c.line[:0]
}

func (c *capture) truncated() bool { return c.total > 2*half }

// String returns what was kept, with a mark where something is missing.
func (c *capture) String() string {
	if !c.truncated() {
		return text(c.head) + text(c.tail)
	}
	return fmt.Sprintf("%s\n[... %d bytes left out ...]\n%s", text(c.head), c.total-2*half, text(c.tail[len(c.tail)-half:]))
}

// lastLine returns the last line that is not empty, shortened.
func (c *capture) lastLine() string {
	line := strings.TrimSpace(text(append(c.head[:len(c.head):len(c.head)], c.tail...)))
	line = strings.TrimSpace(line[strings.LastIndexByte(line, '\n')+1:])
	if len(line) > maxSummary {
		line = strings.ToValidUTF8(line[:maxSummary], "") + "…"
	}
	return line
}

// end returns the last of what was printed.
func (c *capture) end() string {
	all := strings.TrimSpace(text(append(c.head[:len(c.head):len(c.head)], c.tail...)))
	if len(all) > maxEndLines {
		all = "…" + strings.ToValidUTF8(all[len(all)-maxEndLines:], "")
	}
	return all
}

func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
