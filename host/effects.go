package host

import (
	"context"
	"encoding/json"
	"time"

	"github.com/palyra-go/palyra/host/internal/failpoint"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// effects does what the ends of runs owe, from the journal's outbox, until ctx is
// done; and arms the system jobs of skills that changed. What was written but not
// yet done when the daemon died is done at the next start; doing it twice does no
// harm.
func (h *host) effects(ctx context.Context) error {
	box := outbox{journal: h.journal, apply: h.apply, failed: h.effectFailed}
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.effectDue:
		case <-h.catalogMoved:
		case <-retry.C:
		}
		wait := box.work(ctx, time.Now())
		if err := h.armSystemJobs(ctx); err != nil && ctx.Err() == nil {
			h.log.Error("system jobs not armed, trying again", "err", err)
			wait = min(wait, firstAgain)
		}
		retry.Reset(wait)
	}
}

func (h *host) effectFailed(e job.PendingEffect, err error, again time.Duration) {
	h.log.Error("effect not applied, trying again", "run", e.Run, "effect", e.Effect, "job", e.Target, "err", err, "after", again)
}

// Between two tries of an effect, and between two looks at the outbox when
// nothing is to be tried again.
const (
	firstAgain = time.Second
	lastAgain  = time.Minute
)

// owing is what names an effect.
type owing struct {
	run    job.RunID
	effect job.Effect
	target string
}

// again is when an effect that failed is tried next.
type again struct {
	at    time.Time
	pause time.Duration
}

// pending is the part of the journal that an outbox needs.
type pending interface {
	Effects(ctx context.Context) ([]job.PendingEffect, error)
	EffectDone(ctx context.Context, e job.PendingEffect, problem string) error
}

// outbox does what is pending, each effect for itself: one that fails is tried
// again with a back-off of its own and holds up no other.
type outbox struct {
	journal pending
	apply   func(context.Context, job.PendingEffect) (problem string, err error)
	failed  func(e job.PendingEffect, err error, again time.Duration)
	tries   map[owing]again
}

// work tries what is to be tried at now, and says when there will be more.
func (o *outbox) work(ctx context.Context, now time.Time) time.Duration {
	list, err := o.journal.Effects(ctx)
	if err != nil {
		if ctx.Err() == nil {
			o.failed(job.PendingEffect{}, err, firstAgain)
		}
		return firstAgain
	}
	tries, wait := make(map[owing]again), lastAgain
	for _, e := range list {
		if ctx.Err() != nil {
			break
		}
		key := owing{e.Run, e.Effect, e.Target}
		t := o.tries[key]
		if !t.at.After(now) {
			err := o.try(ctx, e)
			if err == nil {
				continue
			}
			t.pause = min(max(2*t.pause, firstAgain), lastAgain)
			t.at = now.Add(t.pause)
			if ctx.Err() == nil {
				o.failed(e, err, t.pause)
			}
		}
		tries[key], wait = t, min(wait, t.at.Sub(now))
	}
	o.tries = tries
	return wait
}

func (o *outbox) try(ctx context.Context, e job.PendingEffect) error {
	failpoint.At("host.effect")
	problem, err := o.apply(ctx, e)
	if err != nil {
		return err
	}
	failpoint.At("host.applied")
	return o.journal.EffectDone(ctx, e, problem)
}

// apply does one effect. A problem is what no other try would solve.
func (h *host) apply(ctx context.Context, e job.PendingEffect) (problem string, err error) {
	switch e.Effect {
	case job.StartOnSuccess, job.StartOnFailure, job.StartOnRecovery:
		c := chains{Runs: h.journal, Dispatch: h.dispatch, Job: h.scheduler.Get, Config: h.cfg.Cron}
		if problem, err = c.start(ctx, e); problem != "" {
			h.log.Warn("the end of a run starts nothing", "run", e.Run, "effect", e.Effect, "job", e.Target, "reason", problem)
		}
		return problem, err
	case job.JudgeAudit:
		return "", h.judge(ctx, e)
	default:
		h.log.Error("effect not known", "run", e.Run, "effect", e.Effect)
		return "not known", nil
	}
}

func (h *host) judge(ctx context.Context, e job.PendingEffect) error {
	var output struct{ Reports []bundle.Report }
	if err := json.Unmarshal(e.Output, &output); err != nil {
		// A report that cannot be read renews no lease: the auditor fails closed.
		h.log.Error("audit report not readable", "run", e.Run, "err", err)
		return nil
	}
	return h.catalog.Judge(ctx, output.Reports)
}

// poke leaves a signal for whoever waits for it; one is enough.
func poke(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}
