-- When the first content of a stream came: its latency, where `duration_ms` is the whole stream. NULL: no stream.
ALTER TABLE provider_usage_analytics ADD COLUMN first_content_ms REAL;
