// Package host assembles the rooms and owns their lifetime; builds the input of
// system jobs.
//
// [Run] is the whole daemon on one state directory. It starts the rooms in this
// order, and stops them in the reverse one:
//
//	state      the directory is made and locked: one daemon, one state
//	policies   compiled, or it does not start
//	journal    opened, migrated
//	children   of a daemon that died here before are killed
//	catalog    loaded; what was audited too long ago is audited by our own worker
//	dispatch   open runs of the last boot get an outcome
//	scheduler  system jobs are armed, missed nominal times accounted for
//	server     the control API listens: the daemon is ready
//
// At a stop the server refuses new calls, the scheduler stops firing, dispatch
// waits for live runs up to [cron] drain and then cancels them, children are
// killed, and the journal is closed last.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/palyra-go/palyra/host/internal/artifact"
	"github.com/palyra-go/palyra/host/internal/capability"
	"github.com/palyra-go/palyra/host/internal/catalog"
	"github.com/palyra-go/palyra/host/internal/dispatch"
	"github.com/palyra-go/palyra/host/internal/failpoint"
	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/runner"
	"github.com/palyra-go/palyra/host/internal/scheduler"
)

// Options say where and how to run a daemon.
type Options struct {
	State  string // the state directory
	Config string // the configuration file; empty: palyra.toml of the state, if it is there
	Exe    string // the daemon's own binary, for its workers
	Env    []string
	Log    *slog.Logger
	Ready  func() // called once the API listens
}

// host is a running daemon.
type host struct {
	opts    Options
	cfg     Config
	log     *slog.Logger
	started time.Time

	state     *state
	journal   *journal.Journal
	artifacts *artifact.Store
	gate      *policy.Gate
	runner    *runner.Runner
	catalog   *catalog.Catalog
	dispatch  *dispatch.Dispatch
	scheduler *scheduler.Scheduler
	backfills *scheduler.Backfills

	ended        *hub
	suspects     *suspects
	meter        *meter
	effectDue    chan struct{} // poked when the outbox has something
	catalogMoved chan struct{} // poked when a skill changed
	trouble      trouble
}

// Run runs a daemon until ctx is done, then stops it in order.
func Run(ctx context.Context, opts Options) (err error) {
	h := &host{
		opts: opts, log: opts.Log, started: time.Now(), ended: newHub(), suspects: newSuspects(), meter: newMeter(),
		effectDue: make(chan struct{}, 1), catalogMoved: make(chan struct{}, 1),
	}
	var opened closers
	defer func() { err = errors.Join(err, opened.close()) }()

	if h.state, err = openState(opts.State); err != nil {
		return err
	}
	opened.add(h.state.close)
	if err := h.configure(); err != nil {
		return err
	}
	if err := h.open(ctx, &opened); err != nil {
		return err
	}
	if err := h.recover(ctx); err != nil {
		return err
	}
	return h.serve(ctx)
}

// closers are closed in the reverse order in which they were added.
type closers []func() error

func (c *closers) add(f func() error) { *c = append(*c, f) }

func (c *closers) close() error {
	var errs []error
	for i := len(*c) - 1; i >= 0; i-- {
		errs = append(errs, (*c)[i]())
	}
	return errors.Join(errs...)
}

// configure loads configuration and policies.
func (h *host) configure() error {
	path := h.opts.Config
	if path == "" {
		if _, err := os.Stat(h.state.path("palyra.toml")); err == nil {
			path = h.state.path("palyra.toml")
		}
	}
	cfg, err := LoadConfig(path, h.opts.Env)
	if err != nil {
		return err
	}
	if cfg.Skills.Dir == "" {
		cfg.Skills.Dir = h.state.path("skills")
	}
	if cfg.Policy.Dir == "" {
		cfg.Policy.Dir = h.state.path("policies")
	}
	h.cfg = cfg
	operators := append([]string{"root"}, cfg.API.Operators...)
	if me, err := user.Current(); err == nil {
		operators = append(operators, me.Username)
	}
	_, err = os.Stat(h.state.path("palyra.db"))
	set, err := loadPolicies(cfg.Policy.Dir, errors.Is(err, os.ErrNotExist), operators, cfg)
	if err != nil {
		return err
	}
	h.gate = policy.NewGate(set)
	return nil
}

// open makes the rooms, nothing of which acts by itself yet.
func (h *host) open(ctx context.Context, opened *closers) error {
	var err error
	h.journal, err = journal.Open(ctx, journal.Config{
		Path: h.state.path("palyra.db"), Synchronous: strings.ToUpper(h.cfg.Journal.Synchronous), Log: h.log,
		Reserve: journalReserve,
	})
	if err != nil {
		return err
	}
	opened.add(h.journal.Close)
	if h.artifacts, err = artifact.Open(h.cfg.Skills.Dir); err != nil {
		return err
	}
	h.runner, err = runner.New(runner.Config{
		Exe: h.opts.Exe, Dir: h.state.path("run"), Data: h.state.path("data"), Store: h.cfg.Skills.Dir,
		Host: h.journal.ID(ctx), Artifacts: h.artifacts, Log: h.log,
		Grace: h.cfg.Plugins.Grace.Duration, Idle: h.cfg.Plugins.Idle.Duration,
	})
	if err != nil {
		return err
	}
	opened.add(func() error { return h.runner.Close(context.WithoutCancel(ctx)) })
	h.catalog, err = catalog.Open(ctx, catalog.Config{
		Artifacts: h.artifacts, Journal: h.journal, Auditor: h.runner, Gate: h.gate, Log: h.log,
		Stop: h.stopSkill, Changed: func() { poke(h.catalogMoved) },
	})
	if err != nil {
		return err
	}
	h.dispatch = dispatch.New(dispatch.Config{
		Gate: judges{h.gate, h.meter}, Journal: h.journal, Runner: h.runner, Skills: h.catalog.Lookup,
		Calls: capability.Desk{Status: h.status}, Input: h.input, Jobs: h.jobByID,
		Upstream: h.upstream, Chain: h.cfg.Cron.chain,
		MaxRuns: h.cfg.Cron.MaxConcurrentRuns, GroupLimits: h.cfg.Cron.GroupLimits, SkillLimits: h.cfg.Cron.SkillLimits, Log: h.log,
		Effects: func() { poke(h.effectDue) }, Unwritable: unwritable, Distrusted: distrusted,
		Ended: h.runEnded, Started: h.meter.started, Refused: h.refused, Trouble: h.trouble.set,
	})
	h.scheduler = scheduler.New(scheduler.Config{
		Store: h.journal, Runs: h.journal, Clock: h.journal, Dispatch: h.dispatch, Log: h.log, MaxSleep: h.cfg.Cron.IdleSleep.Duration,
		CatchUpRate: h.cfg.Cron.CatchUpRate, Stamp: stamp(h.opts.Exe, h.opts.Env),
	})
	h.backfills = scheduler.NewBackfills(scheduler.BackfillConfig{
		Store: h.journal, Ran: h.journal, Dispatch: h.dispatch, Jobs: h.jobByID, Occupied: occupied, Stale: stale, Log: h.log,
	})
	return nil
}

// recover brings the state of the last boot in order before anything fires.
func (h *host) recover(ctx context.Context) error {
	failpoint.At("host.recover")
	killed, err := h.runner.Sweep()
	if err != nil {
		return fmt.Errorf("children of the last boot: %w", err)
	}
	if killed > 0 {
		h.log.Warn("killed children of the last boot", "count", killed)
	}
	if err := h.catalog.AuditExpired(ctx, h.cfg.lease()); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	open, err := h.journal.OpenRuns(ctx)
	if err != nil {
		return err
	}
	if err := h.scheduler.Load(ctx); err != nil {
		return err
	}
	h.scheduler.Resume(open)
	if err := h.backfills.Load(ctx); err != nil {
		return err
	}
	if err := h.dispatch.Recover(ctx, open); err != nil {
		return err
	}
	failpoint.At("host.recovered")
	return h.armSystemJobs(ctx)
}

// ErrBroken says that the disk failed under the journal: another process has to
// read what is left.
var ErrBroken = errors.New("the journal's disk failed; palyrad has to be started again")

// untilBroken ends the daemon when its journal can never be written again.
func (h *host) untilBroken(ctx context.Context) error {
	select {
	case <-h.journal.Broken():
		return ErrBroken
	case <-ctx.Done():
		return nil
	}
}

// serve runs what acts, until ctx is done or something breaks, then stops it.
func (h *host) serve(ctx context.Context) error {
	listener, socket, err := h.listen()
	if err != nil {
		return err
	}
	group, running := errgroup.WithContext(ctx)
	// The loops outlive ctx just so long that the server is closed before the
	// scheduler stops, and the scheduler before dispatch drains.
	loops, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoops()
	group.Go(func() error { defer stopLoops(); return h.newServer().Serve(running, listener) })
	group.Go(func() error { return h.scheduler.Run(loops) })
	group.Go(func() error { return h.backfills.Run(loops) })
	group.Go(func() error { return h.effects(loops) })
	group.Go(func() error { return h.pauses(loops) })
	group.Go(func() error { return h.retain(loops) })
	group.Go(func() error { return h.untilBroken(loops) })
	jobs, _ := h.scheduler.Count()
	h.log.Info("ready", "state", h.state.dir, "socket", socket, "jobs", jobs)
	if h.opts.Ready != nil {
		h.opts.Ready()
	}
	err = group.Wait()
	patience := h.cfg.Cron.Drain.Duration
	if errors.Is(err, ErrBroken) {
		patience = 0 // no outcome can be written
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	h.log.Info("stopping")
	if interrupted := h.dispatch.Drain(drain); interrupted != nil {
		// The runs say so themselves; the stop is an orderly one all the same.
		h.log.Warn("runs did not end in time", "err", interrupted)
	}
	return err
}
