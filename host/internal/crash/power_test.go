//go:build linux

package crash

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// power is a disk whose power can be cut, in a process of its own.
type power struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	random *rand.Rand
}

// diskVariable has the test's program serve a disk instead of testing.
const diskVariable = "PALYRA_CRASH_DISK"

// powerOn mounts a disk at a directory. A machine that has no FUSE, or does not let
// us mount, is one on which this cannot be tested.
func powerOn(t *testing.T, at string, random *rand.Rand) *power {
	t.Helper()
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skipf("SKIPPED, NO POWER IS CUT: this machine has no FUSE for us: %v", err)
	} else {
		f.Close()
	}
	if _, err := exec.LookPath("fusermount3"); err != nil && os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("fusermount3 is missing; apt-get install fuse3")
		}
		t.Skip("SKIPPED, NO POWER IS CUT: who is not root needs fusermount3; apt-get install fuse3")
	}
	self, err := os.Executable()
	check(t, err)
	p := &power{random: random, cmd: exec.Command(self)}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), diskVariable+"="+at), os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.in, err = p.cmd.StdinPipe()
	check(t, err)
	out, err := p.cmd.StdoutPipe()
	check(t, err)
	p.out = bufio.NewReader(out)
	check(t, p.cmd.Start())
	t.Cleanup(func() {
		p.in.Close()
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("the disk: %v", err)
		}
	})
	if said := p.line(t); said != "mounted" {
		t.Skipf("SKIPPED, NO POWER IS CUT: this machine does not let us mount: %s", said)
	}
	return p
}

func (p *power) line(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the disk: %v", err)
	}
	return strings.TrimSpace(line)
}

// cut cuts the power and gives it back.
func (p *power) cut(t *testing.T, title string) {
	t.Helper()
	p.order(t, fmt.Sprint("cut ", p.random.Uint64()), title)
}

func (p *power) order(t *testing.T, order, title string) {
	t.Helper()
	fmt.Fprintln(p.in, order)
	said := p.line(t)
	if testing.Verbose() {
		t.Logf("%s: %s", title, said)
	}
	if !strings.HasPrefix(said, "done") {
		t.Fatalf("%s: the disk says %q", order, said)
	}
}

// TestPower is TestCrash where the power is cut with each kill: what was not synced
// is lost, in part, and out of order. $PALYRA_POWER_CYCLES cycles (6) are drawn
// from the seed $PALYRA_CRASH_SEED; what was installed is cut once before.
//
// The memory skill keeps its own database with synchronous NORMAL: of what was put
// last, a power cut may take some. That is not judged here.
func TestPower(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	cycles, seed := 6, uint64(time.Now().UnixNano())
	number(t, "PALYRA_POWER_CYCLES", func(n uint64) { cycles = int(n) })
	number(t, "PALYRA_CRASH_SEED", func(n uint64) { seed = n })
	t.Logf("%d cycles, PALYRA_CRASH_SEED=%d", cycles, seed)
	random := rand.New(rand.NewPCG(seed, 2))

	w := newWorldOn(t, func(state string) *power { return powerOn(t, state, random) })
	w.furnish(t)
	ahead := order(random)
	for n := 1; n <= cycles && !t.Failed(); n++ {
		if len(ahead) == 0 {
			ahead = order(random)
		}
		d := draw(random)
		if n%2 == 1 {
			if name := w.next(&ahead); name != "" {
				d = w.at(name, random)
			}
		}
		w.cycle(t, fmt.Sprintf("cycle %d of seed %d", n, seed), d)
	}
	t.Logf("%d power cuts, %d at points; %d rows, %d marks; told of %d triggers and %d ends",
		w.kills, w.atPoints, w.rows, w.marks, len(w.triggered), len(w.ended))
}
