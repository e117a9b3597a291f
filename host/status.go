package host

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/server"
	"github.com/palyra-go/palyra/sdk"
)

// trouble is why the daemon does not dispatch, if it does not.
type trouble struct {
	mu  sync.Mutex // guards err
	err error
}

// set takes the reason; nil says that it is over.
func (t *trouble) set(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

func (t *trouble) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		return ""
	}
	return "not dispatching, the journal cannot be written: " + t.err.Error()
}

// upcoming is how many fires a status tells.
const upcoming = 10

// status tells skills how the host is (the host call host.status).
func (h *host) status(context.Context) sdk.Status {
	running, _ := h.dispatch.Live()
	s := sdk.Status{
		Now: time.Now().UTC(), Started: h.started.UTC(),
		Running:   int64(running),
		Succeeded: h.ended.count(job.Succeeded),
		Failed:    h.ended.count(job.Failed, job.TimedOut, job.Interrupted),
		Denied:    h.ended.count(job.Denied),
		Next:      []sdk.Fire{},
		Load1:     load1(),
		Memory:    resident(),
	}
	for _, f := range h.scheduler.Upcoming(upcoming) {
		s.Next = append(s.Next, sdk.Fire{Job: f.Job.Name, At: f.Fire})
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(h.state.dir, &fs); err == nil {
		s.DiskFree = fs.Bavail * uint64(fs.Bsize)
		s.DiskTotal = fs.Blocks * uint64(fs.Bsize)
	}
	return s
}

// report tells people how the host is.
func (h *host) report(ctx context.Context) server.Status {
	running, queued := h.dispatch.Live()
	return server.Status{
		Version: api.Version(), Started: h.started, StateDir: h.state.dir, PID: os.Getpid(),
		Running: int64(running), Queued: int64(queued),
		Succeeded: h.ended.count(job.Succeeded),
		Failed:    h.ended.count(job.Failed, job.TimedOut, job.Interrupted),
		Denied:    h.ended.count(job.Denied),
		Skipped:   h.ended.count(job.Skipped),
		Missed:    h.ended.count(job.Missed, job.Expired),
		PolicySet: h.gate.Set().Digest(),
		Trouble:   h.trouble.String(),
		Memory:    h.memorySummary(ctx),
	}
}
