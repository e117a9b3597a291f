-- The hashes that the history tree completes with a leaf, level by level, 64
-- hexadecimal digits each, beside the last entry of the leaf. The migration
-- computes them for the leaves there are.
ALTER TABLE entries ADD COLUMN hashes TEXT NOT NULL DEFAULT '';

-- The tree as it was signed at some sizes.
CREATE TABLE checkpoints (
	size  BIGINT PRIMARY KEY, -- in leaves
	at    BIGINT NOT NULL,
	note  TEXT   NOT NULL,
	seq   BIGINT NOT NULL, -- of the last entry
	peaks TEXT   NOT NULL  -- the roots of the complete subtrees, greatest first
);
