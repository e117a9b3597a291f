package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/palyra-go/palyra/host/internal/policy"
)

// get asks a server as curl --unix-socket would.
func get(t *testing.T, socket, path string) (code int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://palyra" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestProbes(t *testing.T) {
	f := newFake()
	trouble := ""
	f.deny = func(policy.Request) bool { return trouble == "denied" }
	config := f.config()
	config.Trouble = func() string { return trouble }
	config.Metrics = func(context.Context) []Metric {
		return []Metric{{Name: "palyra_up", Kind: Gauge, Help: "a\nb\\", Samples: []Sample{{Labels: []string{"job", "x\"y\\\n"}, Value: 1.5}}}}
	}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	server := New(config)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	const metrics = "# HELP palyra_up a\\nb\\\\\n# TYPE palyra_up gauge\npalyra_up{job=\"x\\\"y\\\\\\n\"} 1.5\n"
	for _, c := range []struct {
		trouble, path string
		code          int
		body          string
	}{
		{"", "/livez", 200, "ok\n"},
		{"", "/readyz", 200, "ok\n"},
		{"", "/metrics", 200, metrics},
		{"", "/nothing", 404, "404 page not found\n"},
		{"the disk is full", "/livez", 200, "ok\n"},
		{"the disk is full", "/readyz", 503, "the disk is full\n"},
		{"the disk is full", "/metrics", 200, metrics},
		{"denied", "/livez", 200, "ok\n"},
		{"denied", "/metrics", 403, `may not host.view: denied by policy "50-demo"`},
	} {
		trouble = c.trouble
		code, body := get(t, socket, c.path)
		if code != c.code || !strings.HasSuffix(strings.TrimSpace(body), strings.TrimSpace(c.body)) {
			t.Errorf("%s with trouble %q = %d %q, want %d %q", c.path, c.trouble, code, body, c.code, c.body)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if why := server.unready(); why != "stopping" {
		t.Errorf("of a server that stops: %q", why)
	}
}

func TestMetricsAreForKnownPeers(t *testing.T) {
	config := newFake().config()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(config).Serve(ctx, l) }()
	response, err := http.Get("http://" + l.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("a peer that nobody knows gets %d", response.StatusCode)
	}
	cancel()
	http.DefaultClient.CloseIdleConnections()
	<-done
}

// sampleForm is a line of the text format that our writer may write.
var sampleForm = regexp.MustCompile(`^[a-z_]+(\{[a-z]+="(\\["\\n]|[^"\\])*"(,[a-z]+="(\\["\\n]|[^"\\])*")*\})? (\+Inf|NaN|-?[0-9][0-9.e+-]*)$`)

func TestWriteMetrics(t *testing.T) {
	var b strings.Builder
	err := writeMetrics(&b, []Metric{
		{Name: "palyra_x_total", Kind: Counter, Help: "x", Samples: []Sample{
			{Value: 0}, {Labels: []string{"a", "1", "b", "\x00\xff\"\\\n"}, Value: 1e21}, {Value: -0.25},
		}},
		{Name: "palyra_empty", Kind: Gauge, Help: "of which there is none"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "# ") && !sampleForm.MatchString(line) {
			t.Errorf("not of the format: %q", line)
		}
	}
	if err := writeMetrics(brokenPipe{}, []Metric{{Name: "palyra_x", Kind: Gauge}}); err == nil {
		t.Error("nobody says that it was not written")
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, fmt.Errorf("broken pipe") }
