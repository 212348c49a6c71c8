-- The plugins of the last start: what is new since then, or has another version, is announced.
CREATE TABLE plugins_seen (
  name    TEXT PRIMARY KEY,
  package TEXT NOT NULL,
  version TEXT NOT NULL
);
