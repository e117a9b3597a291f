package server

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// shortestDigest is how many digits must be given to name a skill by digest.
const shortestDigest = 6

// skills serves the SkillService.
type skills struct{ *Server }

func (s skills) Install(ctx context.Context, stream api.SkillServiceInstallServerStream) (*api.InstallResponse, error) {
	first, err := stream.Receive()
	if errors.Is(err, io.EOF) {
		return nil, problem(Invalid, "", "install: no artifact was sent")
	}
	if err != nil {
		return nil, err
	}
	var expect bundle.Digest
	if text := first.GetExpectDigest(); text != "" {
		if expect, err = bundle.ParseDigest(text); err != nil {
			return nil, problem(Invalid, "", "%v", err)
		}
	}
	artifact := &upload{stream: stream, rest: first.GetChunk(), left: maxArtifact - len(first.GetChunk())}
	installed, unchanged, err := s.Installer.Install(ctx, artifact, expect, caller(ctx))
	if err != nil {
		return nil, err
	}
	return &api.InstallResponse{Skill: s.skill(installed), Unchanged: unchanged}, nil
}

// upload reads an artifact from the messages of a stream.
type upload struct {
	stream api.SkillServiceInstallServerStream
	rest   []byte
	left   int // bytes that may still come
}

func (u *upload) Read(p []byte) (int, error) {
	for len(u.rest) == 0 {
		message, err := u.stream.Receive()
		if errors.Is(err, io.EOF) {
			return 0, io.EOF // itself: readers compare
		}
		if err != nil {
			return 0, err
		}
		u.rest = message.GetChunk()
		if u.left -= len(u.rest); u.left < 0 {
			return 0, problem(Limit, "", "install: the artifact is larger than %d MiB", maxArtifact>>20)
		}
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

func (s skills) List(ctx context.Context, _ *api.ListSkillsRequest) (*api.ListSkillsResponse, error) {
	list := &api.ListSkillsResponse{}
	for _, sk := range s.Skills.List() {
		if s.may(ctx, "skill.view", policy.SkillResource(sk)) == nil {
			list.Skills = append(list.Skills, s.skill(sk))
		}
	}
	slices.SortStableFunc(list.Skills, func(a, b *api.Skill) int { return strings.Compare(a.Id, b.Id) })
	if s.may(ctx, "skill.view", policy.Resource{Type: "Skill"}) == nil {
		list.Unadmitted = s.Skills.Strays()
	}
	return list, nil
}

func (s skills) Get(ctx context.Context, req *api.GetSkillRequest) (*api.Skill, error) {
	sk, err := s.named(ctx, "skill.view", req.GetSkill())
	if err != nil {
		return nil, err
	}
	return s.skill(sk), nil
}

func (s skills) Audit(ctx context.Context, req *api.AuditRequest) (*api.Skill, error) {
	return s.keep(ctx, "skill.audit", req.GetSkill(), func(d bundle.Digest, by job.Principal) (*skill.Skill, error) {
		return s.Keeper.Audit(ctx, d, by)
	})
}

func (s skills) Quarantine(ctx context.Context, req *api.QuarantineRequest) (*api.Skill, error) {
	return s.keep(ctx, "skill.quarantine", req.GetSkill(), func(d bundle.Digest, by job.Principal) (*skill.Skill, error) {
		return s.Keeper.Quarantine(ctx, d, req.GetReason(), by)
	})
}

func (s skills) Enable(ctx context.Context, req *api.EnableRequest) (*api.Skill, error) {
	return s.keep(ctx, "skill.enable", req.GetSkill(), func(d bundle.Digest, by job.Principal) (*skill.Skill, error) {
		return s.Keeper.Enable(ctx, d, req.GetReason(), by)
	})
}

func (s skills) keep(ctx context.Context, action, name string, act func(bundle.Digest, job.Principal) (*skill.Skill, error)) (*api.Skill, error) {
	sk, err := s.named(ctx, action, name)
	if err != nil {
		return nil, err
	}
	if sk, err = act(sk.Digest, caller(ctx)); err != nil {
		return nil, err
	}
	return s.skill(sk), nil
}

func (s skills) Remove(ctx context.Context, req *api.RemoveRequest) (*api.RemoveResponse, error) {
	sk, err := s.named(ctx, "skill.remove", req.GetSkill())
	if err != nil {
		return nil, err
	}
	return &api.RemoveResponse{}, s.Installer.Remove(ctx, sk.Digest, caller(ctx))
}

// named finds a skill by id, digest or the first digits of one, and asks whether
// the caller may do action to it.
func (s skills) named(ctx context.Context, action, name string) (*skill.Skill, error) {
	sk, err := s.find(name)
	if err != nil {
		return nil, err
	}
	return sk, s.may(ctx, action, policy.SkillResource(sk))
}

func (s skills) find(name string) (*skill.Skill, error) {
	if name == "" {
		return nil, problem(Invalid, "", "which skill? name one by its id or digest")
	}
	if sk := s.Skills.Lookup(name); sk != nil {
		return sk, nil
	}
	var ids []string
	var found []*skill.Skill
	for _, sk := range s.Skills.List() {
		ids = append(ids, sk.ID())
		if sk.ID() == name || len(name) >= shortestDigest && strings.HasPrefix(sk.Digest.String(), strings.ToLower(name)) {
			found = append(found, sk)
		}
	}
	switch len(found) {
	case 0:
		return nil, missing("skill", name, ids, "palyra skill list")
	case 1:
		return found[0], nil
	}
	return nil, problem(Invalid, "name it by its digest: see `palyra skill list`", "%q names %d artifacts", name, len(found))
}

// skill is a skill as a client sees it, with the jobs that use it.
func (s *Server) skill(sk *skill.Skill) *api.Skill {
	p := fromSkill(sk, time.Now(), s.Lease)
	for after := ""; ; {
		jobs, err := s.Jobs.List(after, page)
		if err != nil {
			s.Log.Warn("jobs of a skill are not known", "skill", sk.ID(), "err", err)
		}
		for _, j := range jobs {
			if after = j.Name; j.Action.Skill == sk.ID() {
				p.Jobs = append(p.Jobs, j.Name)
			}
		}
		if len(jobs) < page {
			break
		}
	}
	slices.Sort(p.Jobs)
	return p
}
