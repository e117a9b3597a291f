package runner

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// doomedHost is the daemon that TestSweep kills: it starts a skill that starts
// others, says their ids, and waits.
func doomedHost(dir string) {
	r, err := New(Config{Exe: "/proc/self/exe", Dir: dir, Data: dir, Store: dir, Host: "doomed", Artifacts: shared})
	if err != nil {
		panic(err)
	}
	s, err := packed(bundle.Native, "good", "process = true")
	if err != nil {
		panic(err)
	}
	p, err := permitted(s, "spawn", time.Hour)
	if err != nil {
		panic(err)
	}
	h := newHost()
	go func() { fmt.Println(strings.TrimPrefix(<-h.said, "info ")) }()
	_, err = r.Run(context.Background(), p, sdk.Request{}, h)
	panic(err)
}

// After the daemon is killed, the next one finds and ends all that it started,
// and leaves the processes of other hosts alone.
func TestSweep(t *testing.T) {
	dir := shortDir(t)
	doomed := exec.Command("/proc/self/exe")
	doomed.Env = append(os.Environ(), "PALYRA_TEST_HOST="+dir)
	doomed.Stderr = os.Stderr
	out, err := doomed.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	bystander := exec.Command("/bin/sleep", "1000")
	bystander.Env = []string{"PALYRA_HOST=doomed2/1"}
	for _, cmd := range []*exec.Cmd{doomed, bystander} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	pids := readPIDs(t, bufio.NewReader(out))
	for _, pid := range pids {
		if !lives(t, pid) {
			t.Fatalf("process %d of %v has not started", pid, pids)
		}
	}
	_ = doomed.Process.Kill()
	_ = doomed.Wait()

	r := open(t, func(c *Config) { c.Dir, c.Host = dir, "doomed" })
	killed, err := r.Sweep()
	if err != nil || killed < 2 {
		t.Errorf("Sweep = %d, %v; want the two grandchildren at least", killed, err)
	}
	for _, pid := range pids {
		if lives(t, pid) {
			t.Errorf("process %d of %v survives", pid, pids)
		}
	}
	if !lives(t, bystander.Process.Pid) {
		t.Error("a process of another host was killed")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	askSelf(t, r, pack(t, bundle.Native, "good", ""))
	if _, err := r.Sweep(); err == nil {
		t.Error("it would sweep away its own children")
	}
}

// A run that is killed takes along what left its process group.
func TestKillReachesProcessesThatLeftTheGroup(t *testing.T) {
	r := open(t, nil)
	s := pack(t, bundle.Native, "good", "process = true")
	h := newHost()
	ended := make(chan error)
	go func() {
		_, err := r.Run(t.Context(), permit(t, s, "spawn", long), sdk.Request{}, h)
		ended <- err
	}()
	pids := readPIDs(t, bufio.NewReader(strings.NewReader(strings.TrimPrefix(h.hears(t, ended), "info ")+"\n")))
	r.Stop(s.Digest)
	if err := <-ended; ending(err) != "fault crashed" {
		t.Errorf("Run = %v", err)
	}
	for i, pid := range pids {
		if i != 1 && lives(t, pid) { // the one in the group has been sent its signal, no more
			t.Errorf("process %d of %v survives", pid, pids)
		}
	}
}

func readPIDs(t *testing.T, in *bufio.Reader) []int {
	t.Helper()
	line, err := in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	if err := json.Unmarshal([]byte(line), &pids); err != nil || len(pids) != 3 {
		t.Fatalf("processes %q: %v", line, err)
	}
	return pids
}

// lives reports whether a process is there and no zombie.
func lives(t *testing.T, pid int) bool {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}
