package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
)

// fakeDaemon answers over a real socket with what a test wants.
type fakeDaemon struct {
	jobs    []*api.Job
	created []*api.CreateJobRequest
	updated *api.UpdateJobRequest
	edited  *api.Job                          // what an update answers
	refuse  func(*api.CreateJobRequest) error // nil: takes all
	zone    string
	run     *api.Run
	streams *streams
	err     error
}

type fakeJobs struct {
	api.UnimplementedJobServiceHandler
	*fakeDaemon
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (d fakeJobs) Create(_ context.Context, r *api.CreateJobRequest) (*api.Job, error) {
	d.created = append(d.created, r)
	if d.err != nil {
		return nil, d.err
	}
	if d.refuse != nil {
		if err := d.refuse(r); err != nil {
			return nil, err
		}
	}
	j := r.GetJob()
	j.Id, j.English = "job_1", "in words"
	j.Next = timestamppb.New(noon.Add(time.Hour))
	if j.GetSchedule().GetKind() == "every" {
		j.Schedule.Anchor = timestamppb.New(noon)
	}
	return j, nil
}

func (d fakeJobs) Update(_ context.Context, r *api.UpdateJobRequest) (*api.Job, error) {
	d.updated = r
	if d.edited != nil {
		return d.edited, d.err
	}
	return &api.Job{Name: r.GetJob(), Schedule: &api.Schedule{Kind: "every", Expr: "1h0m0s"}}, d.err
}

func (d fakeJobs) Get(context.Context, *api.GetJobRequest) (*api.Job, error) {
	return d.jobs[0], d.err
}

func (d fakeJobs) List(context.Context, *api.ListJobsRequest) (*api.ListJobsResponse, error) {
	return &api.ListJobsResponse{Jobs: d.jobs}, d.err
}

func (d fakeJobs) Trigger(context.Context, *api.TriggerJobRequest) (*api.Run, error) {
	return d.run, d.err
}

type fakeHost struct {
	api.UnimplementedHostServiceHandler
	*fakeDaemon
}

func (d fakeHost) Status(context.Context, *api.StatusRequest) (*api.StatusResponse, error) {
	return &api.StatusResponse{Timezone: d.zone}, d.err
}

type fakeRuns struct {
	api.UnimplementedRunServiceHandler
	*fakeDaemon
}

func (d fakeRuns) List(context.Context, *api.ListRunsRequest) (*api.ListRunsResponse, error) {
	if d.run == nil {
		return &api.ListRunsResponse{}, d.err
	}
	return &api.ListRunsResponse{Runs: []*api.Run{d.run}}, d.err
}

func (d fakeRuns) Get(context.Context, *api.GetRunRequest) (*api.Run, error) { return d.run, d.err }
func (d fakeRuns) Logs(context.Context, *api.LogsRequest) (*api.LogsResponse, error) {
	return &api.LogsResponse{Log: "one\n\x1b[31mtwo\n"}, d.err
}

type fakeMemory struct {
	api.UnimplementedMemoryServiceHandler
	input *string
}

func (m fakeMemory) List(_ context.Context, r *api.MemoryRequest) (*api.MemoryResponse, error) {
	*m.input = r.GetInput()
	return &api.MemoryResponse{Output: `{"nodes":null}`}, nil
}

func (m fakeMemory) Put(_ context.Context, r *api.MemoryRequest) (*api.MemoryResponse, error) {
	*m.input = r.GetInput()
	return &api.MemoryResponse{Output: `{"ids":["n1"]}`}, nil
}

// cli is palyra beside a fake daemon.
type cli struct {
	daemon  fakeDaemon
	journal fakeJournal
	memory  string // what the memory was asked
	socket  string
	stdin   string
}

func newCLI(t *testing.T) *cli {
	t.Helper()
	c := &cli{socket: filepath.Join(t.TempDir(), "s")}
	l, err := net.Listen("unix", c.socket)
	if err != nil {
		t.Fatal(err)
	}
	rpc := connect.NewServer()
	api.RegisterJobServiceHandler(rpc, fakeJobs{fakeDaemon: &c.daemon})
	api.RegisterHostServiceHandler(rpc, fakeHost{fakeDaemon: &c.daemon})
	api.RegisterRunServiceHandler(rpc, fakeRuns{fakeDaemon: &c.daemon})
	api.RegisterMemoryServiceHandler(rpc, fakeMemory{input: &c.memory})
	api.RegisterJournalServiceHandler(rpc, &c.journal)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, rpc)
	server := &http.Server{Handler: mux}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return c
}

// palyra runs a command line at noon and returns what it printed.
func (c *cli) palyra(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{in: io.Reader(strings.NewReader(c.stdin)), out: &out, err: &errs, now: func() time.Time { return noon }}
	code = a.main(t.Context(), append(args, "--socket", c.socket))
	return out.String(), errs.String(), code
}

func withProblem(code connect.Code, message string, p *api.Problem) error {
	detail, err := connectproto.NewErrorDetail(p)
	if err != nil {
		panic(err)
	}
	return connect.NewError(code, message).WithDetail(detail)
}
