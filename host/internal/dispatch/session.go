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

// session is the host as one attempt meets it.
type session struct {
	calls Calls
	skill *skill.Skill // as it was judged

	mu   sync.Mutex // guards what follows
	log  strings.Builder
	lost int // bytes over the limit
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

// write keeps a line while there is room. Once one did not fit, none is kept:
// a log with a hole in it would mislead.
func (s *session) write(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const room = maxLog - 100 // for the mark
	if s.lost > 0 || s.log.Len()+len(line) > room {
		s.lost += len(line)
		return
	}
	s.log.WriteString(line)
}

// text returns what was logged.
func (s *session) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost > 0 {
		return fmt.Sprintf("%s[cut here: %d more bytes, a log keeps %d]\n", s.log.String(), s.lost, maxLog)
	}
	return s.log.String()
}
