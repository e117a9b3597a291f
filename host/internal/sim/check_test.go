package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/journal"
	"github.com/palyra-go/palyra/host/schedule"
)

// check holds the journal against the schedules: every nominal time of every
// job, found by asking the schedule for one after the other, is in exactly one
// row.
func (w *world) check(t *testing.T) (rows, times int) {
	j, err := journal.Open(t.Context(), journal.Config{Path: w.path, Synchronous: "NORMAL"})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	w.whole(t, j)
	for id := range w.versions {
		runs, err := j.Runs(t.Context(), job.Filter{Job: id, Limit: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(runs)
		want, got := w.nominal(id), w.accounted(id, runs)
		if w.waits(id) {
			w.counted(id, runs)
			rows, times = rows+len(runs), times+len(got)
			continue
		}
		rows, times = rows+len(runs), times+len(want)
		want = w.begun(id, runs, want, len(got))
		for i := 0; i < max(len(want), len(got)); i++ {
			if i == len(want) || i == len(got) || !want[i].Equal(got[i]) {
				w.violation("%s: of %d nominal times %d are accounted for; the first that differ are %v and %v",
					id, len(want), len(got), want[min(i, len(want)):min(i+3, len(want))], got[min(i, len(got)):min(i+3, len(got))])
				break
			}
		}
	}
	return rows, times
}

// covered checks that the month had everything in it that a month should have;
// else its promises would be cheap.
func (w *world) covered(t *testing.T) {
	if w.times < 15_000 || w.times > 45_000 {
		t.Errorf("%d nominal times, want 15,000 to 45,000", w.times)
	}
	allOf(t, w.ends, usual())
	t.Logf("seed %d: %v", w.seed, w.ends)
}

// usual are the ends that there are in any month.
func usual() []string {
	return []string{
		"succeeded:", "failed:error", "failed:crashed", "timed_out:timeout",
		"cancelled:replaced", "cancelled:quarantined", "interrupted:lost", "interrupted:shutdown",
		"skipped:overlap", "skipped:queue_full", "skipped:paused",
		"missed:misfire", "missed:coalesced", "missed:earlier", "missed:window", "denied:policy", "denied:skill_inactive",
	}
}

// rare are those that there may be none of in one month, but that many seeds have.
func rare() []string { return []string{"timed_out:run_timeout", "skipped:chain_depth"} }

func allOf(t *testing.T, ends map[string]int64, wanted []string) {
	for _, end := range wanted {
		if ends[end] == 0 {
			t.Errorf("nothing ended as %s", end)
		}
	}
}

// nominal returns the nominal times of a job from its creation to its deletion
// or the end, through all its edits.
func (w *world) nominal(id job.ID) (times []time.Time) {
	versions := w.versions[id]
	for i, v := range versions {
		until := w.end
		if i+1 < len(versions) {
			until = versions[i+1].from
		} else if gone, ok := w.deleted[id]; ok {
			until = gone
		}
		_, gone := w.deleted[id]
		open := i+1 == len(versions) && !gone // the jitter of the last one may not have passed
		for at := v.schedule.Next(v.from); !at.IsZero() && !at.After(until); at = v.schedule.Next(at) {
			if open && v.schedule.Fire(string(id), at).After(until) {
				break
			}
			times = append(times, at)
		}
	}
	return times
}

// begun leaves out of the nominal times of a job those that waited at the end for
// the run of one that was caught up before them.
func (w *world) begun(id job.ID, runs []*job.Run, times []time.Time, n int) []time.Time {
	if n >= len(times) {
		return times
	}
	for _, r := range runs {
		if r.Trigger == job.ByCatchUp && r.Ended.After(w.end) && w.coalesce(id, r) != job.Latest {
			return times[:n]
		}
	}
	return times
}

// waits reports whether a job counts from the completion of its runs.
func (w *world) waits(id job.ID) bool {
	return w.versions[id][0].schedule.Spec().Kind == schedule.Delay
}

// counted checks that each nominal time of a delay counts from when the one
// before was over, and that none is left out at the end.
func (w *world) counted(id job.ID, runs []*job.Run) {
	v := w.versions[id][0]
	over, name := v.from, ""
	for _, r := range runs {
		if !r.Trigger.Scheduled() {
			continue
		}
		if want := v.schedule.Next(over); !r.Due.Equal(want) {
			w.violation("%s of %s is due at %v, want %v: the one before was over at %v", r.ID, r.JobName, r.Due, want, over)
		}
		over, name = r.Ended, r.JobName
	}
	if next := v.schedule.Next(over); !v.schedule.Fire(string(id), next).After(w.end) {
		w.violation("%s: nothing is written of %v", name, next)
	}
}

// accounted returns the nominal times that rows in order are about, and checks
// each row.
func (w *world) accounted(id job.ID, runs []*job.Run) (times []time.Time) {
	var caught *job.Run // the caught-up run before
	for _, r := range runs {
		if r.Trigger == job.ByCatchUp {
			if caught != nil && w.coalesce(id, r) != job.Latest && r.Created.Before(caught.Ended) {
				w.violation("%s of %s was begun at %v, beside %s that was caught up before it: %+v", r.ID, r.JobName, r.Created, caught.ID, []job.Run{*caught, *r})
			}
			caught = r
		}
		if !r.State.Terminal() {
			w.violation("%s of %s is still %s", r.ID, r.JobName, r.State)
		}
		w.ends[string(r.State)+":"+string(r.Reason)] += r.Count
		if !r.Trigger.Scheduled() {
			continue
		}
		i := slices.IndexFunc(w.versions[id], func(v version) bool { return v.generation == r.Generation })
		if i < 0 {
			w.violation("%s is of generation %d, which never was", r.ID, r.Generation)
			continue
		}
		v := w.versions[id][i]
		w.punctual(r, v.misfire)
		if fire := v.schedule.Fire(string(id), r.Due); r.Count == 1 && r.Trigger == job.ByTimer && r.Reason != job.ReasonPaused &&
			r.State != job.Missed && r.Reason != job.ReasonDeleted && !r.Fire.Equal(fire) && (r.Fire.Before(r.Due) || r.Fire.After(fire)) {
			w.violation("%s of %s was to fire at %v, want %v", r.ID, r.JobName, r.Fire, fire)
		}
		at, count := r.Due, int64(1)
		times = append(times, at)
		if w.waits(id) {
			continue
		}
		for ; at.Before(r.Last); count++ {
			at = v.schedule.Next(at)
			times = append(times, at)
		}
		if count != r.Count || !at.Equal(r.Last) {
			w.violation("%s of %s: %d nominal times from %v to %v, the row says %d", r.ID, r.JobName, count, r.Due, r.Last, r.Count)
		}
	}
	return times
}

// coalesce is how the job of a run coalesced when it was decided.
func (w *world) coalesce(id job.ID, r *job.Run) job.Coalesce {
	for _, v := range w.versions[id] {
		if v.generation == r.Generation {
			return v.misfire.Coalesce
		}
	}
	return job.Latest
}

// punctual checks that a run was begun when its misfire policy allows it.
func (w *world) punctual(r *job.Run, m job.Misfire) {
	late := r.Created.Sub(r.Fire)
	switch {
	case r.State == job.Missed, r.Reason == job.ReasonPaused, r.Reason == job.ReasonDeleted && r.State == job.Skipped:
	case r.Trigger == job.ByTimer && late <= m.Grace:
	case r.Trigger == job.ByCatchUp && m.Policy == job.CatchUp && late > m.Grace && late <= m.Window:
	default:
		w.violation("%s of %s by %s was begun %v late", r.ID, r.JobName, r.Trigger, late)
	}
}
