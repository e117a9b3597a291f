package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
	pluginv1 "github.com/palyra-go/palyra/sdk/proto/palyra/plugin/v1"
)

// maxCalls is how many host calls of one run are served at once.
const maxCalls = 16

// session is one run on a child.
type session struct {
	child  *child
	host   sdk.Host
	req    sdk.Request
	stream pluginv1.Plugin_RunClient

	sending sync.Mutex // guards sends on stream
	places  chan struct{}
	serving sync.WaitGroup // what may still use host or stream
}

// outcome is how a stream ended.
type outcome struct {
	result   sdk.Result
	answer   *sdk.Error // what the action failed with
	answered bool
	broken   error // what ended the stream without an answer, or after it
}

// run runs req and returns when nothing of it is left.
func (c *child) run(ctx context.Context, req sdk.Request, host sdk.Host) (sdk.Result, error) {
	if !c.serves(req.Entrypoint) {
		return sdk.Result{}, &sdk.Error{Code: "unknown_entrypoint", Message: fmt.Sprintf("%q: this skill serves %s", req.Entrypoint, strings.Join(c.entrypoints, ", "))}
	}
	if len(req.Input) > pluginv1.MaxMessage/2 {
		return sdk.Result{}, &sdk.Error{Code: "bad_input", Message: fmt.Sprintf("an input of %d bytes is too large", len(req.Input))}
	}
	streaming, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	stream, err := c.service.Run(streaming)
	if err != nil {
		return sdk.Result{}, c.fault(err)
	}
	s := &session{child: c, host: host, req: req, stream: stream, places: make(chan struct{}, maxCalls)}
	calling, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan outcome, 1)
	go func() { ended <- s.receive(calling) }()

	out, cancelled := s.await(ctx, ended, hangUp)
	stop()
	hangUp()
	s.serving.Wait()
	return s.conclude(ctx, out, cancelled)
}

// await waits for the stream to end; when ctx ends first it tells the child, and
// kills it when that does not help.
func (s *session) await(ctx context.Context, ended <-chan outcome, hangUp func()) (out outcome, cancelled bool) {
	select {
	case out = <-ended:
		return out, false
	case <-ctx.Done():
	}
	reason := context.Cause(ctx).Error()
	s.serving.Go(func() {
		_ = s.send(&pluginv1.RunRequest{Message: &pluginv1.RunRequest_Cancel{
			Cancel: &pluginv1.Cancel{Reason: strings.ToValidUTF8(reason, "\uFFFD")},
		}})
	})
	timer := time.NewTimer(s.child.runner.config.Grace)
	defer timer.Stop()
	select {
	case out = <-ended:
		return out, true
	case <-timer.C:
	}
	s.child.runner.doom(s.child, fmt.Sprintf("run %s ignored that it was cancelled (%s)", s.req.Run, reason))
	<-s.child.gone
	hangUp()
	return <-ended, true
}

// conclude says how the run ended, and ends the child if the stream broke.
func (s *session) conclude(ctx context.Context, out outcome, cancelled bool) (sdk.Result, error) {
	var fault error
	if out.broken != nil {
		fault = s.child.fault(out.broken)
	}
	switch {
	case cancelled:
		return sdk.Result{}, context.Cause(ctx)
	case !out.answered:
		return sdk.Result{}, fault
	case out.answer != nil && out.answer.Code == string(skill.OutputLimit) && s.child.spec.manifest.Kind == bundle.WASM:
		return sdk.Result{}, &skill.Fault{Kind: skill.OutputLimit, Detail: out.answer.Message} // said by our worker
	case out.answer != nil:
		return sdk.Result{}, out.answer
	}
	limit := s.child.runner.config.MaxOutput
	if size := len(out.result.Output) + len(out.result.Summary); size > limit {
		return sdk.Result{}, &skill.Fault{Kind: skill.OutputLimit, Detail: fmt.Sprintf("a result of %d bytes, at most %d are taken", size, limit)}
	}
	return out.result, nil
}

// fault ends a child whose stream broke with err and says what that was.
func (c *child) fault(err error) *skill.Fault {
	if status.Code(err) == codes.ResourceExhausted {
		c.runner.doom(c, "it sent a message that is too large")
		<-c.gone
		return &skill.Fault{Kind: skill.OutputLimit, Detail: fmt.Sprintf("a message of more than %d bytes", pluginv1.MaxMessage)}
	}
	if status.Code(err) == codes.Unavailable { // most likely because it died
		timer := time.NewTimer(c.runner.config.Grace)
		defer timer.Stop()
		select {
		case <-c.process.done:
		case <-timer.C:
		}
	}
	if !c.process.ended() {
		c.runner.doom(c, "it broke the protocol: "+firstLine(err.Error()))
	}
	<-c.gone
	if why := c.why(); why != "" && why != endedItself {
		return &skill.Fault{Kind: skill.Crashed, Detail: "it was killed: " + why}
	}
	return &skill.Fault{Kind: skill.Crashed, Detail: c.withHint(c.process.exit)}
}

// receive takes what the child sends until the stream ends.
func (s *session) receive(ctx context.Context) (out outcome) {
	start := &pluginv1.RunRequest{Message: &pluginv1.RunRequest_Start{Start: pluginv1.NewStart(s.req)}}
	if err := s.send(start); err != nil && !errors.Is(err, io.EOF) { // EOF: Recv says why
		return outcome{broken: err}
	}
	for {
		message, err := s.stream.Recv()
		if errors.Is(err, io.EOF) && out.answered {
			return out
		}
		if errors.Is(err, io.EOF) {
			err = errors.New("it ended a run without an answer")
		}
		if err == nil && out.answered {
			err = errors.New("it went on after its answer")
		}
		if err != nil {
			out.broken = err
			return out
		}
		switch m := message.GetMessage().(type) {
		case *pluginv1.RunResponse_Log:
			s.host.Log(level(m.Log.GetLevel()), m.Log.GetLine())
		case *pluginv1.RunResponse_Progress:
			s.host.Progress(m.Progress.GetDone(), m.Progress.GetTotal(), m.Progress.GetNote())
		case *pluginv1.RunResponse_Call:
			s.serve(ctx, m.Call)
		case *pluginv1.RunResponse_Result:
			out.answered, out.result = true, m.Result.Value()
		case *pluginv1.RunResponse_Error:
			out.answered, out.answer = true, m.Error.Value()
		default:
			return outcome{broken: errors.New("it sent a message of no known kind")}
		}
	}
}

// level keeps to the levels that there are.
func level(s string) sdk.Level {
	if l := sdk.Level(s); slices.Contains([]sdk.Level{sdk.LevelInfo, sdk.LevelWarn, sdk.LevelError}, l) {
		return l
	}
	return sdk.LevelInfo
}

// serve has the host perform a call, as soon as there is a place for it.
func (s *session) serve(ctx context.Context, call *pluginv1.Call) {
	select {
	case s.places <- struct{}{}:
	case <-ctx.Done():
		return
	}
	s.serving.Go(func() {
		defer func() { <-s.places }()
		answer := &pluginv1.CallResult{Id: call.GetId()}
		output, err := s.host.Call(ctx, call.GetMethod(), call.GetParams())
		if err == nil && len(output) > pluginv1.MaxMessage/2 {
			err = &sdk.Error{Code: "too_large", Message: fmt.Sprintf("%s: an answer of %d bytes", call.GetMethod(), len(output))}
		}
		answer.Answer = &pluginv1.CallResult_Output{Output: output}
		if err != nil {
			answer.Answer = &pluginv1.CallResult_Error{Error: pluginv1.NewError(err)}
		}
		_ = s.send(&pluginv1.RunRequest{Message: &pluginv1.RunRequest_CallResult{CallResult: answer}})
	})
}

func (s *session) send(message *pluginv1.RunRequest) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.stream.Send(message)
}
