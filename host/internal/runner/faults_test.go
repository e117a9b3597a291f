package runner

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// What goes wrong before a child can serve leaves nothing behind (shortDir
// checks) and says what it was.
func TestStartFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		program string
		want    string
		says    string
	}{
		{"quits", "fault start_failed", "exit status 7: no licence found"},
		{"babbles", "fault start_failed", "Welcome to my skill!"},
		{"mute", "fault start_failed", "timeout"},
		{"elsewhere", "fault start_failed", `"tcp" "127.0.0.1:1"`},
		{"outside", "fault start_failed", `"/run/other.sock"`},
		{"unproven", "fault start_failed", "not there"},
		{"absent", "fault unsupported", "it has no bin/"},
	} {
		t.Run(test.program, func(t *testing.T) {
			t.Parallel()
			r := open(t, func(c *Config) {
				if test.program == "mute" {
					c.StartTimeout = 100 * time.Millisecond
				}
			})
			s := pack(t, bundle.Native, test.program, "")
			_, err := r.Run(t.Context(), permit(t, s, "echo", long), sdk.Request{}, newHost())
			if ending(err) != test.want || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Run = %v; want %s that says %q", err, test.want, test.says)
			}
		})
	}
}

func TestNothingRunsWithoutAPermit(t *testing.T) {
	r := open(t, nil)
	s := pack(t, bundle.Native, "good", "")
	g, err := gate()
	if err != nil {
		t.Fatal(err)
	}
	audit := g.PermitAudit(s.Digest, s.Manifest, time.Now().Add(long))
	for name, p := range map[string]policy.Permit{"none": {}, "one to audit": audit} {
		if _, err := r.Run(t.Context(), p, sdk.Request{Entrypoint: "echo"}, newHost()); err == nil {
			t.Errorf("with %s, it ran", name)
		}
	}
	for name, p := range map[string]policy.Permit{"none": {}, "one to run": permit(t, s, "echo", long)} {
		if _, err := r.Audit(t.Context(), p); err == nil {
			t.Errorf("with %s, it audited", name)
		}
	}
	if r.births != 0 {
		t.Errorf("%d children were started", r.births)
	}
}

func TestAlteredArtifactDoesNotRun(t *testing.T) {
	r := open(t, nil)
	s := pack(t, bundle.Native, "good", "")
	s.Digest[0]++
	_, err := r.Run(t.Context(), permit(t, s, "echo", long), sdk.Request{}, newHost())
	if ending(err) != "fault start_failed" || !errors.Is(err, errAltered) {
		t.Errorf("Run = %v; want a fault that is the store's error", err)
	}
}

func TestCrashFailsTheOtherRunsOfTheChild(t *testing.T) {
	r := open(t, nil)
	s := pack(t, bundle.Native, "good", "")
	h := newHost()
	ended := make(chan error)
	go func() {
		_, err := r.Run(t.Context(), permit(t, s, "wait", long), sdk.Request{}, h)
		ended <- err
	}()
	h.hears(t, ended)
	_, err := r.Run(t.Context(), permit(t, s, "exit", long), sdk.Request{}, newHost())
	if f, ok := errors.AsType[*skill.Fault](err); !ok || !f.Retryable() || !strings.Contains(f.Detail, "exit status 3") {
		t.Errorf("exit = %v; want a retryable crash with its status", err)
	}
	if err := <-ended; ending(err) != "fault crashed" {
		t.Errorf("the other run = %v", err)
	}
}

func TestMessageTooLarge(t *testing.T) {
	r := open(t, nil)
	s := pack(t, bundle.Native, "good", "")
	_, err := r.Run(t.Context(), permit(t, s, "long", long), sdk.Request{}, newHost())
	if ending(err) != "fault output_limit" {
		t.Errorf("a result of 20 MiB: %v", err)
	}
	input := []byte(`"` + strings.Repeat("x", 9<<20) + `"`)
	_, err = r.Run(t.Context(), permit(t, s, "echo", long), sdk.Request{Input: input}, newHost())
	if ending(err) != "error bad_input" {
		t.Errorf("an input of 9 MiB: %v", err)
	}
}
