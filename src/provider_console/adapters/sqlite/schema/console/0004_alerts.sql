-- One row an episode: from the moment a rule fired about a subject to the moment it cleared.
CREATE TABLE alerts (
  id              TEXT PRIMARY KEY,     -- a ULID: ordered by time
  rule            TEXT NOT NULL,
  subject         TEXT NOT NULL,
  at              REAL NOT NULL,        -- when it fired
  title           TEXT NOT NULL,
  evidence        TEXT NOT NULL,
  first_try       TEXT NOT NULL,
  command         TEXT,
  cleared_at      REAL,                 -- NULL: it is still open
  acknowledged_at REAL,
  acknowledged_by TEXT,
  snoozed_until   REAL
);
-- Whoever watches, on however many consoles: one open alert for one trouble.
CREATE UNIQUE INDEX alerts_open ON alerts (rule, subject) WHERE cleared_at IS NULL;
CREATE INDEX alerts_at ON alerts (at);
