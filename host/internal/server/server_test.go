package server

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"connectrpc.com/connect/v2"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// calls is one call of every procedure, so that none is forgotten.
func calls(c *api.Client) map[string]func(context.Context) (any, error) {
	call := func(f func(context.Context) (any, error)) func(context.Context) (any, error) { return f }
	return map[string]func(context.Context) (any, error){
		api.JobServiceCreateProcedure: call(func(ctx context.Context) (any, error) {
			return c.Jobs.Create(ctx, &api.CreateJobRequest{Job: newJob("new")})
		}),
		api.JobServiceListProcedure: func(ctx context.Context) (any, error) { return c.Jobs.List(ctx, &api.ListJobsRequest{}) },
		api.JobServiceGetProcedure: func(ctx context.Context) (any, error) {
			return c.Jobs.Get(ctx, &api.GetJobRequest{Job: "backup"})
		},
		api.JobServiceUpdateProcedure: func(ctx context.Context) (any, error) {
			return c.Jobs.Update(ctx, &api.UpdateJobRequest{Job: "backup", Change: &api.Job{Group: "g"}, Fields: []string{"group"}})
		},
		api.JobServicePauseProcedure: func(ctx context.Context) (any, error) {
			return c.Jobs.Pause(ctx, &api.PauseJobRequest{Job: "backup"})
		},
		api.JobServiceResumeProcedure: func(ctx context.Context) (any, error) {
			return c.Jobs.Resume(ctx, &api.ResumeJobRequest{Job: "backup"})
		},
		api.JobServiceTriggerProcedure: func(ctx context.Context) (any, error) {
			return c.Jobs.Trigger(ctx, &api.TriggerJobRequest{Job: "backup"})
		},
		api.JobServiceDeleteProcedure: func(ctx context.Context) (any, error) {
			return c.Jobs.Delete(ctx, &api.DeleteJobRequest{Job: "backup"})
		},
		api.JobServiceNextProcedure: func(ctx context.Context) (any, error) { return c.Jobs.Next(ctx, &api.NextRequest{}) },
		api.RunServiceListProcedure: func(ctx context.Context) (any, error) { return c.Runs.List(ctx, &api.ListRunsRequest{}) },
		api.RunServiceGetProcedure: func(ctx context.Context) (any, error) {
			return c.Runs.Get(ctx, &api.GetRunRequest{Run: "run_1"})
		},
		api.RunServiceLogsProcedure: func(ctx context.Context) (any, error) {
			return c.Runs.Logs(ctx, &api.LogsRequest{Run: "run_1"})
		},
		api.RunServiceCancelProcedure: func(ctx context.Context) (any, error) {
			return c.Runs.Cancel(ctx, &api.CancelRunRequest{Run: "run_1"})
		},
		api.JobServiceStartBackfillProcedure: func(ctx context.Context) (any, error) {
			return c.Jobs.StartBackfill(ctx, &api.BackfillRequest{Job: "backup", From: timestamppb.New(time.Unix(1, 0)), To: timestamppb.New(time.Unix(9, 0))})
		},
		api.JobServiceListBackfillsProcedure: func(ctx context.Context) (any, error) {
			return c.Jobs.ListBackfills(ctx, &api.ListBackfillsRequest{Job: "backup"})
		},
		api.JobServiceGetBackfillProcedure: func(ctx context.Context) (any, error) {
			return c.Jobs.GetBackfill(ctx, &api.GetBackfillRequest{Id: "bf_1"})
		},
		api.JobServiceCancelBackfillProcedure: func(ctx context.Context) (any, error) {
			return c.Jobs.CancelBackfill(ctx, &api.CancelBackfillRequest{Id: "bf_1"})
		},
		api.RunServiceWatchProcedure:  nil, // TestWatch
		api.RunServiceFollowProcedure: nil, // TestFollow
		api.JournalServiceTailProcedure: func(ctx context.Context) (any, error) {
			stream, err := c.Journal.Tail(ctx, &api.TailRequest{})
			if err != nil {
				return nil, err
			}
			return stream.Receive()
		},
		api.JournalServiceVerifyProcedure: func(ctx context.Context) (any, error) {
			return c.Journal.Verify(ctx, &api.VerifyRequest{})
		},
		api.JournalServiceCheckpointProcedure: func(ctx context.Context) (any, error) {
			return c.Journal.Checkpoint(ctx, &api.CheckpointRequest{})
		},
		api.JournalServiceBackupProcedure: func(ctx context.Context) (any, error) {
			stream, err := c.Journal.Backup(ctx, &api.BackupRequest{})
			if err != nil {
				return nil, err
			}
			return stream.Receive()
		},
		api.RunServiceSummaryProcedure: func(ctx context.Context) (any, error) {
			return c.Runs.Summary(ctx, &api.SummaryRequest{})
		},
		api.RunServiceExplainProcedure: func(ctx context.Context) (any, error) {
			return c.Runs.Explain(ctx, &api.ExplainRequest{Job: "backup", Time: "14:03"})
		},
		api.SkillServiceInstallProcedure: func(ctx context.Context) (any, error) {
			return c.Install(ctx, strings.NewReader("artifact"), "")
		},
		api.SkillServiceListProcedure: func(ctx context.Context) (any, error) {
			return c.Skills.List(ctx, &api.ListSkillsRequest{})
		},
		api.SkillServiceGetProcedure: func(ctx context.Context) (any, error) {
			return c.Skills.Get(ctx, &api.GetSkillRequest{Skill: "acme.tar"})
		},
		api.SkillServiceAuditProcedure: func(ctx context.Context) (any, error) {
			return c.Skills.Audit(ctx, &api.AuditRequest{Skill: "acme.tar"})
		},
		api.SkillServiceQuarantineProcedure: func(ctx context.Context) (any, error) {
			return c.Skills.Quarantine(ctx, &api.QuarantineRequest{Skill: "acme.tar"})
		},
		api.SkillServiceEnableProcedure: func(ctx context.Context) (any, error) {
			return c.Skills.Enable(ctx, &api.EnableRequest{Skill: "acme.tar"})
		},
		api.SkillServiceRemoveProcedure: func(ctx context.Context) (any, error) {
			return c.Skills.Remove(ctx, &api.RemoveRequest{Skill: "abcdef"})
		},
		api.PublisherServiceListProcedure: func(ctx context.Context) (any, error) {
			return c.Publishers.List(ctx, &api.ListPublishersRequest{})
		},
		api.PublisherServiceTrustProcedure: func(ctx context.Context) (any, error) {
			return c.Publishers.Trust(ctx, &api.TrustRequest{Key: newKey(), Prefixes: []string{"acme"}})
		},
		api.MemoryServicePutProcedure:    func(ctx context.Context) (any, error) { return c.Memory.Put(ctx, &api.MemoryRequest{}) },
		api.MemoryServiceSearchProcedure: func(ctx context.Context) (any, error) { return c.Memory.Search(ctx, &api.MemoryRequest{}) },
		api.MemoryServiceListProcedure:   func(ctx context.Context) (any, error) { return c.Memory.List(ctx, &api.MemoryRequest{}) },
		api.MemoryServiceStatusProcedure: func(ctx context.Context) (any, error) { return c.Memory.Status(ctx, &api.MemoryRequest{}) },
		api.PolicyServiceCheckProcedure: func(ctx context.Context) (any, error) {
			return c.Policies.Check(ctx, &api.CheckPoliciesRequest{})
		},
		api.HostServiceStatusProcedure: func(ctx context.Context) (any, error) { return c.Host.Status(ctx, &api.StatusRequest{}) },
	}
}

func newKey() string {
	key, err := bundle.GenerateKey("acme")
	if err != nil {
		panic(err)
	}
	return key.Public().String()
}

func newJob(name string) *api.Job {
	return &api.Job{Name: name, Action: "acme.tar/pack", Schedule: &api.Schedule{Kind: "every", Expr: "30s"}}
}

// TestEveryProcedureHasAnAction looks at the descriptors, so that a procedure
// that is added to the proto fails here until it has a rule and a call above.
func TestEveryProcedureHasAnAction(t *testing.T) {
	schema := policy.Schema()
	tested := calls(nil)
	services := api.File_palyra_proto.Services()
	for i := range services.Len() {
		methods := services.Get(i).Methods()
		for k := range methods.Len() {
			procedure := "/" + string(services.Get(i).FullName()) + "/" + string(methods.Get(k).Name())
			rule, ok := ruleOf(procedure)
			if !ok || !strings.Contains(schema, `"`+rule.action+`"`) {
				t.Errorf("%s: action %q is not in the schema", procedure, rule.action)
			}
			if _, ok := tested[procedure]; !ok {
				t.Errorf("%s is not called by the tests", procedure)
			}
		}
	}
	if _, ok := ruleOf("/palyra.v1.JobService/Format"); ok {
		t.Error("an unknown procedure has an action")
	}
}

func TestDenied(t *testing.T) {
	f := newFake()
	f.deny = func(policy.Request) bool { return true }
	client := serve(t, f.config())
	lists := []string{
		api.JobServiceListProcedure, api.JobServiceNextProcedure, api.RunServiceListProcedure,
		api.RunServiceSummaryProcedure, api.SkillServiceListProcedure, api.PublisherServiceListProcedure,
	}
	for procedure, call := range calls(client) {
		if rule, _ := ruleOf(procedure); call == nil || rule.asked == inside {
			continue
		}
		answer, err := call(t.Context())
		switch {
		case slices.Contains(lists, procedure):
			if text := answer.(interface{ String() string }).String(); err != nil || text != "" {
				t.Errorf("%s shows %q, %v; want an empty list", procedure, text, err)
			}
		case connect.CodeOf(err) != connect.CodePermissionDenied:
			t.Errorf("%s = %v; want permission_denied", procedure, err)
		case !slices.Equal(api.ProblemOf(err).GetPolicies(), []string{"50-demo"}):
			t.Errorf("%s: the denial does not name the policy: %v", procedure, err)
		}
	}
	if len(f.kinds) > 0 {
		t.Errorf("something was done all the same: %v", f.kinds)
	}
}

func TestAllowed(t *testing.T) {
	client := serve(t, newFake().config())
	all := calls(client)
	for procedure, call := range all {
		if call == nil || procedure == api.JobServiceDeleteProcedure {
			continue
		}
		if _, err := call(t.Context()); err != nil {
			t.Errorf("%s: %v", procedure, err)
		}
	}
	if _, err := all[api.JobServiceDeleteProcedure](t.Context()); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func TestPeerIsThePrincipal(t *testing.T) {
	f := newFake()
	client := serve(t, f.config())
	status, err := client.Host.Status(t.Context(), &api.StatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	want := job.User(me.Username)
	if status.GetPrincipal() != want.String() || f.asked[0].Principal != want {
		t.Errorf("principal = %s, asked about %s; want %s", status.GetPrincipal(), f.asked[0].Principal, want)
	}
	if got := PrincipalOf(4_123_456_789); got != job.User("uid:4123456789") {
		t.Errorf("unknown uid = %s", got)
	}
}

func TestNobodyIsDenied(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // no peer credentials here
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, ok := peer(withPeer(t.Context(), conn)); ok {
		t.Error("a TCP connection has a principal")
	}
	s := New(newFake().config())
	err = s.rpc().Call(t.Context(), api.HostServiceStatusProcedure, nil, nil)
	if connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("a call by nobody = %v; want permission_denied", err)
	}
}

func TestOnlyVisibleJobsAreListed(t *testing.T) {
	f := newFake()
	hidden := *f.jobs[0]
	hidden.ID, hidden.Name = "job_2", "secret"
	f.jobs = append(f.jobs, &hidden)
	f.deny = func(r policy.Request) bool { return r.Resource.Name == "secret" }
	client := serve(t, f.config())
	list, err := client.Jobs.List(t.Context(), &api.ListJobsRequest{})
	if err != nil || len(list.GetJobs()) != 1 || list.GetJobs()[0].GetName() != "backup" {
		t.Errorf("List = %v, %v; want backup alone", list, err)
	}
}

func TestInstallStreamsTheBytes(t *testing.T) {
	f := newFake()
	client := serve(t, f.config())
	artifact := bytes.Repeat([]byte("0123456789abcdef"), 50_000)
	if _, err := client.Install(t.Context(), bytes.NewReader(artifact), ""); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(f.got, artifact) {
		t.Errorf("%d bytes arrived, not the %d that were sent", len(f.got), len(artifact))
	}
	_, err := client.Install(t.Context(), bytes.NewReader(artifact), "beef")
	if connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a bad digest = %v; want invalid_argument", err)
	}
}

func TestWatchEndsWithTheServer(t *testing.T) {
	f := newFake()
	f.deny = func(r policy.Request) bool { return r.Resource.Name == "secret" }
	client, stop := serveUntil(t, f.config())
	defer stop()
	stream, err := client.Runs.Watch(t.Context(), &api.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	f.ended <- &job.Run{ID: "run_7", Job: "gone", JobName: "secret"}
	f.ended <- f.run
	r, err := stream.Receive()
	if err != nil || r.GetId() != "run_1" {
		t.Fatalf("Receive = %v, %v; want the one run that may be seen", r, err)
	}
	stop()
	if r, err := stream.Receive(); err == nil {
		t.Errorf("the stream goes on after the stop: %v", r)
	}
}

func TestErrors(t *testing.T) {
	f := newFake()
	config := f.config()
	client := serve(t, config)
	ctx := t.Context()
	create := func(change func(*api.Job)) error {
		j := newJob("n")
		change(j)
		_, err := client.Jobs.Create(ctx, &api.CreateJobRequest{Job: j})
		return err
	}
	_, noJob := client.Jobs.Get(ctx, &api.GetJobRequest{Job: "bakcup"})
	_, noRun := client.Runs.Get(ctx, &api.GetRunRequest{Run: "run_9"})
	_, field := client.Jobs.Update(ctx, &api.UpdateJobRequest{Job: "backup", Change: &api.Job{}, Fields: []string{"owner"}})
	_, past := client.Jobs.Pause(ctx, &api.PauseJobRequest{Job: "backup", Until: fromTime(time.Unix(1, 0))})
	_, limit := client.Runs.List(ctx, &api.ListRunsRequest{Limit: 1001})
	_, state := client.Runs.List(ctx, &api.ListRunsRequest{State: "ok"})
	for _, c := range []struct {
		name   string
		err    error
		code   connect.Code
		reason string
		says   string
	}{
		{"near name", noJob, connect.CodeNotFound, "not_found", "did you mean backup?"},
		{"kind of another room", noRun, connect.CodeNotFound, "not_found", "no such run"},
		{"taken", create(func(j *api.Job) { j.Name = "backup" }), connect.CodeAlreadyExists, "exists", "--replace"},
		{"name", create(func(j *api.Job) { j.Name = "A b" }), connect.CodeInvalidArgument, "bad_data", `name "A b"`},
		{"json", create(func(j *api.Job) { j.Input = "{" }), connect.CodeInvalidArgument, "bad_data", "not valid JSON"},
		{"action", create(func(j *api.Job) { j.Action = "x" }), connect.CodeInvalidArgument, "bad_data", "SKILL/ENTRYPOINT"},
		{"skill", create(func(j *api.Job) { j.Action = "acme.tra/pack" }), connect.CodeNotFound, "not_found", "did you mean acme.tar?"},
		{"entrypoint", create(func(j *api.Job) { j.Action = "acme.tar/unpack" }), connect.CodeNotFound, "not_found", "it has: pack"},
		{"not editable", field, connect.CodeInvalidArgument, "bad_data", `field "owner"`},
		{"pause until", past, connect.CodeInvalidArgument, "bad_data", "that time has passed"},
		{"limit", limit, connect.CodeInvalidArgument, "bad_data", "1 to 1000"},
		{"state", state, connect.CodeInvalidArgument, "bad_data", `state "ok"`},
	} {
		text := ""
		if c.err != nil {
			text = c.err.Error() + " " + api.ProblemOf(c.err).GetNext()
		}
		if connect.CodeOf(c.err) != c.code || api.ProblemOf(c.err).GetReason() != c.reason || !strings.Contains(text, c.says) {
			t.Errorf("%s: %q (%s); want %s, %s and %q", c.name, text, api.ProblemOf(c.err).GetReason(), c.code, c.reason, c.says)
		}
	}
	if len(f.kinds) > 0 {
		t.Errorf("something was written: %v", f.kinds)
	}
}

func TestListen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "deep", "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v; want 0600", info.Mode(), err)
	}
	if again, err := Listen(path); err != nil {
		t.Errorf("a socket left over: %v", err)
	} else {
		again.Close()
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file); err == nil {
		t.Error("a file was taken for a socket")
	}
	if data, _ := os.ReadFile(file); string(data) != "precious" {
		t.Error("the file is gone")
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(filepath.Join(dir, "s")); err == nil {
		t.Error("a directory that all can write to was accepted")
	}
}

func TestUnreachable(t *testing.T) {
	_, err := api.Dial(filepath.Join(t.TempDir(), "none")).Host.Status(t.Context(), &api.StatusRequest{})
	if !api.Unreachable(err) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no socket: %v; want unreachable, and why", err)
	}
	config := newFake().config()
	config.Memory = nil // a handler that panics must not take the server along
	client := serve(t, config)
	if _, err := client.Memory.Put(t.Context(), &api.MemoryRequest{}); err == nil {
		t.Error("a panic was an answer")
	}
	if _, err := client.Host.Status(t.Context(), &api.StatusRequest{}); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

func TestDryRunAndReplace(t *testing.T) {
	f := newFake()
	client := serve(t, f.config())
	ctx := t.Context()
	dry, err := client.Jobs.Create(ctx, &api.CreateJobRequest{Job: newJob("n"), DryRun: true})
	if err != nil || dry.GetTimeoutMs() != (5*time.Minute).Milliseconds() || len(f.kinds) > 0 {
		t.Fatalf("dry run = %v, %v; wrote %v; want the job with its defaults, unwritten", dry, err, f.kinds)
	}
	first, err := client.Jobs.Create(ctx, &api.CreateJobRequest{Job: newJob("n"), Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	changed := newJob("n")
	changed.Labels = map[string]string{"a": "b"}
	got, err := client.Jobs.Create(ctx, &api.CreateJobRequest{Job: changed, Replace: true})
	if err != nil || got.GetId() != first.GetId() || got.GetOwner() != first.GetOwner() || got.GetLabels()["a"] != "b" {
		t.Errorf("replaced = %v, %v; want the same job with a label", got, err)
	}
	if !slices.Equal(f.kinds, []string{"job.create", "job.update"}) {
		t.Errorf("wrote %v", f.kinds)
	}
}

// Who says which generation was seen replaces that one or nothing.
func TestReplaceWhatWasSeen(t *testing.T) {
	f := newFake()
	client := serve(t, f.config())
	ctx := t.Context()
	first, err := client.Jobs.Create(ctx, &api.CreateJobRequest{Job: newJob("n")})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name       string
		generation int64
		refused    bool
	}{{"n", first.GetGeneration(), false}, {"n", first.GetGeneration() + 5, true}, {"gone", 1, true}} {
		changed := newJob(tt.name)
		changed.Generation = tt.generation
		for _, dry := range []bool{true, false} {
			_, err := client.Jobs.Create(ctx, &api.CreateJobRequest{Job: changed, Replace: true, DryRun: dry})
			if refused := connect.CodeOf(err) == connect.CodeAborted; refused != tt.refused {
				t.Errorf("%s at %d, dry run %v: %v", tt.name, tt.generation, dry, err)
			}
		}
	}
}

func TestUpdateChangesWhatItNames(t *testing.T) {
	f := newFake()
	client := serve(t, f.config())
	got, err := client.Jobs.Update(t.Context(), &api.UpdateJobRequest{
		Job: "backup", Change: &api.Job{Concurrency: "allow", Group: "ignored"}, Fields: []string{"concurrency"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetConcurrency() != "allow" || got.GetGroup() != "nightly" || got.GetInput() != `{"dir":"/home"}` {
		t.Errorf("updated = %v", got)
	}
}
