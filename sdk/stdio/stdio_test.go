package stdio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/sdk"
)

func TestParseMessage(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{`{"log":""}`, ""},
		{`{"log":"a","level":"warn"}` + "\r", ""},
		{` {"progress":{"done":3}} `, ""},
		{`{"call":"host.status","id":0,"params":null}`, ""},
		{`{"call":"host.status"}`, ""},
		{`{"result":{}}`, ""},
		{`{"result":{"output":[1,{"a":2}],"summary":"s"}}`, ""},
		{`{"error":{"code":"busy","message":"m","retryable":true}}`, ""},
		{``, "not a message"},
		{`null`, "exactly one"},
		{`{}`, "exactly one"},
		{`[]`, "not a message"},
		{`"log"`, "not a message"},
		{`{"log":"a"`, "not a message"},
		{`{"log":"a"} {"log":"b"}`, "more than one"},
		{`{"log":"a"}]`, "more than one"},
		{`{"log":"a","progress":{"done":1}}`, "exactly one"},
		{`{"result":{},"error":{"code":"c","message":"m"}}`, "exactly one"},
		{`{"result":null}`, "exactly one"},
		{`{"call":""}`, "exactly one"},
		{`{"log":"a","level":"debug"}`, `level "debug"`},
		{`{"result":{},"level":"info"}`, "belongs to a log"},
		{`{"log":"a","id":1}`, "belong to a call"},
		{`{"log":"a","params":{}}`, "belong to a call"},
		{`{"call":"m","id":-1}`, "not a message"},
		{`{"log":"a","colour":"red"}`, `"colour"`},
		{`{"result":{"outptu":1}}`, `"outptu"`},
	} {
		_, err := ParseMessage([]byte(test.line))
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.line, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got %v, want %q", test.line, err, test.want)
		}
	}
}

// What is parsed can be written, as one line, and is then parsed as the same.
func FuzzParseMessage(f *testing.F) {
	f.Add([]byte(`{"call":"m","id":1,"params":{"a":[1,"<\u2028>"]}}`))
	f.Add([]byte(`{"log":"two\nlines","level":"error"}`))
	f.Add([]byte(`{"result":{"output":null,"summary":""}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := ParseMessage(line)
		if err != nil {
			return
		}
		once, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Count(once, []byte("\n")) != 1 || once[len(once)-1] != '\n' {
			t.Fatalf("%q is not a line", once)
		}
		again, err := ParseMessage(once)
		if err != nil {
			t.Fatalf("%q: %v", once, err)
		}
		if twice, _ := Encode(again); !bytes.Equal(once, twice) {
			t.Fatalf("%q became %q", once, twice)
		}
	})
}

// serve runs an action whose host says the lines, and returns what it wrote.
func serve(t *testing.T, action sdk.Action, lines ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := Serve(t.Context(), strings.NewReader(strings.Join(lines, "\n")+"\n"), &out, action)
	return out.String(), err
}

func TestServe(t *testing.T) {
	const invoked = `{"abi":"palyra-stdio/1","request":{"entrypoint":"e","input":{"a":1},"run":"r","occurrence":"o","due":"2030-01-01T00:00:00Z","attempt":2},"later":true}`
	call := func(ctx context.Context, req sdk.Request) (sdk.Result, error) {
		answer, err := sdk.HostFrom(ctx).Call(ctx, "m", req.Input)
		return sdk.Result{Output: answer}, err
	}
	for _, test := range []struct {
		name   string
		action sdk.Action
		lines  []string
		want   string
	}{{
		name: "request, log, progress",
		action: func(ctx context.Context, req sdk.Request) (sdk.Result, error) {
			sdk.Log(ctx, "%s %s %d %s", req.Run, req.Occurrence, req.Attempt, req.Due.Format(time.DateOnly))
			sdk.Progress(ctx, 1, 2, "<half>")
			return sdk.Result{Output: req.Input, Summary: req.Entrypoint}, nil
		},
		lines: []string{invoked},
		want: `{"log":"r o 2 2030-01-01","level":"info"}
{"progress":{"done":1,"total":2,"note":"<half>"}}
{"result":{"output":{"a":1},"summary":"e"}}
`,
	}, {
		name:   "call",
		action: call,
		lines:  []string{invoked, `{"id":1,"result":[true]}`},
		want:   `{"call":"m","id":1,"params":{"a":1}}` + "\n" + `{"result":{"output":[true]}}` + "\n",
	}, {
		name:   "denied call",
		action: call,
		lines:  []string{invoked, `{"id":1,"error":{"code":"denied","message":"no"}}`},
		want:   `{"call":"m","id":1,"params":{"a":1}}` + "\n" + `{"error":{"code":"denied","message":"no"}}` + "\n",
	}, {
		name:   "answer to another call",
		action: call,
		lines:  []string{invoked, `{"id":7,"result":1}`},
		want:   `{"call":"m","id":1,"params":{"a":1}}` + "\n" + `{"error":{"code":"failed","message":"m: call 1 got the answer to call 7"}}` + "\n",
	}, {
		name:   "plain error",
		action: func(context.Context, sdk.Request) (sdk.Result, error) { return sdk.Result{}, errors.New("no luck") },
		lines:  []string{invoked},
		want:   `{"error":{"code":"failed","message":"no luck"}}` + "\n",
	}} {
		t.Run(test.name, func(t *testing.T) {
			got, err := serve(t, test.action, test.lines...)
			if err != nil || got != test.want {
				t.Errorf("got %v\n%s\nwant\n%s", err, got, test.want)
			}
			for line := range strings.Lines(got) {
				if _, err := ParseMessage([]byte(line)); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		})
	}
}

func TestServeRefuses(t *testing.T) {
	never := func(context.Context, sdk.Request) (sdk.Result, error) {
		t.Error("the action ran")
		return sdk.Result{}, nil
	}
	for _, test := range []struct{ line, want string }{
		{``, "invocation: "},
		{`{"abi":"palyra-stdio/2","request":{"entrypoint":"e"}}`, "palyra-stdio/2"},
		{`{"request":{"entrypoint":"e"}}`, `speaks ""`},
		{`run e`, "invocation: "},
	} {
		if out, err := serve(t, never, test.line); err == nil || !strings.Contains(err.Error(), test.want) || out != "" {
			t.Errorf("%s: got %v and wrote %q, want %q", test.line, err, out, test.want)
		}
	}
	if err := Serve(t.Context(), strings.NewReader(""), io.Discard, never); err == nil || !strings.Contains(err.Error(), "run by palyrad") {
		t.Errorf("without a host: %v", err)
	}
}

// Calls of several goroutines do not mix up their answers.
func TestServeCallsOneAtATime(t *testing.T) {
	toGuest, hostWrites := io.Pipe()
	hostReads, fromGuest := io.Pipe()
	go func() {
		invocation, _ := Encode(Invocation{ABI: ABI})
		_, _ = hostWrites.Write(invocation)
		d := json.NewDecoder(hostReads)
		for {
			var m Message
			if d.Decode(&m) != nil || m.Call == "" {
				_ = hostWrites.Close()
				return
			}
			answer, _ := Encode(Answer{ID: m.ID, Result: m.Params})
			_, _ = hostWrites.Write(answer)
		}
	}()
	err := Serve(t.Context(), toGuest, fromGuest, func(ctx context.Context, _ sdk.Request) (sdk.Result, error) {
		wrong := make(chan string, 20)
		for i := range cap(wrong) {
			go func() {
				want, _ := json.Marshal(i)
				got, err := sdk.HostFrom(ctx).Call(ctx, "echo", want)
				if err != nil || !bytes.Equal(got, want) {
					wrong <- string(want) + " became " + string(got)
					return
				}
				wrong <- ""
			}()
		}
		for range cap(wrong) {
			if w := <-wrong; w != "" {
				t.Error(w)
			}
		}
		return sdk.Result{}, nil
	})
	if err != nil {
		t.Error(err)
	}
}
