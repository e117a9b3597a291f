// Command palyra talks to palyrad: it schedules jobs, tells what became of them,
// and installs skills. Everything it does goes through the control API; what
// concerns a file or a schedule alone (skill pack, sign, inspect; publisher new;
// schedule explain; job import --dry-run) needs no daemon.
//
// Data goes to standard output, everything else to standard error. Exit codes
// are in exit.go.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/palyra-go/palyra/host/api"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, now: time.Now}
	code := a.main(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// app is one run of the program: where it reads and writes, and its global flags.
type app struct {
	in       io.Reader
	out, err io.Writer
	now      func() time.Time

	state, socket string
	output        string // table, json or jsonl
}

// main runs the command that args name and returns the exit code.
func (a *app) main(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	e := a.exit(err)
	if e.err != nil {
		fmt.Fprintf(a.err, "palyra: %v\n", e)
	}
	if e.next != "" {
		fmt.Fprintf(a.err, "  %s\n", e.next)
	}
	return e.code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "palyra",
		Short: "Schedule jobs on palyrad and see what became of them",
		Long: "palyra talks to the daemon palyrad over its unix socket: that of --socket,\n" +
			"else of $PALYRA_SOCKET, else the one of the state directory (--state, else\n" +
			"$PALYRA_STATE, else ./.palyra if it is yours, else ~/.local/state/palyra).",
		SilenceErrors: true, SuggestionsMinimumDistance: 2,
		SilenceUsage: true,
		Args:         unknown,
		RunE:         ran(func(cmd *cobra.Command, _ []string) error { return cmd.Help() }),
		PersistentPreRunE: func(*cobra.Command, []string) error {
			switch a.output {
			case "table", "json", "jsonl":
				return nil
			}
			return fmt.Errorf("-o %s: want table, json or jsonl", a.output)
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.state, "state", "", "state directory of the daemon")
	flags.StringVar(&a.socket, "socket", "", "control socket of the daemon")
	flags.StringVarP(&a.output, "output", "o", "table", "how to print: table, json or jsonl")
	_ = root.RegisterFlagCompletionFunc("output", oneOf("table", "json", "jsonl"))
	root.AddCommand(
		a.jobCommand(), a.applyCommand(), a.diffCommand(), a.runCommand(), a.backfillCommand(), a.skillCommand(), a.publisherCommand(),
		a.memoryCommand(), a.scheduleCommand(), a.explainCommand(), a.policyCommand(), a.journalCommand(),
		a.statusCommand(), a.versionCommand(),
	)
	demo := demoCommand()
	demo.RunE = ran(demo.RunE)
	root.AddCommand(demo)
	return root
}

// socketPath is where the daemon listens, and of which state directory.
func (a *app) socketPath() (socket, state string, err error) {
	if state, err = api.StateDir(a.state); err != nil {
		return "", "", err
	}
	switch {
	case a.socket != "":
		return a.socket, state, nil
	case a.state == "" && os.Getenv("PALYRA_SOCKET") != "":
		return os.Getenv("PALYRA_SOCKET"), state, nil
	}
	return api.SocketPath(state), state, nil
}

// client returns a client of the daemon. Nothing connects yet.
func (a *app) client() (*api.Client, error) {
	socket, _, err := a.socketPath()
	if err != nil {
		return nil, err
	}
	return api.Dial(socket), nil
}

// command makes a command whose body talks to the daemon.
func (a *app) command(use, short string, args cobra.PositionalArgs, body func(ctx context.Context, c *api.Client, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: ran(func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			return body(cmd.Context(), client, args)
		}),
	}
}

// noun makes a command that only holds others.
func noun(use, short string, aliases ...string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Aliases: aliases, Args: unknown, SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(cmd.ErrOrStderr())
			_ = cmd.Help()
			return errors.New("which " + cmd.Name() + " command?")
		},
	}
}

// unknown refuses an argument of a command that only holds others.
func unknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	near := ""
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		near = ", did you mean " + strings.Join(names, " or ") + "?"
	}
	return fmt.Errorf("%s has no command %q%s", cmd.CommandPath(), args[0], near)
}

// terminal reports whether somebody sits at f.
func terminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// agree asks on the terminal, and fails if the answer is not yes.
func (a *app) agree(question, otherwise string) error {
	fmt.Fprint(a.err, question+" [y/N] ")
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && answer == "" {
		return err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return fail(exitFailed, "", "%s", otherwise)
	}
	return nil
}
