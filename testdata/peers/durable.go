package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite"
)

// durable measures how many runs a second are done that a power cut would not
// take back: ours from the schedule to the outcome, River's from the insert.
func durable(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("durable", flag.ContinueOnError)
	rounds := flags.Int("rounds", 3, "how often; the median counts")
	jobs := flags.Int("jobs", 20_000, "of River on PostgreSQL; on SQLite a quarter of them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	program, remove, err := buildOurs(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	postgres, stop, missing := startPostgres(ctx)
	defer stop()

	type contender struct {
		name string
		run  func() (float64, error)
		got  []float64
	}
	all := []*contender{
		{name: "palyra, SQLite FULL", run: func() (float64, error) {
			m, err := ours(ctx, program, "Sustained", "1x")
			return m["runs/s"], err
		}},
		{name: "River, SQLite FULL", run: func() (float64, error) { return riverOnSQLite(ctx, *jobs/4) }},
	}
	if missing == nil {
		all = append(all, &contender{name: "River, PostgreSQL", run: func() (float64, error) { return riverOnPostgres(ctx, postgres, *jobs) }})
	}
	var syncs []time.Duration
	for range *rounds { // in turn, so that other work on the machine meets all
		for _, c := range all {
			got, err := c.run()
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.got = append(c.got, got)
		}
		sync, err := fdatasync(filepath.Dir(program))
		if err != nil {
			return err
		}
		syncs = append(syncs, sync)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "durable no-op runs\truns/s\tours is\t")
	best := median(all[0].got)
	for _, c := range all {
		fmt.Fprintf(w, "%s\t%.0f\t%.1f×\t\n", c.name, median(c.got), best/median(c.got))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	sync := median(syncs)
	fmt.Printf("One fdatasync takes %v here: %.0f a second. Medians of %d rounds.\n", sync.Round(time.Microsecond), 1/sync.Seconds(), *rounds)
	if missing != nil {
		fmt.Println("Without River on PostgreSQL:", missing)
	}
	return nil
}

// noop is a job of River that does nothing.
type noop struct{}

func (noop) Kind() string { return "noop" }

type worker struct {
	river.WorkerDefaults[noop]
	left *atomic.Int64
	done chan struct{}
}

func (w *worker) Work(context.Context, *river.Job[noop]) error {
	if w.left.Add(-1) == 0 {
		close(w.done)
	}
	return nil
}

func riverOnSQLite(ctx context.Context, jobs int) (perSecond float64, err error) {
	dir, err := os.MkdirTemp("", "peers")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// As its documentation advises, one connection; as durable as ours.
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "river.db")+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	return riverRate(ctx, riversqlite.New(db), jobs, 1000)
}

func riverOnPostgres(ctx context.Context, url string, jobs int) (float64, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return 0, err
	}
	config.MaxConns = int32(8 * runtime.NumCPU())
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	for _, statement := range []string{"DROP SCHEMA public CASCADE", "CREATE SCHEMA public"} {
		if _, err := pool.Exec(ctx, statement); err != nil {
			return 0, err
		}
	}
	return riverRate(ctx, riverpgxv5.New(pool), jobs, 10_000)
}

// riverRate inserts so many jobs, so many at once, works them all, and returns how
// many a second went from before the insert to after the completion. It has
// many workers and fetches far more often than its defaults have it.
func riverRate[TTx any](ctx context.Context, driver riverdriver.Driver[TTx], jobs, many int) (float64, error) {
	silent := slog.New(slog.DiscardHandler)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: silent})
	if err != nil {
		return 0, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return 0, err
	}
	w := &worker{left: &atomic.Int64{}, done: make(chan struct{})}
	w.left.Store(int64(jobs))
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	client, err := river.NewClient(driver, &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2000}},
		Workers: workers, Logger: silent, JobTimeout: -1,
		FetchCooldown: 2 * time.Millisecond, FetchPollInterval: 5 * time.Millisecond,
	})
	if err != nil {
		return 0, err
	}
	params := make([]river.InsertManyParams, many)
	for i := range params {
		params[i].Args = noop{}
	}
	begun := time.Now()
	for left := jobs; left > 0; left -= many {
		if _, err := client.InsertManyFast(ctx, params[:min(many, left)]); err != nil {
			return 0, err
		}
	}
	if err := client.Start(ctx); err != nil {
		return 0, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
	}
	if err := client.Stop(context.WithoutCancel(ctx)); err != nil { // after the last completion is written
		return 0, err
	}
	return float64(jobs) / time.Since(begun).Seconds(), ctx.Err()
}
