package pluginmain

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/palyra-go/palyra/sdk"
)

// invoke runs the action that req asks for and gives its failure the code that
// the host understands.
func invoke(ctx context.Context, skill sdk.Skill, req sdk.Request) (result sdk.Result, err error) {
	action, ok := skill[req.Entrypoint]
	if !ok {
		return result, &sdk.Error{Code: "unknown_entrypoint", Message: fmt.Sprintf("%q: this skill serves %s", req.Entrypoint, names(skill))}
	}
	defer func() {
		if cause := recover(); cause != nil {
			sdk.HostFrom(ctx).Log(sdk.LevelError, fmt.Sprintf("panic: %v\n%s", cause, debug.Stack()))
			result, err = sdk.Result{}, &sdk.Error{Code: "panic", Message: fmt.Sprint(cause)}
		}
	}()
	result, err = action(ctx, req)
	if err != nil {
		return sdk.Result{}, explain(ctx, err)
	}
	if len(result.Output) > 0 && !json.Valid(result.Output) {
		return sdk.Result{}, &sdk.Error{Code: "bad_output", Message: "the output is not JSON"}
	}
	return result, nil
}

// explain tells the failures that the end of ctx brought from the others.
func explain(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*sdk.Error](err); ok || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	code := "cancelled"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = "timeout"
	}
	return &sdk.Error{Code: code, Message: context.Cause(ctx).Error()}
}

func names(skill sdk.Skill) string {
	return cmp.Or(strings.Join(slices.Sorted(maps.Keys(skill)), ", "), "nothing")
}
