//go:build linux

package crash

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/api"
)

// TestSoak has a daemon work for $PALYRA_SOAK (5s), thirty jobs a second in native
// and WASM children, and looks whether it grows: its goroutines, its descriptors,
// its memory. It compares the least of the second fifth of the time with the least
// of the last one; what is grown then has leaked. Memory is looked at in a soak of
// some minutes: before, heap and caches fill.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	length := 5 * time.Second
	if text := os.Getenv("PALYRA_SOAK"); text != "" {
		var err error
		length, err = time.ParseDuration(text)
		check(t, err)
	}
	w := newWorld(t)
	w.jobs = nil
	for i := range 20 {
		w.jobs = append(w.jobs, task{name: fmt.Sprintf("shell-%02d", i), concurrency: "forbid"})
	}
	w.skills["skills/hello"] = "modules/hello.wasm"
	w.furnish(t)
	ctx, cancel := context.WithTimeout(t.Context(), length+patience)
	defer cancel()
	b := w.boot(ctx, t, trap{})
	var seen []sample
	var tick <-chan time.Time
	ends := map[string]int{}
	enough := time.After(length + 5*time.Second)
	for done := false; !done; {
		select {
		case e := <-b.events:
			w.note(t, "soak", e)
			if e.kind == ready {
				b.senders.Go(func() { b.greet(10) })
				b.watch()
				ticker := time.NewTicker(length / 50)
				defer ticker.Stop()
				tick = ticker.C
			}
			if e.kind == ended {
				ends[e.state]++
			}
		case <-tick:
			s := take(t, b.cmd.Process.Pid, api.SocketPath(w.state))
			s.children = len(w.processes(t))
			seen = append(seen, s)
		case <-b.exited:
			t.Fatalf("the daemon ended by itself: %v\n%s", b.err, w.said())
		case <-enough:
			done = true
		}
	}
	b.stop(t)
	for range b.events {
	}
	if left := w.processes(t); len(left) > 0 {
		t.Errorf("after the stop there are still %v", left)
	}
	fifth := len(seen) / 5
	if fifth == 0 {
		t.Fatal("nothing was sampled")
	}
	early, late := least(seen[fifth:2*fifth]), least(seen[len(seen)-fifth:])
	t.Logf("%v, %v ended; %d samples", length, ends, len(seen))
	t.Logf("early: %+v", early)
	t.Logf("late:  %+v", late)
	if ends["succeeded"] < int(length.Seconds()) {
		t.Errorf("few runs succeeded: %v", ends)
	}
	for _, g := range []struct {
		what               string
		early, late, slack int
	}{
		{"goroutines", early.goroutines, late.goroutines, 20},
		{"descriptors", early.descriptors, late.descriptors, 10},
		{"KiB of memory", early.memory, late.memory, memorySlack(length, early.memory)},
		{"children", early.children, late.children, 5},
	} {
		if g.late > g.early+g.slack {
			t.Errorf("%s grow: %d, later %d", g.what, g.early, g.late)
		}
	}
}

// memorySlack is how much memory may grow, in KiB.
func memorySlack(length time.Duration, early int) int {
	if length < 5*time.Minute {
		return math.MaxInt32 / 2
	}
	return early/4 + 8<<10
}

// sample is what a daemon has at a moment.
type sample struct{ goroutines, descriptors, memory, children int }

// least is the least of each.
func least(list []sample) sample {
	s := list[0]
	for _, o := range list {
		s = sample{
			min(s.goroutines, o.goroutines), min(s.descriptors, o.descriptors),
			min(s.memory, o.memory), min(s.children, o.children),
		}
	}
	return s
}

// take asks the daemon, and the kernel about it.
func take(t *testing.T, pid int, socket string) sample {
	t.Helper()
	s := sample{goroutines: gauge(t, socket, "palyra_goroutines")}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	check(t, err)
	s.descriptors = len(fds)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	check(t, err)
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			s.memory, err = strconv.Atoi(fields[1])
			check(t, err)
		}
	}
	return s
}

// gauge reads one metric.
func gauge(t *testing.T, socket, name string) int {
	t.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://palyra/metrics", http.NoBody)
	check(t, err)
	answer, err := client.Do(request)
	check(t, err)
	defer answer.Body.Close()
	for in := bufio.NewScanner(answer.Body); in.Scan(); {
		if value, ok := strings.CutPrefix(in.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			check(t, err)
			return int(n)
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// greet makes jobs of WASM guests.
func (b *boot) greet(jobs int) {
	for i := range jobs {
		_, err := b.client.Jobs.Create(b.ctx, &api.CreateJobRequest{Job: &api.Job{
			Name: fmt.Sprintf("hello-%02d", i), Action: "palyra.hello/greet", Input: `{"name":"soak"}`,
			Schedule: &api.Schedule{Kind: "every", Expr: "1s"},
		}})
		if err != nil {
			b.send(event{kind: failed, err: err})
		}
	}
}
