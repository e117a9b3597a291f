package server

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// publishers serves the PublisherService.
type publishers struct{ *Server }

func (s publishers) List(ctx context.Context, _ *api.ListPublishersRequest) (*api.ListPublishersResponse, error) {
	list := &api.ListPublishersResponse{}
	for _, p := range s.Publishers.Publishers() {
		if s.may(ctx, "publisher.view", policy.PublisherResource(p.Name)) == nil {
			list.Publishers = append(list.Publishers, fromPublisher(p))
		}
	}
	slices.SortFunc(list.Publishers, func(a, b *api.Publisher) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (s publishers) Trust(ctx context.Context, req *api.TrustRequest) (*api.Publisher, error) {
	key, err := bundle.ParseNamedKey(req.GetKey())
	if err != nil {
		return nil, problem(Invalid, "", "%v", err)
	}
	if err := s.may(ctx, "publisher.trust", policy.PublisherResource(key.Name)); err != nil {
		return nil, err
	}
	if len(req.GetPrefixes()) == 0 {
		return nil, problem(Invalid, "name one: --prefix "+key.Name, "trust %s for which skill ids?", key.Name)
	}
	p, err := s.Publishers.Trust(ctx, key, req.GetPrefixes(), caller(ctx))
	if err != nil {
		return nil, err
	}
	return fromPublisher(p), nil
}

// memory serves the MemoryService.
type memory struct{ *Server }

func (s memory) Put(ctx context.Context, req *api.MemoryRequest) (*api.MemoryResponse, error) {
	return s.call(ctx, "put", req)
}

func (s memory) Search(ctx context.Context, req *api.MemoryRequest) (*api.MemoryResponse, error) {
	return s.call(ctx, "search", req)
}

func (s memory) List(ctx context.Context, req *api.MemoryRequest) (*api.MemoryResponse, error) {
	return s.call(ctx, "list", req)
}

func (s memory) Status(ctx context.Context, req *api.MemoryRequest) (*api.MemoryResponse, error) {
	return s.call(ctx, "status", req)
}

func (s memory) call(ctx context.Context, entrypoint string, req *api.MemoryRequest) (*api.MemoryResponse, error) {
	input := json.RawMessage(req.GetInput())
	if len(input) == 0 {
		input = nil
	} else if !json.Valid(input) {
		return nil, problem(Invalid, "", "memory %s: the input is not valid JSON", entrypoint)
	}
	output, err := s.Memory(ctx, caller(ctx), entrypoint, input)
	return &api.MemoryResponse{Output: string(output)}, err
}

// policies serves the PolicyService.
type policies struct{ *Server }

func (s policies) Check(_ context.Context, req *api.CheckPoliciesRequest) (*api.CheckPoliciesResponse, error) {
	files := make(map[string]string, len(req.GetFiles()))
	for _, f := range req.GetFiles() {
		if _, twice := files[f.GetName()]; twice {
			return nil, problem(Invalid, "", "two files are called %q", f.GetName())
		}
		files[f.GetName()] = f.GetText()
	}
	return &api.CheckPoliciesResponse{Problems: s.CheckPolicies(files)}, nil
}

// host serves the HostService.
type host struct{ *Server }

func (s host) Status(ctx context.Context, _ *api.StatusRequest) (*api.StatusResponse, error) {
	st := s.Server.Status(ctx)
	p := &api.StatusResponse{
		Version: st.Version, Started: fromTime(st.Started), Now: fromTime(time.Now()),
		StateDir: st.StateDir, Pid: int32(st.PID),
		Running: st.Running, Queued: st.Queued, Succeeded: st.Succeeded, Failed: st.Failed,
		Denied: st.Denied, Skipped: st.Skipped, Missed: st.Missed,
		Next: s.upcoming(ctx, 10), PolicySet: st.PolicySet, Trouble: st.Trouble,
		Timezone: s.Zone, Principal: caller(ctx).String(), Memory: st.Memory,
	}
	all, paused := s.Jobs.Count()
	p.Jobs, p.Paused = int64(all), int64(paused)
	return p, nil
}
