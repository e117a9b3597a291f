package runner

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	sweepRounds  = 20              // processes may start others while we look
	sweepTimeout = 5 * time.Second // for those of one round to be gone
)

// victim is a process to kill; the descriptor keeps it from being mistaken for
// another one of the same id.
type victim struct{ pid, fd int }

// killMarked kills the processes whose mark matches, with their groups, until
// there are none, and returns how many there were. It never kills this process.
func killMarked(match func(mark string) bool) (int, error) {
	killed := 0
	for range sweepRounds {
		victims, err := marked(match)
		if err != nil || len(victims) == 0 {
			return killed, err
		}
		err = killAll(victims)
		killed += len(victims)
		for _, v := range victims {
			unix.Close(v.fd)
		}
		if err != nil {
			return killed, err
		}
	}
	return killed, fmt.Errorf("after %d rounds there are still processes to kill", sweepRounds)
}

func marked(match func(string) bool) ([]victim, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var victims []victim
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() || !match(markOf(dir)) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return victims, fmt.Errorf("process %d: %w", pid, err)
		}
		if !match(markOf(dir)) { // the id may have changed hands before we had the descriptor
			unix.Close(fd)
			continue
		}
		victims = append(victims, victim{pid, fd})
	}
	return victims, nil
}

// markOf returns the mark of a process, or nothing if it has none, is no longer
// there or is not ours to look at.
func markOf(dir string) string {
	environ, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil {
		return ""
	}
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if mark, ok := bytes.CutPrefix(entry, []byte(hostVariable+"=")); ok {
			return string(mark)
		}
	}
	return ""
}

func killAll(victims []victim) error {
	for _, v := range victims {
		if group, err := unix.Getpgid(v.pid); err == nil && group > 1 && group != unix.Getpgrp() {
			_ = unix.Kill(-group, unix.SIGKILL)
		}
		if err := unix.PidfdSendSignal(v.fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("kill process %d: %w", v.pid, err)
		}
	}
	return awaitAll(victims, time.Now().Add(sweepTimeout))
}

func awaitAll(victims []victim, until time.Time) error {
	for _, v := range victims {
		for {
			wait := max(time.Until(until), 0)
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(v.fd), Events: unix.POLLIN}}, int(wait.Milliseconds()))
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return fmt.Errorf("wait for process %d: %w", v.pid, err)
			}
			if n == 0 {
				return fmt.Errorf("process %d was killed and is still there", v.pid)
			}
			break
		}
	}
	return nil
}
