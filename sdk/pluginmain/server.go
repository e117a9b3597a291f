//go:build !wasip1

package pluginmain

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/palyra-go/palyra/sdk"
	pluginv1 "github.com/palyra-go/palyra/sdk/proto/palyra/plugin/v1"
)

// Server is the child's side of the plugin protocol.
type Server struct {
	pluginv1.UnimplementedPluginServer
	skill sdk.Skill
	live  sync.WaitGroup
}

// NewServer returns a server of skill. Programs call [Serve]; this is for those
// who bring a connection of their own, such as package plugintest.
func NewServer(skill sdk.Skill) *Server { return &Server{skill: skill} }

// Describe implements the protocol.
func (s *Server) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	return &pluginv1.DescribeResponse{
		Protocol:    sdk.Protocol,
		Entrypoints: slices.Sorted(maps.Keys(s.skill)),
	}, nil
}

// Run implements the protocol.
func (s *Server) Run(stream pluginv1.Plugin_RunServer) error {
	s.live.Add(1)
	defer s.live.Done()
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return status.Error(codes.InvalidArgument, "the first message must be start")
	}
	req := start.Request()
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	if !req.Deadline.IsZero() {
		var stop context.CancelFunc
		ctx, stop = context.WithDeadline(ctx, req.Deadline)
		defer stop()
	}
	host := &hostSide{stream: stream, waiting: map[uint64]chan *pluginv1.CallResult{}}
	go host.listen(cancel)
	result, err := invoke(sdk.NewContext(ctx, host, req), s.skill, req)
	return host.finish(result, err)
}

// settle waits for the runs that are left, for d at most.
func (s *Server) settle(d time.Duration) {
	done := make(chan struct{})
	go func() {
		s.live.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(d):
	}
}
