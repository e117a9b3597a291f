-- Nominal times of the past that somebody asked for again. The cursor moves in the
-- transaction that claims a run.
CREATE TABLE backfills (
	seq      INTEGER PRIMARY KEY, -- order of writing
	id       TEXT   NOT NULL UNIQUE,
	job      TEXT   NOT NULL, -- may be gone
	job_name TEXT   NOT NULL,
	first    BIGINT NOT NULL, -- nominal times from here
	last     BIGINT NOT NULL, -- up to and with here
	cursor   BIGINT NOT NULL, -- the last one that was begun; never goes back
	parallel BIGINT NOT NULL,
	rate     BIGINT NOT NULL, -- starts a minute
	again    BIGINT NOT NULL, -- 1: also what ran already
	by       TEXT   NOT NULL,
	total    BIGINT NOT NULL,
	started  BIGINT NOT NULL, -- runs that were begun
	state    TEXT   NOT NULL,
	reason   TEXT   NOT NULL,
	created  BIGINT NOT NULL,
	ended    BIGINT NOT NULL,
	CHECK ((ended = 0) = (state = 'running'))
);
CREATE INDEX backfills_running ON backfills (job) WHERE ended = 0;

-- One run of each nominal time of a backfill; of what the end of a run starts one
-- run of each job.
DROP INDEX runs_chained;
CREATE UNIQUE INDEX runs_chained ON runs (parent, job, (CASE WHEN trigger = 'backfill' THEN due ELSE 0 END)) WHERE parent <> '';
