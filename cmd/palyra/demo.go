package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
)

// demoIntervals are the short intervals at which the demo shows the daemon's
// own jobs at work.
var demoIntervals = []string{
	"PALYRA_SKILL_REAUDIT_INTERVAL_MS=10000",
	"PALYRA_MEMORY_MAINTAIN_INTERVAL=6s",
	"PALYRA_MEMORY_BACKFILL_INTERVAL=8s",
}

// shortestDemo is enough for every job that is expected to run.
const shortestDemo = 20 * time.Second

// demoCommand is what `make demo` runs: a daemon on a state directory, the
// first-party skills installed the ordinary way, and jobs to look at. It uses
// the control API alone.
func demoCommand() *cobra.Command {
	var length time.Duration
	cmd := &cobra.Command{
		Use:    "demo",
		Short:  "Show a daemon at work",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if length != 0 && length < shortestDemo {
				return fmt.Errorf("--for %v: the jobs of the demo need at least %v to fire", length, shortestDemo)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return demo(ctx, cmd.OutOrStdout(), length)
		},
	}
	cmd.Flags().DurationVar(&length, "for", 0, "stop by itself after this, and fail unless the expected jobs ran")
	return cmd
}

func demo(ctx context.Context, out io.Writer, length time.Duration) (err error) {
	state, err := demoState()
	if err != nil {
		return err
	}
	daemon, err := startDaemon(ctx, state)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, daemon.stop()) }()
	fmt.Fprintf(out, "palyrad runs on %s (log: %s)\n", state, daemon.log)
	err = present(ctx, out, api.Dial(api.SocketPath(state)), length)
	if ctx.Err() != nil {
		fmt.Fprintln(out, "stopping")
		return nil // by Ctrl-C, which is how a demo without --for ends
	}
	return err
}

// present sets everything up and shows it, for a time or until ctx is done.
func present(ctx context.Context, out io.Writer, client *api.Client, length time.Duration) error {
	if err := demoSkills(ctx, out, client); err != nil {
		return err
	}
	if err := seedMemory(ctx, client); err != nil {
		return err
	}
	started := time.Now()
	if err := demoJobs(ctx, client, started); err != nil {
		return err
	}
	if err := printNext(ctx, out, client); err != nil {
		return err
	}
	if length == 0 {
		return follow(ctx, out, client)
	}
	limited, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	if err := follow(limited, out, client); limited.Err() == nil {
		return fmt.Errorf("the daemon went away: %w", err)
	}
	return demoReport(ctx, out, client, started)
}

// demoState is $PALYRA_STATE, or .palyra here.
func demoState() (string, error) {
	state := os.Getenv("PALYRA_STATE")
	if state == "" {
		state = ".palyra"
	}
	return filepath.Abs(state)
}

// daemon is the palyrad of the demo.
type daemon struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended, with err
	err    error
	log    string
	before int64 // bytes of log that are of earlier daemons
}

// startDaemon starts the palyrad beside this program and returns once it says
// that it is ready (sd_notify(3)).
func startDaemon(ctx context.Context, state string) (*daemon, error) {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	d := &daemon{exited: make(chan struct{}), log: filepath.Join(state, "palyrad.log")}
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if d.before, err = log.Seek(0, io.SeekEnd); err != nil {
		return nil, err
	}
	// Not CommandContext: a daemon is asked to stop, not killed.
	d.cmd = exec.Command(filepath.Join(filepath.Dir(self), "palyrad"), "--state", state) //nolint:noctx
	ready, err := listenReady()
	if err != nil {
		return nil, err
	}
	d.cmd.Env = append(append(os.Environ(), demoIntervals...), "NOTIFY_SOCKET="+ready.path)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		ready.close()
		return nil, fmt.Errorf("palyrad: %w; build it with `make build`", err)
	}
	go func() {
		d.err = d.cmd.Wait()
		ready.close()
		close(d.exited)
	}()
	select {
	case <-ready.received:
		return d, nil
	case <-d.exited:
		return nil, &exitError{code: d.cmd.ProcessState.ExitCode(), err: fmt.Errorf("palyrad did not start:\n%s", d.said())}
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), d.stop())
	}
}

// stop lets the daemon drain and waits for its end. One that got the same
// Ctrl-C as we did takes the second signal as the same request.
func (d *daemon) stop() error {
	d.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended by itself
	<-d.exited
	if d.err != nil {
		return fmt.Errorf("palyrad: %w; see %s", d.err, d.log)
	}
	return nil
}

// said is what the daemon has logged.
func (d *daemon) said() []byte {
	text, err := os.ReadFile(d.log)
	if err != nil || int64(len(text)) < d.before {
		return nil
	}
	return bytes.TrimSpace(text[d.before:])
}

// readiness is a socket on which a daemon says that it is ready.
type readiness struct {
	path     string
	conn     *net.UnixConn
	received chan struct{}
}

func listenReady() (*readiness, error) {
	dir, err := os.MkdirTemp("", "palyra-demo-")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "ready")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	r := &readiness{path: path, conn: conn, received: make(chan struct{})}
	go func() {
		message := make([]byte, 256)
		for {
			n, err := conn.Read(message)
			if err != nil {
				return
			}
			if string(message[:n]) == "READY=1" {
				close(r.received)
				return
			}
		}
	}()
	return r, nil
}

func (r *readiness) close() {
	r.conn.Close()
	os.RemoveAll(filepath.Dir(r.path))
}
