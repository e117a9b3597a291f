//go:build !wasip1

package pluginmain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/palyra-go/palyra/sdk"
	pluginv1 "github.com/palyra-go/palyra/sdk/proto/palyra/plugin/v1"
)

// maxLine is where log lines are cut.
const maxLine = 64 << 10

// hostSide is the host as a running action meets it.
type hostSide struct {
	stream pluginv1.Plugin_RunServer

	sending  sync.Mutex // guards sends on stream, and finished
	finished bool

	mu      sync.Mutex // guards waiting and last
	waiting map[uint64]chan *pluginv1.CallResult
	last    uint64
}

// listen takes what the host sends until the stream ends.
func (h *hostSide) listen(cancel context.CancelCauseFunc) {
	for {
		message, err := h.stream.Recv()
		if err != nil {
			cancel(errors.New("the host is gone"))
			return
		}
		if stop := message.GetCancel(); stop != nil {
			cancel(errors.New(stop.GetReason()))
		}
		if answer := message.GetCallResult(); answer != nil {
			h.deliver(answer)
		}
	}
}

func (h *hostSide) deliver(answer *pluginv1.CallResult) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if waiter, ok := h.waiting[answer.GetId()]; ok {
		delete(h.waiting, answer.GetId())
		waiter <- answer // has room for one
	}
}

// Call implements sdk.Host.
func (h *hostSide) Call(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error) {
	if len(params) > pluginv1.MaxMessage/2 {
		return nil, &sdk.Error{Code: "bad_call", Message: fmt.Sprintf("%s: %d bytes of parameters are too many", method, len(params))}
	}
	id, answer := h.expect()
	defer h.forget(id)
	call := &pluginv1.Call{Id: id, Method: strings.ToValidUTF8(method, "?"), Params: params}
	if err := h.send(&pluginv1.RunResponse{Message: &pluginv1.RunResponse_Call{Call: call}}); err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	select {
	case result := <-answer:
		if e := result.GetError(); e != nil {
			return nil, e.Value()
		}
		return result.GetOutput(), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", method, ctx.Err())
	case <-h.stream.Context().Done():
		return nil, fmt.Errorf("%s: %w", method, h.stream.Context().Err())
	}
}

func (h *hostSide) expect() (uint64, <-chan *pluginv1.CallResult) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	waiter := make(chan *pluginv1.CallResult, 1)
	h.waiting[h.last] = waiter
	return h.last, waiter
}

func (h *hostSide) forget(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waiting, id)
}

// Log implements sdk.Host. What cannot be sent is lost with the stream.
func (h *hostSide) Log(level sdk.Level, line string) {
	if len(line) > maxLine {
		line = line[:maxLine] + " (cut)"
	}
	_ = h.send(&pluginv1.RunResponse{Message: &pluginv1.RunResponse_Log{Log: pluginv1.NewLog(level, line)}})
}

// Progress implements sdk.Host.
func (h *hostSide) Progress(done, total int64, note string) {
	progress := pluginv1.NewProgress(done, total, note)
	_ = h.send(&pluginv1.RunResponse{Message: &pluginv1.RunResponse_Progress{Progress: progress}})
}

func (h *hostSide) send(message *pluginv1.RunResponse) error {
	h.sending.Lock()
	defer h.sending.Unlock()
	if h.finished {
		return errors.New("the run has ended")
	}
	return h.stream.Send(message)
}

// finish sends the answer; what a left-over goroutine of the action says after
// it is dropped.
func (h *hostSide) finish(result sdk.Result, err error) error {
	answer := &pluginv1.RunResponse{Message: &pluginv1.RunResponse_Result{Result: pluginv1.NewResult(result)}}
	if err != nil {
		answer.Message = &pluginv1.RunResponse_Error{Error: pluginv1.NewError(err)}
	}
	h.sending.Lock()
	defer h.sending.Unlock()
	h.finished = true
	return h.stream.Send(answer)
}
