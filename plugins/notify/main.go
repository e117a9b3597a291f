// Command notify is the skill palyra.notify: it tells others what became of a run.
// Its jobs are started by the chains of other jobs (--on-failure, --on-recovery,
// --on-success), and told by the host which run that was. Started by hand, a job
// sends a test.
//
// # webhook
//
//	{
//	  "url":     "https://example.com/hooks/palyra",  // http or https
//	  "secret":  "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", // default: no signature
//	  "headers": {"Authorization": "Bearer …"},
//	  "output":  true                                 // send the output of the run too
//	}
//
// The event is POSTed as JSON:
//
//	{"type":"run.failed","timestamp":"2030-01-31T09:00:03Z",
//	 "text":"nightly failed: exit_1: exit status 1: disk full",
//	 "data":{"job":"nightly","run":"run_…","occurrence":"job_…@…","state":"failed",
//	         "reason":"error","error":"…","attempt":3,"due":"…","started":"…","ended":"…"}}
//
// with type run.succeeded, run.recovered (the first success after a failure),
// run.failed, run.timed_out, run.interrupted or test, and the headers of Standard
// Webhooks 1.0.0: webhook-id, the same in every try of the same notification, by
// which receivers tell repetitions; webhook-timestamp; and webhook-signature, "v1,"
// and the HMAC-SHA256 of "id.timestamp.body" in base64. A secret is "whsec_" and 24
// to 64 bytes in base64.
//
// # ping
//
//	{"url": "https://hc-ping.com/UUID", "signal": "auto"}
//
// The signal is what is put behind the URL: success (nothing), fail (/fail), start
// (/start), log (/log), or exit (the exit status of the program that the run was, 0
// of a success, and /fail where there is none). Auto, the default, is success after
// a success, fail after anything else, and success of a job that nothing started:
// so a ping on a schedule is a sign of life. What is said is the body.
//
// # Both
//
// Any status of 200 to 299 is a success. What may pass (a connection that fails, a
// timeout, 408, 425, 429 and 5xx) may be tried again, as often as the job says
// (--retries); if the answer says when (Retry-After), and the attempt has the time,
// it waits. Everything else is final. Redirects are followed up to five times, to
// the same host and by the same method. Link-local addresses, where clouds keep
// their credentials, are refused. Of an answer a line is kept, and that only of a
// refusal. A URL is never part of an error: it may be a secret.
package main

import (
	"context"
	"time"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/pluginmain"
)

func main() { pluginmain.Serve(newNotifier(time.Now, sleep).skill()) }

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// notifier serves the entrypoints.
type notifier struct {
	client
	now func() time.Time
}

func newNotifier(now func() time.Time, wait func(context.Context, time.Duration) error) *notifier {
	return &notifier{client: newClient(now, wait), now: now}
}

func (n *notifier) skill() sdk.Skill {
	return sdk.Skill{"webhook": sdk.Handle(n.webhook), "ping": sdk.Handle(n.ping)}
}
