package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// manual has no nominal times: what has it is started by somebody.
type manual struct{}

func parseManual(spec Spec) (manual, Spec, error) {
	if strings.TrimSpace(spec.Expr) != "" {
		return manual{}, spec, fmt.Errorf("schedule: manual %s: a schedule that never fires has no expression", quote(spec.Expr))
	}
	if strings.TrimSpace(spec.Jitter) != "" || !spec.Start.IsZero() || !spec.End.IsZero() || spec.MaxRuns != 0 {
		return manual{}, spec, errors.New("schedule: jitter, start, end, max_runs: a schedule that never fires by itself has none")
	}
	spec.Expr = ""
	return manual{}, spec, nil
}

func (manual) next(time.Time) (time.Time, bool) { return time.Time{}, false }
func (manual) prev(time.Time) (time.Time, bool) { return time.Time{}, false }
func (manual) count(time.Time, time.Time) int64 { return 0 }
