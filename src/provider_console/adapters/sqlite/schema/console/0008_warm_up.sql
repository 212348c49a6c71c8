-- For how long a provider made itself ready, such as by loading a model: no part of its latency.
ALTER TABLE provider_usage_analytics ADD COLUMN warm_up_ms REAL NOT NULL DEFAULT 0;
