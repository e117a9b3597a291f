package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/jobfile"
)

// What an apply does about a job.
const (
	actCreate = "create"
	actChange = "change"
	actDelete = "delete"
	actNone   = "unchanged"
	actLeave  = "left" // it is not in the files, but stays without --prune
)

// step is what an apply does about one job.
type step struct {
	Action  string           `json:"action"`
	Job     string           `json:"job"`
	English string           `json:"english"`
	Changes []jobfile.Change `json:"changes"`
	Notes   []string         `json:"notes"`
	Became  string           `json:"became,omitempty"` // done, failed or not tried, once it was carried out
	Error   string           `json:"error,omitempty"`

	request *api.CreateJobRequest
	have    *api.Job
	draft   *api.Job
}

// plan is what an apply does, in this order: the job that a chain starts comes
// before the one that starts it, deletions come last.
type plan struct {
	set   string
	steps []*step
}

func (p *plan) count(action string) int {
	n := 0
	for _, s := range p.steps {
		if s.Action == action {
			n++
		}
	}
	return n
}

// pending is how many jobs there is something to do about.
func (p *plan) pending() int { return p.count(actCreate) + p.count(actChange) + p.count(actDelete) }

// plan reads the files and asks the daemon what they come to. Nothing is saved.
func (a *app) plan(ctx context.Context, flags *applyFlags) (*api.Client, *plan, error) {
	jobs, err := a.readJobs(flags)
	if err != nil {
		return nil, nil, err
	}
	client, err := a.client()
	if err != nil {
		return nil, nil, err
	}
	if err := a.compileAll(ctx, client, jobs); err != nil {
		return nil, nil, err
	}
	list, err := client.Jobs.List(ctx, &api.ListJobsRequest{})
	if err != nil {
		return nil, nil, err
	}
	have := map[string]*api.Job{}
	for _, j := range list.GetJobs() {
		have[j.GetName()] = j
	}
	p := &plan{set: flags.set}
	var errs []error
	code := 0
	for _, j := range jobs {
		s, err := a.stepOf(ctx, client, j, have[j.GetName()], flags)
		if err != nil {
			e := a.exit(ended{err})
			if r, ok := errors.AsType[*connect.Error](err); ok && !refusesOne(r.Code()) && r.Code() != connect.CodePermissionDenied {
				return nil, nil, err // it is no matter of this job
			}
			if code == 0 {
				code = e.code
			}
			errs = append(errs, refusedJob(j, e))
			continue
		}
		p.steps = append(p.steps, s)
		delete(have, j.GetName())
	}
	if err := a.badFiles(errs, code); err != nil {
		return nil, nil, err
	}
	p.rest(have, flags.prune)
	p.order()
	return client, p, nil
}

// refusedJob says where in the files the daemon's refusal belongs.
func refusedJob(j *jobfile.Job, e *exitError) error {
	text := strings.ReplaceAll(e.Error(), "\n", "; ")
	if e.next != "" {
		text += "; " + e.next
	}
	return fmt.Errorf("%s: job %s: %s", j.At("name"), j.GetName(), text)
}

// stepOf asks the daemon what a job of the files would become.
func (a *app) stepOf(ctx context.Context, client *api.Client, j *jobfile.Job, have *api.Job, flags *applyFlags) (*step, error) {
	s := &step{Action: actCreate, Job: j.GetName(), Changes: []jobfile.Change{}, Notes: []string{}, have: have}
	s.request = &api.CreateJobRequest{Job: proto.CloneOf(j.Job), DryRun: true}
	if have != nil {
		s.request.Replace, s.request.Job.Generation = true, have.GetGeneration()
		if !j.Says["paused"] || j.GetPaused() && have.GetPaused() && !j.Says["pause_reason"] {
			s.request.Job.Paused, s.request.Job.PauseReason, s.request.Job.PausedUntil = have.GetPaused(), have.GetPauseReason(), have.GetPausedUntil()
		}
		if err := mayTake(have, flags); err != nil {
			return nil, err
		}
	}
	draft, err := client.Jobs.Create(ctx, s.request)
	if err != nil {
		return nil, err
	}
	s.draft, s.English = draft, draft.GetEnglish()
	if have != nil {
		s.compare(flags)
	}
	s.request.DryRun = false
	s.request.Job.Schedule.Key, s.request.Job.Schedule.Anchor = draft.GetSchedule().GetKey(), draft.GetSchedule().GetAnchor()
	s.request.Job.Labels = maps.Clone(s.request.Job.GetLabels())
	if s.request.Job.Labels == nil {
		s.request.Job.Labels = map[string]string{}
	}
	s.request.Job.Labels[applyLabel], s.request.Job.Labels[appliedLabel] = flags.set, fingerprint(draft)
	return s, nil
}

// mayTake refuses the jobs that the files have no business with.
func mayTake(have *api.Job, flags *applyFlags) error {
	if have.GetSystem() {
		return fail(exitFailed, "set it in palyra.toml, or pause it", "it is a job of the daemon itself")
	}
	if set := have.GetLabels()[applyLabel]; set != "" && set != flags.set && !flags.adopt {
		return fail(exitFailed, fmt.Sprintf("take it out there first, or apply with --adopt, or with --set %s if these are the same files", set),
			"it belongs to the set %q", set)
	}
	return nil
}

// compare says what becomes of a job that is there already.
func (s *step) compare(flags *applyFlags) {
	s.Changes = append(s.Changes, jobfile.Changes(s.have, s.draft)...)
	set := s.have.GetLabels()[applyLabel]
	s.Action = actNone
	if len(s.Changes) > 0 || flags.adopt && set != flags.set {
		s.Action = actChange
	}
	switch {
	case s.Action == actNone:
	case set == "":
		s.Notes = append(s.Notes, "it was made by hand, and belongs to the set "+flags.set+" from now on")
	case set != flags.set:
		s.Notes = append(s.Notes, "it belonged to the set "+set+", and belongs to "+flags.set+" from now on")
	case s.have.GetLabels()[appliedLabel] != fingerprint(s.have):
		s.Notes = append(s.Notes, "it was changed by hand since it was last applied")
	}
}

// fingerprint is short for what a file could say about a job. A pause is not
// looked at: people and the daemon pause jobs that belong to files.
func fingerprint(j *api.Job) string {
	j = proto.CloneOf(j)
	j.Paused, j.PauseReason = false, ""
	sum := sha256.Sum256([]byte(jobfile.Format(j, nil)))
	return hex.EncodeToString(sum[:8])
}

// rest plans what is not in the files but belongs to their set.
func (p *plan) rest(have map[string]*api.Job, prune bool) {
	for _, name := range slices.Sorted(maps.Keys(have)) {
		j := have[name]
		if j.GetSystem() || j.GetLabels()[applyLabel] != p.set {
			continue
		}
		s := &step{Action: actLeave, Job: name, English: j.GetEnglish(), Changes: []jobfile.Change{}, Notes: []string{}, have: j}
		if prune {
			s.Action = actDelete
		}
		for _, other := range p.steps {
			if other.Action == actCreate && len(jobfile.Changes(j, other.draft)) == 0 {
				other.Notes = append(other.Notes, "it is as "+name+", which is not in the files any more: a rename is a new job; the runs of the old one stay under its name")
			}
		}
		p.steps = append(p.steps, s)
	}
}

// order puts what a chain starts before what starts it, as far as it is no ring.
func (p *plan) order() {
	byName := map[string]*step{}
	for _, s := range p.steps {
		byName[s.Job] = s
	}
	var sorted []*step
	seen := map[*step]bool{}
	var visit func(*step)
	visit = func(s *step) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		for _, name := range slices.Concat(s.draft.GetOnSuccess(), s.draft.GetOnFailure(), s.draft.GetOnRecovery()) {
			visit(byName[name])
		}
		sorted = append(sorted, s)
	}
	for _, s := range p.steps {
		visit(s)
	}
	p.steps = sorted
}

// carryOut does what is planned. What fails does not keep it from the rest,
// unless the daemon is gone or allows nothing; to apply again goes on.
func (a *app) carryOut(ctx context.Context, client *api.Client, p *plan) error {
	done := map[string]int{}
	var first error
	gone := false
	for _, s := range p.steps {
		if s.Action == actNone || s.Action == actLeave {
			continue
		}
		if gone {
			s.Became = "not tried"
			continue
		}
		err := s.carryOut(ctx, client)
		if err == nil {
			s.Became = "done"
			done[s.Action]++
			continue
		}
		e := a.exit(ended{err})
		s.Became, s.Error = "failed", e.Error()
		fmt.Fprintf(a.err, "%s %s: %s\n", s.Action, s.Job, clean(e.Error()))
		if first == nil {
			first = err
		}
		if r, ok := errors.AsType[*connect.Error](err); !ok || !refusesOne(r.Code()) && r.Code() != connect.CodePermissionDenied && r.Code() != connect.CodeAborted {
			gone = true
		}
	}
	if p.pending() == 0 {
		fmt.Fprintln(a.err, "no changes")
		return nil
	}
	fmt.Fprintf(a.err, "created %d, changed %d, deleted %d, unchanged %d\n", done[actCreate], done[actChange], done[actDelete], p.count(actNone))
	if first == nil {
		return nil
	}
	for _, s := range p.steps {
		if s.Became == "not tried" {
			fmt.Fprintf(a.err, "not tried: %s %s\n", s.Action, s.Job)
		}
	}
	e := a.exit(ended{first})
	return fail(e.code, "what is done stays; apply again to complete it", "%d of %d were done: %v", done[actCreate]+done[actChange]+done[actDelete], p.pending(), e)
}

func (s *step) carryOut(ctx context.Context, client *api.Client) error {
	if s.Action == actDelete {
		_, err := client.Jobs.Delete(ctx, &api.DeleteJobRequest{Job: s.have.GetId()})
		return err
	}
	_, err := client.Jobs.Create(ctx, s.request)
	return err
}
