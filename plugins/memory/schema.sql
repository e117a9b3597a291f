-- Times are microseconds since 1970, UTC.
CREATE TABLE IF NOT EXISTS nodes (
  seq      INTEGER PRIMARY KEY,
  id       TEXT NOT NULL UNIQUE,
  text     TEXT NOT NULL,
  source   TEXT NOT NULL,
  tags     TEXT NOT NULL,             -- JSON array of strings
  size     INTEGER NOT NULL,          -- bytes of text, source and tags
  created  INTEGER NOT NULL,
  accessed INTEGER NOT NULL,          -- 0: never found by a search
  expires  INTEGER,                   -- NULL: by ttl_days alone
  state    TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'embedded', 'failed')),
  model    TEXT NOT NULL DEFAULT '',  -- of vector
  vector   BLOB,                      -- little-endian float32
  cause    TEXT NOT NULL DEFAULT '',  -- of a failure
  retry    INTEGER NOT NULL DEFAULT 0 -- a failed node is not tried before
);
CREATE INDEX IF NOT EXISTS nodes_expires ON nodes (expires) WHERE expires IS NOT NULL;
CREATE INDEX IF NOT EXISTS nodes_created ON nodes (created);
CREATE INDEX IF NOT EXISTS nodes_value ON nodes (accessed, created);
CREATE INDEX IF NOT EXISTS nodes_state ON nodes (state, model);

CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
  text, content = 'nodes', content_rowid = 'seq', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER IF NOT EXISTS nodes_insert AFTER INSERT ON nodes BEGIN
  INSERT INTO words (rowid, text) VALUES (new.seq, new.text);
END;
CREATE TRIGGER IF NOT EXISTS nodes_delete AFTER DELETE ON nodes BEGIN
  INSERT INTO words (words, rowid, text) VALUES ('delete', old.seq, old.text);
END;

-- The model of the last backfill: what coverage is measured against.
CREATE TABLE IF NOT EXISTS settings (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
);
