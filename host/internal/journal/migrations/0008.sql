-- A run is a narrow row, because tens of thousands are written a second. What runs
-- of a job have in common, one after the other, is written once, as their terms.
-- Who reads asks the view runs, which has both.

CREATE TABLE terms (
	id          INTEGER PRIMARY KEY,
	job         TEXT   NOT NULL, -- may be gone
	job_name    TEXT   NOT NULL,
	generation  BIGINT NOT NULL,
	concurrency TEXT   NOT NULL, -- of the job, when the run was decided
	principal   TEXT   NOT NULL,
	skill       TEXT   NOT NULL,
	entrypoint  TEXT   NOT NULL,
	input       TEXT   NOT NULL, -- JSON or ''
	digest      TEXT   NOT NULL, -- of the artifact, or ''
	decision    TEXT   NOT NULL, -- JSON or ''
	uses        BIGINT NOT NULL  -- runs that have them, but not while they are the terms of the cursor
);
INSERT INTO terms (job, job_name, generation, concurrency, principal, skill, entrypoint, input, digest, decision, uses)
	SELECT job, job_name, generation, concurrency, principal, skill, entrypoint, input, digest, decision, COUNT(*)
	FROM runs GROUP BY job, job_name, generation, concurrency, principal, skill, entrypoint, input, digest, decision;
CREATE INDEX terms_moved ON terms (job, generation);

-- How every job there ever was stands. It moves with every claim.
CREATE TABLE cursors_2 (
	job    TEXT   PRIMARY KEY,
	cursor BIGINT NOT NULL,        -- the last nominal time accounted for; never goes back
	key    BIGINT NOT NULL,        -- as of jobs; 0: the job is gone
	arms   BIGINT NOT NULL,        -- when the scheduler has to look at the job next
	nth    BIGINT NOT NULL UNIQUE, -- stands for the job in its runs, for ever
	run    BIGINT NOT NULL,        -- seq of the run of the latest nominal time; 0: none
	latest BIGINT NOT NULL,        -- the same of all runs, also those that are no occurrences
	terms  BIGINT NOT NULL,        -- of its next run if they stay the same; 0: none
	uses   BIGINT NOT NULL         -- runs that have these terms
) WITHOUT ROWID;
INSERT INTO cursors_2 (job, cursor, key, arms, nth, run, latest, terms, uses)
	SELECT a.job, COALESCE(c.cursor, 0), COALESCE(c.key, 0), COALESCE(c.arms, 0), ROW_NUMBER() OVER (ORDER BY a.job),
		COALESCE((SELECT seq FROM runs WHERE job = a.job AND manual = '' ORDER BY due DESC LIMIT 1), 0),
		COALESCE((SELECT seq FROM runs WHERE job = a.job ORDER BY due DESC, manual DESC LIMIT 1), 0), 0, 0
	FROM (SELECT job FROM cursors UNION SELECT job FROM terms) a LEFT JOIN cursors c ON c.job = a.job;
DROP TABLE cursors;
ALTER TABLE cursors_2 RENAME TO cursors;

CREATE TABLE effects_kept (
	run     TEXT   NOT NULL,
	effect  TEXT   NOT NULL,
	target  TEXT   NOT NULL,
	created BIGINT NOT NULL
);
INSERT INTO effects_kept (run, effect, target, created) SELECT run, effect, target, created FROM effects;
DROP TABLE effects;

-- One row is one run, or a range of consecutive nominal times that did not run.
CREATE TABLE run_rows (
	seq     INTEGER PRIMARY KEY, -- order of writing
	id      TEXT   NOT NULL UNIQUE,
	terms   BIGINT NOT NULL,
	job     BIGINT NOT NULL, -- the nth of cursors
	trigger TEXT   NOT NULL,
	manual  TEXT   NOT NULL, -- id of a run that is no occurrence, else ''
	parent  TEXT   NOT NULL, -- id of the run whose end started this one, else ''
	due     BIGINT NOT NULL,
	last    BIGINT NOT NULL, -- 0: due
	count   BIGINT NOT NULL CHECK (count >= 1),
	fire    BIGINT NOT NULL, -- 0: due
	slot    BIGINT NOT NULL, -- while it is open: 0 if its job may have one in this state, else seq
	state   TEXT   NOT NULL,
	reason  TEXT   NOT NULL,
	attempt BIGINT NOT NULL,
	retry   BIGINT NOT NULL,
	created BIGINT NOT NULL,
	started BIGINT NOT NULL,
	ended   BIGINT NOT NULL,
	began   BIGINT NOT NULL, -- when the last attempt started, which then ended as the run did and has no row of its own; or 0
	output  TEXT   NOT NULL, -- JSON or ''
	summary TEXT   NOT NULL,
	error   TEXT   NOT NULL,
	CHECK ((ended = 0) = (state IN ('queued', 'running'))),
	CHECK ((manual = '') = (trigger IN ('timer', 'catch-up')))
);
INSERT INTO run_rows (seq, id, terms, job, trigger, manual, parent, due, last, count, fire, slot, state, reason, attempt, retry,
		created, started, ended, began, output, summary, error)
	SELECT r.seq, r.id, t.id, c.nth, r.trigger, r.manual, r.parent, r.due, CASE WHEN r.last = r.due THEN 0 ELSE r.last END, r.count,
		CASE WHEN r.fire = r.due THEN 0 ELSE r.fire END,
		CASE WHEN r.state = 'running' AND r.concurrency <> 'allow' OR r.state = 'queued' AND r.concurrency = 'queue-one' THEN 0 ELSE r.seq END,
		r.state, r.reason, r.attempt, r.retry, r.created, r.started, r.ended, 0, r.output, r.summary, r.error
	FROM runs r JOIN cursors c ON c.job = r.job
		JOIN terms t ON t.job = r.job AND t.generation = r.generation AND t.job_name = r.job_name AND t.concurrency = r.concurrency
			AND t.principal = r.principal AND t.skill = r.skill AND t.entrypoint = r.entrypoint AND t.input = r.input
			AND t.digest = r.digest AND t.decision = r.decision;
DROP TABLE runs;
DROP INDEX terms_moved;

-- No occurrence twice. Five minutes at a time, for then what is claimed together
-- is written together, and the runs of a job are still found by it.
CREATE UNIQUE INDEX runs_occurrence ON run_rows ((due / 300000000), job, due, manual);
-- One run of each nominal time of a backfill; of what the end of a run starts one
-- run of each job.
CREATE UNIQUE INDEX runs_chained ON run_rows (parent, job, (CASE WHEN trigger = 'backfill' THEN due ELSE 0 END)) WHERE parent <> '';
-- At most one live and one queued run, where the policy says so.
CREATE UNIQUE INDEX runs_open ON run_rows (job, state, slot) WHERE ended = 0;
-- By when they ended, those that ended more than an hour after they were written.
CREATE INDEX runs_late ON run_rows (ended) WHERE ended > created + 3600000000;
-- Of the runs of a job those that failed, which are few, by when they ended. (For a
-- list of three SQLite makes a table each time it writes a row.)
CREATE INDEX runs_failed ON run_rows (job, ended) WHERE state = 'failed' OR state = 'timed_out' OR state = 'interrupted';

CREATE VIEW runs AS SELECT r.seq, r.id, t.job, t.job_name, t.generation, t.concurrency, r.trigger, r.manual, r.parent, r.due,
		CASE WHEN r.last = 0 THEN r.due ELSE r.last END AS last, r.count,
		CASE WHEN r.fire = 0 THEN r.due ELSE r.fire END AS fire,
		t.principal, t.skill, t.entrypoint, t.input, t.digest, t.decision, r.state, r.reason, r.attempt, r.retry,
		r.created, r.started, r.ended, r.output, r.summary, r.error
	FROM run_rows r JOIN terms t ON t.id = r.terms;

CREATE TABLE effects (
	run     TEXT   NOT NULL REFERENCES run_rows (id) ON DELETE CASCADE,
	effect  TEXT   NOT NULL,
	target  TEXT   NOT NULL, -- name of the job to start, else ''
	created BIGINT NOT NULL,
	PRIMARY KEY (run, effect, target)
);
INSERT INTO effects (run, effect, target, created) SELECT run, effect, target, created FROM effects_kept;
DROP TABLE effects_kept;
