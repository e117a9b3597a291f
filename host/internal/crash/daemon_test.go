//go:build linux

package crash

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/palyra-go/palyra/host/api"
)

// boot is one life of the daemon. Everything that is seen of it is an event; one
// goroutine, the test's own, receives them.
type boot struct {
	cmd     *exec.Cmd
	exited  chan struct{} // closed when the process is gone
	err     error         // of its end; read it after that
	events  chan event    // closed when nobody will send any more
	ctx     context.Context
	cancel  context.CancelFunc // ends those who send
	senders sync.WaitGroup
	client  *api.Client
	closers []func()
}

type kind int

const (
	wrote     kind = iota + 1 // to the journal
	ready                     // the API listens
	triggered                 // a trigger was answered: id
	noted                     // a memory was put: id
	signed                    // a checkpoint was given out: id
	ended                     // a run ended: id, job, state
	failed                    // a client's call failed: err
)

type event struct {
	kind           kind
	id, job, state string
	err            error
}

// boot starts a daemon, one as it is sold unless it is to die at a point. ctx
// bounds its life.
func (w *world) boot(ctx context.Context, t *testing.T, d trap) *boot {
	t.Helper()
	b := &boot{exited: make(chan struct{}), events: make(chan event), client: api.Dial(api.SocketPath(w.state))}
	b.ctx, b.cancel = context.WithCancel(ctx)
	notify := b.listen(t, filepath.Join(w.dir, "notify"))
	writes := b.inotify(t, w.state)

	log, err := os.OpenFile(w.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	check(t, err)
	defer log.Close()
	program := "palyrad"
	if d.point != "" {
		program = mortal
	}
	b.cmd = exec.Command(filepath.Join(tools, program), "--state", w.state)
	b.cmd.Dir, b.cmd.Stdout, b.cmd.Stderr = w.dir, log, log
	b.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "TZ=UTC", "NOTIFY_SOCKET=" + notify.LocalAddr().String(),
		"PALYRA_FAILPOINT=" + d.point, fmt.Sprint("PALYRA_CRON_RETENTION_RUNS=", d.keep),
	}
	check(t, b.cmd.Start())
	go func() { b.err = b.cmd.Wait(); close(b.exited) }()
	t.Cleanup(func() { _ = b.cmd.Process.Kill(); <-b.exited })

	b.senders.Go(func() { b.awaitReady(notify) })
	b.senders.Go(func() { b.countWrites(writes) })
	return b
}

// send passes an event on, unless nobody listens any more.
func (b *boot) send(e event) { b.events <- e }

// listen makes the socket on which the daemon says that it is ready (sd_notify(3)).
func (b *boot) listen(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	_ = os.Remove(path)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	check(t, err)
	b.closers = append(b.closers, func() { conn.Close() })
	return conn
}

func (b *boot) awaitReady(conn *net.UnixConn) {
	message := make([]byte, 256)
	for {
		n, err := conn.Read(message)
		if err != nil {
			return
		}
		if string(message[:n]) == "READY=1" {
			b.send(event{kind: ready})
		}
	}
}

// inotify watches the files of the state directory, which are the journal's.
func (b *boot) inotify(t *testing.T, dir string) *os.File {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	check(t, err)
	file := os.NewFile(uintptr(fd), "inotify")
	_, err = unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY)
	check(t, err)
	b.closers = append(b.closers, func() { file.Close() })
	return file
}

func (b *boot) countWrites(from *os.File) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		for rest := buffer[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			length := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(rest[12:]))
			name := string(bytes.TrimRight(rest[unix.SizeofInotifyEvent:length], "\x00"))
			if strings.HasPrefix(name, "palyra.db") {
				b.send(event{kind: wrote})
			}
			rest = rest[length:]
		}
	}
}

// kill ends the daemon as no program can prevent. b.events ends, after what was
// said before.
func (b *boot) kill() {
	_ = b.cmd.Process.Kill()
	b.finish()
}

func (b *boot) finish() {
	go func() {
		<-b.exited
		b.cancel()
		for _, f := range b.closers {
			f()
		}
		b.senders.Wait()
		close(b.events)
	}()
}

// stop asks the daemon to stop; it must do so in order.
func (b *boot) stop(t *testing.T) {
	t.Helper()
	check(t, b.cmd.Process.Signal(syscall.SIGTERM))
	watchdog := time.AfterFunc(patience, func() { _ = b.cmd.Process.Kill() })
	b.senders.Go(func() {
		<-b.exited
		watchdog.Stop()
		if b.err != nil {
			t.Errorf("an orderly stop: %v", b.err)
		}
	})
	b.finish()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
