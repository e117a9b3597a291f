//go:build !wasip1

package pluginmain

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	pluginv1 "github.com/palyra-go/palyra/sdk/proto/palyra/plugin/v1"
)

// patience is how long a child waits for its host to connect.
const patience = 30 * time.Second

// lifeline stops the server when the host's connection ends. Linux kills a
// child whose host has died; elsewhere this is how it notices.
type lifeline struct {
	server *grpc.Server

	mu    sync.Mutex // guards conns and alarm
	conns int
	alarm *time.Timer
}

// serve makes the server for go-plugin.
func (l *lifeline) serve(opts []grpc.ServerOption) *grpc.Server {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server = grpc.NewServer(append(opts,
		grpc.MaxRecvMsgSize(pluginv1.MaxMessage),
		grpc.StaticStreamWindowSize(pluginv1.Window),
		grpc.StaticConnWindowSize(pluginv1.Window),
		grpc.StatsHandler(l))...)
	l.alarm = time.AfterFunc(patience, l.server.Stop)
	return l.server
}

// HandleConn implements stats.Handler.
func (l *lifeline) HandleConn(_ context.Context, event stats.ConnStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch event.(type) {
	case *stats.ConnBegin:
		l.conns++
		l.alarm.Stop()
	case *stats.ConnEnd:
		if l.conns--; l.conns == 0 {
			go l.server.Stop() // which waits for this event to be handled
		}
	}
}

// TagConn implements stats.Handler.
func (l *lifeline) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// TagRPC implements stats.Handler.
func (l *lifeline) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (l *lifeline) HandleRPC(context.Context, stats.RPCStats) {}
