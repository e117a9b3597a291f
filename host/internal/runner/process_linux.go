package runner

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// groupLeader makes a process lead a group and die with its parent.
func groupLeader() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// closeOnExec keeps from children whatever descriptors this process was born
// with; those it opens itself are never inherited.
func closeOnExec() {
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) // fails before Linux 5.11
}

// awaitExit waits for a child to end and leaves it to be reaped, so that its id
// stays its own.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// sealed returns a memory file that holds data and can no longer be changed.
func sealed(name string, data []byte) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memory file: %w", err)
	}
	file := os.NewFile(uintptr(fd), name)
	if _, err := file.Write(data); err != nil {
		file.Close()
		return nil, fmt.Errorf("memory file: %w", err)
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		file.Close()
		return nil, fmt.Errorf("memory file: %w", err)
	}
	return file, nil
}

// executable returns a file that holds a program, and the path to execute it by.
// The path is resolved in the new process, which has a copy of the descriptor
// until it executes.
func (r *Runner) executable(name string, program []byte) (*os.File, string, error) {
	file, err := sealed(name, program)
	if err != nil {
		return nil, "", err
	}
	return file, "/proc/self/fd/" + strconv.Itoa(int(file.Fd())), nil
}

// dispose gives up what executable or sealed returned.
func dispose(file *os.File) { file.Close() }
