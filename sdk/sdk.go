// Package sdk is the contract between host and skill.
//
// A skill is a program that serves named actions. An action is an ordinary
// function; [Handle] turns it into an [Action], and pluginmain.Serve turns a set
// of them into a program:
//
//	func main() {
//		pluginmain.Serve(sdk.Skill{"greet": sdk.Handle(greet)})
//	}
//
//	func greet(ctx context.Context, in struct{ Name string }) (string, error) {
//		return "Hello, " + in.Name, nil
//	}
//
// The same file builds as a native plugin (go build) and as a WASM guest
// (GOOS=wasip1 GOARCH=wasm go build).
//
// While an action runs, its context carries the [Request] ([RequestFrom]) and the
// [Host] that serves it; [Log], [Progress] and the typed host calls
// ([GetStatus]) use them. The context ends when the run is cancelled or its
// deadline passes; an action that ignores that is killed.
//
// An action fails by returning an error. An [Error] says whether a retry may
// help; any other error is final.
package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Protocol is the version of the contract that this package speaks. A host
// serves the versions it knows and refuses others when the skill is described.
const Protocol = 1

// Skill is what a program serves: its actions by entrypoint name.
type Skill map[string]Action

// Action serves one entrypoint.
type Action func(context.Context, Request) (Result, error)

// Request asks for one attempt of one run.
type Request struct {
	Entrypoint string          `json:"entrypoint"`
	Input      json.RawMessage `json:"input,omitempty"` // one JSON value; absent means none was given
	Run        string          `json:"run"`             // id of the run
	Occurrence string          `json:"occurrence"`      // idempotency key: the same for every attempt of the same occurrence
	Due        time.Time       `json:"due"`             // nominal time, UTC; of a manual run, when it was asked for
	Attempt    int             `json:"attempt"`         // counts from 1
	Deadline   time.Time       `json:"deadline,omitzero"`
	Upstream   *Upstream       `json:"upstream,omitempty"`  // the run whose end started this one; nil of any other
	Data       string          `json:"data,omitempty"`      // own writable directory, if the capability data is granted
	Artifacts  string          `json:"artifacts,omitempty"` // artifact store, read-only, if the capability artifacts is granted
}

// Upstream is a run of another job that has ended, and by that started this one.
type Upstream struct {
	Job        string          `json:"job"` // name of the job
	Run        string          `json:"run"`
	Occurrence string          `json:"occurrence"`
	State      string          `json:"state"`               // succeeded, failed, timed_out or interrupted
	Reason     string          `json:"reason,omitempty"`    // why it did not succeed, a word
	Recovered  bool            `json:"recovered,omitempty"` // it is the first success after a failure
	Attempt    int             `json:"attempt"`             // how many there were
	Error      string          `json:"error,omitempty"`     // what went wrong, for people
	Summary    string          `json:"summary,omitempty"`   // one line for people
	Due        time.Time       `json:"due"`
	Started    time.Time       `json:"started,omitzero"`
	Ended      time.Time       `json:"ended"`
	Output     json.RawMessage `json:"output,omitempty"` // left out if it exceeds MaxUpstreamOutput
}

// MaxUpstreamOutput is how much output of a run is handed to those that its end
// starts, in bytes.
const MaxUpstreamOutput = 256 << 10

// Result is what an action answers.
type Result struct {
	Output  json.RawMessage `json:"output,omitempty"`  // one JSON value
	Summary string          `json:"summary,omitempty"` // one line for people
}

// Summarizer is implemented by outputs that can say themselves in one line; the
// line becomes the Summary of the result. A string output is its own summary.
type Summarizer interface{ Summary() string }

// Handle makes an Action of a function from a JSON input to a JSON output.
// Unknown input keys are refused, so that a misspelt one is noticed.
func Handle[In, Out any](f func(context.Context, In) (Out, error)) Action {
	return func(ctx context.Context, req Request) (Result, error) {
		var in In
		if err := decode(req.Input, &in); err != nil {
			return Result{}, &Error{Code: "bad_input", Message: err.Error()}
		}
		out, err := f(ctx, in)
		if err != nil {
			return Result{}, err
		}
		output, err := json.Marshal(out)
		if err != nil {
			return Result{}, fmt.Errorf("output: %w", err)
		}
		return Result{Output: output, Summary: summary(out)}, nil
	}
}

func decode(input json.RawMessage, in any) error {
	if len(input) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(input))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return fmt.Errorf("input: %v", err)
	}
	if d.More() {
		return errors.New("input: more than one JSON value")
	}
	return nil
}

func summary(out any) string {
	switch out := out.(type) {
	case Summarizer:
		return out.Summary()
	case string:
		return out
	}
	return ""
}
