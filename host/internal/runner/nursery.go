package runner

import (
	"os/exec"
	"runtime"
	"sync"
)

// nursery starts processes from one thread that lives as long as the runner:
// Linux sends the parent-death signal when the thread that forked ends, and Go
// ends threads as it likes.
type nursery struct {
	births chan birth
	quit   chan struct{}
	once   sync.Once
}

type birth struct {
	cmd  *exec.Cmd
	done chan error
}

func newNursery() *nursery {
	return &nursery{births: make(chan birth), quit: make(chan struct{})}
}

func (n *nursery) run() {
	runtime.LockOSThread() // and never unlock: the thread ends with this goroutine
	for {
		select {
		case b := <-n.births:
			closeOnExec()
			b.done <- b.cmd.Start()
		case <-n.quit:
			return
		}
	}
}

func (n *nursery) start(cmd *exec.Cmd) error {
	b := birth{cmd, make(chan error, 1)}
	select {
	case n.births <- b:
		return <-b.done
	case <-n.quit:
		return errClosed
	}
}

func (n *nursery) close() { n.once.Do(func() { close(n.quit) }) }
