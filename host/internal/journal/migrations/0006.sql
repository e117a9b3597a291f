-- A job has a number by which the scheduler knows it: few bits, without holes to
-- speak of, given to another when the job is gone.
CREATE TABLE jobs_2 (
	key         INTEGER PRIMARY KEY,
	id          TEXT   NOT NULL UNIQUE,
	name        TEXT   NOT NULL UNIQUE,
	generation  BIGINT NOT NULL CHECK (generation >= 1),
	owner       TEXT   NOT NULL,
	concurrency TEXT   NOT NULL,
	spec        TEXT   NOT NULL, -- JSON: the rest of the job
	input       TEXT   NOT NULL, -- JSON or ''
	created     BIGINT NOT NULL,
	updated     BIGINT NOT NULL
);
INSERT INTO jobs_2 (id, name, generation, owner, concurrency, spec, input, created, updated)
	SELECT id, name, generation, owner, concurrency, spec, input, created, updated FROM jobs ORDER BY name;
DROP TABLE jobs;
ALTER TABLE jobs_2 RENAME TO jobs;

-- Beside the cursor of a job its number (0: the job is gone) and when the
-- scheduler has to look at it next, which it computed (0: not known). Who
-- computed it is in meta under "arms".
ALTER TABLE cursors ADD COLUMN key BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cursors ADD COLUMN arms BIGINT NOT NULL DEFAULT 0;
UPDATE cursors SET key = COALESCE((SELECT key FROM jobs WHERE id = cursors.job), 0);
INSERT INTO cursors (job, cursor, key) SELECT id, 0, key FROM jobs WHERE id NOT IN (SELECT job FROM cursors);
