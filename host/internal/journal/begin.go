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
// written at all. A run of the claims that became a part of a row there was has
// the id of that row afterwards.
func (j *Journal) Begin(ctx context.Context, claims []job.Claim) ([]error, error) {
	refused, err := j.begin(ctx, claims)
	if err != nil && len(claims) > 1 && !unwritable(err) && !errors.Is(err, ErrClosed) {
		refused, err = j.beginEach(ctx, claims)
	}
	if err != nil {
		return nil, fmt.Errorf("begin %d claims: %w", len(claims), err)
	}
	return refused, nil
}

func (j *Journal) begin(ctx context.Context, claims []job.Claim) ([]error, error) {
	var c *claiming
	err := j.write(ctx, func(t *tx) error {
		c = &claiming{tx: t}
		return c.claim(claims)
	})
	if err != nil {
		return nil, err
	}
	for _, m := range c.merged {
		m.run.ID = m.into
	}
	return c.refused, nil
}

// beginEach writes the claims one by one, after one of them broke the batch in a
// way that nobody foresaw: it must not hold up the others.
func (j *Journal) beginEach(ctx context.Context, claims []job.Claim) ([]error, error) {
	refused := make([]error, len(claims))
	for i := range claims {
		alone, err := j.begin(ctx, claims[i:i+1])
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
	refused []error
	jobs    map[job.ID]*standing
	fallen  map[string]skill.State // artifacts whose skill is not active
	usual   values                 // runs that were admitted and are inserted soon
	other   values                 // the same, of which more has to be said
	moved   []*standing
	merged  []merged
}

// merged is a run that became a part of a row there was.
type merged struct {
	run  *job.Run
	into job.RunID
}

// claim writes claims. A claim that is refused is not written in part either:
// it is judged as a whole before. The error is of all of them.
func (c *claiming) claim(claims []job.Claim) (err error) {
	defer func() {
		if err != nil {
			c.j.known.forget()
		}
	}()
	if c.jobs, err = c.standings(claims); err != nil {
		return err
	}
	if c.fallen, err = c.tx.fallen(claims); err != nil {
		return err
	}
	c.refused = make([]error, len(claims))
	for i := range claims {
		first, last, err := span(&claims[i])
		if err == nil {
			err = c.admissible(&claims[i], first)
		}
		if err != nil {
			c.refused[i] = err
			continue
		}
		if err := c.put(&claims[i], last); err != nil {
			return err
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	return c.putStandings()
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
	}
	for i := range claim.After {
		if err := c.putRun(&claim.After[i], s); err != nil {
			return err
		}
	}
	if at := max(micros(claim.Cursor), last); at > s.cursor {
		s.cursor, s.arms = at, claim.Arms
		c.move(s)
	}
	return nil
}

// move has the cursor of a job written.
func (c *claiming) move(s *standing) {
	if !s.moved {
		s.moved = true
		c.moved = append(c.moved, s)
	}
}

var intoCursors = newInsert(`INSERT INTO cursors (job, cursor, arms, run, latest, terms, uses, key, nth) VALUES `,
	`(?, ?, ?, ?, ?, ?, ?, 0, 0)`, // they are there
	` ON CONFLICT (job) DO UPDATE SET cursor = excluded.cursor, run = excluded.run, latest = excluded.latest, terms = excluded.terms,
		uses = excluded.uses, arms = CASE WHEN cursors.cursor < excluded.cursor THEN excluded.arms ELSE cursors.arms END
		WHERE cursors.cursor <= excluded.cursor`)

// putStandings writes how the jobs stand now.
func (c *claiming) putStandings() error {
	all := make(values, 0, 7*len(c.moved))
	for _, s := range c.moved {
		var of int64
		if s.terms != nil {
			of = s.terms.id
		}
		all.add(string(s.id), s.cursor, s.arms, s.run, s.latest, of, s.uses)
		s.moved = false
	}
	n, err := c.insert(&intoCursors, &all)
	if err == nil && n != int64(len(c.moved)) {
		err = fmt.Errorf("of %d cursors only %d moved: what is remembered of the others is wrong", len(c.moved), n)
	}
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
	if s.running > 0 && (claim.Exclusive || single) {
		return fmt.Errorf("%w: one of job %s is running", ErrBusy, claim.Job)
	}
	if s.queued > 0 && claim.Run.State == job.Queued && s.concurrency == string(job.QueueOne) {
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
	of, err := c.intern(r, s)
	if err != nil {
		return err
	}
	v := encodeRun(r, of, c.at)
	id := r.ID
	if isNonRun(r) {
		if s.pending { // the latest row is not there yet
			if err := c.flush(); err != nil {
				return err
			}
		}
		into, err := c.extend(v, s)
		if err != nil {
			return err
		}
		if into != "" {
			id = into
			c.merged = append(c.merged, merged{r, into})
		}
	}
	if id == r.ID {
		if err := c.add(v, r, s); err != nil {
			return err
		}
	}
	by := daemon
	if r.Trigger == job.ByHand || r.Trigger == job.ByBackfill {
		by = r.Principal.String()
	}
	fact := runFact{
		Run: id, Job: r.Job, Due: v.due, Trigger: r.Trigger, Parent: r.Parent, As: of.as,
		State: r.State, Reason: r.Reason, Attempt: r.Attempt, Digest: of.digestText, Decision: of.decided,
	}
	if v.count > 1 {
		fact.Last, fact.Count = max(v.due, v.last), v.count
	}
	c.noteRun(kindBegin, by, &fact, of.inCommon(&fact))
	return nil
}

// add has a new row inserted.
func (c *claiming) add(v *runRow, r *job.Run, s *standing) error {
	seq, err := c.next()
	if err != nil {
		return err
	}
	v.seq, v.nth, v.slot = seq, s.nth, s.slot(r.State, seq)
	if v.usual() {
		c.usual.add(v.seq, v.id, v.terms, v.nth, v.due, v.fire, v.slot, v.created, v.started)
	} else {
		c.other.add(v.seq, v.id, v.terms, v.nth, v.trigger, v.manual, v.parent, v.due, v.last, v.count, v.fire, v.slot, v.state, v.reason,
			v.attempt, v.retry, v.created, v.started, v.ended, v.output, v.summary, v.problem)
	}
	s.pending = true
	s.uses++
	if v.manual == "" {
		s.run = seq
	}
	if s.latest == 0 || v.due >= s.latestDue {
		s.latest, s.latestDue = seq, v.due
	}
	c.move(s)
	if v.ended == 0 {
		s.count(r.State, 1)
		c.j.known.open[r.ID] = &opened{seq: seq, job: s.id, state: r.State, attempt: v.attempt, retry: v.retry, started: v.started}
	}
	return nil
}

// extend adds a non-run to the latest scheduled row of its job, if that is like
// it, and returns the id of the row; else "".
func (c *claiming) extend(v *runRow, s *standing) (job.RunID, error) {
	if s.run == 0 || s.uses == 0 {
		return "", nil
	}
	var id job.RunID
	err := c.row(`UPDATE run_rows SET last = $3, count = count + $4, ended = $5
		WHERE seq = $1 AND job = $2 AND manual = '' AND state = $6 AND reason = $7 AND terms = $8
		RETURNING id`,
		s.run, s.nth, max(v.due, v.last), v.count, v.ended, v.state, v.reason, v.terms).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// intoRunsUsual inserts runs whose first attempt starts at their nominal time.
var intoRunsUsual = newInsert(`INSERT INTO run_rows (seq, id, terms, job, due, fire, slot, created, started,
		trigger, manual, parent, last, count, state, reason, attempt, retry, ended, began, output, summary, error) VALUES `,
	`(?, ?, ?, ?, ?, ?, ?, ?, ?, 'timer', '', '', 0, 1, 'running', '', 1, 0, 0, 0, '', '', '')`, ` ON CONFLICT DO NOTHING`)

// usual reports whether the row is one of intoRunsUsual.
func (v *runRow) usual() bool {
	return v.trigger == string(job.ByTimer) && v.state == string(job.Running) && v.parent == "" && v.last == 0 && v.count == 1 &&
		v.reason == "" && v.attempt == 1 && v.retry == 0 && v.output == "" && v.summary == "" && v.problem == ""
}

var intoRuns = newInsert(`INSERT INTO run_rows (seq, id, terms, job, trigger, manual, parent, due, last, count, fire, slot, state, reason,
		attempt, retry, created, started, ended, output, summary, error, began) VALUES `,
	`(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`, ` ON CONFLICT DO NOTHING`)

// flush inserts the runs that are pending.
func (c *claiming) flush() error {
	want := int64(len(c.usual)/intoRunsUsual.columns + len(c.other)/intoRuns.columns)
	if want == 0 {
		return nil
	}
	n, err := c.insert(&intoRunsUsual, &c.usual)
	if err == nil {
		var others int64
		others, err = c.insert(&intoRuns, &c.other)
		n += others
	}
	if err == nil && n != want {
		// The cursor and the open runs allowed it: the journal contradicts itself,
		// or an id was used twice. Nothing of the batch is written then.
		err = fmt.Errorf("of %d runs only %d were taken: a constraint refuses the others", want, n)
	}
	for _, s := range c.moved {
		s.pending = false
	}
	return err
}
