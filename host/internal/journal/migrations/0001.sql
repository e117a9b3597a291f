-- Instants are microseconds UTC, 0 for none. JSON is text. Ids are made by the
-- app. Names of states, reasons, triggers and policies are those of package job.

CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
);

CREATE TABLE jobs (
	id          TEXT PRIMARY KEY,
	name        TEXT   NOT NULL UNIQUE,
	generation  BIGINT NOT NULL CHECK (generation >= 1),
	owner       TEXT   NOT NULL,
	concurrency TEXT   NOT NULL,
	cursor      BIGINT NOT NULL, -- last nominal time accounted for; never goes back
	spec        TEXT   NOT NULL, -- JSON: the rest of the job
	input       TEXT   NOT NULL, -- JSON or ''
	created     BIGINT NOT NULL,
	updated     BIGINT NOT NULL
);

-- One row is one run, or a range of consecutive nominal times that did not run.
CREATE TABLE runs (
	seq         INTEGER PRIMARY KEY, -- order of writing
	id          TEXT   NOT NULL UNIQUE,
	job         TEXT   NOT NULL, -- may be gone
	job_name    TEXT   NOT NULL,
	generation  BIGINT NOT NULL,
	concurrency TEXT   NOT NULL, -- of the job, when the run was decided
	trigger     TEXT   NOT NULL,
	manual      TEXT   NOT NULL, -- id of a manual run, else ''
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
	CHECK ((manual = '') = (trigger <> 'manual'))
);

-- No occurrence twice.
CREATE UNIQUE INDEX runs_occurrence ON runs (job, due, manual);
-- At most one live and one queued run, where the policy says so.
CREATE UNIQUE INDEX runs_one_running ON runs (job) WHERE ended = 0 AND state = 'running' AND concurrency <> 'allow';
CREATE UNIQUE INDEX runs_one_queued ON runs (job) WHERE ended = 0 AND state = 'queued' AND concurrency = 'queue-one';
CREATE INDEX runs_open ON runs (job, state) WHERE ended = 0;
CREATE INDEX runs_ended ON runs (ended) WHERE ended <> 0;

CREATE TABLE attempts (
	run     TEXT   NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	number  BIGINT NOT NULL,
	started BIGINT NOT NULL,
	ended   BIGINT NOT NULL,
	state   TEXT   NOT NULL,
	reason  TEXT   NOT NULL,
	error   TEXT   NOT NULL,
	log     TEXT   NOT NULL,
	PRIMARY KEY (run, number)
);

-- The outbox: results that the host has yet to act upon.
CREATE TABLE effects (
	run     TEXT   PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
	effect  TEXT   NOT NULL,
	created BIGINT NOT NULL
);

CREATE TABLE skills (
	digest    TEXT   PRIMARY KEY,
	id        TEXT   NOT NULL,
	publisher TEXT   NOT NULL,
	epoch     BIGINT NOT NULL,
	current   BIGINT NOT NULL,
	state     TEXT   NOT NULL,
	reason    TEXT   NOT NULL,
	installed BIGINT NOT NULL,
	audited   BIGINT NOT NULL,
	manifest  TEXT   NOT NULL, -- JSON, keys as in the Go type
	findings  TEXT   NOT NULL  -- JSON array
);
CREATE UNIQUE INDEX skills_current ON skills (id) WHERE current = 1;

-- Rollback marks: the highest epoch ever admitted, and of which bytes.
CREATE TABLE marks (
	publisher TEXT   NOT NULL,
	skill     TEXT   NOT NULL,
	epoch     BIGINT NOT NULL,
	digest    TEXT   NOT NULL,
	PRIMARY KEY (publisher, skill)
);

CREATE TABLE publishers (
	name       TEXT   PRIMARY KEY,
	key        TEXT   NOT NULL, -- 64 hexadecimal digits
	prefixes   TEXT   NOT NULL, -- JSON array
	trusted    BIGINT NOT NULL,
	trusted_by TEXT   NOT NULL
);

-- The audit trail; leaf numbers the transactions that have entries.
CREATE TABLE entries (
	seq   INTEGER PRIMARY KEY,
	leaf  BIGINT NOT NULL,
	entry TEXT   NOT NULL -- canonical JSON
);
