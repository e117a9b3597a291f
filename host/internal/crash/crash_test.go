//go:build linux

// Package crash kills the daemon and looks what is left.
//
// The real palyrad runs real children under load and gets SIGKILL at an instant
// that is counted, not timed: after so many writes to its journal, or so many
// answers to its clients, drawn from a seed; or it kills itself at a point of its
// code (package failpoint), of which every one is come to. Then a reader of the database that
// shares no code with the journal judges what it finds, together with the marks
// that the actions themselves have left and with all that the daemon had told
// its clients; and the next daemon starts on the same state.
package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything that must come may take.
const patience = 3 * time.Minute

// TestCrash runs $PALYRA_CRASH_CYCLES cycles (30; 5 with -short) drawn from the
// seed $PALYRA_CRASH_SEED, and as many more as it takes to come to every
// point of the code, except with -short. The same seed draws the same traps; what the
// machine does in between is its own.
func TestCrash(t *testing.T) {
	cycles, seed := 30, uint64(time.Now().UnixNano())
	if testing.Short() {
		cycles = 5
	}
	number(t, "PALYRA_CRASH_CYCLES", func(n uint64) { cycles = int(n) })
	number(t, "PALYRA_CRASH_SEED", func(n uint64) { seed = n })
	t.Logf("%d cycles, PALYRA_CRASH_SEED=%d", cycles, seed)

	w := newWorld(t)
	w.furnish(t)
	random := rand.New(rand.NewPCG(seed, 0))
	ahead := order(random)
	all := !testing.Short() && os.Getenv("PALYRA_CRASH_POINTS") == ""
	for n := 1; !t.Failed() && (n <= cycles || all && len(w.missed()) > 0); n++ {
		d := draw(random)
		if len(ahead) == 0 {
			ahead = order(random)
		}
		if n%2 == 1 || len(ahead) > cycles-n {
			if name := w.next(&ahead); name != "" {
				d = w.at(name, random)
			}
		}
		w.cycle(t, fmt.Sprintf("cycle %d of seed %d", n, seed), d)
	}
	if !t.Failed() {
		w.epilogue(t)
	}
	t.Logf("%d kills, %d at points, %d before the daemon was ready; %d rows, %d forgotten; %d marks; told of %d triggers, %d ends and %d notes; %d orphans swept",
		w.kills, w.atPoints, w.early, w.rows, len(w.forgotten), w.marks, len(w.triggered), len(w.ended), len(w.notes), w.orphans)
	t.Logf("points not come to: %q", w.missed())
}

func number(t *testing.T, name string, set func(uint64)) {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	set(n)
}

// trap says when the daemon dies: when it comes to a point so many times, or when
// it has done so many things of a kind, counted from some moment on.
type trap struct {
	point string // "NAME:COUNT:DWELL", or none
	keep  int    // runs that the daemon keeps in its journal; 0: all

	from   kind // wrote: from the start of the process; else from the first such event
	counts kind // wrote, or ended: whatever a client is told
	after  int
}

func (d trap) String() string {
	if d.point != "" {
		return "killed at " + d.point
	}
	from := map[kind]string{wrote: "its start", ready: "readiness", ended: "the first run of " + probe}[d.from]
	if d.counts == wrote {
		return fmt.Sprintf("killed %d writes after %s", d.after, from)
	}
	return fmt.Sprintf("killed %d answers after %s", d.after, from)
}

func draw(r *rand.Rand) trap {
	switch r.IntN(4) {
	case 0: // most of these fall into recovery
		return trap{from: wrote, counts: wrote, after: 1 + r.IntN(10)}
	case 1:
		return trap{from: ready, counts: ended, after: r.IntN(120)}
	case 2:
		return trap{from: ready, counts: wrote, after: r.IntN(250)}
	default:
		return trap{from: ended, counts: ended, after: r.IntN(120)}
	}
}

// springs reports whether the event was the last one; it counts.
func (d *trap) springs(e event) bool {
	if d.from == 0 {
		return false
	}
	if d.from != wrote {
		if e.kind == d.from && (d.from != ended || e.job == probe && e.state == "succeeded") {
			d.from = wrote
			return d.after == 0
		}
		return false
	}
	if (e.kind == wrote) == (d.counts == wrote) && e.kind != ready {
		d.after--
	}
	return d.after <= 0
}

// cycle is a life, and judgement.
func (w *world) cycle(t *testing.T, name string, d trap) {
	t.Helper()
	title := fmt.Sprintf("%s: %v", name, d)
	if testing.Verbose() {
		t.Log(title)
	}
	if w.life(t, title, d) {
		point, _, _ := strings.Cut(d.point, ":")
		w.reached[point]++
	}
	w.judge(t, title, d.keep)
	if t.Failed() {
		t.Logf("palyrad said:\n%s", w.said())
	}
}

// life starts a daemon on what the last one left, and has it killed. It reports
// whether the daemon killed itself.
func (w *world) life(t *testing.T, title string, d trap) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b := w.boot(ctx, t, d)
	alive, dead, itself := false, false, false
	for !dead {
		select {
		case e := <-b.events:
			dead = d.springs(e)
			if e.kind != failed || d.point == "" { // else this is how it shows first
				w.note(t, title, e)
			}
			if e.kind == ready {
				alive = true
				w.settled(t, title)
				if !dead && d.keep == 0 {
					b.load(w)
				}
			}
		case <-b.exited:
			dead, itself = true, true
			if status, _ := b.cmd.ProcessState.Sys().(syscall.WaitStatus); d.point == "" || status.Signal() != syscall.SIGKILL {
				t.Fatalf("%s: the daemon ended by itself: %v\n%s", title, b.err, w.said())
			}
			w.atPoints++
		case <-ctx.Done():
			t.Fatalf("%s: it does not come to that\n%s", title, w.said())
		}
	}
	b.kill()
	for e := range b.events { // it was told, though we had not heard
		if e.kind != failed {
			w.note(t, title, e)
		}
	}
	if w.power != nil {
		w.power.cut(t, title)
	}
	w.kills++
	if !alive {
		w.early++
	}
	return itself
}

// epilogue is a start that nobody kills: every job goes on, and an orderly stop
// leaves nothing behind.
func (w *world) epilogue(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b := w.boot(ctx, t, trap{})
	waits := map[string]bool{}
	for _, j := range w.jobs {
		waits[j.name] = j.name != "replace" // whose runs end in others' favour only
	}
	for waiting := len(waits) - 1; waiting > 0; {
		select {
		case e := <-b.events:
			w.note(t, "epilogue", e)
			if e.kind == ready {
				w.settled(t, "epilogue")
				b.watch()
			}
			if e.kind == ended && e.state == "succeeded" && waits[e.job] {
				waits[e.job] = false
				waiting--
			}
		case <-b.exited:
			t.Fatalf("epilogue: the daemon ended by itself\n%s", w.said())
		case <-ctx.Done():
			t.Fatalf("epilogue: jobs do not go on: %v\n%s", waits, w.said())
		}
	}
	b.stop(t)
	for e := range b.events {
		if e.kind != failed {
			w.note(t, "epilogue", e)
		}
	}
	owed := w.effects
	w.judge(t, "epilogue", 0)
	for _, id := range owed { // what came since may have to wait for the next start
		if slices.Contains(w.effects, id) {
			t.Errorf("the result of %s was never acted upon", id)
		}
	}
	if left := w.processes(t); len(left) > 0 {
		t.Errorf("after an orderly stop there are still %v", left)
	}
	if left := slices.DeleteFunc(slices.Clone(w.open), func(r run) bool { return r.state != "running" || r.retry != 0 }); len(left) > 0 {
		t.Errorf("after an orderly stop these still run: %v", left)
	}
}
