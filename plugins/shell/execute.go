//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/palyra-go/palyra/sdk"
)

// tempfail is EX_TEMPFAIL of sysexits.h: try again later.
const tempfail = 75

// execute runs cmd to its end, and no longer than ctx lasts.
func (s shell) execute(ctx context.Context, cmd *exec.Cmd, stdin string, stdout, stderr io.WriteCloser) (*os.ProcessState, error) {
	// Linux kills the program when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := start(cmd, stdin, stdout, stderr)
	if err != nil {
		return nil, &sdk.Error{Code: "start_failed", Message: err.Error()}
	}
	stopped := p.wait(ctx, s.grace)
	p.kill(syscall.SIGKILL) // whom it left behind
	p.finish(s.drain)
	if stopped {
		return nil, fmt.Errorf("%s: %w", cmd.Args[0], ctx.Err())
	}
	return cmd.ProcessState, nil
}

// process is a running program, the leader of its process group.
type process struct {
	cmd    *exec.Cmd
	pipes  pipes
	moved  sync.WaitGroup // done when nothing moves in the pipes any more
	exited chan struct{}  // closed when the program has exited
	gone   chan struct{}  // closed when it has, and nobody holds its output open
}

// start starts cmd and serves its pipes. They are plain files to package exec,
// so that it does not wait for them.
func start(cmd *exec.Cmd, stdin string, stdout, stderr io.WriteCloser) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{}), gone: make(chan struct{})}
	outR, outW := p.pipes.open()
	errR, errW := p.pipes.open()
	p.pipes.ours = append(p.pipes.ours, outR, errR)
	p.pipes.theirs = append(p.pipes.theirs, outW, errW)
	cmd.Stdout, cmd.Stderr = outW, errW
	var inW *os.File
	if stdin != "" {
		var inR *os.File
		inR, inW = p.pipes.open()
		p.pipes.ours = append(p.pipes.ours, inW)
		p.pipes.theirs = append(p.pipes.theirs, inR)
		cmd.Stdin = inR
	}
	cmd.SysProcAttr = attributes()
	err := p.pipes.err
	if err == nil {
		err = cmd.Start()
	}
	closeAll(p.pipes.theirs)
	if err != nil {
		closeAll(p.pipes.ours)
		return nil, err
	}
	p.moved.Go(func() { read(outR, stdout) })
	p.moved.Go(func() { read(errR, stderr) })
	if inW != nil {
		p.moved.Go(func() { write(inW, stdin) })
	}
	go p.await()
	return p, nil
}

func (p *process) await() {
	_ = p.cmd.Wait() // what it says is in ProcessState
	close(p.exited)
	p.moved.Wait()
	close(p.gone)
}

func read(from *os.File, to io.WriteCloser) {
	_, _ = io.Copy(to, from) // ends when all writers are gone, or from is closed
	_ = to.Close()
}

func write(to *os.File, text string) {
	_, _ = io.WriteString(to, text) // the program need not read it
	_ = to.Close()
}

// pipes are those to a process: our ends and its.
type pipes struct {
	ours, theirs []*os.File
	err          error // the first
}

func (p *pipes) open() (r, w *os.File) {
	r, w, err := os.Pipe()
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("pipe: %w", err)
	}
	return r, w
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // of one that was never opened, too
	}
}

// wait returns when the program has exited, and reports whether that was
// because ctx ended. Then the whole group has had grace to go in peace.
func (p *process) wait(ctx context.Context, grace time.Duration) bool {
	select {
	case <-p.exited:
		return false
	case <-ctx.Done():
	}
	p.kill(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.gone:
	case <-timer.C:
		p.kill(syscall.SIGKILL)
		<-p.exited
	}
	return true
}

// kill signals the process group. Nobody may be left in it.
func (p *process) kill(signal syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, signal) }

// finish waits until the output is read. What has left the group may hold the
// pipes open for ever; then they are closed after a while.
func (p *process) finish(drain time.Duration) {
	timer := time.NewTimer(drain)
	defer timer.Stop()
	select {
	case <-p.gone:
		closeAll(p.pipes.ours)
	case <-timer.C:
		closeAll(p.pipes.ours)
		<-p.gone
	}
}

// failure is the error that a program ended with, if it did; said is the end of
// what it printed.
func failure(state *os.ProcessState, said string) error {
	status, ok := state.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
		return errors.New("its exit status is not known")
	case status.Signaled():
		return &sdk.Error{
			Code:    fmt.Sprintf("signal_%d", status.Signal()),
			Message: joined(fmt.Sprintf("ended by signal %d (%v)", status.Signal(), status.Signal()), said),
		}
	case status.ExitStatus() != 0:
		return &sdk.Error{
			Code:      fmt.Sprintf("exit_%d", status.ExitStatus()),
			Message:   joined(fmt.Sprintf("exit status %d", status.ExitStatus()), said),
			Retryable: status.ExitStatus() == tempfail,
		}
	}
	return nil
}

func joined(what, said string) string {
	return strings.TrimSuffix(what+": "+said, ": ")
}
