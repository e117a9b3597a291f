package server

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
)

// StartBackfill asks for nominal times of the past, or says what that would do. Each of
// its runs is judged again when it starts.
func (s jobs) StartBackfill(ctx context.Context, req *api.BackfillRequest) (*api.BackfillPlan, error) {
	j, err := s.job(ctx, "job.backfill", req.GetJob())
	if err != nil {
		return nil, err
	}
	want := job.Backfill{Parallel: int(req.GetParallel()), Rate: int(req.GetRate()), Again: req.GetAgain()}
	if want.From, err = toTime(req.GetFrom()); err != nil {
		return nil, problem(Invalid, "", "from: %v", err)
	}
	if want.To, err = toTime(req.GetTo()); err != nil {
		return nil, problem(Invalid, "", "to: %v", err)
	}
	plan, err := s.Backfills.Draft(ctx, j, want)
	if err != nil {
		return nil, err
	}
	if !req.GetDryRun() {
		if plan.Backfill.Total == 0 {
			return nil, problem(State, "run them once more with --again", "all %d nominal times ran already", plan.Nominal)
		}
		started, err := s.Backfills.Start(ctx, plan, caller(ctx))
		if err != nil {
			return nil, err
		}
		plan.Backfill = *started
	}
	return &api.BackfillPlan{
		Backfill: fromBackfill(&plan.Backfill), Nominal: plan.Nominal, LeftOut: plan.Nominal - plan.Backfill.Total,
		First: fromTimes(plan.First), Last: fromTimes(plan.Last), Zone: s.zoneOf(j).String(),
		EstimateMs: s.estimate(ctx, &plan.Backfill).Milliseconds(),
	}, nil
}

// estimate is how long a backfill takes: as its rate allows, or longer where its
// runs take as long as those of the job before.
func (s jobs) estimate(ctx context.Context, b *job.Backfill) time.Duration {
	by := time.Duration(b.Total) * time.Minute / time.Duration(b.Rate)
	runs, err := s.Runs.Runs(ctx, job.Filter{Job: b.Job, State: job.Succeeded, Limit: 10})
	if err != nil || len(runs) == 0 {
		return by
	}
	var took time.Duration
	for _, r := range runs {
		took += r.Ended.Sub(r.Started)
	}
	took /= time.Duration(len(runs))
	return max(by, took*time.Duration(b.Total)/time.Duration(b.Parallel))
}

func (s jobs) ListBackfills(ctx context.Context, req *api.ListBackfillsRequest) (*api.ListBackfillsResponse, error) {
	limit, err := clamp(req.GetLimit(), 20, 1000)
	if err != nil {
		return nil, err
	}
	var of job.ID
	if req.GetJob() != "" {
		j, err := s.job(ctx, "job.view", req.GetJob())
		if err != nil {
			return nil, err
		}
		of = j.ID
	}
	all, err := s.Backfilled.Backfills(ctx, 1000)
	if err != nil {
		return nil, err
	}
	list, sees := &api.ListBackfillsResponse{}, s.sees(ctx, "job.view")
	for _, b := range all {
		j, err := s.jobOfBackfill(b)
		if err != nil {
			return nil, err
		}
		if len(list.Backfills) < limit && (of == "" || b.Job == of) && sees(j) {
			list.Backfills = append(list.Backfills, fromBackfill(b))
		}
	}
	return list, nil
}

func (s jobs) GetBackfill(ctx context.Context, req *api.GetBackfillRequest) (*api.Backfill, error) {
	b, err := s.backfill(ctx, "job.view", req.GetId())
	if err != nil {
		return nil, err
	}
	return fromBackfill(b), nil
}

func (s jobs) CancelBackfill(ctx context.Context, req *api.CancelBackfillRequest) (*api.Backfill, error) {
	b, err := s.backfill(ctx, "job.backfill", req.GetId())
	if err != nil {
		return nil, err
	}
	if b.State != job.Filling {
		return nil, problem(State, "", "the backfill %s has ended: %s", b.ID, b.State)
	}
	if err := s.Backfills.Cancel(ctx, b.ID, caller(ctx)); err != nil {
		return nil, err
	}
	return s.GetBackfill(ctx, &api.GetBackfillRequest{Id: string(b.ID)})
}

// backfill finds a backfill and asks whether the caller may do action to its job.
func (s jobs) backfill(ctx context.Context, action, id string) (*job.Backfill, error) {
	if id == "" {
		return nil, problem(Invalid, "", "which backfill? give its id")
	}
	b, err := s.Backfilled.Backfill(ctx, id)
	if err != nil {
		return nil, err
	}
	j, err := s.jobOfBackfill(b)
	if err != nil {
		return nil, err
	}
	return b, s.may(ctx, action, policy.JobResource(j))
}

// jobOfBackfill returns the job of a backfill, or, if it is gone, what is known of it.
func (s jobs) jobOfBackfill(b *job.Backfill) (*job.Job, error) {
	if j, err := s.Jobs.Get(string(b.Job)); j != nil || err != nil {
		return j, err
	}
	return &job.Job{ID: b.Job, Name: b.JobName, Owner: b.By}, nil
}

func fromBackfill(b *job.Backfill) *api.Backfill {
	p := &api.Backfill{
		Id: string(b.ID), Job: b.JobName, JobId: string(b.Job), From: fromTime(b.From), To: fromTime(b.To), Cursor: fromTime(b.Cursor),
		Parallel: int32(b.Parallel), Rate: int32(b.Rate), Again: b.Again, Total: b.Total, Started: b.Started,
		Succeeded: b.Succeeded, Open: b.Open, State: string(b.State), Reason: b.Reason, Created: fromTime(b.Created), Ended: fromTime(b.Ended),
	}
	if b.By != (job.Principal{}) {
		p.Principal = b.By.String()
	}
	return p
}

func fromTimes(times []time.Time) (list []*timestamppb.Timestamp) {
	for _, t := range times {
		list = append(list, fromTime(t))
	}
	return list
}
