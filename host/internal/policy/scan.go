package policy

import (
	"fmt"
	"strings"
)

// The caps on what reaches Cedar's parser. It is recursive, and a stack that
// overflows ends the process; its typechecker recurses once per operator.
const (
	maxFile     = 1 << 20 // bytes
	maxAll      = 4 << 20 // bytes of all files
	maxPolicies = 10_000
	maxTokens   = 4096 // of one policy
	maxNesting  = 64   // of brackets and ifs
)

// scan refuses text that is too large or too deep to parse. It knows just
// enough of the grammar for that: strings, comments, brackets, words. What is
// wrong otherwise is for the parser to say.
func scan(f File) error {
	if len(f.Text) > maxFile {
		return fmt.Errorf("%s: %d bytes, at most %d", f.Name, len(f.Text), maxFile)
	}
	s := scanner{text: f.Text, line: 1}
	for s.next() {
		if s.depth+s.ifs > maxNesting {
			return fmt.Errorf("%s:%d: nested deeper than %d", f.Name, s.line, maxNesting)
		}
		if s.tokens > maxTokens {
			return fmt.Errorf("%s:%d: policy of more than %d tokens", f.Name, s.line, maxTokens)
		}
	}
	return nil
}

type scanner struct {
	text   string
	at     int
	line   int
	depth  int // open brackets
	ifs    int // ifs since the policy began: each is a level of recursion, also in a chain of else if
	tokens int // since the policy began
}

// next takes one token and reports whether there was one.
func (s *scanner) next() bool {
	s.space()
	if s.at == len(s.text) {
		return false
	}
	s.tokens++
	switch c := s.text[s.at]; {
	case c == '"':
		s.quoted()
	case isWord(c):
		s.word()
	default:
		s.at++
		s.bracket(c)
	}
	return true
}

// space skips white space and comments.
func (s *scanner) space() {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '\n':
			s.line++
		case c == ' ' || c == '\t' || c == '\r':
		case strings.HasPrefix(s.text[s.at:], "//"):
			s.at += lengthTo(s.text[s.at:], "\n") - 1
		case strings.HasPrefix(s.text[s.at:], "/*"):
			length := 2 + lengthTo(s.text[s.at+2:], "*/") + len("*/")
			comment := s.text[s.at:min(s.at+length, len(s.text))]
			s.line += strings.Count(comment, "\n")
			s.at += len(comment) - 1
		default:
			return
		}
	}
}

// lengthTo returns how far into text end begins, or all of it.
func lengthTo(text, end string) int {
	if i := strings.Index(text, end); i >= 0 {
		return i
	}
	return len(text)
}

// quoted skips a string. One that is not closed on its line is an error of
// Cedar's scanner; what follows is then counted as if it were outside.
func (s *scanner) quoted() {
	for s.at++; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '\n':
			return
		case '\\':
			s.at = min(s.at+1, len(s.text)-1)
		case '"':
			s.at++
			return
		}
	}
}

func (s *scanner) word() {
	start := s.at
	for s.at < len(s.text) && isWord(s.text[s.at]) {
		s.at++
	}
	if s.text[start:s.at] == "if" {
		s.ifs++
	}
}

func (s *scanner) bracket(c byte) {
	switch c {
	case '(', '[', '{':
		s.depth++
	case ')', ']', '}':
		s.depth = max(0, s.depth-1)
	case ';':
		// Stands only between policies; brackets that are still open stay so.
		s.ifs, s.tokens = 0, 0
	}
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
