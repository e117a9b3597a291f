package journal

import (
	"errors"
	"testing"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
)

// A quarantine that is committed comes before every start that is not, whatever
// that was judged by.
func TestTrust(t *testing.T) {
	j := open(t)
	s := version("palyra.a", 1, 7) // the digest that runs here have
	if err := j.Admit(t.Context(), s, job.Daemon); err != nil {
		t.Fatal(err)
	}
	v := minute("a")
	v.Concurrency.Policy = job.Allow
	put(t, j, v)
	queued, waits := run(v, 1, job.Queued), run(v, 2, job.Running)
	queued.Digest[0] = 7
	begin(t, j, claim(queued), claim(waits))
	s.State = skill.Quarantined
	if err := j.SetSkill(t.Context(), []*skill.Skill{s}, "skill.quarantine", job.Daemon); err != nil {
		t.Fatal(err)
	}
	other := run(v, 4, job.Running)
	other.Digest[0] = 8
	refused, err := j.Begin(t.Context(), []job.Claim{claim(run(v, 3, job.Running)), claim(other)})
	if err != nil || !errors.Is(refused[0], ErrTrust) || refused[1] != nil {
		t.Errorf("%v, %v", refused, err)
	}
	later := run(v, 5, job.Queued)
	later.Digest[0] = 7
	refused, err = j.Begin(t.Context(), []job.Claim{claim(later)})
	if err != nil || !errors.Is(refused[0], ErrTrust) {
		t.Errorf("a queued one: %v, %v", refused, err)
	}
	denied := run(v, 5, job.Denied)
	denied.Digest[0] = 7
	begin(t, j, claim(denied))

	for _, r := range []*job.Run{queued, waits} { // a first start, and a next attempt
		r.State, r.Attempt = job.Running, r.Attempt+1
		if err := j.Advance(t.Context(), r, job.Daemon); !errors.Is(err, ErrTrust) {
			t.Errorf("%s: %v", r.ID, err)
		}
		r.State, r.Reason = job.Denied, job.ReasonSkillState
		if err := j.Advance(t.Context(), r, job.Daemon); err != nil {
			t.Errorf("%s: its end: %v", r.ID, err)
		}
	}
}
