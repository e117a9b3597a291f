// Command palyrad is the scheduler daemon.
//
//	palyrad --state DIR [--config FILE]
//	palyrad journal verify --state DIR [--checkpoint FILE]
//	palyrad journal restore FILE --reason TEXT --state DIR [--replace]
//
// The second form needs no daemon and changes nothing: it says which entries of
// the journal were altered, and exits with 65 if some were. The third makes a
// journal of a backup while no daemon works on the state: it verifies the backup
// (65 if it was altered), pauses the jobs, and replaces a journal that is there
// only if it is told to, keeping it aside.
//
// It exits with 0 after an orderly stop, 74 if the disk failed under the journal, 75 if another daemon works on the
// state directory, 77 if it may not read or write there, 78 if the
// configuration or a policy is bad, and 1 otherwise (sysexits(3)).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/lmittmann/tint"
	"github.com/mattn/go-isatty"

	"github.com/palyra-go/palyra/host"
	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/host/worker"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "worker" {
		os.Exit(worker.Main(os.Args[2:]))
	}
	if len(os.Args) > 2 && os.Args[1] == "journal" && os.Args[2] == "verify" {
		os.Exit(verify(os.Args[3:]))
	}
	if len(os.Args) > 2 && os.Args[1] == "journal" && os.Args[2] == "restore" {
		os.Exit(restore(os.Args[3:]))
	}
	os.Exit(run(os.Args[1:]))
}

// verify is `palyrad journal verify`.
func verify(args []string) int {
	flags := flag.NewFlagSet("palyrad journal verify", flag.ContinueOnError)
	state := flags.String("state", "", "state `directory`")
	var checkpoints [][]byte
	flags.Func("checkpoint", "compare with this `file` that palyra journal checkpoint wrote (may be repeated)", func(name string) error {
		text, err := os.ReadFile(name)
		checkpoints = append(checkpoints, text)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return 2
	}
	dir, err := api.StateDir(*state)
	if err != nil {
		fmt.Fprintf(os.Stderr, "palyrad: %v\n", err)
		return 1
	}
	v, err := host.VerifyJournal(context.Background(), dir, checkpoints...)
	if err != nil {
		fmt.Fprintf(os.Stderr, "palyrad: %v\n", err)
		return exitCode(err)
	}
	for _, p := range v.Problems {
		fmt.Println(p)
	}
	if len(v.Problems) > 0 {
		return 65
	}
	fmt.Printf("%d entries in %d leaves agree with %d checkpoints\n", v.Entries, v.Leaves, v.Checkpoints)
	return 0
}

func run(args []string) int {
	flags := flag.NewFlagSet("palyrad", flag.ContinueOnError)
	state := flags.String("state", "", "state `directory` (default: $PALYRA_STATE, ./.palyra if it is yours, or the XDG state directory)")
	config := flags.String("config", "", "configuration `file` (default: palyra.toml in the state directory)")
	verbose := flags.Bool("v", false, "log more")
	version := flags.Bool("version", false, "print the version")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "palyrad: unexpected argument %q; see palyrad -h\n", flags.Arg(0))
		return 2
	}
	if *version {
		fmt.Println("palyrad", api.Version())
		return 0
	}
	if err := serve(*state, *config, logger(*verbose)); err != nil {
		fmt.Fprintf(os.Stderr, "palyrad: %v\n", err)
		return exitCode(err)
	}
	return 0
}

func serve(state, config string, log *slog.Logger) error {
	dir, err := api.StateDir(state)
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("own binary: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return host.Run(ctx, host.Options{State: dir, Config: config, Exe: exe, Env: os.Environ(), Log: log, Ready: func() {
		notify(log, daemon.SdNotifyReady)
		context.AfterFunc(ctx, func() { notify(log, daemon.SdNotifyStopping) })
	}})
}

// notify tells the supervisor, if one listens (sd_notify(3)).
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("supervisor not told", "err", err)
	}
}

func exitCode(err error) int {
	switch _, bad := errors.AsType[*host.ConfigError](err); {
	case bad:
		return 78
	case errors.Is(err, host.ErrLocked):
		return 75
	case errors.Is(err, host.ErrAltered):
		return 65
	case errors.Is(err, fs.ErrNotExist):
		return 66
	case errors.Is(err, host.ErrBroken):
		return 74
	case errors.Is(err, fs.ErrPermission):
		return 77
	}
	return 1
}

// logger writes for people on a terminal and as key=value elsewhere.
func logger(verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	if isatty.IsTerminal(os.Stderr.Fd()) && os.Getenv("NO_COLOR") == "" {
		return slog.New(tint.NewTextHandler(os.Stderr, &tint.Options{Level: level, TimeFormat: time.TimeOnly}))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
