-- A configuration that somebody saved for a while: taken back unless it is confirmed, also after a crash.
CREATE TABLE config_trial (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  hash    TEXT NOT NULL,      -- of the text on trial
  before  TEXT NOT NULL,      -- the whole text that comes back
  author  TEXT NOT NULL,
  reason  TEXT NOT NULL,
  at      REAL NOT NULL,
  until   REAL NOT NULL,
  health  REAL,               -- the overall health before; NULL: nothing was known
  covered TEXT NOT NULL,      -- JSON: what was served before
  owner   TEXT                -- the process that watches it, see presence.py; NULL: a command that ran once
);
