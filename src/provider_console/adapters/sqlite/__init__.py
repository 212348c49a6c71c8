"""Storage on SQLite: usage in one file, the audit trail in another."""

from provider_console.adapters.sqlite.audit import SqliteAudit
from provider_console.adapters.sqlite.usage import SqliteUsage

__all__ = ["SqliteAudit", "SqliteUsage"]
