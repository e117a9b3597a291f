// Package server serves the control API: peers, tokens, hosts, origins; the only
// translator between api and values.
//
// It listens on a unix socket of mode 0600 ([Listen]). Who connects is asked of
// the kernel (SO_PEERCRED), never of the caller: the login name of the peer's uid
// is the principal User::"name", an unknown uid is User::"uid:N".
//
// Every procedure has one Cedar action (actions.go); one that has none is denied
// before a byte of its payload is decoded, and so is an unknown peer. Where the
// question needs nothing from the payload, the [Authorizer] is asked then too;
// else it is asked about each job, run, skill or publisher that a request names,
// and lists leave out what the caller may not view. Only a trigger and an
// installation are judged further inside, where the answer is written down. A
// denial is permission_denied and names the policies.
//
// The server knows no other room. What it needs of them is stated in rooms.go;
// their errors are told apart by Config.Kind:
//
//	Invalid       invalid_argument     bad_data          the request is wrong
//	Untrusted     invalid_argument     untrusted         bytes or signature are not what they must be
//	NotFound      not_found            not_found
//	Exists        already_exists       exists
//	Conflict      aborted              conflict          something moved meanwhile: try again
//	Busy          unavailable          busy              not now: try again
//	Limit         resource_exhausted   limit
//	State         failed_precondition  state             not in the state it is in
//	Denied        permission_denied    denied
//	Internal      internal             internal          logged; its text is told, for the peer is local
//
// Beside the procedures the socket answers GET (curl --unix-socket):
//
//	/livez    200 while the process serves
//	/readyz   200, or 503 and why: the journal cannot be written, or the daemon
//	          stops; while it starts there is no socket that answers
//	/metrics  what is measured, in the text format of Prometheus
//
// The first two tell nothing and are asked without judgement; the third is judged
// as host.view.
//
// Limits: a header of 16 KiB within 5 s, a message of 4 MiB, an artifact of
// 256 MiB; a call that is being served when the server stops may end within 5 s.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/schedule"
)

const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 5 * time.Second
	maxHeader     = 16 << 10
	maxMessage    = 4 << 20
	maxArtifact   = 256 << 20
)

// Config is what a server needs. Every field but Waits, Zone, Kind and Log is required.
type Config struct {
	Policy     Authorizer
	Jobs       Jobs
	Edits      Edits
	Times      Times
	Runs       Runs
	Records    Records
	Dispatch   Dispatch
	Live       Live
	Backfills  Backfills
	Backfilled Backfilled
	Skills     Skills
	Keeper     Keeper
	Installer  Installer
	Publishers Publishers
	Entries    Entries
	History    History

	// Memory passes input to an entrypoint of the memory skill: put, search,
	// list or status.
	Memory func(ctx context.Context, by job.Principal, entrypoint string, input json.RawMessage) (json.RawMessage, error)
	// Trouble says why the host does not do its work, if it does not; nil: it
	// always does.
	Trouble func() string
	// Metrics measures the host; nil: there is nothing to measure.
	Metrics func(context.Context) []Metric
	// Status tells how the host is.
	Status func(context.Context) Status
	// Watch calls ready once no run is missed any more, then f with every run
	// that ends, until ctx is done or one of them fails.
	Watch func(ctx context.Context, ready func() error, f func(*job.Run) error) error
	// CheckPolicies compiles files (text by base name) and returns what is
	// wrong with them.
	CheckPolicies func(files map[string]string) []string

	// Waits says what a queued run waits for; nil: nobody knows.
	Waits func(job.RunID) string

	Lease time.Duration    // for how long an audit entitles to run
	Zone  string           // of cron jobs that name none; empty: utc
	Kind  func(error) Kind // tells errors of other rooms apart; nil: all are Internal
	Log   *slog.Logger     // nil: nothing is logged
}

// Server serves the control API.
type Server struct {
	Config
	handler  http.Handler
	parser   schedule.Parser
	stopping chan struct{} // closed when the server stops: watchers leave
}

// New returns a server.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Zone == "" {
		c.Zone = "utc"
	}
	s := &Server{Config: c, stopping: make(chan struct{})}
	mux := http.NewServeMux()
	s.probes(mux)
	connecthttp.Mount(mux, s.rpc(), connecthttp.WithReadMaxBytes(maxMessage))
	s.handler = mux
	return s
}

// rpc registers every service of the API behind the gate.
func (s *Server) rpc() *connect.Server {
	rpc := connect.NewServer(s.tell, s.authorize)
	api.RegisterJobServiceHandler(rpc, jobs{s})
	api.RegisterRunServiceHandler(rpc, runs{s})
	api.RegisterSkillServiceHandler(rpc, skills{s})
	api.RegisterPublisherServiceHandler(rpc, publishers{s})
	api.RegisterMemoryServiceHandler(rpc, memory{s})
	api.RegisterPolicyServiceHandler(rpc, policies{s})
	api.RegisterJournalServiceHandler(rpc, journal{s})
	api.RegisterHostServiceHandler(rpc, host{s})
	return rpc
}

// Serve answers connections of l until ctx is done, then lets calls end, for a
// bounded time. It owns l, and may be called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	web := &http.Server{
		Handler:           s.handler,
		Protocols:         protocols,
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       withPeer,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		close(s.stopping)
		grace, cancel := context.WithTimeout(base, stopTimeout)
		defer cancel()
		stopped <- web.Shutdown(grace)
	}()
	if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if err := <-stopped; err != nil {
		cancel() // what is still being served has had its time
		return web.Close()
	}
	return nil
}
