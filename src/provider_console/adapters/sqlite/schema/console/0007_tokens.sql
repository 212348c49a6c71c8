-- Access tokens of the HTTP API that were issued: never the token itself.
CREATE TABLE tokens (
  id         TEXT PRIMARY KEY,
  family     TEXT NOT NULL,           -- the first token of a line of renewals
  subject    TEXT NOT NULL,
  role       TEXT NOT NULL,
  key        TEXT NOT NULL,           -- the name of the key that signed it
  begun_at   REAL NOT NULL,           -- when the first of the line was issued
  issued_at  REAL NOT NULL,
  expires_at REAL NOT NULL,
  revoked_at REAL
);
CREATE INDEX tokens_family ON tokens (family);
