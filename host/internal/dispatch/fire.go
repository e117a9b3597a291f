package dispatch

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/palyra-go/palyra/host/internal/failpoint"
	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/policy"
)

// Fire takes what a tick made of the jobs that are due: it decides, writes and
// starts. An error means that nothing was written; a claim that the journal
// refuses is logged and disturbs no other.
func (d *Dispatch) Fire(ctx context.Context, firings []job.Firing) error {
	_, err := d.begin(ctx, func(b *batch) {
		b.claims, b.lives = make([]job.Claim, 0, len(firings)), make([]*live, 0, len(firings))
		for _, f := range inOrder(firings) {
			b.fire(f)
		}
	})
	return err
}

// inOrder returns the firings as they are decided: the greater priority first, for
// the slots that there are, equal ones as they came.
func inOrder(firings []job.Firing) []*job.Firing {
	list := make([]*job.Firing, len(firings))
	for i := range firings {
		list[i] = &firings[i]
	}
	slices.SortStableFunc(list, func(a, b *job.Firing) int { return b.Job.Priority - a.Job.Priority })
	return list
}

// Trigger starts a run of a job because somebody asks for it: through the same
// gate, and under the same concurrency policy. The run it returns may have ended
// already, as denied or skipped.
func (d *Dispatch) Trigger(ctx context.Context, j *job.Job, by job.Principal) (*job.Run, error) {
	b, err := d.begin(ctx, func(b *batch) {
		run := b.run(j, job.ByHand, b.now, b.now)
		run.Principal = by
		b.add(job.Claim{Job: j.ID, Generation: j.Generation}, j, run)
	})
	if err != nil {
		return nil, err
	}
	if err := b.refused[0]; err != nil {
		return nil, fmt.Errorf("run job %s: %w", j.Name, err)
	}
	return &b.born[0], nil
}

// batch is claims that are decided together and written at once.
type batch struct {
	d       *Dispatch
	base    context.Context // does not end
	now     time.Time
	claims  []job.Claim
	lives   []*live   // of each claim, nil if its run was born dead
	born    []job.Run // of each claim, as written: what it becomes is not shared
	refused []error   // of each claim
}

// begin has decide fill a batch, writes it, and starts what may start.
func (d *Dispatch) begin(ctx context.Context, decide func(*batch)) (*batch, error) {
	select {
	case d.door <- struct{}{}:
		defer func() { <-d.door }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	b := &batch{d: d, base: context.WithoutCancel(ctx), now: now()}
	if err := b.decide(decide); err != nil {
		return nil, err
	}
	failpoint.At("dispatch.judged")
	// Once the claims are with the journal their fate has to be learned.
	refused, err := d.cfg.Journal.Begin(b.base, b.claims)
	if err != nil {
		b.undo()
		d.tell(err)
		return nil, fmt.Errorf("begin: %w", err)
	}
	failpoint.At("dispatch.begun")
	d.tell(nil)
	b.refused = refused
	for i, c := range b.claims {
		if c.Run != nil {
			b.born[i].ID = c.Run.ID // of the row that it became a part of
		}
	}
	withdrawn := b.withdrawn()
	b.launch()
	b.deny(withdrawn)
	b.announce()
	return b, nil
}

func (b *batch) decide(decide func(*batch)) error {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	switch {
	case b.d.draining:
		return ErrDraining
	case b.d.stuck > 0:
		return ErrTrouble
	}
	decide(b)
	b.born = make([]job.Run, len(b.claims))
	for i, c := range b.claims {
		if c.Run != nil {
			b.born[i] = *c.Run
		}
	}
	return nil
}

// fire decides one firing. The caller holds mu.
func (b *batch) fire(f *job.Firing) {
	c := job.Claim{Job: f.Job.ID, Generation: f.Job.Generation, Cursor: f.Cursor, Arms: f.Arms}
	c.Missed, c.After = b.missed(f.Job, f.Missed), b.missed(f.Job, f.After)
	if f.Due.IsZero() {
		b.claims, b.lives = append(b.claims, c), append(b.lives, nil)
		return
	}
	b.add(c, f.Job, b.run(f.Job, f.Trigger, f.Due, f.Fire))
}

// missed makes rows of what did not run.
func (b *batch) missed(j *job.Job, ranges []job.Range) (rows []job.Run) {
	for _, r := range ranges {
		run := b.run(j, job.ByTimer, r.First, r.First)
		run.Last, run.Count, run.State, run.Reason, run.Ended = r.Last, r.Count, r.State, r.Reason, b.now
		rows = append(rows, *run)
	}
	return rows
}

func newID() job.RunID {
	const prefix = "run_"
	id := [len(prefix) + ulid.EncodedSize]byte{}
	copy(id[:], prefix)
	_ = ulid.Make().MarshalTextTo(id[len(prefix):]) // it has the room
	return job.RunID(id[:])
}

func (b *batch) run(j *job.Job, trigger job.Trigger, due, fire time.Time) *job.Run {
	return &job.Run{
		ID: newID(), Job: j.ID, JobName: j.Name, Generation: j.Generation,
		Trigger: trigger, Due: due, Last: due, Count: 1, Fire: fire,
		Principal: j.Owner, Action: j.Action, Created: b.now,
	}
}

// add judges and admits a run and puts it into the batch. Judgement and
// registration are one step under mu, so that whoever stops the runs of a skill
// meets every run that was judged before. The caller holds mu.
func (b *batch) add(c job.Claim, j *job.Job, run *job.Run) {
	d := b.d
	c.Run = run
	v, class := d.judge(run, j, 1, b.now), d.slots.class(j, run)
	if v.Reason == job.NoReason {
		run.State, run.Reason = admit(j.Concurrency, d.lane(j.ID), d.slots.room(class))
	}
	var l *live
	switch run.State {
	case job.Running:
		run.Attempt, run.Started = 1, b.now
		c.Exclusive = j.Concurrency.Policy != job.Allow
		d.slots.take(class)
		d.busy++
		fallthrough
	case job.Queued:
		l = d.register(b.base, run, j, beginning)
		l.class, l.verdict, l.replace = class, v, j.Concurrency.Policy == job.Replace
	default:
		run.Ended = b.now
	}
	b.claims, b.lives = append(b.claims, c), append(b.lives, l)
}

// judge resolves the action of a run and asks the gate; the run carries the
// answer. The caller holds mu.
func (d *Dispatch) judge(run *job.Run, j *job.Job, attempt int, at time.Time) policy.Verdict {
	v := d.ask(policy.Query{
		Run: run.ID, Job: j, Principal: run.Principal, Action: run.Action, Trigger: run.Trigger,
		Due: run.Due, Fire: run.Fire, Now: at, Attempt: attempt,
	})
	if !v.Decision.Allow && v.Reason == job.NoReason {
		v.Reason = job.ReasonPolicy // no gate answers so; if one did, it would be a denial
	}
	run.Decision = v.Decision
	if v.Skill != nil {
		run.Digest = v.Skill.Digest
	}
	if v.Reason != job.NoReason {
		run.State, run.Reason, run.Error = job.Denied, v.Reason, v.Message
	}
	return v
}

// ask puts a query to the gate. A gate that panics denies.
func (d *Dispatch) ask(q policy.Query) (v policy.Verdict) {
	defer func() {
		if p := recover(); p != nil {
			message := fmt.Sprintf("panic while it was judged: %v", p)
			v = policy.Verdict{Decision: job.Decision{Errors: []string{message}}, Reason: job.ReasonPolicyError, Message: message}
		}
	}()
	q.Skill = d.cfg.Skills(q.Action.Skill)
	return d.cfg.Gate.Judge(q)
}

// undo makes nothing of a batch that was not written.
func (b *batch) undo() {
	d := b.d
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range b.lives {
		b.drop(l)
	}
	d.pump()
}

// drop forgets a run that was registered and not begun. The caller holds mu.
func (b *batch) drop(l *live) {
	if l == nil {
		return
	}
	if l.run.State == job.Running {
		b.d.slots.give(l.class)
		b.d.rest()
	}
	b.d.forget(l)
}

// launch starts, or parks, what was written.
func (b *batch) launch() {
	d := b.d
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, l := range b.lives {
		if b.refused[i] != nil {
			d.cfg.Log.Warn("claim refused", "job", b.claims[i].Job, "due", b.claims[i].Cursor, "err", b.refused[i])
			b.turnedAway(i)
			b.drop(l)
			continue
		}
		if l == nil {
			continue
		}
		if l.replace {
			d.supersede(l)
		}
		if l.run.State == job.Queued {
			d.park(l)
			continue
		}
		l.phase = executing
		go d.start(l)
	}
	d.pump()
}

// withdrawn returns the runs, by claim, whose skill stopped being active between
// judgement and claim.
func (b *batch) withdrawn() map[int]*live {
	found := map[int]*live{}
	for i, l := range b.lives {
		if l != nil && b.refused[i] != nil && b.d.cfg.Distrusted(b.refused[i]) {
			found[i] = l
		}
	}
	return found
}

// deny judges the runs again and writes that they are denied: their nominal times
// are accounted for like all others. A judge who still allows has not heard yet.
func (b *batch) deny(withdrawn map[int]*live) {
	if len(withdrawn) == 0 {
		return
	}
	d := b.d
	var claims []job.Claim
	var of []int
	d.mu.Lock()
	for i, l := range withdrawn {
		run := b.born[i]
		run.Attempt, run.Started, run.Ended = 0, time.Time{}, b.now
		if v := d.judge(&run, l.job, 1, b.now); v.Reason == job.NoReason {
			run.State, run.Reason, run.Error = job.Denied, job.ReasonSkillState, b.refused[i].Error()
			run.Decision.Allow = false
		}
		b.born[i] = run
		c := b.claims[i]
		c.Run, c.Exclusive = &run, false
		claims, of = append(claims, c), append(of, i)
	}
	d.mu.Unlock()
	var refused []error
	err := d.write(b.base, func(ctx context.Context) (err error) {
		refused, err = d.cfg.Journal.Begin(ctx, claims)
		return err
	})
	for n, i := range of {
		if err != nil {
			b.refused[i] = err
		} else {
			b.refused[i] = refused[n]
			b.born[i].ID = claims[n].Run.ID
		}
	}
}

// turnedAway tells of a claim that was refused: nothing will end. The caller
// holds mu.
func (b *batch) turnedAway(i int) {
	if b.d.cfg.Refused != nil {
		b.d.cfg.Refused(b.claims[i].Job, b.claims[i].Cursor)
	}
}

// park leaves a queued run to wait; one that was cancelled while it was begun
// ends. The caller holds mu.
func (d *Dispatch) park(l *live) {
	l.phase = parked
	if l.ctx.Err() != nil {
		d.halt(l, context.Cause(l.ctx))
		return
	}
	d.enline(l)
}

// supersede stops whatever of its job came before l. The caller holds mu.
func (d *Dispatch) supersede(l *live) {
	lane := d.lane(l.run.Job)
	for _, older := range append(lane.active[:len(lane.active):len(lane.active)], lane.waiting...) {
		if older != l && older.run.Trigger != job.ByBackfill && older.phase != beginning { // what is beginning now is of this batch, and newer
			d.halt(older, ErrReplaced)
		}
	}
}

// announce tells of the runs that were over when they were written.
func (b *batch) announce() {
	if b.d.cfg.Ended == nil {
		return
	}
	for i, c := range b.claims {
		if b.refused[i] != nil {
			continue
		}
		for m := range c.Missed {
			b.d.ended(&c.Missed[m])
		}
		for m := range c.After {
			b.d.ended(&c.After[m])
		}
		if c.Run != nil && b.born[i].State.Terminal() {
			b.d.ended(&b.born[i])
		}
	}
}
