"""One SQLite connection in a thread of its own, to which whole pieces of work are handed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import aiosqlite

from provider_console.adapters.sqlite.place import companion

T = TypeVar("T")

Work = Callable[[sqlite3.Connection], T]

BUSY_TIMEOUT_MS: Final = 5_000
"""How long one process waits for another's transaction; ours take milliseconds."""
IMPATIENT_MS: Final = 100
"""How long, once another program has kept the file for all of that time; a command would wait a minute else."""

TOGETHER: Final = 32
"""Rows in one statement: after each statement the thread waits for Python's lock anew, behind the whole loop, and the
loop behind it. Attempts have 22 values each, and a statement takes 999."""

WAL_LIMIT_BYTES: Final = 16 * 1024 * 1024
"""The log is cut back to this after a checkpoint; a long reader can make it grow far beyond."""


class Connection(aiosqlite.Connection):
    """An aiosqlite connection that runs a whole transaction in one hop.

    A transaction of several awaits can be cancelled between two of them and then stays open; one piece of work
    cannot: when its caller is cancelled it is carried through, and only the answer is lost.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        self._raw: sqlite3.Connection | None = None
        self._stopping: asyncio.Future[None] | None = None

        def connect() -> sqlite3.Connection:
            self._raw = connector()
            return self._raw

        super().__init__(connect, iter_chunk_size=64)

    @classmethod
    async def opened(cls, connector: Callable[[], sqlite3.Connection]) -> Connection:
        """Start the thread and open in it.

        Raises:
            sqlite3.Error, OSError: and whatever else the connector raises.
        """
        connection = cls(connector)
        try:
            await connection
        except BaseException:
            # aiosqlite does not wait for its thread here, which then answers to a loop that may be gone.
            if connection._stopping is not None:
                await asyncio.wait([connection._stopping])
            raise
        return connection

    async def perform(self, work: Work[T]) -> T:
        """Run work in the connection's thread.

        Raises:
            sqlite3.Error: and whatever else the work raises.
        """
        return await self.post(work)

    def post(self, work: Work[T]) -> asyncio.Future[T]:
        """Hand work over at once; nobody needs to wait for it."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((future, partial(work, self._conn)))
        return future

    def order(self, work: Work[None]) -> None:
        """Hand work over that says by itself how it went, and raises nothing."""
        self._tx.put_nowait((None, partial(work, self._conn)))

    def stop(self) -> asyncio.Future[None] | None:
        """End the thread; aiosqlite calls this when opening was cancelled too, and would leave the file open."""
        self._tx.put_nowait((None, self._close_raw))
        self._stopping = super().stop()
        return self._stopping

    def _close_raw(self) -> None:
        if self._raw is not None:
            self._raw.close()


def transact(work: Work[T], connection: sqlite3.Connection) -> T:
    """Run work in one transaction, all of it or nothing.

    IMMEDIATE, because a transaction that starts by reading fails at once with SQLITE_BUSY_SNAPSHOT when it comes
    to write after somebody else did, whatever the busy timeout.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    finally:
        # SQLite itself has rolled back already where the disk was full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return result


def insert(
    connection: sqlite3.Connection, into: str, rows: Sequence[tuple[Any, ...]], *, on_conflict: str = ""
) -> None:
    """Insert rows of equal length in their order; `into` ends before VALUES."""
    for first in range(0, len(rows), TOGETHER):
        some = rows[first : first + TOGETHER]
        values = ", ".join((f"({', '.join('?' * len(some[0]))})",) * len(some))
        connection.execute(f"{into} VALUES {values} {on_conflict}", tuple(chain.from_iterable(some)))


def waiting(busy_ms: int, work: Work[T], connection: sqlite3.Connection) -> T:
    """Run work that waits so long for another's transaction."""
    connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
    return work(connection)


def connect(
    path: Path,
    *,
    synchronous: Literal["NORMAL", "FULL"],
    reading: bool = False,
    max_pages: int | None = None,
    busy_ms: int = BUSY_TIMEOUT_MS,
) -> sqlite3.Connection:
    """A plain connection with this console's settings.

    Raises:
        sqlite3.Error
    """
    # One thread uses it, but not the one that makes it: aiosqlite opens, and a damaged file is closed elsewhere.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=busy_ms / 1000)
    try:
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA trusted_schema = OFF")
        if reading:
            connection.execute("PRAGMA query_only = ON")
        else:
            # Must come before the first table; pruned space can then be given back without a rewrite.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}").fetchone()
            if max_pages is not None:
                connection.execute(f"PRAGMA max_page_count = {max_pages}").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def connect_untouched(path: Path, *, busy_ms: int = BUSY_TIMEOUT_MS) -> sqlite3.Connection:
    """A plain connection that changes no byte of a file and makes none beside it.

    Raises:
        sqlite3.Error
    """
    # Even a read-only connection makes the companions of a database in WAL mode; `immutable` does not, and where
    # there is no WAL it sees everything.
    mode = "mode=ro" if companion(path, "-wal").exists() else "immutable=1"
    uri = f"{path.absolute().as_uri()}?{mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=busy_ms / 1000)


def read_text_as_it_is(work: Work[T], connection: sqlite3.Connection) -> T:
    """Run work that reads; text that a dying disk changed must not make a whole page of rows unreadable.

    Tried strictly first: Python decoding each value costs more than all the rest of reading.
    """
    try:
        return work(connection)
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
    connection.text_factory = lambda raw: str(raw, "utf-8", "replace")
    try:
        return work(connection)
    finally:
        connection.text_factory = str
