package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
)

// serviceTimeout is how long a service call may take.
const serviceTimeout = 30 * time.Second

// callMemory passes input to an entrypoint of the memory skill: a service call,
// which takes the same gate and a Permit as a run but writes none.
func (h *host) callMemory(ctx context.Context, by job.Principal, entrypoint string, input json.RawMessage) (json.RawMessage, error) {
	result, err := h.call(ctx, by, entrypoint, input)
	return result.Output, err
}

// memorySummary is the memory skill's own line on how it is; empty if it does
// not run.
func (h *host) memorySummary(ctx context.Context) string {
	if s := h.catalog.Lookup(memorySkill); s == nil || s.State != skill.Active {
		return ""
	}
	result, err := h.call(ctx, job.Daemon, "status", nil)
	if err != nil {
		return err.Error()
	}
	return result.Summary
}

func (h *host) call(ctx context.Context, by job.Principal, entrypoint string, input json.RawMessage) (sdk.Result, error) {
	memory := h.catalog.Lookup(memorySkill)
	if memory == nil {
		return sdk.Result{}, errNoMemory
	}
	now := time.Now()
	id := "call_" + ulid.Make().String()
	verdict := h.gate.Serve(policy.Call{
		ID: id, Principal: by, Skill: memory, Entrypoint: entrypoint, Now: now, Timeout: serviceTimeout,
	})
	if !verdict.Decision.Allow {
		return sdk.Result{}, &deniedError{verdict.Message}
	}
	ctx, cancel := context.WithDeadline(ctx, verdict.Permit.Until())
	defer cancel()
	result, err := h.runner.Run(ctx, verdict.Permit, sdk.Request{
		Entrypoint: entrypoint, Input: input, Run: id, Occurrence: id, Due: now, Attempt: 1, Deadline: verdict.Permit.Until(),
	}, sdk.HostFrom(ctx))
	if err != nil {
		return sdk.Result{}, fmt.Errorf("memory %s: %w", entrypoint, err)
	}
	return result, nil
}

// errNoMemory says that nothing serves the memory.
var errNoMemory = errors.New("skill " + memorySkill + " is not installed; install it with `palyra skill install FILE`")

// deniedError is a service call that was denied.
type deniedError struct{ message string }

func (e *deniedError) Error() string { return e.message }
