package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/plugintest"
)

var now = time.Date(2126, 3, 1, 12, 0, 0, 0, time.UTC) // to come, for a deadline that has passed ends a run

// hook is a receiver that answers in turn, then 204, and remembers.
type hook struct {
	*httptest.Server
	answers []func(http.ResponseWriter, *http.Request)
	got     []string // method and path
	headers []http.Header
	bodies  []string
	waited  []time.Duration
}

func newHook(t *testing.T, answers ...func(http.ResponseWriter, *http.Request)) *hook {
	t.Helper()
	h := &hook{answers: answers}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.got, h.headers, h.bodies = append(h.got, r.Method+" "+r.URL.RequestURI()), append(h.headers, r.Header), append(h.bodies, string(body))
		if len(h.answers) > 0 {
			next := h.answers[0]
			h.answers = h.answers[1:]
			next(w, r)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(h.Close)
	return h
}

func status(code int, pairs ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(pairs); i += 2 {
			w.Header().Set(pairs[i], pairs[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprint(w, "no\r\nsuch   hook")
	}
}

// run runs an entrypoint as of now; waits pass at once.
func (h *hook) run(t *testing.T, entrypoint, input string, u *sdk.Upstream) (sdk.Result, error) {
	t.Helper()
	n := newNotifier(func() time.Time { return now }, func(_ context.Context, d time.Duration) error {
		h.waited = append(h.waited, d)
		return nil
	})
	return plugintest.Run(t, n.skill(), sdk.Request{
		Entrypoint: entrypoint, Input: json.RawMessage(input), Run: "run_9", Occurrence: "run_9",
		Attempt: 1, Deadline: now.Add(time.Minute), Upstream: u,
	}, nil)
}

func failed() *sdk.Upstream {
	return &sdk.Upstream{
		Job: "nightly", Run: "run_1", Occurrence: "job_1@x", State: "failed", Reason: "error", Attempt: 3,
		Error: "exit_3: exit status 3: disk\nfull", Due: now.Add(-time.Hour), Started: now.Add(-time.Hour), Ended: now.Add(-time.Minute),
		Output: json.RawMessage(`{"n":1}`),
	}
}

func became2(state string, recovered bool) *sdk.Upstream {
	u := failed()
	u.State, u.Recovered, u.Attempt, u.Error, u.Summary = state, recovered, 1, "", "7 files"
	return u
}

func TestEvents(t *testing.T) {
	for _, c := range []struct {
		u              *sdk.Upstream
		kind, text, at string
	}{
		{failed(), "run.failed", "nightly failed at attempt 3: exit_3: exit status 3: disk full", "2126-03-01T11:59:00Z"},
		{became2("succeeded", false), "run.succeeded", "nightly succeeded: 7 files", "2126-03-01T11:59:00Z"},
		{became2("succeeded", true), "run.recovered", "nightly works again: 7 files", "2126-03-01T11:59:00Z"},
		{became2("timed_out", false), "run.timed_out", "nightly timed out: 7 files", "2126-03-01T11:59:00Z"},
		{became2("interrupted", false), "run.interrupted", "nightly was interrupted: 7 files", "2126-03-01T11:59:00Z"},
		{became2("melted", false), "run.melted", "nightly ended as melted: 7 files", "2126-03-01T11:59:00Z"},
		{nil, "test", "a test of palyra.notify: no run started this one", "2126-03-01T12:00:00Z"},
	} {
		h := newHook(t)
		result, err := h.run(t, "webhook", `{"url":"`+h.URL+`/x?y=1"}`, c.u)
		if err != nil || len(h.bodies) != 1 || h.got[0] != "POST /x?y=1" {
			t.Fatal(result, err, h.got)
		}
		var e struct{ Type, Timestamp, Text string }
		if err := json.Unmarshal([]byte(h.bodies[0]), &e); err != nil || e.Type != c.kind || e.Text != c.text || e.Timestamp != c.at {
			t.Errorf("told %+v, %v; want %s, %s, %s", e, err, c.kind, c.text, c.at)
		}
		if want := "told 127.0.0.1: " + c.kind + " (204)"; result.Summary != want {
			t.Errorf("summary %q, want %q", result.Summary, want)
		}
	}
}

// The body as a receiver meets it, and a signature that the example of Standard
// Webhooks would accept.
func TestWebhook(t *testing.T) {
	h := newHook(t)
	key := []byte("24 bytes are a short key")
	secret := secretPrefix + base64.StdEncoding.EncodeToString(key)
	input, err := json.Marshal(map[string]any{"url": h.URL, "secret": secret, "headers": map[string]string{"authorization": "Bearer x"}, "output": true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.run(t, "webhook", string(input), failed()); err != nil {
		t.Fatal(err)
	}
	want := `{"type":"run.failed","timestamp":"2126-03-01T11:59:00Z","text":"nightly failed at attempt 3: exit_3: exit status 3: disk full",` +
		`"data":{"job":"nightly","run":"run_1","occurrence":"job_1@x","state":"failed","reason":"error","error":"exit_3: exit status 3: disk\nfull",` +
		`"attempt":3,"due":"2126-03-01T11:00:00Z","started":"2126-03-01T11:00:00Z","ended":"2126-03-01T11:59:00Z","output":{"n":1}}}`
	if diff := cmp.Diff(want, h.bodies[0]); diff != "" {
		t.Error(diff)
	}
	got := h.headers[0]
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Authorization": "Bearer x", "Webhook-Id": "run_9", "Webhook-Timestamp": fmt.Sprint(now.Unix()),
		"User-Agent": "palyra-notify/0.1.0",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
	again := http.Header{}
	sign(again, key, "run_9", now, []byte(h.bodies[0]))
	if s := got.Get("Webhook-Signature"); s != again.Get("Webhook-Signature") || !strings.HasPrefix(s, "v1,") {
		t.Errorf("signature %q, want %q", s, again.Get("Webhook-Signature"))
	}
}

// The example of the Standard Webhooks specification, as its libraries test it.
func TestSignature(t *testing.T) {
	key, err := parseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	sign(h, key, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if got, want := h.Get("Webhook-Signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestPing(t *testing.T) {
	lasting := failed()
	lasting.Error = "crashed"
	for _, c := range []struct {
		signal string
		u      *sdk.Upstream
		want   string
	}{
		{"", nil, "GET /uuid"},
		{"auto", became2("succeeded", true), "POST /uuid"},
		{"auto", failed(), "POST /uuid/fail"},
		{"auto", became2("interrupted", false), "POST /uuid/fail"},
		{"success", failed(), "POST /uuid"},
		{"fail", nil, "GET /uuid/fail"},
		{"start", nil, "GET /uuid/start"},
		{"log", failed(), "POST /uuid/log"},
		{"exit", failed(), "POST /uuid/3"},
		{"exit", became2("succeeded", false), "POST /uuid/0"},
		{"exit", lasting, "POST /uuid/fail"},
	} {
		h := newHook(t)
		if _, err := h.run(t, "ping", fmt.Sprintf(`{"url":%q,"signal":%q}`, h.URL+"/uuid", c.signal), c.u); err != nil || !slices.Equal(h.got, []string{c.want}) {
			t.Errorf("%s: %q, %v; want %s", c.signal, h.got, err, c.want)
		}
		if c.u != nil && h.bodies[0] != line(c.u)+"\n" {
			t.Errorf("%s says %q", c.signal, h.bodies[0])
		}
	}
}

// What may pass may be tried again, and is, when the answer says when and there
// is time.
func TestTries(t *testing.T) {
	elsewhere := newHook(t)
	redirect := func(code int, to string) func(http.ResponseWriter, *http.Request) {
		return status(code, "Location", to)
	}
	again := func(code int, after string) func(http.ResponseWriter, *http.Request) {
		return status(code, "Retry-After", after)
	}
	const said = ": no such hook"
	for name, c := range map[string]struct {
		answers []func(http.ResponseWriter, *http.Request)
		waited  []time.Duration
		tries   int
		want    *sdk.Error
	}{
		"accepted":       {nil, nil, 1, nil},
		"refused":        {[]func(http.ResponseWriter, *http.Request){status(404)}, nil, 1, &sdk.Error{Code: "http_404", Message: "127.0.0.1 answers 404 Not Found" + said}},
		"gone":           {[]func(http.ResponseWriter, *http.Request){again(410, "1")}, nil, 1, &sdk.Error{Code: "http_410", Message: "127.0.0.1 answers 410 Gone" + said}},
		"broken":         {[]func(http.ResponseWriter, *http.Request){status(500)}, nil, 1, &sdk.Error{Code: "http_500", Message: "127.0.0.1 answers 500 Internal Server Error" + said, Retryable: true}},
		"busy":           {[]func(http.ResponseWriter, *http.Request){again(429, "3"), again(503, now.Add(7*time.Second).Format(http.TimeFormat))}, []time.Duration{3 * time.Second, 7 * time.Second}, 3, nil},
		"busy for long":  {[]func(http.ResponseWriter, *http.Request){again(429, "59")}, nil, 1, &sdk.Error{Code: "http_429", Message: "127.0.0.1 answers 429 Too Many Requests" + said, Retryable: true}},
		"busy for ever":  {slices.Repeat([]func(http.ResponseWriter, *http.Request){again(429, "1")}, 9), slices.Repeat([]time.Duration{time.Second}, 4), 5, &sdk.Error{Code: "http_429", Message: "127.0.0.1 answers 429 Too Many Requests" + said, Retryable: true}},
		"busy, nonsense": {[]func(http.ResponseWriter, *http.Request){again(503, "soon")}, nil, 1, &sdk.Error{Code: "http_503", Message: "127.0.0.1 answers 503 Service Unavailable" + said, Retryable: true}},
		"moved here":     {[]func(http.ResponseWriter, *http.Request){redirect(308, "/other")}, nil, 2, nil},
		"moved away":     {[]func(http.ResponseWriter, *http.Request){redirect(307, elsewhere.URL)}, nil, 1, &sdk.Error{Code: "unreachable", Message: "127.0.0.1: " + errRedirect.Error()}},
		"moved as GET":   {[]func(http.ResponseWriter, *http.Request){redirect(303, "/other")}, nil, 1, &sdk.Error{Code: "unreachable", Message: "127.0.0.1: " + errRedirect.Error()}},
		"moved round":    {slices.Repeat([]func(http.ResponseWriter, *http.Request){redirect(307, "/")}, 9), nil, 6, &sdk.Error{Code: "unreachable", Message: "127.0.0.1: " + errTooOften.Error()}},
	} {
		h := newHook(t, c.answers...)
		_, err := h.run(t, "webhook", `{"url":"`+h.URL+`"}`, failed())
		var got *sdk.Error
		if err != nil {
			got = sdk.AsError(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if len(h.got) != c.tries || !slices.Equal(h.waited, c.waited) {
			t.Errorf("%s: %d tries, waited %v; want %d, %v", name, len(h.got), h.waited, c.tries, c.waited)
		}
		if slices.Contains(h.bodies, "") {
			t.Errorf("%s: a try without a body: %q", name, h.bodies)
		}
	}
	if len(elsewhere.got) != 0 {
		t.Errorf("followed to another host: %q", elsewhere.got)
	}
}

// What is refused says why, without the address or the secret.
func TestRefuses(t *testing.T) {
	h := newHook(t)
	down := newHook(t)
	down.Close()
	for input, want := range map[string]string{
		`{}`:                        "bad_input: url: missing",
		`{"url":"ftp://s3cret/x"}`:  "bad_input: url: want http:// or https:// and a host",
		`{"url":"http://"}`:         "bad_input: url: want http",
		`{"url":"http://[s3cret/"}`: "bad_input: url: ",
		`{"url":"` + h.URL + `","secret":"s3cret"}`:                `bad_input: secret: want "whsec_"`,
		`{"url":"` + h.URL + `","secret":"whsec_c2hvcnQ="}`:        `bad_input: secret: want "whsec_" and 24`,
		`{"url":"` + h.URL + `","headers":{"Host":"x"}}`:           "bad_input: headers: Host is set by the skill",
		`{"url":"` + h.URL + `","headers":{"webhook-id":"x"}}`:     "bad_input: headers: Webhook-Id is set by the skill",
		`{"url":"` + h.URL + `","headers":{"A b":"x"}}`:            `bad_input: headers: "A b" is not a name`,
		`{"url":"` + h.URL + `","headers":{"A":"s3cret\r\nB: x"}}`: "bad_input: headers: the value of A has a line break",
		`{"url":"` + h.URL + `","urll":"x"}`:                       `bad_input: input: json: unknown field "urll"`,
		`{"url":"http://169.254.169.254/s3cret"}`:                  "unreachable: 169.254.169.254: ",
		`{"url":"` + down.URL + `/s3cret"}`:                        "unreachable: 127.0.0.1: dial tcp 127.0.0.1:",
	} {
		_, err := h.run(t, "webhook", input, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %s", input, err, want)
		}
		if e, ok := errors.AsType[*sdk.Error](err); ok && e.Retryable != strings.Contains(input, down.URL) {
			t.Errorf("%s: retryable = %t", input, e.Retryable)
		}
	}
	if _, err := h.run(t, "ping", `{"url":"`+h.URL+`","signal":"sos"}`, nil); err == nil || !strings.Contains(err.Error(), "want auto, success, fail, start, log or exit") {
		t.Errorf("an unknown signal: %v", err)
	}
	if len(h.got) != 0 {
		t.Errorf("told %q", h.got)
	}
}
