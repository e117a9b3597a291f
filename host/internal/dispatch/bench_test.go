package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// nothing is a journal that takes everything and a runner that does nothing.
type nothing struct{}

func (nothing) Begin(_ context.Context, claims []job.Claim) ([]error, error) {
	return make([]error, len(claims)), nil
}
func (nothing) Advance(context.Context, *job.Run, job.Principal) error { return nil }
func (nothing) Finish(context.Context, job.Outcome) error              { return nil }
func (nothing) Run(context.Context, policy.Permit, sdk.Request, sdk.Host) (sdk.Result, error) {
	return sdk.Result{}, nil
}

// BenchmarkDispatch takes batches of 1,000 jobs from Fire to their written end: what
// a run costs besides journal and runner. Up to four batches are under way at once.
// Free has a slot for each run, gate the real policies too; of lined most runs are
// queued for 64 slots and judged again.
func BenchmarkDispatch(b *testing.B) {
	set, err := policy.Compile(policy.Config{Files: []policy.File{policy.DefaultFile()}, Lease: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		gate  Gate
		slots int
	}{
		{"free", allowing{}, 10_000}, {"gate", policy.NewGate(set), 10_000}, {"lined", allowing{}, 64},
	} {
		b.Run(c.name, func(b *testing.B) { benchmark(b, c.gate, c.slots) })
	}
}

type allowing struct{}

func (allowing) Judge(q policy.Query) policy.Verdict {
	return policy.Verdict{Decision: job.Decision{Allow: true}, Skill: q.Skill}
}

func benchmark(b *testing.B, gate Gate, slots int) {
	const batch, deep = 1000, 4
	installed := &skill.Skill{
		Digest: bundle.Digest{1}, Current: true, State: skill.Active, Audited: time.Now(),
		Manifest: bundle.Manifest{ID: "test.skill", Entrypoints: map[string]bundle.Entrypoint{"run": {}}},
	}
	jobs := map[job.ID]*job.Job{}
	firings := make([][]job.Firing, deep)
	ended := map[job.ID]*sync.WaitGroup{}
	over := make([]sync.WaitGroup, deep)
	for n := range deep * batch {
		j := job.Job{
			ID: job.ID(fmt.Sprintf("job_%d", n)), Name: fmt.Sprintf("j%d", n), Generation: 1, Owner: alice,
			Action: job.Action{Skill: "test.skill", Entrypoint: "run", Input: json.RawMessage(`{}`)},
		}.WithDefaults()
		i := n / batch
		jobs[j.ID], ended[j.ID] = &j, &over[i]
		firings[i] = append(firings[i], job.Firing{Job: &j, Trigger: job.ByTimer})
	}
	d := New(Config{
		Gate: gate, Journal: nothing{}, Runner: nothing{}, MaxRuns: slots,
		Skills: func(string) *skill.Skill { return installed },
		Jobs:   func(id job.ID) (*job.Job, error) { return jobs[id], nil },
		Ended: func(r *job.Run) {
			if r.State != job.Succeeded {
				b.Errorf("%s: %s", r.State, r.Error)
			}
			ended[r.Job].Done()
		},
	})
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n*batch < b.N; n++ {
		i, at := n%deep, time.Now().UTC()
		over[i].Wait()
		for k := range firings[i] {
			firings[i][k].Due, firings[i][k].Fire, firings[i][k].Cursor = at, at, at
		}
		over[i].Add(batch)
		if err := d.Fire(b.Context(), firings[i]); err != nil {
			b.Fatal(err)
		}
	}
	for i := range over {
		over[i].Wait()
	}
}
