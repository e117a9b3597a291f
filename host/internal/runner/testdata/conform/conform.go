// Package conform is a skill whose actions do what a host must cope with. The
// conformance suite of the runner runs it as a native plugin and as a guest.
package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/palyra-go/palyra/sdk"
)

// Skill returns the skill.
func Skill() sdk.Skill {
	return sdk.Skill{
		"echo":  echo,
		"retry": sdk.Handle(retry),
		"chat":  sdk.Handle(chat),
		"call":  sdk.Handle(call),
		"wait":  sdk.Handle(wait),
		"spin":  sdk.Handle(spin),
		"exit":  sdk.Handle(exit),
		"panic": sdk.Handle(func(context.Context, none) (int, error) { panic("oh no") }),
		"flood": sdk.Handle(flood),
	}
}

type none struct{}

func echo(ctx context.Context, req sdk.Request) (sdk.Result, error) {
	if req.Upstream != nil {
		return sdk.Handle(func(context.Context, none) (*sdk.Upstream, error) { return req.Upstream, nil })(ctx, req)
	}
	return sdk.Result{
		Output:  req.Input,
		Summary: fmt.Sprintf("%s %s %s %d", req.Run, req.Occurrence, req.Due.UTC().Format("2006-01-02"), req.Attempt),
	}, nil
}

func retry(context.Context, none) (int, error) {
	return 0, &sdk.Error{Code: "away", Message: "not now", Retryable: true}
}

func chat(ctx context.Context, _ none) (int64, error) {
	sdk.Log(ctx, "hello")
	sdk.Progress(ctx, 1, 2, "half")
	status, err := sdk.GetStatus(ctx)
	return status.Running, err
}

// call makes the host call that the input names.
func call(ctx context.Context, in struct{ Method string }) (json.RawMessage, error) {
	return sdk.HostFrom(ctx).Call(ctx, in.Method, nil)
}

// wait says so and waits for the end of its context.
func wait(ctx context.Context, _ none) (int, error) {
	sdk.Log(ctx, "waiting")
	<-ctx.Done()
	return 0, fmt.Errorf("waited: %w", ctx.Err())
}

// spin says so and heeds nothing any more.
func spin(ctx context.Context, _ none) (int, error) {
	sdk.Log(ctx, "spinning")
	for {
	}
}

func exit(context.Context, none) (int, error) {
	fmt.Fprintln(os.Stderr, "my last words")
	os.Exit(3)
	return 0, nil
}

func flood(context.Context, none) (string, error) { return strings.Repeat("flood", 1<<19), nil }
