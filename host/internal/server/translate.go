package server

import (
	"encoding/json"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/host/schedule"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// fromTime is absent for the zero time, which means "never" or "not yet".
func fromTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func toTime(t *timestamppb.Timestamp) (time.Time, error) {
	if t == nil {
		return time.Time{}, nil
	}
	if err := t.CheckValid(); err != nil {
		return time.Time{}, err
	}
	return t.AsTime(), nil
}

func fromJob(j *job.Job, parser *schedule.Parser) *api.Job {
	p := &api.Job{
		Id: string(j.ID), Name: j.Name, Generation: j.Generation, Owner: j.Owner.String(),
		Group: j.Group, Labels: j.Labels,
		Schedule: fromSpec(j.Schedule),
		Action:   j.Action.String(), Input: string(j.Action.Input),
		Concurrency: string(j.Concurrency.Policy), MaxConcurrent: int32(j.Concurrency.Max),
		Misfire:        string(j.Misfire.Policy),
		MisfireGraceMs: j.Misfire.Grace.Milliseconds(), CatchUpWindowMs: j.Misfire.Window.Milliseconds(),
		Attempts: int32(j.Retry.Attempts), BackoffMs: j.Retry.Backoff.Milliseconds(), BackoffCapMs: j.Retry.Cap.Milliseconds(),
		TimeoutMs: j.Timeout.Milliseconds(), RunTimeoutMs: j.RunTimeout.Milliseconds(),
		Priority: int32(j.Priority), PauseAfter: int32(j.PauseAfter), AtLeastOnce: j.AtLeastOnce,
		CatchUpMax: int32(j.Misfire.Max), Coalesce: string(j.Misfire.Coalesce),
		OnSuccess: j.Chain.OnSuccess, OnFailure: j.Chain.OnFailure, OnRecovery: j.Chain.OnRecovery,
		Paused: j.Paused, PauseReason: j.PauseReason, PausedUntil: fromTime(j.PauseUntil), System: j.System(),
		Created: fromTime(j.Created), Updated: fromTime(j.Updated),
	}
	if s, err := parser.Parse(j.Schedule); err == nil {
		p.English, p.ScheduleHints = s.English(), s.Hints()
	}
	return p
}

// toJob reads what a caller may say about a job; all else is the daemon's to
// set. It does not fill in defaults and does not validate.
func toJob(p *api.Job) (job.Job, error) {
	action, err := job.ParseAction(p.GetAction())
	if p.GetInput() != "" {
		action.Input = json.RawMessage(p.GetInput())
	}
	spec, specErr := toSpec(p.GetSchedule())
	until, untilErr := toTime(p.GetPausedUntil())
	j := job.Job{
		Name: p.GetName(), Group: p.GetGroup(), Labels: p.GetLabels(),
		Schedule: spec,
		Action:   action,
		Concurrency: job.Concurrency{
			Policy: job.ConcurrencyPolicy(p.GetConcurrency()), Max: int(p.GetMaxConcurrent()),
		},
		Misfire: job.Misfire{
			Policy: job.MisfirePolicy(p.GetMisfire()),
			Grace:  milliseconds(p.GetMisfireGraceMs()), Window: milliseconds(p.GetCatchUpWindowMs()),
			Coalesce: job.Coalesce(p.GetCoalesce()), Max: int(p.GetCatchUpMax()),
		},
		Retry: job.Retry{
			Attempts: int(p.GetAttempts()), Backoff: milliseconds(p.GetBackoffMs()), Cap: milliseconds(p.GetBackoffCapMs()),
		},
		Timeout: milliseconds(p.GetTimeoutMs()), RunTimeout: milliseconds(p.GetRunTimeoutMs()),
		Priority: int(p.GetPriority()), PauseAfter: int(p.GetPauseAfter()), AtLeastOnce: p.GetAtLeastOnce(),
		Chain:  job.Chain{OnSuccess: p.GetOnSuccess(), OnFailure: p.GetOnFailure(), OnRecovery: p.GetOnRecovery()},
		Paused: p.GetPaused(), PauseReason: p.GetPauseReason(), PauseUntil: until,
	}
	return j, errors.Join(err, specErr, untilErr)
}

// milliseconds keeps what does not fit into a Duration out of range, so that it
// is refused and does not wrap around.
func milliseconds(ms int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(max(-most, min(ms, most))) * time.Millisecond
}

func fromRun(r *job.Run, zone *time.Location) *api.Run {
	p := &api.Run{
		Id: string(r.ID), Job: r.JobName, JobId: string(r.Job), Generation: r.Generation,
		Trigger: string(r.Trigger), Due: fromTime(r.Due), Last: fromTime(r.Last), Count: r.Count, Fire: fromTime(r.Fire),
		Principal: r.Principal.String(), Action: r.Action.String(), Input: string(r.Action.Input), Parent: string(r.Parent),
		Allowed: r.Decision.Allow, Policies: r.Decision.Policies, PolicyErrors: r.Decision.Errors, PolicySet: r.Decision.PolicySet,
		State: string(r.State), Reason: string(r.Reason),
		Created: fromTime(r.Created), Started: fromTime(r.Started), Ended: fromTime(r.Ended), Retry: fromTime(r.Retry),
		Output: string(r.Output), Summary: r.Summary, Error: r.Error,
		Occurrence: r.Occurrence(), Attempt: int32(r.Attempt), Explanation: r.Explain(zone),
	}
	if !r.Digest.IsZero() {
		p.Digest = r.Digest.String()
	}
	return p
}

func fromAttempts(attempts []job.Attempt) []*api.Attempt {
	var list []*api.Attempt
	for _, a := range attempts {
		list = append(list, &api.Attempt{
			Number: int32(a.Number), Started: fromTime(a.Started), Ended: fromTime(a.Ended),
			State: string(a.State), Reason: string(a.Reason), Error: a.Error,
		})
	}
	return list
}

func fromSkill(s *skill.Skill, now time.Time, lease time.Duration) *api.Skill {
	p := &api.Skill{
		Id: s.ID(), Version: s.Manifest.Version, Kind: string(s.Manifest.Kind), Description: s.Manifest.Description,
		Publisher: s.Publisher, Digest: s.Digest.String(), Epoch: s.Epoch,
		State: stateOf(s, now, lease), Reason: s.Reason,
		Entrypoints:  s.Manifest.EntrypointNames(),
		Capabilities: s.Manifest.Capabilities.Names(),
		Installed:    fromTime(s.Installed), Audited: fromTime(s.Audited),
	}
	if !s.Audited.IsZero() {
		p.Lease = fromTime(s.Audited.Add(lease))
	}
	for _, f := range s.Findings {
		p.Findings = append(p.Findings, fromFinding(f))
	}
	return p
}

// stateOf is the state for people: an older release that could run, if it were
// the current one, is superseded.
func stateOf(s *skill.Skill, now time.Time, lease time.Duration) string {
	state := s.StateAt(now, lease)
	if !s.Current && (state == skill.Active || state == skill.Stale) {
		return "superseded"
	}
	return string(state)
}

func fromFinding(f bundle.Finding) *api.Finding {
	return &api.Finding{
		Check: f.Check, Severity: string(f.Severity), File: f.File, Offset: f.Offset, Message: f.Message,
	}
}

func fromPublisher(p skill.Publisher) *api.Publisher {
	return &api.Publisher{
		Name: p.Name, Key: bundle.NamedKey{Name: p.Name, Key: p.Key}.String(), Fingerprint: p.Key.Fingerprint(),
		Prefixes: p.Prefixes, Trusted: fromTime(p.Trusted), By: p.By,
	}
}

func fromFire(f Fire) *api.Fire {
	p := &api.Fire{Job: f.Job.Name, At: fromTime(f.At), Zone: f.Zone}
	if f.Fire.After(f.At) {
		p.Fire = fromTime(f.Fire)
	}
	return p
}
