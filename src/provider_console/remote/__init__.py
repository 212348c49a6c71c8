"""The same `Console`, of an engine that runs elsewhere: over its HTTP API."""
