package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/near"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/schedule"
)

// jobs serves the JobService.
type jobs struct{ *Server }

func (s jobs) Create(ctx context.Context, req *api.CreateJobRequest) (*api.Job, error) {
	want, err := toJob(req.GetJob())
	if err != nil {
		return nil, problem(Invalid, "", "%v", err)
	}
	have, err := s.Jobs.Get(want.Name)
	if err != nil {
		return nil, err
	}
	found := have != nil && have.Name == want.Name
	if err := unchanged(req, found, have); err != nil {
		return nil, err
	}
	if found {
		if !req.GetReplace() {
			if err := s.may(ctx, "job.view", policy.JobResource(have)); err != nil {
				return nil, err
			}
			return nil, problem(Exists, fmt.Sprintf("use `palyra job update %s`, or add --replace", have.Name),
				"a job called %q exists already", have.Name)
		}
		return s.change(ctx, have, want, req.GetDryRun())
	}
	want.ID, want.Owner = job.ID("job_"+ulid.Make().String()), caller(ctx)
	checked, err := s.check(ctx, &want)
	if err != nil {
		return nil, err
	}
	if err := s.may(ctx, "job.create", policy.JobResource(checked)); err != nil {
		return nil, err
	}
	if err := s.runnable(want.Action); err != nil {
		return nil, err
	}
	if req.GetDryRun() {
		return s.preview(checked), nil
	}
	return s.put(ctx, want, "job.create")
}

// unchanged refuses to replace a job that is not the one that the caller has seen,
// if the caller says which that was.
func unchanged(req *api.CreateJobRequest, found bool, have *job.Job) error {
	seen := req.GetJob().GetGeneration()
	switch {
	case seen == 0 || !req.GetReplace():
		return nil
	case !found:
		return problem(Conflict, "look at the jobs again", "the job %q is gone", req.GetJob().GetName())
	case seen != have.Generation:
		return problem(Conflict, "look at it again", "%s was changed meanwhile: it is at generation %d, not %d", have.Name, have.Generation, seen)
	}
	return nil
}

func (s jobs) Update(ctx context.Context, req *api.UpdateJobRequest) (*api.Job, error) {
	have, err := s.job(ctx, "job.update", req.GetJob())
	if err != nil {
		return nil, err
	}
	edited := fromJob(have, &s.parser)
	if err := copyFields(edited, req.GetChange(), req.GetFields()); err != nil {
		return nil, err
	}
	want, err := toJob(edited)
	if err != nil {
		return nil, problem(Invalid, "", "%v", err)
	}
	want.Paused, want.PauseReason, want.PauseUntil = have.Paused, have.PauseReason, have.PauseUntil
	return s.change(ctx, have, want, req.GetDryRun())
}

// change turns have into want where they differ in what a caller may say.
func (s jobs) change(ctx context.Context, have *job.Job, want job.Job, dryRun bool) (*api.Job, error) {
	if err := s.may(ctx, "job.update", policy.JobResource(have)); err != nil {
		return nil, err
	}
	if have.System() {
		return nil, problem(State, "set it in palyra.toml, or pause it", "%s is a job of the daemon itself", have.Name)
	}
	want.ID, want.Generation, want.Owner, want.Effect = have.ID, have.Generation, have.Owner, have.Effect
	checked, err := s.check(ctx, &want)
	if err != nil {
		return nil, err
	}
	if want.Action.String() != have.Action.String() {
		if err := s.runnable(want.Action); err != nil {
			return nil, err
		}
	}
	// Who may not have the job as it will be may not make it so.
	if err := s.may(ctx, "job.update", policy.JobResource(checked)); err != nil {
		return nil, err
	}
	if dryRun {
		return s.preview(checked), nil
	}
	name := have.Name
	saved, err := s.put(ctx, want, "job.update")
	if err == nil && want.Name != name {
		saved.Warnings = append(saved.Warnings, s.orphans(ctx, name)...)
	}
	return saved, err
}

// check completes want where the daemon decides, and returns what it would
// become.
func (s jobs) check(ctx context.Context, want *job.Job) (*job.Job, error) {
	if want.Schedule.Kind == schedule.Cron && want.Schedule.Zone == "" {
		want.Schedule.Zone = s.Zone
	}
	if !want.Paused {
		want.PauseReason = ""
	}
	if err := s.circle(want); err != nil {
		return nil, err
	}
	return s.Edits.Check(*want, caller(ctx))
}

// preview is a job that is not saved, with when it would fire.
func (s jobs) preview(j *job.Job) *api.Job {
	p := fromJob(j, &s.parser)
	if compiled, err := s.parser.Parse(j.Schedule); err == nil && !j.Paused {
		p.Next = fromTime(compiled.Next(time.Now()))
	}
	p.Warnings = append(p.Warnings, s.loose(j)...)
	return p
}

// runnable refuses an action that no installed skill has: better now than at
// every occurrence.
func (s jobs) runnable(a job.Action) error {
	found := s.Skills.Lookup(a.Skill)
	if found == nil {
		var ids []string
		for _, sk := range s.Skills.List() {
			ids = append(ids, sk.ID())
		}
		next := "install it: `palyra skill install FILE`"
		if meant := near.Name(a.Skill, ids); meant != "" {
			next = fmt.Sprintf("did you mean %s? else %s", meant, next)
		}
		return problem(NotFound, next, "no skill %q is installed", a.Skill)
	}
	if _, ok := found.Manifest.Entrypoints[a.Entrypoint]; !ok {
		names := found.Manifest.EntrypointNames()
		return problem(NotFound, "it has: "+strings.Join(names, ", "), "the skill %s has no entrypoint %q", a.Skill, a.Entrypoint)
	}
	return nil
}

func (s jobs) put(ctx context.Context, j job.Job, kind string) (*api.Job, error) {
	saved, err := s.Edits.Put(ctx, j, caller(ctx), kind)
	if err != nil {
		return nil, err
	}
	return s.seen(ctx, saved), nil
}

// page is how many jobs are read at once.
const page = 1000

// List reads the jobs in pages, and stops when there are enough.
func (s jobs) List(ctx context.Context, req *api.ListJobsRequest) (*api.ListJobsResponse, error) {
	limit, err := clamp(req.GetLimit(), math.MaxInt32, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	list, sees := &api.ListJobsResponse{}, s.sees(ctx, "job.view")
	for after := req.GetAfter(); ; {
		jobs, err := s.Jobs.List(after, page)
		if err != nil {
			return nil, err
		}
		ids := make([]job.ID, len(jobs))
		for i, j := range jobs {
			ids[i] = j.ID
		}
		latest, err := s.Runs.Latest(ctx, ids...)
		if err != nil {
			return nil, err
		}
		for _, j := range jobs {
			if after = j.Name; sees(j) {
				list.Jobs = append(list.Jobs, s.listed(j, latest))
			}
			if len(list.Jobs) == limit {
				list.Next = after
				return list, nil
			}
		}
		if len(jobs) < page {
			return list, nil
		}
	}
}

func (s jobs) listed(j *job.Job, latest map[job.ID]*job.Run) *api.Job {
	p := s.withLatest(j, latest)
	if why := s.unfit(j.Action); why != "" {
		p.Warnings = append(p.Warnings, why)
	}
	return p
}

func (s jobs) Get(ctx context.Context, req *api.GetJobRequest) (*api.Job, error) {
	j, err := s.job(ctx, "job.view", req.GetJob())
	if err != nil {
		return nil, err
	}
	p := s.seen(ctx, j)
	p.Warnings = append(p.Warnings, s.warnings(ctx, j)...)
	return p, nil
}

func (s jobs) Pause(ctx context.Context, req *api.PauseJobRequest) (*api.Job, error) {
	j, err := s.job(ctx, "job.pause", req.GetJob())
	if err != nil {
		return nil, err
	}
	until, err := toTime(req.GetUntil())
	if err != nil {
		return nil, problem(Invalid, "", "until: %v", err)
	}
	if !until.IsZero() && !until.After(time.Now()) {
		return nil, problem(Invalid, "give a later one", "until %s: that time has passed", until.Format(time.RFC3339))
	}
	if j.Paused && (req.GetReason() == "" || req.GetReason() == j.PauseReason) && until.Equal(j.PauseUntil) {
		return s.seen(ctx, j), nil
	}
	changed := *j
	changed.Paused, changed.PauseReason, changed.PauseUntil = true, req.GetReason(), until
	return s.put(ctx, changed, "job.pause")
}

func (s jobs) Resume(ctx context.Context, req *api.ResumeJobRequest) (*api.Job, error) {
	j, err := s.job(ctx, "job.pause", req.GetJob())
	if err != nil {
		return nil, err
	}
	if !j.Paused {
		return s.seen(ctx, j), nil
	}
	return s.put(ctx, j.Resumed(), "job.resume")
}

// Trigger does not ask here: the gate of dispatch judges the run, and writes
// down what it answered.
func (s jobs) Trigger(ctx context.Context, req *api.TriggerJobRequest) (*api.Run, error) {
	j, err := s.find(req.GetJob())
	if err != nil {
		return nil, err
	}
	r, err := s.Dispatch.Trigger(ctx, j, caller(ctx))
	if err != nil {
		return nil, err
	}
	return s.explained(fromRun(r, s.zoneOf(j))), nil
}

func (s jobs) Delete(ctx context.Context, req *api.DeleteJobRequest) (*api.DeleteJobResponse, error) {
	j, err := s.job(ctx, "job.delete", req.GetJob())
	if err != nil {
		return nil, err
	}
	if j.System() {
		return nil, problem(State, fmt.Sprintf("pause it: `palyra job pause %s`", j.Name), "%s is a job of the daemon itself", j.Name)
	}
	if err := s.Edits.Delete(ctx, j.ID, caller(ctx)); err != nil {
		return nil, err
	}
	return &api.DeleteJobResponse{Warnings: s.orphans(ctx, j.Name)}, nil
}

func (s jobs) Next(ctx context.Context, req *api.NextRequest) (*api.NextResponse, error) {
	limit, err := clamp(req.GetLimit(), 5, 1000)
	if err != nil {
		return nil, err
	}
	if req.GetJob() == "" {
		return &api.NextResponse{Fires: s.upcoming(ctx, limit)}, nil
	}
	j, err := s.job(ctx, "job.view", req.GetJob())
	if err != nil {
		return nil, err
	}
	next := &api.NextResponse{}
	for _, f := range s.Times.Fires(j.ID, limit) {
		next.Fires = append(next.Fires, fromFire(f))
	}
	return next, nil
}

// upcoming is what fires next among the jobs that the caller may view.
func (s *Server) upcoming(ctx context.Context, limit int) []*api.Fire {
	var list []*api.Fire
	sees := s.sees(ctx, "job.view")
	for _, f := range s.Times.Upcoming(limit) {
		if sees(f.Job) {
			list = append(list, fromFire(f))
		}
	}
	return list
}

// job finds a job and asks whether the caller may do action to it.
func (s *Server) job(ctx context.Context, action, nameOrID string) (*job.Job, error) {
	j, err := s.find(nameOrID)
	if err != nil {
		return nil, err
	}
	return j, s.may(ctx, action, policy.JobResource(j))
}

// mostMeant is among how many jobs one is looked for that may have been meant.
const mostMeant = 2000

func (s *Server) find(nameOrID string) (*job.Job, error) {
	if nameOrID == "" {
		return nil, problem(Invalid, "", "which job? name one")
	}
	if j, err := s.Jobs.Get(nameOrID); j != nil || err != nil {
		return j, err
	}
	jobs, err := s.Jobs.List("", mostMeant)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, j := range jobs {
		names = append(names, j.Name)
	}
	return nil, missing("job", nameOrID, names, "palyra job list")
}

// seen is a job as a client sees it, with its next fire and its latest run. The
// latest run is left out if the journal cannot be read.
func (s *Server) seen(ctx context.Context, j *job.Job) *api.Job {
	latest, err := s.Runs.Latest(ctx, j.ID)
	if err != nil && !errors.Is(err, context.Canceled) {
		s.Log.Warn("latest runs are not known", "job", j.Name, "err", err)
	}
	p := s.withLatest(j, latest)
	p.Warnings = append(p.Warnings, s.loose(j)...)
	return p
}

func (s *Server) withLatest(j *job.Job, latest map[job.ID]*job.Run) *api.Job {
	p := fromJob(j, &s.parser)
	if p.Next = fromTime(s.Times.Next(j.ID)); p.Next == nil && !j.Paused {
		p.Idle = s.Times.Idle(j.ID)
	}
	if r := latest[j.ID]; r != nil {
		p.LastState, p.LastReason, p.LastDue = string(r.State), string(r.Reason), fromTime(r.Last)
		if r.Last.IsZero() {
			p.LastDue = fromTime(r.Due)
		}
	}
	return p
}

func (s *Server) zoneOf(j *job.Job) *time.Location {
	if compiled, err := s.parser.Parse(j.Schedule); err == nil {
		return compiled.Location()
	}
	return time.UTC
}

// clamp reads a limit: 0 means the default, and nothing above most is given.
func clamp(limit int32, standard, most int) (int, error) {
	switch {
	case limit == 0:
		return standard, nil
	case limit < 0 || int(limit) > most:
		return 0, problem(Invalid, "", "limit %d: want 1 to %d", limit, most)
	}
	return int(limit), nil
}
