package host

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/host/schedule"
)

// The skills that system jobs run.
const (
	memorySkill = "palyra.memory"
	auditSkill  = "palyra.reaudit"
)

// systemJobs are the jobs of the daemon itself, by the configuration.
func systemJobs(cfg Config) []job.Job {
	system := func(name, skill, entrypoint string, s schedule.Spec) job.Job {
		return job.Job{
			ID: job.ID(name), Name: name, Owner: job.Daemon,
			Schedule: s,
			Action:   job.Action{Skill: skill, Entrypoint: entrypoint},
			Timeout:  15 * time.Minute,
		}
	}
	reaudit := system("skill.reaudit", auditSkill, "reaudit", every(cfg.Skills.ReauditInterval))
	reaudit.Effect = job.JudgeAudit
	reaudit.Misfire.Policy = job.CatchUp
	vacuum := system("memory.vacuum", memorySkill, "vacuum", cfg.vacuumSchedule())
	vacuum.Misfire.Policy = job.CatchUp
	vacuum.Misfire.Window = 8 * 24 * time.Hour
	return []job.Job{
		reaudit,
		system("memory.maintain", memorySkill, "maintain", every(cfg.Memory.MaintainInterval)),
		system("memory.backfill", memorySkill, "backfill", every(cfg.Memory.BackfillInterval)),
		vacuum,
	}
}

func every(d Duration) schedule.Spec {
	return schedule.Spec{Kind: schedule.Every, Expr: d.String()}
}

// armSystemJobs arms every system job whose skill is active, and follows the
// configuration where a job that is armed differs from it.
func (h *host) armSystemJobs(ctx context.Context) error {
	for _, want := range systemJobs(h.cfg) {
		if s := h.catalog.Lookup(want.Action.Skill); s == nil || s.State != skill.Active {
			continue
		}
		want = h.cfg.withDefaults(want)
		kind := "job.create"
		have, err := h.scheduler.Get(string(want.ID))
		if err != nil {
			return fmt.Errorf("system job %s: %w", want.Name, err)
		}
		if have != nil {
			if sameJob(*have, want) {
				continue
			}
			kind = "job.update"
			want.Paused, want.PauseReason, want.PauseUntil = have.Paused, have.PauseReason, have.PauseUntil
		}
		if _, err := h.scheduler.Put(ctx, want, job.Daemon, kind); err != nil {
			return fmt.Errorf("system job %s: %w", want.Name, err)
		}
	}
	return nil
}

// sameJob reports whether an armed system job is as the configuration wants it.
func sameJob(have, want job.Job) bool {
	want = want.WithDefaults()
	have.Schedule.Anchor = want.Schedule.Anchor
	want.Schedule.Key = have.Schedule.Key
	wantSchedule, err := schedule.Parse(want.Schedule)
	return err == nil && have.Schedule == wantSchedule.Spec() &&
		have.Action.String() == want.Action.String() &&
		have.Effect == want.Effect && have.Timeout == want.Timeout &&
		have.Concurrency == want.Concurrency && have.Misfire == want.Misfire && have.Retry == want.Retry
}

// input builds the input of a system job when it is dispatched; nil leaves a
// job's own.
func (h *host) input(_ context.Context, j *job.Job) (json.RawMessage, error) {
	if !j.System() {
		return nil, nil
	}
	switch j.ID {
	case "skill.reaudit":
		digests := []string{}
		for _, s := range h.catalog.List() {
			if s.State == skill.Active || s.State == skill.Disabled {
				digests = append(digests, s.Digest.String())
			}
		}
		return json.Marshal(map[string]any{"digests": digests})
	case "memory.maintain":
		r := h.cfg.Memory.Retention
		return json.Marshal(map[string]any{"max_entries": r.MaxEntries, "max_bytes": r.MaxBytes, "ttl_days": r.TTLDays})
	case "memory.backfill":
		m := h.cfg.Memory.Model
		return json.Marshal(map[string]any{"endpoint": m.Endpoint, "model": m.Name})
	}
	return nil, nil
}
