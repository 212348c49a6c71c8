-- Append only. Each row's hash covers its values and the hash before it; see chain.py.

CREATE TABLE audit_log (
  seq       INTEGER PRIMARY KEY,
  at        REAL NOT NULL,
  actor     TEXT NOT NULL,
  role      TEXT NOT NULL,
  front_end TEXT NOT NULL,
  action    TEXT NOT NULL,
  subject   TEXT NOT NULL,
  phase     TEXT NOT NULL,
  refers_to INTEGER,
  result    TEXT NOT NULL,
  before    TEXT,
  after     TEXT,
  hash      TEXT NOT NULL
);

-- Where the chain ends, written in the transaction of its last row, signed where there is a key.
CREATE TABLE audit_head (
  id        INTEGER PRIMARY KEY CHECK (id = 1),
  trail     TEXT NOT NULL,            -- names this trail, so that no part of another fits into it
  seq       INTEGER NOT NULL,
  hash      TEXT NOT NULL,
  signature TEXT
);

-- Signed heads that stay: every 100 rows and at close.
CREATE TABLE audit_signatures (
  seq       INTEGER PRIMARY KEY,
  hash      TEXT NOT NULL,
  signature TEXT NOT NULL
);

CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END;
-- REPLACE would delete without firing the trigger above.
CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log WHEN NEW.seq <= (SELECT max(seq) FROM audit_log)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END;

CREATE TRIGGER audit_signatures_no_update BEFORE UPDATE ON audit_signatures
BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END;
CREATE TRIGGER audit_signatures_no_delete BEFORE DELETE ON audit_signatures
BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END;

CREATE TRIGGER audit_head_no_exchange BEFORE UPDATE ON audit_head WHEN NEW.trail <> OLD.trail
BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END;
CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head
BEGIN SELECT RAISE(ABORT, 'the audit trail is append only'); END;
