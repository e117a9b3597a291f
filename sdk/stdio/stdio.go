// Package stdio is the guest ABI: how a WASM skill and its host talk over
// standard input and output.
//
// A guest is a WASI preview 1 command, in any language; it is started with the
// name of the ABI as argument 0 and the entrypoint as argument 1. Both sides
// write JSON values (RFC 8259, UTF-8), one to a line, ended by a line feed; a
// line of a guest is at most 1 MiB.
//
// The host writes the invocation, the first line of standard input:
//
//	{"abi":"palyra-stdio/1","request":{"entrypoint":"greet","input":{"name":"Ada"},
//	 "run":"01J…","occurrence":"01J…","due":"2030-01-01T00:00:00Z","attempt":1,
//	 "deadline":"2030-01-01T00:00:30Z"}}
//
// (on one line). input and deadline may be absent. A run that the end of another
// one started has in its request
//
//	"upstream":{"job":"nightly","run":"01J…","occurrence":"01J…","state":"failed",
//	 "reason":"error","attempt":3,"error":"…","due":"…","started":"…","ended":"…"}
//
// and, where there are any, summary, output (up to 256 KiB) and recovered: true of
// the first success after a failure. A guest ignores keys it does not know and
// refuses an abi it does not speak.
//
// The guest writes any number of
//
//	{"log":"text","level":"info"}                 level: info (default), warn, error
//	{"progress":{"done":3,"total":10,"note":"…"}}  total 0 or absent: not known
//	{"call":"host.status","id":1,"params":{…}}     id: chosen by the guest; params may be absent
//
// and at last one of
//
//	{"result":{"output":…,"summary":"one line for people"}}   both may be absent
//	{"error":{"code":"snake_case","message":"…","retryable":true}}
//
// which ends the run: the host stops the guest there. Each call is answered,
// before anything else happens, by one line on standard input:
//
//	{"id":1,"result":…}
//	{"id":1,"error":{"code":"denied","message":"…"}}
//
// A guest that reads when nothing is on its way meets the end of the input. What
// it writes to standard error is log, line by line. A line that is none of the
// above, or has keys that are not of its kind, breaks the protocol and ends the
// run.
//
// [Serve] is the guest's side for Go; authors meet it through pluginmain.
package stdio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/palyra-go/palyra/sdk"
)

// ABI is the name of the protocol.
const ABI = "palyra-stdio/1"

// Invocation is the first line a guest reads.
type Invocation struct {
	ABI     string      `json:"abi"`
	Request sdk.Request `json:"request"`
}

// Message is a line that a guest writes. Exactly one of Log, Progress, Call,
// Result and Error is set.
type Message struct {
	Log      *string         `json:"log,omitempty"`
	Level    sdk.Level       `json:"level,omitempty"` // of Log
	Progress *Progress       `json:"progress,omitempty"`
	Call     string          `json:"call,omitempty"`
	ID       uint64          `json:"id,omitempty"`     // of Call
	Params   json.RawMessage `json:"params,omitempty"` // of Call
	Result   *sdk.Result     `json:"result,omitempty"`
	Error    *sdk.Error      `json:"error,omitempty"`
}

// Progress is how far a run is.
type Progress struct {
	Done  int64  `json:"done"`
	Total int64  `json:"total,omitempty"`
	Note  string `json:"note,omitempty"`
}

// Answer is the line that answers a call: a result or an error.
type Answer struct {
	ID     uint64          `json:"id"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *sdk.Error      `json:"error,omitempty"`
}

// Encode returns v as a line, with its line feed.
func Encode(v any) ([]byte, error) {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return line.Bytes(), nil
}

// ParseMessage reads a line that a guest wrote.
func ParseMessage(line []byte) (Message, error) {
	var m Message
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return Message{}, fmt.Errorf("not a message of %s: %v", ABI, err)
	}
	if d.InputOffset() != int64(len(bytes.TrimRight(line, " \t\r\n"))) {
		return Message{}, fmt.Errorf("not a message of %s: more than one JSON value on a line", ABI)
	}
	return m, m.check()
}

func (m Message) check() error {
	kinds := 0
	for _, set := range []bool{m.Log != nil, m.Progress != nil, m.Call != "", m.Result != nil, m.Error != nil} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return errors.New("want exactly one of log, progress, call, result, error")
	case m.Call == "" && (m.ID != 0 || m.Params != nil):
		return errors.New("id and params belong to a call")
	case m.Log == nil && m.Level != "":
		return errors.New("level belongs to a log")
	}
	switch m.Level {
	case "", sdk.LevelInfo, sdk.LevelWarn, sdk.LevelError:
		return nil
	}
	return fmt.Errorf("level %q: want info, warn or error", m.Level)
}
