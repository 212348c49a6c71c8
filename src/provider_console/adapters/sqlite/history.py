"""What the usage database knows of the past, and how long it keeps it."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final, TypeVar

from provider_console.adapters.sqlite import rollups
from provider_console.adapters.sqlite.database import Database
from provider_console.core.period import Span
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock
from provider_console.core.ports.usage import CheckCounts, Kept, OutageRow, Rollup
from provider_console.core.rollup import GRAIN_S, Grain, start_of

log = logging.getLogger(__name__)

T = TypeVar("T")

SLICE: Final = 100
DAYS_KEPT: Final = 2_048
"""Days that stay decoded, by what they were decoded from: a month of fifty providers, in 8 MB. A day that is over is
read again each time anyone looks at the past, and decoding takes half of that."""
PRUNE_ROWS: Final = 2_000
"""Rows deleted in one transaction, so that attempts are written in between."""
PAUSE_S: Final = 0.02
"""Between two such transactions: another console that waits asks again every tenth of a second at most, and must not
find the database taken each time."""
SPARE_PAGES: Final = 2_000
"""Free pages that stay in the file, 8 MiB: more than an hour of busy writing fills."""
CUT_S: Final = 0.05
CUT_PAUSE_S: Final = 0.1
"""Pages are cut off the file for so long in one transaction. SQLite looks through its whole list of free ones for each:
where eight million rows went at once a page takes 4 ms, and the file is small again after half an hour."""
DAY_S: Final = 86_400.0
HOUR_S: Final = 3_600.0
DOWN: Final = "unhealthy"
COARSE: Final[tuple[Grain, ...]] = ("hour", "day")

_PRUNED: Final = (
    ("provider_usage_analytics", ""),
    ("system_health_checks", ""),
    ("executions", " AND status IS NOT NULL"),  # what still runs is not history
    ("alerts", " AND cleared_at IS NOT NULL"),
)
_OLDEST: Final = """
SELECT min(at) FROM (
  SELECT min(at) AS at FROM provider_usage_analytics
  UNION ALL SELECT min(at) FROM system_health_checks
  UNION ALL SELECT min(at) FROM executions WHERE status IS NOT NULL
)
"""
# The id of the last attempt is given again where the newest one was deleted: the roll-ups must not skip it then.
_UNFOLD: Final = (
    "UPDATE usage_rollup_state SET folded = min(folded, coalesce((SELECT max(id) FROM provider_usage_analytics), 0))"
)
_NAMES: Final = """
WITH RECURSIVE names (name) AS (
  SELECT min(provider) FROM system_health_checks
  UNION ALL
  SELECT (SELECT min(provider) FROM system_health_checks WHERE provider > name) FROM names WHERE name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL
"""
_WATCHED: Final = """
SELECT max(CASE WHEN state = 'unhealthy' THEN at END), coalesce(sum(CASE WHEN gap > ? THEN gap END), 0.0) FROM (
  SELECT at, state, at - lag(at) OVER (ORDER BY id) AS gap FROM system_health_checks
  WHERE provider = ? AND at >= ? AND at <= ?
)
"""


class StoredHistory:
    """The half of `UsageStore` that looks back. Made by `SqliteUsage`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._daily = lru_cache(maxsize=DAYS_KEPT)(rollups.rollup)

    async def rollups(
        self,
        spans: Sequence[Span],
        *,
        providers: Sequence[str] = (),
        category: str | None = None,
        kind: str | None = None,
    ) -> Sequence[Rollup]:
        """Roll-ups of everything that was written, by provider; without `providers`, of all of them."""
        # A full disk, which the notices tell of, must not hide what is there.
        with contextlib.suppress(StoreUnavailable):
            await self.fold()
        found = await self._database.read(lambda connection: rollups.read(connection, spans, providers, category, kind))
        made: list[Rollup] = []
        for span, rows in zip(spans, found, strict=True):
            made += await self._made(self._daily if span.grain == "day" else rollups.rollup, rows)
        return made

    async def fold(self) -> None:
        """Fold every attempt that waits by now into the roll-ups, a few at a time.

        Raises:
            StoreUnavailable
        """
        last = await self._database.read(rollups.waiting)
        while last is not None:
            folded = await self._database.write(rollups.fold)
            if folded is None or folded >= last:
                break
            await self._clock.sleep(PAUSE_S)

    async def rebuild_rollups(self) -> None:
        """Make roll-ups anew from the attempts that are kept; those of older ones stay as they are."""
        await self._database.write(rollups.rebuild)

    async def outages(self, *, provider: str | None, since: float, until: float, gap_s: float) -> Sequence[OutageRow]:
        """Outages that touch a period, newest first. No check for `gap_s`: nobody looked meanwhile."""

        def look(connection: sqlite3.Connection) -> list[OutageRow]:
            names = [provider] if provider is not None else [name for (name,) in connection.execute(_NAMES)]
            return [row for name in names for row in _outages(connection, name, since, until, gap_s)]

        return sorted(await self._database.read(look), key=lambda row: row.started, reverse=True)

    async def check_counts(self, *, provider: str | None, since: float, until: float) -> Mapping[str, CheckCounts]:
        """How many checks of each provider passed and failed in a period."""

        def count(connection: sqlite3.Connection) -> dict[str, CheckCounts]:
            names = [provider] if provider is not None else [name for (name,) in connection.execute(_NAMES)]
            sql = (
                "SELECT coalesce(sum(passed), 0), count(passed) FROM system_health_checks "
                "WHERE provider = ? AND at >= ? AND at < ?"
            )
            counted = {name: connection.execute(sql, (name, since, until)).fetchone() for name in names}
            return {
                name: CheckCounts(passed=good, failed=all_ - good) for name, (good, all_) in counted.items() if all_
            }

        return await self._database.read(count)

    # --- how long it is kept

    async def kept(self) -> Kept:
        """How far back records go."""
        sql = "SELECT pruned, rolled FROM usage_rollup_state"
        pruned, rolled = await self._database.read(lambda connection: connection.execute(sql).fetchone())
        return Kept(attempts=pruned, rollups=rolled)

    async def prune(self, before: float, *, rollups_before: float | None = None) -> int:
        """Delete attempts, minutes, checks, ended executions and cleared alerts older than a wall time; how many.

        Hours and days are deleted before `rollups_before`, or stay; roll-ups are not counted.
        """
        await self.fold()  # what is not in the roll-ups yet must not go
        # Said first: should the deleting be interrupted, nobody takes what is left for everything.
        await self._change("UPDATE usage_rollup_state SET pruned = max(pruned, ?)", (before,))
        gone = 0
        for table, condition in _PRUNED:
            sql = f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE at < ?{condition} LIMIT ?)"  # noqa: S608 - names are ours, values are bound
            while deleted := await self._database.write(partial(_delete, sql, (before, PRUNE_ROWS))):
                gone += deleted
                await self._clock.sleep(PAUSE_S)
        rolled = await self._prune_rollups("minute", before)
        if rollups_before is not None:
            await self._change("UPDATE usage_rollup_state SET rolled = max(rolled, ?)", (rollups_before,))
            for grain in COARSE:
                rolled += await self._prune_rollups(grain, rollups_before)
        if gone + rolled:
            await self._give_space_back()
        return gone

    async def _give_space_back(self) -> None:
        """All but what the next attempts fill."""
        free = await self._database.read(_free_pages)
        while free > SPARE_PAGES:
            left = await self._database.write(self._cut)
            if left >= free:
                break  # a file that another program made cannot be cut
            free = left
            await self._clock.sleep(CUT_PAUSE_S)

    def _cut(self, connection: sqlite3.Connection) -> int:
        """Cut free pages off the end for a while; how many are left."""
        until = self._clock.monotonic() + CUT_S
        while (left := _free_pages(connection)) > SPARE_PAGES and self._clock.monotonic() < until:
            # sqlite3 takes one step of a statement without columns, and this one frees a page with each step.
            connection.execute("PRAGMA incremental_vacuum(1)")
        return left

    async def _prune_rollups(self, grain: Grain, before: float) -> int:
        """Provider by provider, as the key lies; each in pieces."""
        table = f"usage_rollup_{grain}"
        gone = 0
        for name in await self._database.read(lambda connection: rollups.names(connection, grain)):
            while True:
                oldest = await self._first(f"SELECT min(at) FROM {table} WHERE provider = ?", (name,))  # noqa: S608 - names are ours, values are bound
                if oldest is None or oldest >= before:
                    break
                until = min(before, oldest + PRUNE_ROWS * GRAIN_S[grain])
                sql = f"DELETE FROM {table} WHERE provider = ? AND at < ?"  # noqa: S608 - names are ours, values are bound
                gone += await self._change(sql, (name, until))
                await self._clock.sleep(PAUSE_S)
        return gone

    async def shrink(self, most_bytes: int) -> int:
        """Where the database is larger, delete the oldest records, a day at a time, until it is not; how many rows.

        The last hour stays, whatever it takes.
        """
        gone, now = 0, self._clock.wall()
        while await self._database.read(_used_bytes) > most_bytes:
            oldest = await self._first(_OLDEST, ())
            if oldest is not None and oldest < now - HOUR_S:
                # Less than two days of records that are too many: by the hour, so that most of them stay.
                piece_s = DAY_S if now - oldest > 2 * DAY_S else HOUR_S
                gone += await self.prune(min(now - HOUR_S, start_of(oldest, "hour") + piece_s))
                continue
            oldest = await self._first("SELECT min(at) FROM usage_rollup_day", ())
            if oldest is None or oldest >= now - DAY_S:
                break
            gone += await self.prune(0.0, rollups_before=min(oldest + 30 * DAY_S, now - DAY_S))
        return gone

    # --- the database

    async def _first(self, sql: str, parameters: tuple[Any, ...]) -> Any:
        return await self._database.read(lambda connection: connection.execute(sql, parameters).fetchone()[0])

    async def _change(self, sql: str, parameters: tuple[Any, ...]) -> int:
        return await self._database.write(lambda connection: connection.execute(sql, parameters).rowcount)

    async def _made(self, make: Callable[[Sequence[Any]], T], found: Sequence[tuple[Any, ...]]) -> list[T]:
        """Values from rows, a few at a time: a thousand at once would keep the loop waiting for 5 ms."""
        made: list[T] = []
        for start in range(0, len(found), SLICE):
            if start:
                await self._clock.sleep(0)
            made += [make(row) for row in found[start : start + SLICE]]
        return made


def _outages(
    connection: sqlite3.Connection, provider: str, since: float, until: float, gap_s: float
) -> Iterator[OutageRow]:
    (begin,) = connection.execute(
        "SELECT max(at) FROM system_health_checks WHERE moved AND provider = ? AND at < ?", (provider, since)
    ).fetchone()
    moves = connection.execute(
        "SELECT at, state, error_class, message FROM system_health_checks WHERE moved AND provider = ? AND at >= ? "
        "ORDER BY id",
        (provider, since if begin is None else begin),
    ).fetchall()
    # After the clock was put back a check is compared with one of its future, and may say the same state again.
    turns = [
        move for before, move in zip((None, *moves), moves, strict=False) if before is None or before[1] != move[1]
    ]
    for (started, state, error_class, message), after in zip(turns, (*turns[1:], None), strict=False):
        ended = None if after is None else after[0]
        if state != DOWN or started >= until or (ended is not None and ended < since):
            continue
        last_seen, unwatched_s = connection.execute(
            _WATCHED, (gap_s, provider, started, float("inf") if ended is None else ended)
        ).fetchone()
        yield OutageRow(
            provider=provider,
            started=started,
            last_seen=started if last_seen is None else last_seen,
            ended=ended,
            after=None if after is None else after[1],
            unwatched_s=unwatched_s,
            error_class=error_class,
            message=message,
        )


def _delete(sql: str, parameters: tuple[Any, ...], connection: sqlite3.Connection) -> int:
    gone = connection.execute(sql, parameters).rowcount
    connection.execute(_UNFOLD)
    return gone


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _free_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])
