-- The last nominal time accounted for, of every job there ever was; it never goes
-- back. Beside the jobs, because it moves with every claim and they do not.
CREATE TABLE cursors (
	job    TEXT   PRIMARY KEY,
	cursor BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO cursors (job, cursor) SELECT id, cursor FROM jobs;
INSERT INTO cursors (job, cursor)
	SELECT job, MAX(last) FROM runs WHERE manual = '' AND job NOT IN (SELECT id FROM jobs) GROUP BY job;
ALTER TABLE jobs DROP COLUMN cursor;

-- The open runs of a job, and at most one live and one queued of them, where the
-- policy says so: one index instead of three.
DROP INDEX runs_open;
DROP INDEX runs_one_running;
DROP INDEX runs_one_queued;
CREATE UNIQUE INDEX runs_open ON runs (job, state, (CASE
	WHEN state = 'running' AND concurrency <> 'allow' OR state = 'queued' AND concurrency = 'queue-one' THEN ''
	ELSE id END)) WHERE ended = 0;

-- Attempts without a second index beside their key.
CREATE TABLE attempts_2 (
	run     TEXT   NOT NULL,
	number  BIGINT NOT NULL,
	started BIGINT NOT NULL,
	ended   BIGINT NOT NULL,
	state   TEXT   NOT NULL,
	reason  TEXT   NOT NULL,
	error   TEXT   NOT NULL,
	log     TEXT   NOT NULL,
	PRIMARY KEY (run, number)
) WITHOUT ROWID;
INSERT INTO attempts_2 (run, number, started, ended, state, reason, error, log)
	SELECT run, number, started, ended, state, reason, error, log FROM attempts;
DROP TABLE attempts;
ALTER TABLE attempts_2 RENAME TO attempts;
