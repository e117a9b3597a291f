package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/host/internal/failpoint"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// effects acts upon results of system jobs from the journal's outbox, one after
// another, until ctx is done; and arms the system jobs of skills that changed.
// What was written but not yet acted upon when the daemon died is acted upon at
// the next start; acting twice does no harm.
func (h *host) effects(ctx context.Context) error {
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
		err := errors.Join(h.applyEffects(ctx), h.armSystemJobs(ctx))
		if err != nil && ctx.Err() == nil {
			h.log.Error("effects not applied, trying again", "err", err)
			retry.Reset(10 * time.Second)
		}
	}
}

func (h *host) applyEffects(ctx context.Context) error {
	pending, err := h.journal.Effects(ctx)
	if err != nil {
		return err
	}
	for _, e := range pending {
		failpoint.At("host.effect")
		if err := h.apply(ctx, e); err != nil {
			return fmt.Errorf("%s of %s: %w", e.Effect, e.Run, err)
		}
		failpoint.At("host.applied")
		if err := h.journal.EffectDone(ctx, e, ""); err != nil {
			return err
		}
	}
	return nil
}

func (h *host) apply(ctx context.Context, e job.PendingEffect) error {
	if e.Effect != job.JudgeAudit {
		h.log.Error("effect not known", "run", e.Run, "effect", e.Effect)
		return nil
	}
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
