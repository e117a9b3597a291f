//go:build linux

package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/palyra-go/palyra/host/api"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// world is what outlives a daemon: its state, and what it has told.
type world struct {
	dir, state, log, markFile string
	id                        string            // of the state, in its journal
	skills                    map[string]string // the sources of what is installed, and where its program is in the artifact
	jobs                      []task

	triggered map[string]bool  // ids of runs that a trigger answered with
	ended     map[string]event // by id, the runs that were told to have ended
	notes     map[string]bool  // ids of memories that were put
	exported  []byte           // the last checkpoint that was seen

	power     *power         // of the disk of the state; nil: nobody cuts it
	open      []run          // what the last daemon left open
	all       map[string]run // by id, what it left in all
	forgotten []run          // what daemons took away that were to keep less
	left      []process      // what it left running
	effects   []string       // runs whose results it left to be acted upon
	reached   map[string]int // by name, how often a daemon died at a point
	kills     int
	atPoints  int
	early     int // kills before readiness
	rows      int
	marks     int
	orphans   int
}

// task is a job of the load. Each second it leaves its mark and runs a script.
type task struct {
	name, concurrency, misfire, script string
	max, attempts                      int32
	manual                             bool // clients trigger it, too

	onSuccess, onFailure string // job that its end starts
	onDemand             bool   // it has no schedule
}

// probe is the job whose next success says that forbid is not blocked.
const probe = "forbid"

var tasks = []task{
	{name: link, concurrency: "allow", max: 100, onDemand: true},
	{name: probe, concurrency: "forbid", onSuccess: link},
	{name: "forbid-slow", concurrency: "forbid", script: "exec sleep 1.3", manual: true, onFailure: link},
	{name: "catch-up", concurrency: "forbid", misfire: "catch-up", manual: true},
	{name: "replace", concurrency: "replace", script: "setsid sleep 900 >/dev/null 2>&1 & sleep 900", manual: true},
	{name: "queue-one", concurrency: "queue-one", script: "exec sleep 0.7", manual: true},
	{name: "allow", concurrency: "allow", max: 4, script: "exec sleep 0.2", manual: true},
	{name: "retry", concurrency: "allow", max: 4, attempts: 3, script: "[ $PALYRA_ATTEMPT = 3 ] || exit 75", manual: true},
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, func(string) *power { return nil })
}

// newWorldOn makes a world on a disk.
func newWorldOn(t *testing.T, disk func(state string) *power) *world {
	t.Helper()
	check(t, build())
	dir, err := os.MkdirTemp("", "crash") // short enough for sockets
	check(t, err)
	t.Cleanup(func() {
		if !t.Failed() {
			os.RemoveAll(dir)
			return
		}
		t.Logf("what is left is in %s", dir)
	})
	w := &world{
		dir: dir, state: filepath.Join(dir, "state"),
		log: filepath.Join(dir, "log"), markFile: filepath.Join(dir, "marks"), jobs: tasks,
		triggered: map[string]bool{}, ended: map[string]event{}, notes: map[string]bool{},
		reached: map[string]int{}, skills: map[string]string{},
	}
	for _, name := range []string{"shell", "memory", "reaudit"} {
		w.skills["plugins/"+name] = filepath.Join("bin", runtime.GOOS+"-"+runtime.GOARCH, name)
	}
	check(t, os.Mkdir(w.state, 0o700))
	w.power = disk(w.state)
	config := "[cron]\ndrain = \"0s\"\n[plugins]\ngrace = \"100ms\"\n[skills]\nreaudit_interval = \"5s\"\n"
	check(t, os.WriteFile(filepath.Join(w.state, "palyra.toml"), []byte(config), 0o600))
	check(t, os.WriteFile(w.markFile, nil, 0o600))
	if w.power != nil {
		w.power.order(t, "seal", "configured")
	}
	return w
}

func (w *world) said() string {
	text, _ := os.ReadFile(w.log)
	return string(text)
}

// mortal is the daemon that can be told to die at a point.
const mortal = "palyrad-failpoint"

// tools is the directory of the programs, made by TestMain.
var tools string

func TestMain(m *testing.M) {
	if at := os.Getenv(diskVariable); at != "" {
		if err := serveDisk(at); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	status := 1
	var err error
	if tools, err = os.MkdirTemp("", "crash-tools"); err == nil {
		status = m.Run()
		err = os.RemoveAll(tools)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

// build makes the programs, once for all tests.
var build = sync.OnceValue(func() error {
	for _, args := range [][]string{
		{"", "-o", tools + "/", "./cmd/palyrad", "./cmd/palyra", "./plugins/shell", "./plugins/memory", "./plugins/reaudit"},
		{"", "-tags", "failpoint", "-o", filepath.Join(tools, mortal), "./cmd/palyrad"},
		{"GOOS=wasip1 GOARCH=wasm", "-o", filepath.Join(tools, "hello"), "./skills/hello"},
	} {
		build := exec.Command("go", append([]string{"build", "-buildvcs=false", "-ldflags=-s -w"}, args[1:]...)...)
		build.Dir, build.Env = "../../..", append(append(os.Environ(), "CGO_ENABLED=0"), strings.Fields(args[0])...)
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	return nil
})

// furnish leaves a state with skills and jobs.
func (w *world) furnish(t *testing.T) {
	t.Helper()
	if w.power == nil {
		w.migrate(t)
	}
	b := w.boot(t.Context(), t, trap{})
	for e := range b.events {
		if e.kind == ready {
			break
		}
	}
	b.senders.Go(func() { defer b.send(event{kind: failed}); w.install(t, b.client) })
	for e := range b.events {
		if e.kind == failed {
			break
		}
	}
	b.kill()
	for e := range b.events {
		_ = e // writes
	}
	if t.Failed() {
		t.FailNow()
	}
	if w.power != nil {
		w.power.cut(t, "furnished")
	}
	w.judge(t, "furnished", 0)
}

// install is done by a goroutine beside the test's own.
func (w *world) install(t *testing.T, client *api.Client) {
	t.Helper()
	key, err := bundle.GenerateKey("local")
	if err == nil {
		_, err = client.Publishers.Trust(t.Context(), &api.TrustRequest{Key: key.Public().String(), Prefixes: []string{"palyra"}})
	}
	if err != nil {
		t.Error(err)
		return
	}
	keyFile := filepath.Join(w.dir, "key")
	if err := os.WriteFile(keyFile, []byte(key.String()+"\n"), 0o600); err != nil {
		t.Error(err)
		return
	}
	for source, program := range w.skills {
		if err := w.installSkill(t, client, source, program, keyFile); err != nil {
			t.Errorf("%s: %v", source, err)
			return
		}
	}
	for _, j := range w.jobs {
		if _, err := client.Jobs.Create(t.Context(), &api.CreateJobRequest{Job: j.job(w.markFile)}); err != nil {
			t.Errorf("job %s: %v", j.name, err)
		}
	}
}

// installSkill packs a program, signs and installs it.
func (w *world) installSkill(t *testing.T, client *api.Client, source, program, key string) error {
	t.Helper()
	name := filepath.Base(source)
	stage, artifact := filepath.Join(w.dir, "stage", name), filepath.Join(w.dir, name+".palyra-skill")
	program = filepath.Join(stage, program)
	if err := os.MkdirAll(filepath.Dir(program), 0o700); err != nil {
		return err
	}
	manifest, err := os.ReadFile(filepath.Join("../../..", source, "skill.toml"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(stage, "skill.toml"), manifest, 0o600); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(tools, name))
	if err != nil {
		return err
	}
	if err := os.WriteFile(program, text, 0o700); err != nil {
		return err
	}
	for _, args := range [][]string{{"pack", stage, "-o", artifact}, {"sign", artifact, "--key", key, "--epoch", "1700000000"}} {
		if out, err := exec.Command(filepath.Join(tools, "palyra"), append([]string{"skill"}, args...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", args, err, out)
		}
	}
	file, err := os.Open(artifact)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = client.Install(t.Context(), file, "")
	return err
}

// job is the task as the API takes it. Its mark is one write(2) to a file that
// is open for appending, and so is whole.
func (j task) job(marks string) *api.Job {
	input, _ := json.Marshal(map[string]any{ // strings, which cannot fail
		"argv": []string{"sh", "-c", `echo "$PALYRA_OCCURRENCE $PALYRA_ATTEMPT" >>"$MARKS"` + "\n" + j.script},
		"env":  map[string]string{"MARKS": marks}, "dir": "/",
	})
	p := &api.Job{
		Name: j.name, Action: "palyra.shell/run", Input: string(input), Schedule: &api.Schedule{Kind: "every", Expr: "1s"},
		Concurrency: j.concurrency, MaxConcurrent: j.max, Misfire: j.misfire, Attempts: j.attempts, BackoffMs: 150,
	}
	if j.onDemand {
		p.Schedule = &api.Schedule{Kind: "manual"}
	}
	if j.onSuccess != "" {
		p.OnSuccess = []string{j.onSuccess}
	}
	if j.onFailure != "" {
		p.OnFailure = []string{j.onFailure}
	}
	return p
}

// The load of one boot: so many triggers by each of so many clients, and notes
// by another one. They do not wait for what they have started.
const (
	clients  = 3
	triggers = 25
	notes    = 15
)

// load has clients work on the daemon until it does not answer.
func (b *boot) load(w *world) {
	b.watch()
	var manual []string
	for _, j := range w.jobs {
		if j.manual {
			manual = append(manual, j.name)
		}
	}
	for n := range clients {
		b.senders.Go(func() {
			for i := range triggers {
				r, err := b.client.Jobs.Trigger(b.ctx, &api.TriggerJobRequest{Job: manual[(n+i)%len(manual)]})
				if err != nil {
					b.send(event{kind: failed, err: err})
					return
				}
				b.send(event{kind: triggered, id: r.GetId()})
			}
		})
	}
	b.senders.Go(b.remember)
}

func (b *boot) remember() {
	for i := range notes {
		answer, err := b.client.Memory.Put(b.ctx, &api.MemoryRequest{Input: fmt.Sprintf(`{"nodes":[{"text":"note %d"}]}`, i)})
		var put struct{ IDs []string }
		if err == nil {
			err = json.Unmarshal([]byte(answer.GetOutput()), &put)
		}
		if err != nil {
			b.send(event{kind: failed, err: err})
			return
		}
		b.send(event{kind: noted, id: strings.Join(put.IDs, " ")})
	}
	answer, err := b.client.Journal.Checkpoint(b.ctx, &api.CheckpointRequest{})
	if err != nil {
		b.send(event{kind: failed, err: err})
		return
	}
	b.send(event{kind: signed, id: string(answer.GetNote())})
}

// watch hears of every run that ends from now on.
func (b *boot) watch() {
	stream, err := b.client.Runs.Watch(b.ctx, &api.WatchRequest{})
	b.senders.Go(func() {
		for err == nil {
			var r *api.Run
			if r, err = stream.Receive(); err == nil {
				b.send(event{kind: ended, id: r.GetId(), job: r.GetJob(), state: r.GetState()})
			}
		}
		b.send(event{kind: failed, err: err})
	})
}

// note keeps what the daemon has said.
func (w *world) note(t *testing.T, title string, e event) {
	t.Helper()
	switch e.kind {
	case triggered:
		w.triggered[e.id] = true
	case noted:
		w.notes[e.id] = w.power == nil // else the memory may forget
	case signed:
		w.exported = []byte(e.id)
	case ended:
		w.ended[e.id] = e
	case failed:
		t.Errorf("%s: a call failed while the daemon lived: %v", title, e.err)
	case wrote, ready:
	}
}
