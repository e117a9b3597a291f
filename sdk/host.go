package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Host is the other side of a run. A skill meets it through the functions of
// this package; who serves skills implements it.
type Host interface {
	// Call performs a host call. It fails with an *Error, code "denied" when
	// the call is not granted.
	Call(ctx context.Context, method string, params json.RawMessage) (json.RawMessage, error)
	// Log records a line of the run's log.
	Log(level Level, line string)
	// Progress reports how far the run is; total 0 means not known.
	Progress(done, total int64, note string)
}

// Level says how much a log line matters.
type Level string

// The levels of log lines.
const (
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

type hostKey struct{}

type requestKey struct{}

// NewContext returns a context in which an action that serves req meets host.
func NewContext(ctx context.Context, host Host, req Request) context.Context {
	return context.WithValue(context.WithValue(ctx, hostKey{}, host), requestKey{}, req)
}

// RequestFrom returns the request that is being served; outside a run, the zero
// Request.
func RequestFrom(ctx context.Context) Request {
	req, _ := ctx.Value(requestKey{}).(Request)
	return req
}

// HostFrom returns the host of the run; outside a run, one that denies every
// call and drops what it is told.
func HostFrom(ctx context.Context) Host {
	if host, ok := ctx.Value(hostKey{}).(Host); ok {
		return host
	}
	return noHost{}
}

// Log records a formatted line in the run's log.
func Log(ctx context.Context, format string, args ...any) {
	HostFrom(ctx).Log(LevelInfo, fmt.Sprintf(format, args...))
}

// Progress reports how far the run is; total 0 means not known.
func Progress(ctx context.Context, done, total int64, note string) {
	HostFrom(ctx).Progress(done, total, note)
}

// MethodStatus is the host call behind [GetStatus]; it needs the capability
// status.
const MethodStatus = "host.status"

// Status is how the host is.
type Status struct {
	Now       time.Time `json:"now"`
	Started   time.Time `json:"started"`
	Running   int64     `json:"running"`   // runs now executing
	Succeeded int64     `json:"succeeded"` // runs since the start of the host
	Failed    int64     `json:"failed"`
	Denied    int64     `json:"denied"`
	Next      []Fire    `json:"next"`       // the next fires, soonest first; at most ten
	Load1     float64   `json:"load1"`      // load average over a minute; 0 where unknown
	DiskFree  uint64    `json:"disk_free"`  // bytes free where the state lies
	DiskTotal uint64    `json:"disk_total"` // bytes
	Memory    uint64    `json:"memory"`     // bytes resident in the host process
}

// Fire is a job and when it fires next.
type Fire struct {
	Job string    `json:"job"`
	At  time.Time `json:"at"`
}

// GetStatus asks the host how it is.
func GetStatus(ctx context.Context) (Status, error) {
	var status Status
	answer, err := HostFrom(ctx).Call(ctx, MethodStatus, nil)
	if err != nil {
		return status, err
	}
	if err := json.Unmarshal(answer, &status); err != nil {
		return status, fmt.Errorf("%s: %w", MethodStatus, err)
	}
	return status, nil
}

type noHost struct{}

func (noHost) Call(_ context.Context, method string, _ json.RawMessage) (json.RawMessage, error) {
	return nil, &Error{Code: "denied", Message: method + ": no host outside a run"}
}
func (noHost) Log(Level, string)             {}
func (noHost) Progress(int64, int64, string) {}
