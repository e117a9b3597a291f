package runner

import (
	"errors"
	"fmt"
	"strings"
)

// hostVariable is the environment variable that marks what a host has started.
const hostVariable = "PALYRA_HOST"

// Sweep kills what an earlier daemon on this state has left running, returns how
// many processes that were when they are gone, and removes their directories. It
// belongs before the first run. (Only Linux can tell whose a process is.)
func (r *Runner) Sweep() (int, error) {
	r.mu.Lock()
	started := r.births > 0
	r.mu.Unlock()
	if started {
		return 0, errors.New("runner: sweep: it would sweep away the children of this daemon")
	}
	killed, err := killMarked(func(mark string) bool {
		return mark == r.config.Host || strings.HasPrefix(mark, r.config.Host+"/")
	})
	if err := errors.Join(err, r.dir.clear()); err != nil {
		return killed, fmt.Errorf("runner: sweep: %w", err)
	}
	return killed, nil
}
