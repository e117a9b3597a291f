package stdio

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/palyra-go/palyra/sdk"
)

// Serve is a guest's side of one run: it reads the invocation from in, has
// action serve it and writes the outcome to out. It fails only when it cannot
// speak with the host.
func Serve(ctx context.Context, in io.Reader, out io.Writer, action sdk.Action) error {
	host := &host{in: bufio.NewReader(in), out: out}
	var invocation Invocation
	if err := host.receive(&invocation); err != nil {
		return fmt.Errorf("invocation: %w", err)
	}
	if invocation.ABI != ABI {
		return fmt.Errorf("invocation: the host speaks %q, this skill %q", invocation.ABI, ABI)
	}
	req := invocation.Request
	if !req.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, req.Deadline)
		defer cancel()
	}
	result, err := action(sdk.NewContext(ctx, host, req), req)
	if err != nil {
		return host.send(Message{Error: sdk.AsError(err)})
	}
	return host.send(Message{Result: &result})
}

// host is the host as a guest sees it. Goroutines of an action may share it.
type host struct {
	mu  sync.Mutex // guards all below: a call holds it until its answer has come
	in  *bufio.Reader
	out io.Writer
	ids uint64
}

// Call implements sdk.Host.
func (h *host) Call(_ context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ids++
	if err := h.write(Message{Call: method, ID: h.ids, Params: params}); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	var answer Answer
	if err := h.receive(&answer); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	if answer.ID != h.ids {
		return nil, fmt.Errorf("%s: call %d got the answer to call %d", method, h.ids, answer.ID)
	}
	if answer.Error != nil {
		return nil, answer.Error
	}
	return answer.Result, nil
}

// Log implements sdk.Host. A host that no longer listens is noticed when the
// result is sent.
func (h *host) Log(level sdk.Level, line string) {
	_ = h.send(Message{Log: &line, Level: level})
}

// Progress implements sdk.Host.
func (h *host) Progress(done, total int64, note string) {
	_ = h.send(Message{Progress: &Progress{Done: done, Total: total, Note: note}})
}

func (h *host) send(m Message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.write(m)
}

func (h *host) write(m Message) error {
	line, err := Encode(m)
	if err != nil {
		return err
	}
	_, err = h.out.Write(line)
	return err
}

func (h *host) receive(v any) error {
	line, err := h.in.ReadBytes('\n')
	if errors.Is(err, io.EOF) && len(line) == 0 {
		return errors.New("the host said nothing; this program is a palyra skill and is run by palyrad")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return json.Unmarshal(line, v)
}
