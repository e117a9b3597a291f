package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/internal/dispatch"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/scheduler"
	"github.com/palyra-go/palyra/host/internal/server"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

func (h *host) listen() (net.Listener, string, error) {
	socket := api.SocketPath(h.state.dir)
	l, err := server.Listen(socket)
	return l, socket, err
}

// newServer gives the server what it needs of the other rooms.
func (h *host) newServer() *server.Server {
	return server.New(server.Config{
		Policy: judges{h.gate, h.meter},
		Jobs:   h.scheduler, Edits: edits{h}, Times: times{h},
		Runs: h.journal, Records: h.journal, Dispatch: h.dispatch, Live: h.dispatch,
		Backfills: backfills{h.backfills}, Backfilled: h.journal,
		Skills: skills{h}, Keeper: h.catalog, Installer: h.catalog, Publishers: h.catalog,
		Entries: entries{h.journal}, History: history{h},
		Memory: h.callMemory, Status: h.report, Trouble: h.trouble.String, Metrics: h.measure, Watch: h.ended.watch, CheckPolicies: h.checkPolicies,
		Waits: h.dispatch.Waits, Lease: h.cfg.lease(), Zone: h.cfg.Cron.Timezone, Kind: kindOf, Log: h.log,
	})
}

// edits change jobs, and what waits in their name with them.
type edits struct{ h *host }

func (e edits) Put(ctx context.Context, j job.Job, by job.Principal, kind string) (*job.Job, error) {
	if err := reserved(&j); err != nil {
		return nil, err
	}
	saved, err := e.h.scheduler.Put(ctx, e.h.cfg.withDefaults(j), by, kind)
	if err == nil && saved.Paused {
		e.h.dispatch.CancelJob(saved.ID, job.ReasonDisabled)
	}
	return saved, err
}

func (e edits) Check(j job.Job, by job.Principal) (*job.Job, error) {
	if err := reserved(&j); err != nil {
		return nil, err
	}
	return e.h.scheduler.Check(e.h.cfg.withDefaults(j), by)
}

// reserved refuses the name of a system job to any other: that job could not be
// armed once its skill is installed.
func reserved(j *job.Job) error {
	for _, s := range systemJobs(Defaults()) {
		if s.Name == j.Name && !j.System() {
			return fmt.Errorf("%w: %q is the name of a job of the daemon itself; choose another", scheduler.ErrInvalid, j.Name)
		}
	}
	return nil
}

func (e edits) Delete(ctx context.Context, id job.ID, by job.Principal) error {
	err := e.h.scheduler.Delete(ctx, id, by)
	if err == nil {
		e.h.dispatch.CancelJob(id, job.ReasonDeleted)
	}
	return err
}

// runEnded passes on that a run ended: to who watches, to who pauses failing jobs,
// and to the scheduler, whose delays count from then.
func (h *host) runEnded(r *job.Run) {
	h.ended.ended(r)
	h.suspects.ended(r)
	h.meter.ended(r)
	h.scheduler.Completed(r)
	h.backfills.Ended(r)
}

// backfills are the scheduler's, in the server's words.
type backfills struct{ *scheduler.Backfills }

func (b backfills) Draft(ctx context.Context, j *job.Job, want job.Backfill) (*server.BackfillPlan, error) {
	plan, err := b.Backfills.Draft(ctx, j, want)
	return (*server.BackfillPlan)(plan), err
}

func (b backfills) Start(ctx context.Context, plan *server.BackfillPlan, by job.Principal) (*job.Backfill, error) {
	return b.Backfills.Start(ctx, (*scheduler.BackfillPlan)(plan), by)
}

// occupied reports whether a run of a backfill has to wait for others.
func occupied(err error) bool { return errors.Is(err, dispatch.ErrOccupied) }

// stale reports whether the journal is further than who asked for a backfill knew.
func stale(err error) bool {
	return errors.Is(err, journal.ErrGone) || errors.Is(err, journal.ErrClaimed)
}

// refused passes on that a claim was refused: nothing of it will end.
func (h *host) refused(id job.ID, cursor time.Time) { h.scheduler.Refused(id, cursor) }

// times are the scheduler's, in the server's words.
type times struct{ h *host }

func (t times) Next(id job.ID) time.Time { return t.h.scheduler.Next(id) }
func (t times) Idle(id job.ID) string    { return t.h.scheduler.Idle(id) }
func (t times) CatchUp(id job.ID) string { return t.h.scheduler.CatchUp(id) }

func (t times) Upcoming(limit int) []server.Fire { return told(t.h.scheduler.Upcoming(limit)) }

func (t times) Fires(id job.ID, limit int) []server.Fire {
	return told(t.h.scheduler.Fires(id, limit))
}

func told(list []scheduler.Fire) []server.Fire {
	var fires []server.Fire
	for _, f := range list {
		fires = append(fires, server.Fire(f))
	}
	return fires
}

// skills are the catalog's, and the strays of the store.
type skills struct{ h *host }

func (s skills) List() []*skill.Skill          { return s.h.catalog.List() }
func (s skills) Lookup(id string) *skill.Skill { return s.h.catalog.Lookup(id) }
func (s skills) Strays() []string              { return s.h.artifacts.Strays() }

func unwritable(err error) bool {
	return errors.Is(err, journal.ErrUnwritable) || errors.Is(err, journal.ErrClosed)
}

func distrusted(err error) bool { return errors.Is(err, journal.ErrTrust) }

func (h *host) jobByID(id job.ID) (*job.Job, error) { return h.scheduler.Get(string(id)) }

// stopSkill is what a quarantine does to runs: dispatch ends them as cancelled,
// then their children are killed.
func (h *host) stopSkill(d bundle.Digest, reason job.Reason) {
	h.dispatch.Stop(d, reason)
	h.runner.Stop(d)
}

func (h *host) checkPolicies(files map[string]string) []string {
	var list []policy.File
	for name, text := range files {
		list = append(list, policy.File{Name: name, Text: text})
	}
	if _, err := policy.Compile(policy.Config{Files: list, Lease: h.cfg.lease()}); err != nil {
		return []string{err.Error()}
	}
	return nil
}
