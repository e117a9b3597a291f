package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/palyra-go/palyra/host/internal/job"
)

const crashEnv = "PALYRA_TEST_JOURNAL_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled is the child: it says on stdout what the journal has
// acknowledged.
func writeUntilKilled(path string) error {
	ctx := context.Background()
	j, err := Open(ctx, Config{Path: path})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for w := range 8 {
		go func() { failed <- work(ctx, j, allowing(fmt.Sprintf("w%d", w))) }()
	}
	return <-failed
}

func work(ctx context.Context, j *Journal, v *job.Job) error {
	jobs, err := j.Jobs(ctx)
	if err != nil {
		return err
	}
	err = errors.New("new")
	for _, known := range jobs {
		if known.ID == v.ID {
			v, err = known, nil
		}
	}
	if err != nil {
		if err := j.PutJob(ctx, v, job.Daemon, "job.create"); err != nil {
			return err
		}
	}
	for n := int(v.Cursor.Sub(noon).Minutes()) + 1; ; n++ {
		r := run(v, n, job.Running)
		refused, err := j.Begin(ctx, []job.Claim{claim(r)})
		if err := errors.Join(append(refused, err)...); err != nil {
			return err
		}
		fmt.Println("begun", r.ID)
		if err := j.Finish(ctx, outcome(r, job.Succeeded)); err != nil {
			return err
		}
		fmt.Println("finished", r.ID)
	}
}

// No acknowledged write is lost when the process is killed at any instruction.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "palyra.db")
	acknowledged := map[string]string{}
	for cycle := range 5 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashEnv+"="+path)
		var problems strings.Builder
		child.Stderr = &problems
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines, target := bufio.NewScanner(out), 100+37*cycle
		for n := 0; lines.Scan(); n++ {
			what, id, ok := strings.Cut(lines.Text(), " ")
			if !ok {
				break // cut by the kill
			}
			acknowledged[id] = what
			if n == target {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		child.Wait()
		if problems.Len() > 0 {
			t.Fatalf("child: %s", problems.String())
		}
		verify(t, path, acknowledged)
	}
}

func verify(t *testing.T, path string, acknowledged map[string]string) {
	t.Helper()
	j, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var sound string
	if err := j.conn.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&sound); err != nil || sound != "ok" {
		t.Errorf("integrity: %s, %v", sound, err)
	}
	runs, err := j.Runs(t.Context(), job.Filter{Limit: maxRuns})
	if err != nil {
		t.Fatal(err)
	}
	state := map[string]job.State{}
	for _, r := range runs {
		state[string(r.ID)] = r.State
	}
	for id, what := range acknowledged {
		if state[id] == "" || (what == "finished" && state[id] != job.Succeeded) {
			t.Errorf("%s was acknowledged as %s, the journal says %q", id, what, state[id])
		}
	}
	entries, err := j.Entries(t.Context(), 0, maxRuns)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if e.Seq != int64(i)+1 {
			t.Fatalf("entry %d has seq %d", i+1, e.Seq)
		}
	}
}

// Every acknowledged write of many concurrent callers is there, and of those
// who claim the same occurrence one gets it.
func TestConcurrent(t *testing.T) {
	j := open(t)
	v := put(t, j, allowing("contended"))
	const callers, rounds = 16, 20
	var wg sync.WaitGroup
	var mu sync.Mutex // guards won
	won := map[int]int{}
	for c := range callers {
		wg.Go(func() {
			own := allowing(fmt.Sprint("own", c))
			if err := j.PutJob(t.Context(), own, job.Daemon, "job.create"); err != nil {
				t.Error(err)
			}
			for n := 1; n <= rounds; n++ {
				shared, mine := run(v, n, job.Running), run(own, n, job.Running)
				shared.ID += job.RunID(fmt.Sprint("by", c))
				refused, err := j.Begin(t.Context(), []job.Claim{claim(shared), claim(mine)})
				if err != nil || refused[1] != nil {
					t.Error(err, refused)
					return
				}
				switch {
				case refused[0] == nil:
					mu.Lock()
					won[n]++
					mu.Unlock()
				case !errors.Is(refused[0], ErrClaimed):
					t.Error(refused[0])
				}
				if err := j.Finish(t.Context(), outcome(mine, job.Succeeded)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for n, times := range won {
		if times > 1 {
			t.Errorf("occurrence %d was claimed %d times", n, times)
		}
	}
	runs, err := j.Runs(t.Context(), job.Filter{Limit: maxRuns})
	if err != nil {
		t.Fatal(err)
	}
	finished := 0
	for _, r := range runs {
		if r.State == job.Succeeded {
			finished++
		}
	}
	if finished != callers*rounds || len(runs) != callers*rounds+len(won) {
		t.Errorf("%d runs, %d finished, want %d and %d", len(runs), finished, callers*rounds+len(won), callers*rounds)
	}
}
