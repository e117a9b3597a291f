package server

import (
	"context"
	"strings"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
)

// Logs returns what a run has logged, also if it has not ended.
func (s runs) Logs(ctx context.Context, req *api.LogsRequest) (*api.LogsResponse, error) {
	r, _, err := s.run(ctx, "run.view", req.GetRun())
	if err != nil {
		return nil, err
	}
	now, cancel := context.WithCancel(ctx)
	cancel() // who reads does not wait
	var log strings.Builder
	for attempt := 1; ; attempt++ {
		text, on, err := s.Live.Read(now, r.ID, attempt, 0)
		if err == nil && text == "" {
			text, on, err = s.written(ctx, r.ID, attempt, on)
			if err != nil {
				return nil, err
			}
		}
		log.WriteString(text)
		if err != nil || !on { // there is no more yet, or ever
			return &api.LogsResponse{Log: log.String()}, ctx.Err()
		}
	}
}

// written returns what the journal has of an attempt of a run that is live, or
// not, and whether there may be attempts after it.
func (s *Server) written(ctx context.Context, id job.RunID, attempt int, live bool) (log string, more bool, err error) {
	log, ended, err := s.Records.AttemptLog(ctx, id, attempt)
	return log, ended || live, err
}

// Follow sends what a run logs as it is logged.
func (s runs) Follow(ctx context.Context, req *api.FollowRequest, stream api.RunServiceFollowServerStream) error {
	if req.GetAttempt() < 0 || req.GetOffset() < 0 {
		return problem(Invalid, "", "follow: attempt and offset are not negative")
	}
	r, _, err := s.run(ctx, "run.view", req.GetRun())
	if err != nil {
		return err
	}
	following, cancel := s.untilStop(ctx)
	defer cancel()
	seen := *r
	f := follower{runs: s, r: &seen, attempt: max(1, int(req.GetAttempt())), offset: int(req.GetOffset()), send: stream.Send}
	err = f.follow(following)
	if following.Err() != nil && ctx.Err() == nil {
		return problem(Busy, "follow it again when the daemon is back", "the daemon is stopping")
	}
	return err
}

// follower is somebody who follows a run, and where he is.
type follower struct {
	runs
	r               *job.Run // as it was told last
	attempt, offset int
	send            func(*api.FollowResponse) error
}

func (f *follower) follow(ctx context.Context) error {
	if err := f.tell(ctx); err != nil {
		return err
	}
	for {
		live, more, err := f.hear(ctx)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if live {
			if err := f.tell(ctx); err != nil {
				return err
			}
		}
	}
	if f.r.State.Terminal() {
		return nil
	}
	if err := f.tell(ctx); err != nil {
		return err
	}
	if !f.r.State.Terminal() {
		return problem(Internal, "see `palyra run show`", "run %s is not live, and its end is not in the journal", f.r.ID)
	}
	return nil
}

// tell sends how the run is.
func (f *follower) tell(ctx context.Context) error {
	p, err := f.Get(ctx, &api.GetRunRequest{Run: string(f.r.ID)})
	if err != nil {
		return err
	}
	f.r.State = job.State(p.GetState())
	return f.pass(p, "")
}

func (f *follower) pass(p *api.Run, text string) error {
	return f.send(&api.FollowResponse{Run: p, Text: text, Attempt: int32(f.attempt), Offset: int64(f.offset)})
}

// hear passes on what an attempt logs until it has ended, and then goes on to the
// next. It tells whether the run is live, and whether there may be a next attempt.
func (f *follower) hear(ctx context.Context) (live, more bool, err error) {
	for {
		text, live, err := f.Live.Read(ctx, f.r.ID, f.attempt, f.offset)
		if err != nil {
			return false, false, err
		}
		j, err := f.jobOf(f.r)
		if err == nil {
			err = f.may(ctx, "run.view", policy.JobResource(j))
		}
		if err != nil {
			return false, false, err // policies may change while somebody follows
		}
		over := text == ""
		if over {
			if text, more, err = f.written(ctx, f.r.ID, f.attempt, live); err != nil {
				return false, false, err
			}
			text = text[min(f.offset, len(text)):]
		}
		if f.offset += len(text); text != "" {
			if err := f.pass(nil, strings.ToValidUTF8(text, "\uFFFD")); err != nil {
				return false, false, err
			}
		}
		if over && more {
			f.attempt, f.offset = f.attempt+1, 0
		}
		if over {
			return live, more, nil
		}
	}
}
