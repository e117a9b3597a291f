package journal

import (
	"context"
	"fmt"

	"github.com/palyra-go/palyra/host/internal/job"
)

// jumpFact is what an entry says about a jump of the clock.
type jumpFact struct {
	From int64  `json:"from"` // what the wall clock would have shown
	To   int64  `json:"to"`   // what it showed
	By   string `json:"by"`   // for people
}

// ClockJumped records that the wall clock did not go on as time did.
func (j *Journal) ClockJumped(ctx context.Context, jump job.ClockJump) error {
	err := j.write(ctx, func(t *tx) error {
		return t.record(kindJump, daemon, "clock", jumpFact{
			From: micros(jump.From), To: micros(jump.To), By: jump.By().String(),
		})
	})
	if err != nil {
		return fmt.Errorf("record a jump of the clock by %v: %w", jump.By(), err)
	}
	return nil
}
