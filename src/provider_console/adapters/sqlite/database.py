"""A database file: opened when first needed, checked, migrated, set aside where damaged; one writer, one reader."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeVar

from provider_console.adapters.sqlite.connection import (
    BUSY_TIMEOUT_MS,
    IMPATIENT_MS,
    Connection,
    Work,
    connect,
    connect_untouched,
    read_text_as_it_is,
    transact,
    waiting,
)
from provider_console.adapters.sqlite.failure import Damaged, Gone, check, is_damage, is_locked, unavailable
from provider_console.adapters.sqlite.migration import migrate, refuse_foreign
from provider_console.adapters.sqlite.place import prepare, set_aside
from provider_console.adapters.sqlite.presence import Presence
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock

T = TypeVar("T")

Salvage = Callable[[sqlite3.Connection, sqlite3.Connection, Path], str]
"""Copies what can be read from a damaged database (also its new path is given) into a new one; says what it saved."""

CHECK_LIMIT_BYTES: Final = 256 * 1024 * 1024
"""A larger file is not read from end to end at each start: about a second for each 256 MiB on a warm disk."""

OPENING_S: Final = 30.0
"""How long to wait for another process that is checking or migrating the same file."""


class Database:
    """Both stores stand on this. `notices` are sentences for people about what happened while opening.

    A failure to open is not remembered: the next call tries again, so that the console recovers by itself.
    """

    def __init__(
        self,
        path: Path,
        *,
        schema: str,
        synchronous: Literal["NORMAL", "FULL"],
        clock: Clock,
        salvage: Salvage,
        max_pages: int | None = None,
    ) -> None:
        self.path = path
        self.notices: list[str] = []
        self.presence = Presence(path)
        self._schema = schema
        self._synchronous = synchronous
        self._clock = clock
        self._salvage = salvage
        self._max_pages = max_pages
        self._opening = asyncio.Lock()
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._closed = False
        self._busy_ms = BUSY_TIMEOUT_MS
        self._identity = (0, 0)

    @property
    def current(self) -> Connection | None:
        """The writer's connection while it is open."""
        return self._writer

    async def write(self, work: Work[T]) -> T:
        """Run work in one transaction, durable by the rules of this database when this returns.

        Raises:
            StoreUnavailable: nothing of it was written.
        """
        written = await self._performed(await self.writer(), partial(transact, work))
        self._busy_ms = BUSY_TIMEOUT_MS
        return written

    async def read(self, work: Work[T]) -> T:
        """Run work that only reads, beside the writer.

        Raises:
            StoreUnavailable
        """
        await self.writer()
        async with self._opening:
            if self._reader is None:
                self._reader = await self._connected(self.reading)
            reader = self._reader
        return await self._performed(reader, partial(read_text_as_it_is, work))

    async def writer(self) -> Connection:
        """The writer's connection, opened if it is not yet.

        Raises:
            StoreUnavailable
        """
        if self._writer is not None:
            return self._writer
        async with self._opening:
            if self._closed:
                raise StoreUnavailable(f"{self.path} is closed: this console is ending")
            if self._writer is None:
                self._writer = await self._opened()
            return self._writer

    def reading(self) -> sqlite3.Connection:
        """A plain connection of one's own, for reading; to be called in a thread.

        Raises:
            sqlite3.Error
        """
        return connect(self.path, synchronous=self._synchronous, reading=True, busy_ms=self._busy_ms)

    async def close(self) -> None:
        """Close both connections; twice is fine."""
        async with self._opening:
            self._closed = True
            try:
                await self._close()
            finally:
                self.presence.leave()

    async def _close(self) -> None:
        writer, self._writer = self._writer, None
        reader, self._reader = self._reader, None
        try:
            if reader is not None:
                await reader.close()
        finally:
            if writer is not None:
                await writer.close()

    async def _opened(self) -> Connection:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self.presence.opening()
            lock.path.parent.mkdir(mode=0o700, exist_ok=True)
            until = self._clock.monotonic() + OPENING_S
            while not lock.acquire():
                if self._clock.monotonic() > until:
                    raise StoreUnavailable(f"{self.path} cannot be used: another console is still checking it; wait")
                await self._clock.sleep(0.02)
        except OSError as error:
            raise unavailable(self.path, error) from error
        try:
            return await self._connected(self._open)
        finally:
            lock.release()

    async def _connected(self, connector: Callable[[], sqlite3.Connection]) -> Connection:
        try:
            return await Connection.opened(connector)
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error

    async def _performed(self, connection: Connection, work: Work[T]) -> T:
        try:
            return await connection.perform(partial(waiting, self._busy_ms, self.present(work)))
        except Gone:
            await self.leave_behind(connection)
            raise
        except sqlite3.Error as error:
            raise self._unavailable(error) from error

    def present(self, work: Work[T]) -> Work[T]:
        """The same work, on the file that has the name.

        Raises:
            Gone: by the work.
        """

        def checked(connection: sqlite3.Connection) -> T:
            try:
                found = self.path.stat()
            except FileNotFoundError:
                raise Gone(self.path) from None
            if (found.st_dev, found.st_ino) != self._identity:
                raise Gone(self.path)
            return work(connection)

        return checked

    async def leave_behind(self, connection: Connection) -> None:
        """Close a file that lost its name; the next call opens what has the name then. Twice is fine."""
        async with self._opening:
            if connection not in (self._writer, self._reader):
                return
            self.notices.append(
                f"{self.path.name} was removed or replaced while this console had it open. What was in it is lost "
                "unless you put it back while no console runs; what came after is in a new one."
            )
            await self._close()

    def _unavailable(self, error: sqlite3.Error | OSError) -> StoreUnavailable:
        if is_locked(error):
            self._busy_ms = IMPATIENT_MS
        return unavailable(self.path, error)

    # What follows runs in the writer's thread.

    def _writing(self) -> sqlite3.Connection:
        return connect(self.path, synchronous=self._synchronous, max_pages=self._max_pages, busy_ms=self._busy_ms)

    def _open(self) -> sqlite3.Connection:
        prepare(self.path)
        self.presence.enter()
        try:
            connection = self._sound()
        except Damaged as damage:
            connection = self._renewed(str(damage))
        found = self.path.stat()
        self._identity = (found.st_dev, found.st_ino)
        return connection

    def _sound(self) -> sqlite3.Connection:
        """The file as it is, checked and migrated.

        Raises:
            Damaged
        """
        connection = None
        try:
            refuse_foreign(self.path, self._schema, busy_ms=self._busy_ms)
            connection = self._writing()
            if self.path.stat().st_size <= CHECK_LIMIT_BYTES:
                check(connection)
            migrate(connection, self._schema)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.Error) and is_damage(error):
                raise Damaged(str(error)) from error
            raise
        return connection

    def _renewed(self, damage: str) -> sqlite3.Connection:
        """A new file with what could be saved of the damaged one."""
        if self.presence.others():
            raise StoreUnavailable(
                f"{self.path} is damaged ({damage}) and another console has it open; close that one and start again"
            )
        aside = set_aside(self.path, self._clock.wall())
        prepare(self.path)
        connection = self._writing()
        try:
            migrate(connection, self._schema)
            with closing(connect_untouched(aside)) as old:
                saved = self._salvage(old, connection, aside)
        except BaseException:
            connection.close()
            raise
        self.notices.append(
            f"{self.path.name} was damaged ({damage}). It was set aside as {aside.name}; {saved}. Keep that file until "
            "you are sure that nothing in it is missed."
        )
        return connection
