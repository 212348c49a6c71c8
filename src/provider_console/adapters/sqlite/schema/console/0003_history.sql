-- Roll-ups of attempts: what those of a minute, an hour or a day (UTC) come to. See core/rollup.py; `at` is its begin.

ALTER TABLE provider_usage_analytics ADD COLUMN first INTEGER NOT NULL DEFAULT 0;  -- its execution began with it
UPDATE provider_usage_analytics SET first = 1
  WHERE id IN (SELECT min(id) FROM provider_usage_analytics GROUP BY execution_id);

CREATE TABLE usage_rollup_minute (
  provider   TEXT NOT NULL,
  at         INTEGER NOT NULL,
  category   TEXT NOT NULL,
  kind       TEXT NOT NULL,
  attempts   INTEGER NOT NULL,
  successes  INTEGER NOT NULL,
  visits     INTEGER NOT NULL,        -- executions that came to the provider
  executions INTEGER NOT NULL,        -- executions that began with it
  latency_us INTEGER NOT NULL,        -- of successes, added up
  lost_us    INTEGER NOT NULL,        -- spent on failures and on waiting
  cost       INTEGER,                 -- in billionths; NULL: no price known
  details    BLOB NOT NULL,           -- error classes, units, the histogram of latencies
  PRIMARY KEY (provider, at, category, kind)
) WITHOUT ROWID;

CREATE TABLE usage_rollup_hour (
  provider   TEXT NOT NULL,
  at         INTEGER NOT NULL,
  category   TEXT NOT NULL,
  kind       TEXT NOT NULL,
  attempts   INTEGER NOT NULL,
  successes  INTEGER NOT NULL,
  visits     INTEGER NOT NULL,
  executions INTEGER NOT NULL,
  latency_us INTEGER NOT NULL,
  lost_us    INTEGER NOT NULL,
  cost       INTEGER,
  details    BLOB NOT NULL,
  PRIMARY KEY (provider, at, category, kind)
) WITHOUT ROWID;

CREATE TABLE usage_rollup_day (
  provider   TEXT NOT NULL,
  at         INTEGER NOT NULL,
  category   TEXT NOT NULL,
  kind       TEXT NOT NULL,
  attempts   INTEGER NOT NULL,
  successes  INTEGER NOT NULL,
  visits     INTEGER NOT NULL,
  executions INTEGER NOT NULL,
  latency_us INTEGER NOT NULL,
  lost_us    INTEGER NOT NULL,
  cost       INTEGER,
  details    BLOB NOT NULL,
  PRIMARY KEY (provider, at, category, kind)
) WITHOUT ROWID;

CREATE TABLE usage_rollup_state (
  id      INTEGER PRIMARY KEY CHECK (id = 1),
  folded  INTEGER NOT NULL,           -- the last attempt that the roll-ups hold
  pruned  REAL NOT NULL,              -- attempts, minutes, checks and executions before this were deleted
  rolled  REAL NOT NULL               -- hours and days before this were deleted
);
INSERT INTO usage_rollup_state VALUES (1, 0, 0, 0);

-- A check that found another state than the one before it: outages are read from these few.
ALTER TABLE system_health_checks ADD COLUMN moved INTEGER NOT NULL DEFAULT 0;
UPDATE system_health_checks SET moved = 1 WHERE id IN (
  SELECT id FROM (SELECT id, state, lag(state) OVER (PARTITION BY provider ORDER BY id) AS before
                  FROM system_health_checks) WHERE state IS NOT before
);
CREATE INDEX checks_moved ON system_health_checks (provider, at) WHERE moved;
-- With what a count of checks asks for.
DROP INDEX checks_provider_at;
CREATE INDEX checks_provider_at ON system_health_checks (provider, at, passed);
