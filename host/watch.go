package host

import (
	"context"
	"errors"
	"sync"

	"github.com/palyra-go/palyra/host/internal/job"
)

// errSlowWatcher ends the stream of a watcher that does not keep up.
var errSlowWatcher = errors.New("watch: too slow, runs were left out; list them instead")

// hub passes runs that ended on to those who watch, and counts them. It never
// waits for a watcher.
type hub struct {
	mu       sync.Mutex // guards what follows
	watchers map[chan *job.Run]bool
	counts   map[job.State]int64 // nominal times since the start
}

func newHub() *hub {
	return &hub{watchers: map[chan *job.Run]bool{}, counts: map[job.State]int64{}}
}

// ended takes a run that has just been written as ended.
func (h *hub) ended(r *job.Run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[r.State] += max(r.Count, 1)
	for w := range h.watchers {
		select {
		case w <- r:
		default:
			delete(h.watchers, w)
			close(w)
		}
	}
}

// watch calls ready, and gives each run that ends from before that call on to
// send, until ctx is done or either fails.
func (h *hub) watch(ctx context.Context, ready func() error, send func(*job.Run) error) error {
	w := make(chan *job.Run, 1024)
	h.mu.Lock()
	h.watchers[w] = true
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.watchers, w)
		h.mu.Unlock()
	}()
	if err := ready(); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case r, ok := <-w:
			if !ok {
				return errSlowWatcher
			}
			if err := send(r); err != nil {
				return err
			}
		}
	}
}

// count returns how many nominal times ended in one of the states.
func (h *hub) count(states ...job.State) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var n int64
	for _, s := range states {
		n += h.counts[s]
	}
	return n
}
