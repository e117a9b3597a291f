package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/palyra-go/palyra/sdk"
)

// The limits of one exchange.
const (
	exchangeTimeout = 30 * time.Second
	connectTimeout  = 10 * time.Second
	maxAnswer       = 4 << 10 // bytes that are read
	maxRedirects    = 5
	maxTries        = 5           // in one attempt, where the answers say when
	spare           = time.Second // of the attempt's time, after a wait
)

// client sends messages.
type client struct {
	http *http.Client
	now  func() time.Time
	wait func(context.Context, time.Duration) error
}

func newClient(now func() time.Time, wait func(context.Context, time.Duration) error) client {
	dialer := &net.Dialer{Timeout: connectTimeout, Control: refuseLinkLocal}
	return client{
		http: &http.Client{
			Timeout: exchangeTimeout,
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSHandshakeTimeout: connectTimeout,
				MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true, ForceAttemptHTTP2: true,
			},
			CheckRedirect: sameHost,
		},
		now: now, wait: wait,
	}
}

// refuseLinkLocal keeps messages from where clouds hand out credentials.
func refuseLinkLocal(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if ip := at.Addr().Unmap(); ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return errLinkLocal
	}
	return nil
}

var (
	errLinkLocal = errors.New("a link-local address is refused")
	errRedirect  = errors.New("it redirects elsewhere: give the address that it names")
	errTooOften  = errors.New("it redirects too often")
)

// sameHost follows a redirect that leads to the same host, by the same method and
// not to less protection.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) > maxRedirects:
		return errTooOften
	case next.URL.Host != first.URL.Host || next.Method != first.Method,
		first.URL.Scheme == "https" && next.URL.Scheme != "https":
		return errRedirect
	}
	return nil
}

// message is what is sent.
type message struct {
	method string
	target *url.URL
	header http.Header
	body   []byte
	stamp  func(h http.Header, at time.Time) // signs a try
}

// answer is what came of it.
type answer struct {
	status, tries int
}

// send sends m until it is accepted or refused, or the attempt has no more time.
func (c client) send(ctx context.Context, m message) (answer, error) {
	for tries := 1; ; tries++ {
		status, after, err := c.exchange(ctx, m)
		if err == nil {
			return answer{status, tries}, nil
		}
		if after <= 0 || tries == maxTries || !c.hasTime(ctx, after) {
			return answer{status, tries}, err
		}
		sdk.Log(ctx, "%s; trying again in %s", err, after)
		if err := c.wait(ctx, after); err != nil {
			return answer{status, tries}, err
		}
	}
}

func (c client) hasTime(ctx context.Context, d time.Duration) bool {
	deadline := sdk.RequestFrom(ctx).Deadline
	return deadline.Sub(c.now()) > d+spare
}

// exchange sends m once. Its error says whether another try may help, and after
// may say when.
func (c client) exchange(ctx context.Context, m message) (status int, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, m.method, m.target.String(), bytes.NewReader(m.body))
	if err != nil {
		return 0, 0, badInput("url: %v", inner(err))
	}
	req.Header = m.header.Clone()
	req.Header.Set("User-Agent", "palyra-notify/0.1.0")
	if m.stamp != nil {
		m.stamp(req.Header, c.now())
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, 0, c.unreachable(ctx, m.target, err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // what cannot be read is not said
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp.StatusCode, 0, nil
	}
	passing := mayPass(resp.StatusCode)
	e := &sdk.Error{
		Code:      fmt.Sprintf("http_%d", resp.StatusCode),
		Message:   strings.TrimSuffix(fmt.Sprintf("%s answers %s: %s", m.target.Hostname(), resp.Status, oneLine(string(said), 200)), ": "),
		Retryable: passing,
	}
	if passing {
		after = retryAfter(resp.Header.Get("Retry-After"), c.now())
	}
	return resp.StatusCode, after, e
}

// unreachable is the error of an exchange that got no answer.
func (c client) unreachable(ctx context.Context, target *url.URL, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	cause := inner(err)
	final := errors.Is(err, errLinkLocal) || errors.Is(err, errRedirect) || errors.Is(err, errTooOften)
	return &sdk.Error{Code: "unreachable", Message: fmt.Sprintf("%s: %v", target.Hostname(), cause), Retryable: !final}
}

// inner is an error without the URL that package http puts before it.
func inner(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func mayPass(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// retryAfter reads seconds or a date; 0 if it says nothing.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), 24*3600)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// parseURL reads the address of a job. Its errors do not repeat it.
func parseURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, badInput(`url: missing; for example "https://example.com/hooks/palyra"`)
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, badInput("url: %v", inner(err))
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Hostname() == "" {
		return nil, badInput("url: want http:// or https:// and a host")
	}
	return u, nil
}

// oneLine makes one line of text, of at most so many bytes.
func oneLine(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most-len("…")], "") + "…"
	}
	return text
}
