package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin/runner"

	"github.com/palyra-go/palyra/host/internal/failpoint"
)

// process is the process of a child, and what go-plugin knows of it. It starts
// at most once.
type process struct {
	nursery *nursery
	launch  launch // set before go-plugin is asked to start it

	dir            string // private directory, where its socket must be
	cmd            *exec.Cmd
	stdout, stderr *os.File

	mu     sync.Mutex // guards killed, begun and reaped
	killed bool       // it must not live
	begun  bool       // its id is known
	reaped bool       // its id may be somebody else's

	done chan struct{} // closed when it has ended or never will begin
	end  sync.Once
	exit string // how it ended; set before done is closed
}

// launch says what to execute.
type launch struct {
	path string
	args []string
	env  []string
	dir  string   // "": the private directory
	file *os.File // descriptor 3; nil: none
}

func newProcess(n *nursery) *process {
	return &process{nursery: n, done: make(chan struct{})}
}

// prepare is go-plugin's RunnerFunc: spec holds the environment that it needs
// and dir is the private directory, which it removes.
func (p *process) prepare(_ hclog.Logger, spec *exec.Cmd, dir string) (goplugin.Runner, error) {
	p.dir = dir
	p.cmd = &exec.Cmd{
		Path:        p.launch.path,
		Args:        p.launch.args,
		Env:         append(append(spec.Env, p.launch.env...), "TMPDIR="+dir),
		Dir:         p.launch.dir,
		SysProcAttr: groupLeader(),
	}
	if p.cmd.Dir == "" {
		p.cmd.Dir = dir
	}
	if p.launch.file != nil {
		p.cmd.ExtraFiles = []*os.File{p.launch.file}
	}
	return p, nil
}

// Start implements go-plugin's Runner.
func (p *process) Start(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return errors.New("it was stopped before it started")
	}
	if err := p.begin(); err != nil {
		return err
	}
	p.begun = true
	go p.reap()
	return nil
}

func (p *process) begin() error {
	out, outEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	defer outEnd.Close()
	errs, errsEnd, err := os.Pipe()
	if err != nil {
		out.Close()
		return err
	}
	defer errsEnd.Close()
	p.cmd.Stdout, p.cmd.Stderr = outEnd, errsEnd
	if err := p.nursery.start(p.cmd); err != nil {
		out.Close()
		errs.Close()
		return err
	}
	failpoint.At("runner.spawned")
	p.stdout, p.stderr = out, errs
	return nil
}

// reap waits for the process, then ends its group while the id is still its own,
// and gives readers of its output a moment for what it has left: somebody who has
// left the group may hold the pipes for ever.
func (p *process) reap() {
	awaitExit(p.cmd.Process.Pid)
	p.mu.Lock()
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	_ = p.cmd.Wait() // which says no more than ProcessState
	p.reaped = true
	p.mu.Unlock()
	soon := time.Now().Add(250 * time.Millisecond)
	_ = p.stdout.SetReadDeadline(soon)
	_ = p.stderr.SetReadDeadline(soon)
	p.finish(p.cmd.ProcessState.String())
}

func (p *process) finish(exit string) {
	p.end.Do(func() {
		p.exit = exit
		close(p.done)
	})
}

// kill ends the process and its group, now or as soon as it would start.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	if p.begun && !p.reaped {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// abandon kills it, and settles that it has ended if it has never begun.
func (p *process) abandon() {
	p.kill()
	p.mu.Lock()
	begun := p.begun
	p.mu.Unlock()
	if !begun {
		p.finish("")
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait implements go-plugin's Runner: it is called when the output has been
// read.
func (p *process) Wait(context.Context) error {
	<-p.done
	p.stdout.Close()
	p.stderr.Close()
	return nil
}

// Kill implements go-plugin's Runner.
func (p *process) Kill(context.Context) error {
	p.kill()
	return nil
}

// ID implements go-plugin's Runner.
func (p *process) ID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.begun {
		return ""
	}
	return strconv.Itoa(p.cmd.Process.Pid)
}

// Stdout implements go-plugin's Runner.
func (p *process) Stdout() io.ReadCloser { return p.stdout }

// Stderr implements go-plugin's Runner.
func (p *process) Stderr() io.ReadCloser { return p.stderr }

// Name implements go-plugin's Runner.
func (p *process) Name() string { return p.launch.args[0] }

// Diagnose implements go-plugin's Runner.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost implements go-plugin's Runner: it accepts no address but a socket
// in the private directory.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	if network != "unix" || filepath.Dir(address) != p.dir {
		return "", "", fmt.Errorf("it names the address %q %q, which is not its own", network, address)
	}
	info, err := os.Lstat(address)
	if err != nil {
		return "", "", fmt.Errorf("it names an address that is not there: %v", err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return "", "", fmt.Errorf("it names the address %q, which is no socket", address)
	}
	return network, address, nil
}

// HostToPlugin implements go-plugin's Runner; the host has no addresses for a
// child.
func (p *process) HostToPlugin(string, string) (string, string, error) {
	return "", "", errors.New("the host listens for no child")
}
