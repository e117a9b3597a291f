package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// hookKey signs the webhooks of stories: $HOOK_SECRET.
const hookKey = "a key that only stories have"

// receiver receives webhooks and pings.
type receiver struct {
	mu   sync.Mutex // guards what follows
	hold bool
	got  []string
	ids  map[string]int // numbers of webhook ids, from 1
	came chan struct{}  // closed when one comes
}

// hook starts the receiver, and tells what it got.
func hook(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	hold := len(args) > 0 && args[0] == "-hold"
	if hold {
		args = args[1:]
	}
	if neg || len(args) > 1 {
		ts.Fatalf("usage: hook [-hold] [N]")
	}
	if s.hook == nil {
		s.hook = &receiver{ids: map[string]int{}, came: make(chan struct{})}
		server := httptest.NewServer(s.hook)
		ts.Defer(server.Close)
		ts.Setenv("HOOK", server.URL)
		ts.Setenv("HOOK_SECRET", "whsec_"+base64.StdEncoding.EncodeToString([]byte(hookKey)))
	}
	s.hook.mu.Lock()
	s.hook.hold = hold
	s.hook.mu.Unlock()
	if len(args) == 0 {
		return
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), strings.Join(s.hook.await(ts, n), "\n"))
}

// await returns what came, once there are n.
func (r *receiver) await(ts *testscript.TestScript, n int) []string {
	watchdog := time.After(patience)
	for {
		r.mu.Lock()
		got, came := r.got, r.came
		r.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-came:
		case <-watchdog:
			ts.Fatalf("%d came, want %d: %q", len(got), n, got)
		}
	}
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.got = append(r.got, req.Method+" "+req.URL.Path+" "+r.told(req.Header, body))
	close(r.came)
	r.came = make(chan struct{})
	hold := r.hold
	r.mu.Unlock()
	if hold {
		<-req.Context().Done()
	}
}

// told says what a webhook says: its type, its number (a repetition has that of
// the first), whether it is signed, and its text. The caller holds mu.
func (r *receiver) told(h http.Header, body []byte) string {
	var e struct{ Type, Text string }
	id := h.Get("Webhook-Id")
	if id == "" || json.Unmarshal(body, &e) != nil {
		return strings.TrimSpace(string(body))
	}
	if r.ids[id] == 0 {
		r.ids[id] = len(r.ids) + 1
	}
	mac := hmac.New(sha256.New, []byte(hookKey))
	fmt.Fprintf(mac, "%s.%s.%s", id, h.Get("Webhook-Timestamp"), body)
	signed := "not signed"
	if h.Get("Webhook-Signature") == "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		signed = "signed"
	}
	return fmt.Sprintf("%s #%d %s: %s", e.Type, r.ids[id], signed, e.Text)
}
