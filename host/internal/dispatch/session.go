package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
)

// session is the host as one attempt meets it. Its log only grows: who has read
// so many bytes goes on after them, in the journal too.
type session struct {
	number int // of the attempt
	calls  Calls
	skill  *skill.Skill // as it was judged

	mu    sync.Mutex // guards what follows
	log   strings.Builder
	lost  int           // bytes over the limit
	ended bool          // nothing is added any more
	more  chan struct{} // closed when the log has grown; nil while nobody waits
}

func (s *session) Call(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
	if s.calls == nil || s.skill == nil {
		return nil, &sdk.Error{Code: "denied", Message: method + ": this host serves no calls"}
	}
	return s.calls.Call(ctx, s.skill, method, params)
}

func (s *session) Log(level sdk.Level, line string) {
	s.write(fmt.Sprintf("%s %-5s %s\n", stamp(), level, strings.TrimRight(line, "\n")))
}

func (s *session) Progress(done, total int64, note string) {
	text := fmt.Sprint(done)
	if total > 0 {
		text = fmt.Sprintf("%d/%d", done, total)
	}
	s.write(strings.TrimRight(fmt.Sprintf("%s progress %s %s", stamp(), text, note), " \n") + "\n")
}

func stamp() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// room is what a log has for lines; what remains of maxLog is for the marks.
const room = maxLog - 100

// write keeps a line while there is room. Once one did not fit, none is kept:
// a log with a hole in it would mislead.
func (s *session) write(line string) {
	line = storable(line)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
	case s.lost > 0:
		s.lost += len(line)
	case s.log.Len()+len(line) > room:
		s.lost = len(line)
		s.add(fmt.Sprintf("[cut here: a log keeps %d bytes]\n", maxLog))
	default:
		s.add(line)
	}
}

// add lengthens the log. The caller holds mu.
func (s *session) add(text string) {
	s.log.WriteString(text)
	if s.more != nil {
		close(s.more)
		s.more = nil
	}
}

// end returns the whole log, to which nothing is added any more.
func (s *session) end() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended && s.lost > 0 {
		s.add(fmt.Sprintf("[%d more bytes]\n", s.lost))
	}
	s.ended = true
	return s.log.String()
}

// since returns what was logged beyond offset, or what is closed when there is
// more.
func (s *session) since(offset int) (string, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if text := s.log.String(); offset < len(text) {
		return text[offset:], nil // shared with the log, not copied
	}
	if s.more == nil {
		s.more = make(chan struct{})
	}
	return "", s.more
}

// storable returns a line as the journal keeps it, byte for byte.
func storable(line string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(line, "\uFFFD"), "\x00", "\uFFFD")
}
