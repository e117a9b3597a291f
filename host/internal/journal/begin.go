package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/palyra-go/palyra/host/internal/job"
	"github.com/palyra-go/palyra/host/internal/skill"
	"github.com/palyra-go/palyra/sdk/bundle"
)

// Begin writes the claims in one transaction. The first result has one error for
// each claim: nil, or why it alone was refused ([ErrClaimed], [ErrGeneration],
// [ErrBusy], [ErrTrust]); a refused claim leaves no trace. The second is set if nothing was
// written at all.
func (j *Journal) Begin(ctx context.Context, claims []job.Claim) ([]error, error) {
	var refused []error
	err := j.write(ctx, func(t *tx) error {
		var err error
		refused, err = t.claim(claims)
		return err
	})
	if err != nil && len(claims) > 1 && !unwritable(err) && !errors.Is(err, ErrClosed) {
		refused, err = j.beginEach(ctx, claims)
	}
	if err != nil {
		return nil, fmt.Errorf("begin %d claims: %w", len(claims), err)
	}
	return refused, nil
}

// beginEach writes the claims one by one, after one of them broke the batch in a
// way that nobody foresaw: it must not hold up the others.
func (j *Journal) beginEach(ctx context.Context, claims []job.Claim) ([]error, error) {
	refused := make([]error, len(claims))
	for i := range claims {
		var alone []error
		err := j.write(ctx, func(t *tx) error {
			var err error
			alone, err = t.claim(claims[i : i+1])
			return err
		})
		if unwritable(err) || errors.Is(err, ErrClosed) || errors.Is(err, context.Canceled) {
			return nil, err
		}
		if refused[i] = err; err == nil {
			refused[i] = alone[0]
		}
	}
	return refused, nil
}

// malformed is a claim that contradicts itself.
type malformed string

func (m malformed) Error() string { return "claim: " + string(m) }

// claiming is claims on their way into the journal.
type claiming struct {
	*tx
	jobs    map[job.ID]*standing
	fallen  map[string]skill.State // artifacts whose skill is not active
	pending rows                   // runs that were admitted and are inserted soon
	moved   []job.ID
}

// standing is how a job stands, claims that were admitted included.
type standing struct {
	generation, cursor int64
	arms               int64 // of the claim that moved the cursor last
	concurrency        string
	running, queued    bool
	pending            bool // has a run that is not inserted yet
	moved              bool
}

// claim writes claims. A claim that is refused is not written in part either:
// it is judged as a whole before. The last error is of all of them.
func (t *tx) claim(claims []job.Claim) ([]error, error) {
	c := claiming{tx: t}
	var err error
	if c.jobs, err = t.standings(claims); err != nil {
		return nil, err
	}
	if c.fallen, err = t.fallen(claims); err != nil {
		return nil, err
	}
	refused := make([]error, len(claims))
	for i := range claims {
		first, last, err := span(&claims[i])
		if err == nil {
			err = c.admissible(&claims[i], first)
		}
		if err != nil {
			refused[i] = err
			continue
		}
		if err := c.put(&claims[i], last); err != nil {
			return nil, err
		}
	}
	if err := c.flush(); err != nil {
		return nil, err
	}
	moved := make([]cursor, len(c.moved))
	for i, id := range c.moved {
		moved[i] = cursor{id, c.jobs[id].cursor, c.jobs[id].arms}
	}
	return refused, t.putCursors(moved)
}

// standings asks how the jobs of the claims stand.
func (t *tx) standings(claims []job.Claim) (map[job.ID]*standing, error) {
	const query = `SELECT j.id, j.generation, COALESCE(c.cursor, 0), j.concurrency,
			EXISTS (SELECT 1 FROM runs WHERE job = j.id AND ended = 0 AND state = 'running'),
			EXISTS (SELECT 1 FROM runs WHERE job = j.id AND ended = 0 AND state = 'queued')
		FROM jobs j LEFT JOIN cursors c ON c.job = j.id WHERE j.id IN `
	all := make(map[job.ID]*standing, len(claims))
	var ids []any
	for i := range claims {
		id := claims[i].Job
		if _, asked := all[id]; !asked {
			all[id] = nil
			ids = append(ids, string(id))
		}
	}
	for _, portion := range portions {
		for ; len(ids) >= portion; ids = ids[portion:] {
			if err := t.each(query+sqlite.list(portion), ids[:portion], func(row scanner) error {
				var id job.ID
				var s standing
				err := row.Scan(&id, &s.generation, &s.cursor, &s.concurrency, &s.running, &s.queued)
				all[id] = &s
				return err
			}); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// fallen returns the artifacts of the claims whose skills are not active.
func (t *tx) fallen(claims []job.Claim) (map[string]skill.State, error) {
	var digests []any
	seen := map[bundle.Digest]bool{}
	for i := range claims {
		if r := claims[i].Run; r != nil && live(r) && !seen[r.Digest] {
			seen[r.Digest] = true
			digests = append(digests, r.Digest.String())
		}
	}
	all := map[string]skill.State{}
	for _, portion := range portions {
		for ; len(digests) >= portion; digests = digests[portion:] {
			if err := t.each(`SELECT digest, state FROM skills WHERE state <> 'active' AND digest IN `+sqlite.list(portion), digests[:portion],
				func(row scanner) error {
					var digest string
					var state skill.State
					err := row.Scan(&digest, &state)
					all[digest] = state
					return err
				}); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// live reports whether the artifact of a run is about to be executed, or waits.
func live(r *job.Run) bool {
	return !r.State.Terminal() && !r.Digest.IsZero()
}

// trusted refuses a run whose skill is not active.
func trusted(r *job.Run, fallen map[string]skill.State) error {
	if len(fallen) > 0 && live(r) {
		if state := fallen[r.Digest.String()]; state != "" {
			return fmt.Errorf("%w: %s is %s", ErrTrust, r.Action.Skill, state)
		}
	}
	return nil
}

// put writes a claim that was admitted; what is a plain run is written later,
// with others.
func (c *claiming) put(claim *job.Claim, last int64) error {
	s := c.jobs[claim.Job]
	for i := range claim.Missed {
		if err := c.putRun(&claim.Missed[i], s); err != nil {
			return err
		}
	}
	if r := claim.Run; r != nil {
		if err := c.putRun(r, s); err != nil {
			return err
		}
		if r.Trigger == job.ByBackfill {
			if err := c.fill(r); err != nil {
				return err
			}
		}
		s.running = s.running || r.State == job.Running
		s.queued = s.queued || r.State == job.Queued
	}
	for i := range claim.After {
		if err := c.putRun(&claim.After[i], s); err != nil {
			return err
		}
	}
	if at := max(micros(claim.Cursor), last); at > s.cursor {
		s.cursor, s.arms = at, claim.Arms
		if !s.moved {
			s.moved = true
			c.moved = append(c.moved, claim.Job)
		}
	}
	return nil
}

// cursor is the last nominal time of a job that is accounted for, and when the
// scheduler has to look at the job next.
type cursor struct {
	job  job.ID
	at   int64
	arms int64
}

var intoCursors = newInsert(`INSERT INTO cursors (job, cursor, arms) VALUES `, 3,
	` ON CONFLICT (job) DO UPDATE SET cursor = excluded.cursor, arms = excluded.arms WHERE cursors.cursor < excluded.cursor`)

// putCursors moves the cursors of different jobs forward.
func (t *tx) putCursors(cursors []cursor) error {
	var r rows
	for _, c := range cursors {
		r.add(string(c.job), c.at, c.arms)
	}
	_, err := t.insert(&intoCursors, &r)
	return err
}

// span returns the first and the last nominal time of the claim, 0 if it has
// none, having checked that they are in order.
func span(c *job.Claim) (first, last int64, err error) {
	take := func(r *job.Run) error {
		due, end := micros(r.Due), max(micros(r.Due), micros(r.Last))
		switch {
		case first != 0 && due <= last:
			return malformed("nominal times out of order")
		case first == 0:
			first = due
		}
		last = end
		return nil
	}
	missed := func(all []job.Run) error {
		for i := range all {
			if !isNonRun(&all[i]) {
				return malformed("a missed run that is not one: " + string(all[i].State))
			}
			if err := errors.Join(wellFormed(c, &all[i]), take(&all[i])); err != nil {
				return err
			}
		}
		return nil
	}
	if err := missed(c.Missed); err != nil {
		return 0, 0, err
	}
	if r := c.Run; r != nil {
		if err := wellFormed(c, r); err != nil {
			return 0, 0, err
		}
		if r.Trigger.Scheduled() {
			if err := take(r); err != nil {
				return 0, 0, err
			}
		}
	}
	err = missed(c.After)
	return first, last, err
}

// wellFormed refuses a run that the journal could not give back.
func wellFormed(c *job.Claim, r *job.Run) error {
	_, err := job.ParsePrincipal(r.Principal.String())
	switch {
	case err != nil:
		return malformed(err.Error())
	case r.ID == "":
		return malformed("run without an id")
	case r.Job != c.Job:
		return malformed(fmt.Sprintf("run of job %q among those of %q", r.Job, c.Job))
	case r.Due.IsZero():
		return malformed("run without a nominal time")
	}
	return nil
}

// admissible refuses a claim that comes too late.
func (c *claiming) admissible(claim *job.Claim, first int64) error {
	s := c.jobs[claim.Job]
	switch {
	case s == nil:
		return fmt.Errorf("%w: job %s is gone", ErrGeneration, claim.Job)
	case s.generation != claim.Generation:
		return fmt.Errorf("%w: job %s has generation %d, the claim %d", ErrGeneration, claim.Job, s.generation, claim.Generation)
	case first != 0 && first <= s.cursor:
		return fmt.Errorf("%w: job %s is at %s", ErrClaimed, claim.Job, instant(s.cursor).Format(timeForm))
	case claim.Run == nil:
		return nil
	}
	if err := trusted(claim.Run, c.fallen); err != nil {
		return err
	}
	if err := c.born(claim.Run); err != nil {
		return err
	}
	single := s.concurrency != string(job.Allow) && claim.Run.State == job.Running
	if s.running && (claim.Exclusive || single) {
		return fmt.Errorf("%w: one of job %s is running", ErrBusy, claim.Job)
	}
	if s.queued && claim.Run.State == job.Queued && s.concurrency == string(job.QueueOne) {
		return fmt.Errorf("%w: one of job %s is queued", ErrBusy, claim.Job)
	}
	return nil
}

// born refuses a run that what it comes from does not start, or not again.
func (t *tx) born(r *job.Run) error {
	switch {
	case r.Parent == "":
		return nil
	case r.Trigger == job.ByBackfill:
		return t.filling(r)
	}
	return t.chained(r)
}

// chained refuses a run that another started already: it starts one of a job.
func (t *tx) chained(r *job.Run) error {
	var id string
	err := t.row(`SELECT id FROM runs WHERE parent = $1 AND job = $2 AND parent <> ''`, string(r.Parent), string(r.Job)).Scan(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: run %s started %s", ErrClaimed, r.Parent, id)
}

const timeForm = "2006-01-02T15:04:05.999999Z07:00"

// isNonRun reports whether r is of a nominal time that did not run.
func isNonRun(r *job.Run) bool {
	switch r.State {
	case job.Denied, job.Skipped, job.Missed, job.Expired:
		return r.Trigger.Scheduled()
	default:
		return false
	}
}

// putRun writes a new run, or extends the latest row of its job by it.
func (c *claiming) putRun(r *job.Run, s *standing) error {
	v, err := encodeRun(r, s.concurrency, c.at)
	if err != nil {
		return err
	}
	id := v.id
	if isNonRun(r) {
		if s.pending { // the latest row is not there yet
			if err := c.flush(); err != nil {
				return err
			}
		}
		into, err := c.extend(v)
		if err != nil {
			return err
		}
		if into != "" {
			id = into
		}
	}
	if id == v.id {
		v.values(&c.pending)
		s.pending = true
	}
	by := daemon
	if r.Trigger == job.ByHand || r.Trigger == job.ByBackfill {
		by = r.Principal.String()
	}
	fact := runFact{
		Run: job.RunID(id), Job: r.Job, Due: v.due, Trigger: r.Trigger, Parent: r.Parent, As: v.principal,
		State: r.State, Reason: r.Reason, Attempt: r.Attempt, Digest: v.digest, Decision: v.decided,
	}
	if v.count > 1 {
		fact.Last, fact.Count = v.last, v.count
	}
	c.note(kindBegin, by, id, fact.append(nil))
	return nil
}

// extend adds a non-run to the latest scheduled row of its job, if that is like
// it, and returns the id of the row; else "".
func (t *tx) extend(v *runRow) (string, error) {
	var id string
	err := t.row(`UPDATE runs SET last = $2, count = count + $3, ended = $4
		WHERE seq = (SELECT seq FROM runs WHERE job = $1 AND manual = '' ORDER BY due DESC LIMIT 1)
			AND state = $5 AND reason = $6 AND decision = $7 AND generation = $8 AND principal = $9 AND digest = $10
		RETURNING id`,
		v.job, v.last, v.count, v.ended, v.state, v.reason, v.decision, v.generation, v.principal, v.digest).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

var intoRuns = newInsert(`INSERT INTO runs (id, job, job_name, generation, concurrency, trigger, manual, parent, due, last, count, fire,
		principal, skill, entrypoint, input, digest, decision, state, reason, attempt, retry, created, started, ended,
		output, summary, error) VALUES `, runValues, ` ON CONFLICT DO NOTHING`)

const runValues = 28

func (v *runRow) values(r *rows) {
	r.add(v.id, v.job, v.name, v.generation, v.concurrency, v.trigger, v.manual, v.parent, v.due, v.last, v.count, v.fire,
		v.principal, v.skill, v.entrypoint, v.input, v.digest, v.decision, v.state, v.reason, v.attempt, v.retry,
		v.created, v.started, v.ended, v.output, v.summary, v.problem)
}

// flush inserts the runs that are pending.
func (c *claiming) flush() error {
	want := int64(len(c.pending.values) / runValues)
	n, err := c.insert(&intoRuns, &c.pending)
	if err == nil && n != want {
		// The cursor and the open runs allowed it: the journal contradicts itself,
		// or an id was used twice. Nothing of the batch is written then.
		err = fmt.Errorf("of %d runs only %d were taken: a constraint refuses the others", want, n)
	}
	for _, s := range c.jobs {
		if s != nil {
			s.pending = false
		}
	}
	return err
}
