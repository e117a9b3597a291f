package journal

import (
	"database/sql"
	"errors"

	"github.com/palyra-go/palyra/host/internal/job"
)

// known is what the writer remembers of jobs and open runs, so that neither a
// claim nor the end of its run has to ask. It is as the transaction under way has
// left it: whoever undoes anything of that has it forget all.
type known struct {
	seq  int64 // of the last run; 0: ask
	jobs map[job.ID]*standing
	open map[job.RunID]*opened
}

// maxKnown is how many jobs are remembered at most.
const maxKnown = 16 << 10

func (k *known) forget() {
	*k = known{jobs: map[job.ID]*standing{}, open: map[job.RunID]*opened{}}
}

// standing is how a job stands, claims that were admitted included.
type standing struct {
	id              job.ID
	nth, generation int64
	concurrency     string
	running, queued int64 // runs

	cursor, run, latest, uses int64 // as in the table
	arms                      int64 // of the claim that moved the cursor last
	latestDue                 int64
	terms                     *terms // nil: none

	pending bool // has a run that is not inserted yet
	moved   bool // its cursor is not written yet
}

// count counts runs that are open.
func (s *standing) count(state job.State, by int64) {
	switch state {
	case job.Running:
		s.running += by
	case job.Queued:
		s.queued += by
	default:
	}
}

// slot is what a run has in the index of the open ones.
func (s *standing) slot(state job.State, seq int64) int64 {
	if state == job.Running && s.concurrency != string(job.Allow) || state == job.Queued && s.concurrency == string(job.QueueOne) {
		return 0
	}
	return seq
}

// opened is a run that is open.
type opened struct {
	seq                     int64
	job                     job.ID
	state                   job.State
	attempt, retry, started int64
}

// standings tells how the jobs of the claims stand; those that are gone are not
// there.
func (t *tx) standings(claims []job.Claim) (map[job.ID]*standing, error) {
	k := &t.j.known
	if len(k.jobs) > maxKnown {
		k.jobs = map[job.ID]*standing{}
	}
	var unknown []any
	asked := map[job.ID]bool{}
	for i := range claims {
		if id := claims[i].Job; k.jobs[id] == nil && !asked[id] {
			asked[id] = true
			unknown = append(unknown, string(id))
		}
	}
	for _, portion := range portions {
		for ; len(unknown) >= portion; unknown = unknown[portion:] {
			if err := t.ask(unknown[:portion]); err != nil {
				return nil, err
			}
		}
	}
	return k.jobs, nil
}

// ask reads how jobs stand.
func (t *tx) ask(ids []any) error {
	const query = `SELECT j.id, j.generation, j.concurrency, c.nth, c.cursor, c.run, c.latest, COALESCE(l.due, 0), c.uses,
			(SELECT COUNT(*) FROM run_rows WHERE job = c.nth AND ended = 0 AND state = 'running'),
			(SELECT COUNT(*) FROM run_rows WHERE job = c.nth AND ended = 0 AND state = 'queued'), ` + termColumns + `
		FROM jobs j JOIN cursors c ON c.job = j.id LEFT JOIN run_rows l ON l.seq = c.latest AND l.job = c.nth
			LEFT JOIN terms t ON t.id = c.terms
		WHERE j.id IN `
	return t.each(query+sqlite.list(len(ids)), ids, func(row scanner) error {
		var s standing
		var v termRow
		into := []any{
			&s.id, &s.generation, &s.concurrency, &s.nth, &s.cursor, &s.run, &s.latest, &s.latestDue, &s.uses,
			&s.running, &s.queued,
		}
		err := row.Scan(append(into, v.into()...)...)
		if err == nil {
			s.terms, err = v.read()
		}
		t.j.known.jobs[s.id] = &s
		return err
	})
}

// next numbers the next run.
func (t *tx) next() (int64, error) {
	k := &t.j.known
	if k.seq == 0 {
		if err := t.row(`SELECT COALESCE(MAX(seq), 0) FROM run_rows`).Scan(&k.seq); err != nil {
			return 0, err
		}
	}
	k.seq++
	return k.seq, nil
}

// opened returns an open run, or [ErrGone].
func (t *tx) opened(id job.RunID) (*opened, error) {
	if o := t.j.known.open[id]; o != nil {
		return o, nil
	}
	var o opened
	err := t.row(`SELECT r.seq, t.job, r.state, r.attempt, r.retry, r.started FROM run_rows r JOIN terms t ON t.id = r.terms
		WHERE r.id = $1 AND r.ended = 0`, string(id)).Scan(&o.seq, &o.job, &o.state, &o.attempt, &o.retry, &o.started)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrGone
	}
	return &o, err
}

// became notes the new state of a run that was open.
func (k *known) became(id job.RunID, was, now *opened) {
	if s := k.jobs[was.job]; s != nil {
		s.count(was.state, -1)
		s.count(now.state, 1)
	}
	if now.state.Terminal() {
		delete(k.open, id)
	} else {
		k.open[id] = now
	}
}
