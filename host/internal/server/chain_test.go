package server

import (
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/schedule"
)

// chained has a → b → c, and d that is paused.
func chained() *fake {
	f := newFake()
	for _, c := range []struct {
		name   string
		starts []string
	}{{"a", []string{"b"}}, {"b", []string{"c"}}, {"c", nil}, {"d", nil}} {
		j := *f.jobs[0]
		j.ID, j.Name, j.Chain = job.ID("job_"+c.name), c.name, job.Chain{OnFailure: c.starts}
		j.Paused = c.name == "d"
		f.jobs = append(f.jobs, &j)
	}
	return f
}

// A circle is refused with the way around it, whatever starts what when.
func TestCircle(t *testing.T) {
	for _, c := range []struct {
		job, starts, path string
	}{
		{"c", "a", "c → a → b → c"},
		{"b", "b", "b → b"},
		{"b", "a", "b → a → b"},
		{"c", "d", ""},
		{"a", "c", ""},
	} {
		f := chained()
		client := serve(t, f.config())
		for _, dryRun := range []bool{true, false} {
			got, err := client.Jobs.Update(t.Context(), &api.UpdateJobRequest{
				Job: c.job, Change: &api.Job{OnSuccess: []string{c.starts}}, Fields: []string{"on_success"}, DryRun: dryRun,
			})
			switch {
			case c.path == "" && (err != nil || !slices.Equal(got.GetOnSuccess(), []string{c.starts})):
				t.Errorf("%s starts %s: %v, %v", c.job, c.starts, got, err)
			case c.path != "" && (connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), "chain: "+c.path+": the end of "+c.job+" would start it again")):
				t.Errorf("%s starts %s: %v, want %s", c.job, c.starts, err, c.path)
			}
		}
	}
	f := chained()
	_, err := serve(t, f.config()).Jobs.Create(t.Context(), &api.CreateJobRequest{Job: &api.Job{
		Name: "new", Schedule: &api.Schedule{Kind: string(schedule.Manual)}, Action: "acme.tar/pack", OnFailure: []string{"new"},
	}})
	if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), "new → new") {
		t.Errorf("a new job that starts itself: %v", err)
	}
}

// A name that no job has is no error, for jobs are made one after another; it is
// said each time that somebody looks. So is a job that is left without its name.
func TestLooseEnds(t *testing.T) {
	f := chained()
	client := serve(t, f.config())
	want := []string{"its chain names bakcup, and there is no such job; did you mean backup?", "its chain names d, which is paused: it is skipped"}
	for _, dryRun := range []bool{true, false} {
		got, err := client.Jobs.Update(t.Context(), &api.UpdateJobRequest{
			Job: "c", Change: &api.Job{OnRecovery: []string{"bakcup", "d"}}, Fields: []string{"on_recovery"}, DryRun: dryRun,
		})
		if err != nil || !slices.Equal(got.GetWarnings(), want) {
			t.Errorf("warnings %q, %v; want %q", got.GetWarnings(), err, want)
		}
	}
	if got, err := client.Jobs.Get(t.Context(), &api.GetJobRequest{Job: "c"}); err != nil || !slices.Equal(got.GetWarnings(), want) {
		t.Errorf("shown with %q, %v", got.GetWarnings(), err)
	}
	renamed, err := client.Jobs.Update(t.Context(), &api.UpdateJobRequest{Job: "b", Change: &api.Job{Name: "b2"}, Fields: []string{"name"}})
	if want := []string{"the chain of a names b, and there is no such job now"}; err != nil || !slices.Equal(renamed.GetWarnings(), want) {
		t.Errorf("renamed with %q, %v; want %q", renamed.GetWarnings(), err, want)
	}
}

func TestLinks(t *testing.T) {
	f := chained()
	child := *f.run
	child.ID, child.Job, child.JobName, child.State, child.Reason = "run_2", "job_b", "b", job.Skipped, job.ReasonOverlap
	f.chained = []*job.Run{&child}
	f.run.Trigger, f.run.Parent, f.run.State = job.ByChain, "run_1", job.TimedOut // of itself, since there is but one
	client := serve(t, f.config())
	got, err := client.Runs.Get(t.Context(), &api.GetRunRequest{Run: "run_1"})
	if err != nil || got.GetStartedBy() != "the timeout of run_1 of backup" || !slices.Equal(got.GetStartedRuns(), []string{"run_2 of b: skipped:overlap"}) {
		t.Errorf("started by %q, started %q, %v", got.GetStartedBy(), got.GetStartedRuns(), err)
	}
	f.deny = func(r policy.Request) bool { return r.Resource.Name == "b" }
	f.run.Parent = "run_0" // trimmed
	got, err = client.Runs.Get(t.Context(), &api.GetRunRequest{Run: "run_1"})
	if err != nil || got.GetStartedBy() != "the end of run_0" || len(got.GetStartedRuns()) != 0 {
		t.Errorf("started by %q, started %q, %v", got.GetStartedBy(), got.GetStartedRuns(), err)
	}
}
