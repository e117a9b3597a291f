-- The end of a run may owe several things: an effect for each job that it starts.
CREATE TABLE effects_2 (
	run     TEXT   NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
	effect  TEXT   NOT NULL,
	target  TEXT   NOT NULL, -- name of the job to start, else ''
	created BIGINT NOT NULL,
	PRIMARY KEY (run, effect, target)
);
INSERT INTO effects_2 (run, effect, target, created) SELECT run, effect, '', created FROM effects;
DROP TABLE effects;
ALTER TABLE effects_2 RENAME TO effects;
