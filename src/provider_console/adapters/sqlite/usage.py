"""The usage database: executions, attempts, checks, alerts, providers, names of secrets, revisions of the settings."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from provider_console.adapters.sqlite import rollups
from provider_console.adapters.sqlite import rows as values
from provider_console.adapters.sqlite.alerts import Alerts
from provider_console.adapters.sqlite.connection import insert
from provider_console.adapters.sqlite.database import Database
from provider_console.adapters.sqlite.history import StoredHistory
from provider_console.adapters.sqlite.salvage import salvage_tables
from provider_console.adapters.sqlite.tokens import SqliteTokens
from provider_console.adapters.sqlite.trial import Trials
from provider_console.core.ports.settings import Revision
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock
from provider_console.core.ports.usage import (
    Absorbed,
    AttemptRow,
    CheckRow,
    ExecutionBegun,
    ExecutionRow,
    Memory,
    UsageRow,
)
from provider_console.sdk.provider import Provider

log = logging.getLogger(__name__)

# Table and column names are constants of this package; every value is bound.
_ATTEMPTS: Final = f"INSERT INTO provider_usage_analytics ({values.ATTEMPT_COLUMNS})"
# `moved`: the provider's check before it found another state.
_CHECK: Final = (
    f"INSERT INTO system_health_checks ({values.CHECK_COLUMNS}, moved) "  # noqa: S608 - names are ours, values are bound
    f"VALUES ({values.placeholders(values.CHECK_COLUMNS)}, (SELECT state FROM system_health_checks "
    "WHERE provider = ? ORDER BY at DESC, id DESC LIMIT 1) IS NOT ?)"
)
_BEGUN: Final = "INSERT INTO executions (id, kind, category, parent, at, owner)"
# Begun and ended since the last write, as most are.
_WHOLE: Final = "INSERT INTO executions (id, kind, category, parent, at, owner, status, provider, elapsed_ms, report)"
_WHOLE_AFTER_BEGUN: Final = (
    "ON CONFLICT (id) DO UPDATE SET status = excluded.status, provider = excluded.provider, "
    "elapsed_ms = excluded.elapsed_ms, report = excluded.report"
)
_END: Final = "UPDATE executions SET status = ?, provider = ?, elapsed_ms = ?, report = ? WHERE id = ?"
_PROVIDER: Final = (
    f"INSERT INTO providers ({values.PROVIDER_COLUMNS}) VALUES ({values.placeholders(values.PROVIDER_COLUMNS)})"  # noqa: S608 - names are ours, values are bound
)
_REMEMBER: Final = """
INSERT INTO provider_memory (provider, enabled, described, described_at) VALUES (?, ?, ?, ?)
ON CONFLICT (provider) DO UPDATE SET enabled = coalesce(excluded.enabled, enabled),
  described = coalesce(excluded.described, described), described_at = coalesce(excluded.described_at, described_at)
"""
# Steps from name to name along the index: `GROUP BY provider` would read every check of the last months.
_LATEST_CHECKS: Final = f"""
WITH RECURSIVE seen (name) AS (
  SELECT min(provider) FROM system_health_checks
  UNION ALL
  SELECT (SELECT min(provider) FROM system_health_checks WHERE provider > name) FROM seen WHERE name IS NOT NULL
)
SELECT {values.CHECK_COLUMNS} FROM system_health_checks WHERE id IN (
  SELECT (SELECT id FROM system_health_checks WHERE provider = name ORDER BY at DESC, id DESC LIMIT 1) FROM seen
)
"""  # noqa: S608 - names are ours, values are bound

FOLD_S: Final = 1.0
FOLD_ROWS: Final = 5_000
"""Attempts go into the roll-ups after so long, or when so many wait, not with each write: it costs a cell as much to
take one attempt as to take a hundred."""


class SqliteUsage(StoredHistory, Alerts, Trials):
    """`UsageStore` (alerts included), `SecretIndex` and the revisions of the configuration in one file.

    `notices` tells people what happened while it was opened. `max_pages` bounds the file, in pages of 4 KiB.
    A write whose caller is cancelled is carried through.
    """

    def __init__(self, path: Path, *, clock: Clock, max_pages: int | None = None) -> None:
        super().__init__(
            Database(
                path, schema="console", synchronous="NORMAL", clock=clock, salvage=salvage_tables, max_pages=max_pages
            ),
            clock,
        )
        self._presence = self._database.presence
        self._folded_at = clock.monotonic()
        self._unfolded = 0
        self.tokens = SqliteTokens(self._database)

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    @property
    def notices(self) -> list[str]:
        """Sentences about what happened while it was opened; the caller may take them out."""
        return self._database.notices

    async def open(self) -> None:
        """Open now what would be opened at the first use.

        Raises:
            StoreUnavailable
        """
        await self._database.writer()

    async def close(self) -> None:
        """Close; calling it twice is fine."""
        await self._database.close()

    # --- attempts, executions, checks

    async def write(self, rows: Sequence[UsageRow]) -> None:
        """Append rows in one transaction, in order."""
        attempts: list[tuple[Any, ...]] = []
        checks: list[tuple[Any, ...]] = []
        begun: dict[str, tuple[Any, ...]] = {}
        whole: list[tuple[Any, ...]] = []
        ended: list[tuple[Any, ...]] = []
        absorbed: list[tuple[float, str]] = []
        owner = self._presence.token
        # Made here and not in the database's thread: there a long stretch of Python would keep the loop waiting
        # for up to 5 ms (sys.getswitchinterval), here 200 rows take a third of one.
        for row in rows:
            if isinstance(row, AttemptRow):
                attempts.append(values.attempt_values(row))
            elif isinstance(row, CheckRow):
                checks.append(values.check_values(row))
            elif isinstance(row, Absorbed):
                # An attempt's wall time is reckoned from the start of its execution: a second covers rounding.
                absorbed.append((row.since - 1.0, row.execution_id))
            elif isinstance(row, ExecutionBegun):
                begun[row.id] = (row.id, row.kind, row.category, row.parent, row.at, owner)
            elif (begin := begun.pop(row.id, None)) is not None:
                whole.append((*begin, row.status, row.provider, row.elapsed_ms, row.report))
            else:
                ended.append((row.status, row.provider, row.elapsed_ms, row.report, row.id))
        if rows:
            work = partial(_write, list(begun.values()), whole, ended, attempts, checks, absorbed)
            await self._database.write(work)
            await self._fold_when_due(len(attempts))

    async def _fold_when_due(self, attempts: int) -> None:
        now = self._clock.monotonic()
        self._unfolded += attempts
        if not self._unfolded or (self._unfolded < FOLD_ROWS and now - self._folded_at < FOLD_S):
            return
        self._folded_at, self._unfolded = now, 0
        try:
            # In a transaction of its own: what cannot be folded is written all the same, and folded another time.
            await self._database.write(rollups.fold)
        except StoreUnavailable as error:
            log.warning("attempts could not be folded into the roll-ups: %s", error)

    async def abandon(self) -> tuple[str, ...]:
        """Mark executions that no living process owns and that have no end as `unknown_crashed`; their ids."""
        return await self._database.write(self._abandon)

    def _abandon(self, connection: sqlite3.Connection) -> tuple[str, ...]:
        owners = connection.execute("SELECT DISTINCT owner FROM executions WHERE status IS NULL").fetchall()
        crashed: list[str] = []
        for (owner,) in owners:
            if owner is not None and self._presence.alive(owner):
                continue
            found = connection.execute("SELECT id FROM executions WHERE status IS NULL AND owner IS ?", (owner,))
            crashed += [row[0] for row in found]
            connection.execute(
                "UPDATE executions SET status = 'unknown_crashed' WHERE status IS NULL AND owner IS ?", (owner,)
            )
        return tuple(sorted(crashed))

    async def executions(self, *, limit: int = 50, before: str | None = None) -> Sequence[ExecutionRow]:
        """Newest first; `before` is the id of the last one on the page before."""
        condition, parameters = ("", ()) if before is None else ("WHERE id < ? ", (before,))
        sql = f"SELECT {values.EXECUTION_COLUMNS} FROM executions {condition}ORDER BY id DESC LIMIT ?"  # noqa: S608 - names are ours, values are bound
        return [values.execution(row) for row in await self._fetch(sql, (*parameters, limit))]

    async def execution(self, execution_id: str) -> ExecutionRow | None:
        """One execution by its id."""
        found = await self._fetch(
            f"SELECT {values.EXECUTION_COLUMNS} FROM executions WHERE id = ?",  # noqa: S608 - names are ours, values are bound
            (execution_id,),
        )
        return values.execution(found[0]) if found else None

    async def attempts(
        self, *, provider: str | None = None, since: float = 0.0, limit: int = 1000
    ) -> Sequence[AttemptRow]:
        """Newest first; `since` in wall seconds."""
        found = await self._newest("provider_usage_analytics", values.ATTEMPT_COLUMNS, provider, since, limit)
        return await self._made(values.attempt, found)

    async def checks(self, *, provider: str | None = None, since: float = 0.0, limit: int = 1000) -> Sequence[CheckRow]:
        """Newest first; `since` in wall seconds."""
        found = await self._newest("system_health_checks", values.CHECK_COLUMNS, provider, since, limit)
        return await self._made(values.check, found)

    async def latest_checks(self) -> Mapping[str, CheckRow]:
        """The newest check of each provider."""
        found = [values.check(row) for row in await self._fetch(_LATEST_CHECKS, ())]
        return {row.provider: row for row in sorted(found, key=lambda row: row.provider)}

    # --- providers

    async def save_providers(self, providers: Sequence[Provider], at: float) -> None:
        """Replace the table of providers as last unified."""
        many = [values.provider_values(provider, position, at) for position, provider in enumerate(providers)]

        def replace(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM providers")
            connection.executemany(_PROVIDER, many)

        await self._database.write(replace)

    async def memories(self) -> Mapping[str, Memory]:
        """What is remembered of each provider."""
        found = await self._fetch(
            "SELECT provider, enabled, described, described_at FROM provider_memory ORDER BY provider", ()
        )
        return {
            name: Memory(
                provider=name,
                enabled=None if enabled is None else bool(enabled),
                described=described,
                described_at=described_at,
            )
            for name, enabled, described, described_at in found
        }

    async def remember(self, memory: Memory) -> None:
        """Merge: fields that are None leave what is stored."""
        enabled = None if memory.enabled is None else int(memory.enabled)
        await self._change(_REMEMBER, (memory.provider, enabled, memory.described, memory.described_at))

    async def forget_descriptions(self) -> int:
        """Drop what providers said of themselves; how many were dropped."""
        return await self._change(
            "UPDATE provider_memory SET described = NULL, described_at = NULL WHERE described IS NOT NULL", ()
        )

    # --- plugins

    async def plugins_seen(self) -> Mapping[str, tuple[str, str]]:
        """Package and version of each plugin at the last start; empty before the first one."""
        found = await self._fetch("SELECT name, package, version FROM plugins_seen", ())
        return {name: (package, version) for name, package, version in found}

    async def see_plugins(self, plugins: Mapping[str, tuple[str, str]]) -> None:
        """Remember the plugins of this start."""
        many = [(name, package, version) for name, (package, version) in sorted(plugins.items())]

        def replace(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM plugins_seen")
            connection.executemany("INSERT INTO plugins_seen (name, package, version) VALUES (?, ?, ?)", many)

        await self._database.write(replace)

    # --- names of secrets

    async def secret_names(self) -> Mapping[str, tuple[str, float, float | None]]:
        """Name -> backend, stored at, last success at (wall seconds)."""
        found = await self._fetch(
            "SELECT name, backend, stored_at, last_success_at FROM system_secrets ORDER BY name", ()
        )
        return {name: (backend, stored_at, last) for name, backend, stored_at, last in found}

    async def secret_stored(self, name: str, backend: str, at: float) -> None:
        """Remember that a name was stored; its new value has not proved itself yet."""
        await self._change(
            "INSERT INTO system_secrets (name, backend, stored_at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
            "SET backend = excluded.backend, stored_at = excluded.stored_at, last_success_at = NULL",
            (name, backend, at),
        )

    async def secret_used(self, name: str, at: float) -> None:
        """Remember a success with it; a name that is not stored is left out."""
        await self._change("UPDATE system_secrets SET last_success_at = ? WHERE name = ?", (at, name))

    async def secret_removed(self, name: str) -> None:
        """Forget a name."""
        await self._change("DELETE FROM system_secrets WHERE name = ?", (name,))

    # --- revisions of the configuration

    async def add_revision(
        self,
        *,
        at: float,
        author: str,
        reason: str,
        hash: str,  # noqa: A002  the field of Revision
        text: str,
        valid: bool = True,
    ) -> int:
        """Keep a version of the configuration; its id."""
        sql = "INSERT INTO config_revisions (at, author, reason, hash, text, valid) VALUES (?, ?, ?, ?, ?, ?)"
        parameters = (at, author, reason, hash, text, int(valid))
        return await self._database.write(lambda connection: int(connection.execute(sql, parameters).lastrowid or 0))

    async def revisions(self, *, limit: int = 50) -> Sequence[Revision]:
        """Newest first."""
        return await self._revisions("", limit)

    async def newest_valid(self) -> Revision | None:
        """The last good configuration, if there ever was one."""
        found = await self._revisions("WHERE valid ", 1)
        return found[0] if found else None

    async def _revisions(self, condition: str, limit: int) -> list[Revision]:
        found = await self._fetch(
            "SELECT id, at, author, reason, hash, text, valid FROM config_revisions "  # noqa: S608 - names are ours, values are bound
            f"{condition}ORDER BY id DESC LIMIT ?",
            (limit,),
        )
        return [
            Revision(id=id_, at=at, author=author, reason=reason, hash=hash_, text=text, valid=bool(valid))
            for id_, at, author, reason, hash_, text, valid in found
        ]

    # --- the database

    async def _newest(
        self, table: str, columns: str, provider: str | None, since: float, limit: int
    ) -> Sequence[tuple[Any, ...]]:
        condition, parameters = ("", ()) if provider is None else ("provider = ? AND ", (provider,))
        sql = f"SELECT {columns} FROM {table} WHERE {condition}at >= ? ORDER BY at DESC, id DESC LIMIT ?"  # noqa: S608 - names are ours, values are bound
        return await self._fetch(sql, (*parameters, since, limit))

    async def _fetch(self, sql: str, parameters: tuple[Any, ...]) -> Sequence[tuple[Any, ...]]:
        return await self._database.read(lambda connection: connection.execute(sql, parameters).fetchall())


def _write(
    begun: Sequence[tuple[Any, ...]],
    whole: Sequence[tuple[Any, ...]],
    ended: Sequence[tuple[Any, ...]],
    attempts: Sequence[tuple[Any, ...]],
    checks: Sequence[tuple[Any, ...]],
    absorbed: Sequence[tuple[float, str]],
    connection: sqlite3.Connection,
) -> None:
    # Order matters within a table only, and an execution begins before it ends.
    insert(connection, _BEGUN, begun, on_conflict="ON CONFLICT DO NOTHING")
    insert(connection, _WHOLE, whole, on_conflict=_WHOLE_AFTER_BEGUN)
    connection.executemany(_END, ended)
    insert(connection, _ATTEMPTS, attempts)
    # The provider and its state once more, for the state before; numbered marks want names in Python 3.12.
    connection.executemany(_CHECK, [(*row, row[0], row[2]) for row in checks])
    for since, execution_id in absorbed:
        rollups.absorb(connection, since, execution_id)
