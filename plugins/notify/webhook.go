package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/palyra-go/palyra/sdk"
)

type webhookIn struct {
	URL     string            `json:"url"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Output  bool              `json:"output"`
}

// told is what a notification came to.
type told struct {
	ID     string `json:"id,omitempty"` // webhook-id
	Type   string `json:"type"`         // of the event, or the signal
	Status int    `json:"status"`
	Tries  int    `json:"tries"`

	host string
}

// Summary implements sdk.Summarizer.
func (t told) Summary() string { return fmt.Sprintf("told %s: %s (%d)", t.host, t.Type, t.Status) }

// webhook serves the entrypoint webhook.
func (n *notifier) webhook(ctx context.Context, in webhookIn) (told, error) {
	target, err := parseURL(in.URL)
	if err != nil {
		return told{}, err
	}
	secret, err := parseSecret(in.Secret)
	if err != nil {
		return told{}, err
	}
	header := http.Header{}
	for name, value := range in.Headers {
		if err := setHeader(header, name, value); err != nil {
			return told{}, err
		}
	}
	e := newEvent(ctx, n.now(), in.Output)
	body, err := json.Marshal(e)
	if err != nil {
		return told{}, fmt.Errorf("event: %w", err)
	}
	id := sdk.RequestFrom(ctx).Occurrence
	header.Set("Content-Type", "application/json")
	answer, err := n.send(ctx, message{
		method: http.MethodPost, target: target, header: header, body: body,
		stamp: func(h http.Header, at time.Time) { sign(h, secret, id, at, body) },
	})
	return told{id, e.Type, answer.status, answer.tries, target.Hostname()}, err
}

// sign sets the headers of Standard Webhooks 1.0.0.
func sign(h http.Header, secret []byte, id string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	if secret == nil {
		return
	}
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

const secretPrefix = "whsec_"

// parseSecret returns the key of a secret, nil if none is given. It does not
// repeat the secret.
func parseSecret(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	code, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(code)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, badInput(`secret: want "whsec_" and 24 to 64 bytes in base64; make one with: printf 'whsec_%%s\n' "$(head -c 32 /dev/urandom | base64 -w 0)"`)
	}
	return key, nil
}

// setHeader takes a header of the input, if it is not ours.
func setHeader(h http.Header, name, value string) error {
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case name == "" || strings.ContainsFunc(name, notInToken):
		return badInput("headers: %q is not a name", name)
	case strings.ContainsAny(value, "\r\n\x00"):
		return badInput("headers: the value of %s has a line break", canonical)
	case strings.HasPrefix(canonical, "Webhook-"):
		return badInput("headers: %s is set by the skill", canonical)
	}
	switch canonical {
	case "Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Trailer", "Upgrade":
		return badInput("headers: %s is set by the skill", canonical)
	}
	h.Set(canonical, value)
	return nil
}

func notInToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
}

func badInput(format string, args ...any) error {
	return &sdk.Error{Code: "bad_input", Message: fmt.Sprintf(format, args...)}
}
