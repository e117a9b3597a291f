-- Runs that chains and backfills start have identities of their own, as manual ones.
-- A check cannot be altered, so the table is made anew, and before it what refers
-- to it.
CREATE TABLE effects_kept (
	run     TEXT   NOT NULL,
	effect  TEXT   NOT NULL,
	created BIGINT NOT NULL
);
INSERT INTO effects_kept (run, effect, created) SELECT run, effect, created FROM effects;
DROP TABLE effects;

CREATE TABLE runs_2 (
	seq         INTEGER PRIMARY KEY, -- order of writing
	id          TEXT   NOT NULL UNIQUE,
	job         TEXT   NOT NULL, -- may be gone
	job_name    TEXT   NOT NULL,
	generation  BIGINT NOT NULL,
	concurrency TEXT   NOT NULL, -- of the job, when the run was decided
	trigger     TEXT   NOT NULL,
	manual      TEXT   NOT NULL, -- id of a run that is no occurrence, else ''
	parent      TEXT   NOT NULL, -- id of the run whose end started this one, else ''
	due         BIGINT NOT NULL,
	last        BIGINT NOT NULL,
	count       BIGINT NOT NULL CHECK (count >= 1),
	fire        BIGINT NOT NULL,
	principal   TEXT   NOT NULL,
	skill       TEXT   NOT NULL,
	entrypoint  TEXT   NOT NULL,
	input       TEXT   NOT NULL, -- JSON or ''
	digest      TEXT   NOT NULL, -- of the artifact, or ''
	decision    TEXT   NOT NULL, -- JSON or ''
	state       TEXT   NOT NULL,
	reason      TEXT   NOT NULL,
	attempt     BIGINT NOT NULL,
	retry       BIGINT NOT NULL,
	created     BIGINT NOT NULL,
	started     BIGINT NOT NULL,
	ended       BIGINT NOT NULL,
	output      TEXT   NOT NULL, -- JSON or ''
	summary     TEXT   NOT NULL,
	error       TEXT   NOT NULL,
	CHECK ((ended = 0) = (state IN ('queued', 'running'))),
	CHECK ((manual = '') = (trigger IN ('timer', 'catch-up')))
);
INSERT INTO runs_2 (seq, id, job, job_name, generation, concurrency, trigger, manual, parent, due, last, count, fire, principal,
		skill, entrypoint, input, digest, decision, state, reason, attempt, retry, created, started, ended, output, summary, error)
	SELECT seq, id, job, job_name, generation, concurrency, trigger, manual, '', due, last, count, fire, principal,
		skill, entrypoint, input, digest, decision, state, reason, attempt, retry, created, started, ended, output, summary, error
	FROM runs;
DROP TABLE runs;
ALTER TABLE runs_2 RENAME TO runs;

CREATE UNIQUE INDEX runs_occurrence ON runs (job, due, manual);
CREATE UNIQUE INDEX runs_chained ON runs (parent, job) WHERE parent <> '';
CREATE UNIQUE INDEX runs_open ON runs (job, state, (CASE
	WHEN state = 'running' AND concurrency <> 'allow' OR state = 'queued' AND concurrency = 'queue-one' THEN ''
	ELSE id END)) WHERE ended = 0;
CREATE INDEX runs_ended ON runs (ended) WHERE ended <> 0;

CREATE TABLE effects (
	run     TEXT   PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
	effect  TEXT   NOT NULL,
	created BIGINT NOT NULL
);
INSERT INTO effects (run, effect, created) SELECT run, effect, created FROM effects_kept;
DROP TABLE effects_kept;
