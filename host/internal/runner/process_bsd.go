//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package runner

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// groupLeader makes a process lead a group. That its host has died it learns
// from its connection.
func groupLeader() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// closeOnExec has no cheap equivalent here.
func closeOnExec() {}

// awaitExit waits for a child to end and leaves it to be reaped, so that its id
// stays its own.
func awaitExit(pid int) {
	queue, err := unix.Kqueue()
	if err != nil {
		return
	}
	defer unix.Close(queue)
	watch := make([]unix.Kevent_t, 1)
	unix.SetKevent(&watch[0], pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	watch[0].Fflags = unix.NOTE_EXIT
	for {
		_, err := unix.Kevent(queue, watch, make([]unix.Kevent_t, 1), nil)
		if !errors.Is(err, unix.EINTR) {
			return // ESRCH too: it has ended already
		}
	}
}

// sealed returns a file that holds data and has no name. There are no seals
// here; nobody but a child of ours has the descriptor.
func sealed(name string, data []byte) (*os.File, error) {
	file, err := os.CreateTemp("", name)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(write(file, data), os.Remove(file.Name())); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// executable writes a program into the private directory, since only what has a
// name can be executed.
func (r *Runner) executable(name string, program []byte) (*os.File, string, error) {
	file, err := os.CreateTemp(r.dir.path, name)
	if err != nil {
		return nil, "", err
	}
	if err := errors.Join(write(file, program), file.Chmod(0o500), file.Close()); err != nil {
		os.Remove(file.Name())
		return nil, "", err
	}
	return file, file.Name(), nil
}

func write(file *os.File, data []byte) error {
	if _, err := file.Write(data); err != nil {
		return fmt.Errorf("program: %w", err)
	}
	return nil
}

// dispose gives up what executable or sealed returned.
func dispose(file *os.File) {
	os.Remove(file.Name())
	file.Close()
}
