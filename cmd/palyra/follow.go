package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
)

func (a *app) runLogs() *cobra.Command {
	var follow bool
	var job string
	c := a.command("logs [RUN]", "Print what a run logged", cobra.MaximumNArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		run, err := a.whose(ctx, c, job, args)
		if err != nil {
			return err
		}
		if follow {
			return a.follow(ctx, c, run)
		}
		logs, err := c.Runs.Logs(ctx, &api.LogsRequest{Run: run})
		if err != nil {
			return err
		}
		return a.show(logs, func(w io.Writer) {
			a.printLog(logs.GetLog())
			if log := logs.GetLog(); log != "" && !strings.HasSuffix(log, "\n") {
				fmt.Fprintln(w)
			}
		})
	})
	c.Long = c.Short + `. With -f it goes on with what a run logs
as it is logged, from its first byte and over all attempts, until the run has
ended; it exits with 1 if the run did not succeed. An interrupt ends the
following, not the run; if palyrad is started anew meanwhile, it goes on where it
was.`
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the run has ended")
	c.Flags().StringVar(&job, "job", "", "the latest run of this job: the one that executes or waits, if there is one")
	_ = c.RegisterFlagCompletionFunc("job", a.jobNames)
	c.ValidArgsFunction = a.runIDs
	return c
}

// whose returns the run that is meant: by its id, or the latest of a job that
// logs something.
func (a *app) whose(ctx context.Context, c *api.Client, job string, args []string) (string, error) {
	switch {
	case len(args) == 1 && job != "":
		return "", fail(exitUsage, "", "name a run or --job, not both")
	case len(args) == 1:
		return args[0], nil
	case job == "":
		return "", fail(exitUsage, "see `palyra run list`", "which run? name one, or a job with --job")
	}
	runs, err := c.Runs.List(ctx, &api.ListRunsRequest{Job: job, Limit: 100})
	if err != nil {
		return "", err
	}
	started := ""
	for _, r := range runs.GetRuns() {
		if live(r) {
			return r.GetId(), nil
		}
		if started == "" && r.GetStarted() != nil {
			started = r.GetId()
		}
	}
	if started == "" {
		return "", fail(exitNoSuch, fmt.Sprintf("start one: `palyra job run %s --follow`", job), "no run of %s has started lately", job)
	}
	return started, nil
}

func live(r *api.Run) bool { return r.GetState() == "queued" || r.GetState() == "running" }

func (a *app) printLog(text string) {
	if terminal(a.out) {
		text = cleanLines(text)
	}
	fmt.Fprint(a.out, text)
}

// How long a daemon that has gone is waited for.
const (
	firstTry  = 100 * time.Millisecond
	longTry   = 2 * time.Second
	awayAtAll = time.Minute
)

// followed is a run that is followed, and how far.
type followed struct {
	*app
	run     *api.Run // as it was last told
	attempt int32
	offset  int64
	gone    time.Time     // since when the daemon does not answer; zero if it does
	pause   time.Duration // before it is asked again
}

// follow prints what a run logs until it has ended. Its error is the verdict.
func (a *app) follow(ctx context.Context, c *api.Client, run string) error {
	f := &followed{app: a, run: &api.Run{Id: run}}
	for err := f.hear(ctx, c); err != nil; err = f.hear(ctx, c) {
		if ctx.Err() == nil && !f.lost(err) {
			return err
		}
		select {
		case <-time.After(f.pause):
		case <-ctx.Done():
			return f.leave(ctx.Err())
		}
		f.pause = min(2*f.pause, longTry)
	}
	if a.output == "table" {
		fmt.Fprintf(a.err, "%s of %s: %s\n", f.run.GetId(), f.run.GetJob(), clean(f.run.GetExplanation()))
	}
	return verdict(f.run)
}

// leave says that the run is not followed any more.
func (f *followed) leave(err error) error {
	if f.run.GetJob() != "" {
		fmt.Fprintf(f.err, "%s of %s goes on\n", f.run.GetId(), f.run.GetJob())
	}
	return err
}

// lost reports whether err is such that the daemon may come back, and says so
// once.
func (f *followed) lost(err error) bool {
	e, ok := errors.AsType[*connect.Error](err)
	if !ok || e.IsRemote() && e.Code() != connect.CodeUnavailable {
		return false
	}
	if f.run.GetJob() == "" { // it never answered
		return false
	}
	if f.gone.IsZero() {
		f.gone = f.now()
		fmt.Fprintf(f.err, "the daemon does not answer; waiting for it to come back\n")
	}
	return f.now().Sub(f.gone) < awayAtAll
}

// errNoEnd says that a stream ended before the run did.
var errNoEnd = connect.NewError(connect.CodeUnavailable, "the daemon left without a word")

// hear takes what the daemon sends from where it was, until the run has ended.
func (f *followed) hear(ctx context.Context, c *api.Client) error {
	stream, err := c.Runs.Follow(ctx, &api.FollowRequest{Run: f.run.GetId(), Attempt: f.attempt, Offset: f.offset})
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	for {
		m, err := stream.Receive()
		if errors.Is(err, io.EOF) && (f.run.GetJob() == "" || live(f.run)) {
			return errNoEnd
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f.gone, f.pause = time.Time{}, firstTry
		f.attempt, f.offset = m.GetAttempt(), m.GetOffset()
		if err := f.print(m); err != nil {
			return err
		}
	}
}

// print passes a message on: what was logged to the output, what else there is to
// say to standard error.
func (f *followed) print(m *api.FollowResponse) error {
	before := f.run
	if m.GetRun() != nil {
		f.run = m.GetRun()
	}
	if f.output != "table" {
		return f.show(m, nil)
	}
	f.printLog(m.GetText())
	r := m.GetRun()
	switch {
	case r == nil:
	case r.GetState() == "queued" && before.GetState() != "queued":
		fmt.Fprintf(f.err, "%s of %s is queued; waiting for it to start\n", r.GetId(), r.GetJob())
	case r.GetRetry() != nil && before.GetRetry().AsTime() != r.GetRetry().AsTime():
		attempts := r.GetAttempts()
		why := ""
		if n := len(attempts); n > 0 {
			why = fmt.Sprintf("attempt %d %s: %s; ", attempts[n-1].GetNumber(), attempts[n-1].GetState(), clean(attempts[n-1].GetError()))
		}
		fmt.Fprintf(f.err, "%sthe next starts %s\n", why, f.when(r.GetRetry(), time.Local))
	}
	return nil
}
