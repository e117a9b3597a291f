package host

import (
	"context"
	"time"

	"github.com/palyra-go/palyra/host/internal/journal"
)

// retain keeps the journal within the limits of [cron] retention_*, until ctx is
// done.
func (h *host) retain(ctx context.Context) error {
	limits := journal.Limits{
		Runs: h.cfg.Cron.RetentionRuns, Age: h.cfg.Cron.RetentionAge.Duration, Bytes: h.cfg.Cron.RetentionBytes,
	}
	timer := time.NewTimer(firstTrim)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		done, err := h.journal.Trim(ctx, limits)
		if err != nil && ctx.Err() == nil {
			h.log.Warn("journal not trimmed, trying again later", "err", err)
		}
		if done.Runs+done.Entries > 0 {
			h.log.Info("journal trimmed", "runs", done.Runs, "entries", done.Entries, "pages", done.Pages)
		}
		if timer.Reset(nextTrim); err == nil && done.More {
			timer.Reset(moreTrim)
		}
	}
}
