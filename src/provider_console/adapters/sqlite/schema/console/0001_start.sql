-- Times are wall seconds since 1970 (UTC), durations milliseconds, lists and maps JSON.

CREATE TABLE executions (
  id         TEXT PRIMARY KEY,        -- a ULID: ordered by time
  kind       TEXT NOT NULL,
  category   TEXT NOT NULL,
  parent     TEXT,
  at         REAL NOT NULL,
  owner      TEXT,                    -- the process that runs it; see presence.py
  status     TEXT,                    -- NULL while it runs
  provider   TEXT,
  elapsed_ms REAL,
  report     BLOB                     -- without result and payload
);
CREATE INDEX executions_unended ON executions (owner) WHERE status IS NULL;
CREATE INDEX executions_at ON executions (at);

CREATE TABLE provider_usage_analytics (
  id              INTEGER PRIMARY KEY,
  execution_id    TEXT NOT NULL,
  provider        TEXT NOT NULL,
  kind            TEXT NOT NULL,
  category        TEXT NOT NULL,
  attempt         INTEGER NOT NULL,
  at              REAL NOT NULL,
  duration_ms     REAL NOT NULL,
  timeout_ms      REAL NOT NULL,
  delay_before_ms REAL NOT NULL,
  ok              INTEGER NOT NULL,
  absorbed        INTEGER NOT NULL,
  counted         REAL NOT NULL,
  error_class     TEXT,
  http_status     INTEGER,
  provider_code   TEXT,
  message         TEXT,
  retry_after_ms  REAL,
  model           TEXT,
  units           TEXT,               -- NULL: none
  cost            REAL
);
CREATE INDEX usage_provider_at ON provider_usage_analytics (provider, at);
CREATE INDEX usage_at ON provider_usage_analytics (at);

CREATE TABLE system_health_checks (
  id          INTEGER PRIMARY KEY,
  provider    TEXT NOT NULL,
  at          REAL NOT NULL,
  state       TEXT NOT NULL,
  passed      INTEGER,                -- NULL: the probe could not be built
  score       REAL,
  rung        TEXT,
  latency_ms  REAL,
  error_class TEXT,
  message     TEXT,
  event       TEXT,
  out_ms      REAL,
  manual      INTEGER NOT NULL
);
CREATE INDEX checks_provider_at ON system_health_checks (provider, at);
CREATE INDEX checks_at ON system_health_checks (at);

CREATE TABLE providers (
  id             TEXT PRIMARY KEY,
  position       INTEGER NOT NULL,
  at             REAL NOT NULL,       -- when they were last unified
  driver         TEXT NOT NULL,
  configured     INTEGER NOT NULL,
  enabled        INTEGER NOT NULL,
  tier           TEXT NOT NULL,
  network        TEXT NOT NULL,
  region         TEXT,
  base_url       TEXT,
  credential     TEXT,                -- a name, never a value
  max_characters INTEGER,
  cost_input     REAL,
  cost_output    REAL,
  names          TEXT NOT NULL,
  categories     TEXT NOT NULL,
  capabilities   TEXT NOT NULL,
  models         TEXT NOT NULL,
  sources        TEXT NOT NULL,
  provenance     TEXT NOT NULL,
  contradictions TEXT NOT NULL
);

-- What outlives a provider's row above: the administrator's switch, and what it last said of itself.
CREATE TABLE provider_memory (
  provider     TEXT PRIMARY KEY,
  enabled      INTEGER,
  described    BLOB,
  described_at REAL
);

CREATE TABLE system_secrets (
  name            TEXT PRIMARY KEY,
  backend         TEXT NOT NULL,
  stored_at       REAL NOT NULL,
  last_success_at REAL
);

CREATE TABLE config_revisions (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice
  at     REAL NOT NULL,
  author TEXT NOT NULL,
  reason TEXT NOT NULL,
  hash   TEXT NOT NULL,
  text   TEXT NOT NULL,
  valid  INTEGER NOT NULL
);
