"""The audit file: append only, chained, signed, and on the disk before anything it speaks of happens."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from provider_console.adapters.sqlite import trail
from provider_console.adapters.sqlite.audit_salvage import salvage_trail
from provider_console.adapters.sqlite.chain import FIELDS, KEY_BYTES
from provider_console.adapters.sqlite.connection import Connection, transact
from provider_console.adapters.sqlite.database import Database
from provider_console.adapters.sqlite.failure import Gone, unavailable
from provider_console.adapters.sqlite.rows import UNWRITTEN, bounded, message
from provider_console.adapters.sqlite.verification import Verification, end_fault
from provider_console.core.ports.audit import AuditRow, AuditVerdict
from provider_console.core.ports.secrets import SecretsUnavailable
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock

log = logging.getLogger(__name__)

Key = Callable[[], Awaitable[bytes | None]]
"""Fetches the 32 bytes that sign; None where there are none to be had."""

WINDOW_S: Final = 0.002
"""How long the first writer waits for company where there was some last time: a commit with fsync costs 4 ms alone and
hardly more for fifty. Who has been alone is not kept waiting."""

LINGER_S: Final = 0.02
"""How long an outcome waits for company: the next intent takes it along, and a commit of its own is saved."""

BATCH: Final = 500
"""Rows in one transaction at most, so that the other process on the file gets its turn."""

OPEN: Final = 4_096
"""Intents remembered until their outcome; those beyond are read from the file again."""

_Waiting = tuple[trail.Entry, asyncio.Future[int] | None]
"""A row, and who waits for its position: nobody for that of an outcome."""

_LAST_SEQ: Final = 2**63 - 1

_NAMES: Final = (*FIELDS.split(", "), "hash")
_SELECT: Final = f"SELECT {', '.join(_NAMES)} FROM audit_log"  # noqa: S608 - names are ours, values are bound


class SqliteAudit:
    """`AuditStore` on a file that several processes may append to.

    `key` None leaves the trail unsigned: chained, so that a change is found, but not proof against somebody who
    writes the whole chain anew. `notices` tells people what happened while it was opened.
    """

    def __init__(self, path: Path, *, clock: Clock, key: Key | None = None, max_pages: int | None = None) -> None:
        self._clock = clock
        self._database = Database(
            path, schema="audit", synchronous="FULL", clock=clock, salvage=self._salvage, max_pages=max_pages
        )
        self._fetch_key = key
        self._key: bytes | None = None
        self._opening = asyncio.Lock()
        self._writer: Connection | None = None
        self._pending: list[_Waiting] = []
        self._intents = 0
        """How many of them are intents, whose callers wait."""
        self._left = self._settled = 0
        """How many rows were ever left here, and how many of those are written or refused."""
        self._timer: asyncio.Handle | None = None
        self._crowded = False
        self._under_way: asyncio.Future[None] | None = None
        self._refused = False
        self._open: dict[int, trail.Who] = {}
        """Intents whose outcome is to come."""
        self._gone: Connection | None = None
        """A file that was removed while it was open."""
        self._lost: set[int] = set()
        """Intents in it whose outcome is to come."""

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    @property
    def notices(self) -> list[str]:
        """Sentences about what happened while it was opened; the caller may take them out."""
        return self._database.notices

    async def open(self) -> None:
        """Open now what would be opened at the first use, fetch the key, and look at the chain's end.

        Raises:
            StoreUnavailable
        """
        await self._ready()

    async def intend(
        self, *, actor: str, role: str, front_end: str, action: str, subject: str, before: str | None, after: str | None
    ) -> int:
        """Write what is about to happen; its position, once it is on the disk.

        Raises:
            StoreUnavailable: it could not be made durable, so the effect must not happen.
        """
        entry = trail.Intent(
            at=self._clock.wall(),
            actor=message(actor) or "",
            role=message(role) or "",
            front_end=message(front_end) or "",
            action=message(action) or "",
            subject=message(subject) or "",
            before=bounded(before),
            after=bounded(after),
        )
        return await self._append(entry)

    def conclude(self, seq: int, *, result: str, after: str | None = None) -> None:
        """See `AuditStore.conclude`: with the next intent, or after `LINGER_S`."""
        who = self._open.pop(seq, None)
        if seq in self._lost:
            self._lost.discard(seq)
            log.error(UNWRITTEN, seq, Gone(self.path))
            return
        at = self._clock.wall()
        entry = trail.Outcome(at=at, refers_to=seq, result=message(result) or "", after=bounded(after), who=who)
        self._leave(entry, None)
        if self._writer is None:
            self._flush()
        elif self._under_way is None and self._timer is None:
            self._flush_within(LINGER_S)

    async def rows(self, *, since: float = 0.0, limit: int = 200, before: int | None = None) -> Sequence[AuditRow]:
        """Newest first; `since` in wall seconds, `before` a seq: only rows that were written before that one."""
        await self._settle()
        # Not through an index on the time: nobody asks for less than the newest page, and the wall clock jumps.
        sql = f"{_SELECT} WHERE at >= ? AND seq < ? ORDER BY seq DESC LIMIT ?"
        values = (since, _LAST_SEQ if before is None else before, limit)
        found = await self._database.read(lambda connection: connection.execute(sql, values).fetchall())
        return [_row(values) for values in found]

    async def verify(self) -> AuditVerdict:
        """Walk the whole chain and its signed heads, as they are at this moment."""
        await self._ready()
        await self._settle()
        await self._database.read(lambda _connection: None)
        verification = Verification(self._key)
        connection: Connection | None = None
        try:
            connection = await Connection.opened(self._database.reading)
            verdict = None
            while verdict is None:
                verdict = await connection.perform(verification.step)
        except (sqlite3.Error, OSError) as error:
            raise unavailable(self.path, error) from error
        finally:
            if connection is not None:
                await connection.close()
        return verdict

    async def writable(self) -> bool:
        """Whether a row could be written now: the last one could, and a transaction can begin."""
        try:
            writer = await self._ready()
            await writer.perform(self._database.present(_try_transaction))
        except Gone:
            self._gone = self._writer
            return False
        except (sqlite3.Error, StoreUnavailable):
            return False
        return not self._refused

    async def close(self) -> None:
        """Write what waits, sign the head and close; calling it twice is fine."""
        try:
            # Who ends something meanwhile leaves an outcome, too.
            while self._settled < self._left:
                await self._settle()
            if self._database.current is not None and self._key is not None:
                await self._database.write(partial(trail.checkpoint, self._key))
        except StoreUnavailable as error:
            # Every row and the head over it are on the disk; what is missing is one signature more.
            self.notices.append(f"The end of the audit trail was not signed for good: {error}")
        finally:
            self._writer = None
            self._flush()
            await self._database.close()

    # --- opening

    @property
    def _is_open(self) -> bool:
        return self._writer is not None and self._writer is self._database.current and self._gone is None

    async def _ready(self) -> Connection:
        async with self._opening:
            if self._gone is not None:
                gone, self._gone = self._gone, None
                await self._database.leave_behind(gone)
            if self._writer is None or self._writer is not self._database.current:
                if self._key is None and self._fetch_key is not None:
                    self._key = await self._fetched(self._fetch_key)
                writer = await self._database.writer()
                wrong = await self._database.read(self._fault)
                if wrong is not None:
                    self.notices.append(
                        f"{self.path.name} does not end as this console left it: {wrong}. "
                        "See what is missing with: provider-console audit verify"
                    )
                # What waits for a file that was left behind has no intent in this one.
                if self._writer is not None:
                    stale, self._pending, self._intents = self._pending, [], 0
                    self._refuse(stale, str(Gone(self.path)))
                self._lost.update(self._open)
                self._open.clear()
                self._writer = writer
            return self._writer

    async def _fetched(self, fetch: Key) -> bytes | None:
        try:
            key = await fetch()
        except SecretsUnavailable as error:
            self.notices.append(f"The audit trail stays unsigned: {error}")
            return None
        if key is None or len(key) == KEY_BYTES:
            return key
        self.notices.append(
            f"The key for the audit trail has {len(key)} bytes, not {KEY_BYTES}, so the trail stays unsigned."
        )
        return None

    def _fault(self, connection: sqlite3.Connection) -> str | None:
        return end_fault(connection, self._key)

    # --- group commit

    async def _append(self, entry: trail.Entry) -> int:
        if not self._is_open:
            await self._ready()
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._leave(entry, future)
        self._intents += 1
        if self._under_way is None and self._intents == 1:
            self._flush_within(WINDOW_S if self._crowded else 0.0)
        return await future

    def _leave(self, entry: trail.Entry, future: asyncio.Future[int] | None) -> None:
        self._pending.append((entry, future))
        self._left += 1

    def _flush_within(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(delay_s, self._flush) if delay_s else loop.call_soon(self._flush)

    async def _settle(self) -> None:
        """Wait until all that was left here up to now is written or refused."""
        until = self._left
        while self._settled < until:
            if self._under_way is None:
                self._flush()
            if self._under_way is not None:
                await asyncio.wait([self._under_way])

    def _flush(self) -> None:
        """Hand what waits to the database's thread; whoever comes meanwhile makes up the next batch."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._pending = self._pending[:BATCH], self._pending[BATCH:]
        if not batch:
            return
        self._crowded = self._intents > 1
        self._intents = sum(future is not None for _, future in self._pending)
        if self._writer is None:
            self._refuse(batch, f"{self.path} is not open: this console is ending")
            self._flush()
            return
        if self._writer is not self._database.current:
            self._refuse(batch, str(Gone(self.path)))
            self._flush()
            return
        loop = asyncio.get_running_loop()
        work = partial(trail.append, [entry for entry, _ in batch], self._clock.wall(), self._key)
        written = self._database.present(partial(transact, work))
        under_way = self._under_way = loop.create_future()

        def write(connection: sqlite3.Connection) -> None:
            done: list[int | LookupError] | Exception
            try:
                done = written(connection)
            except Exception as error:  # noqa: BLE001 - carried to the loop, where each row's writer is told
                done = error
            # Not through a future of its own, which would cost another turn of the loop.
            loop.call_soon_threadsafe(self._committed, under_way, batch, done)

        self._writer.order(write)

    def _committed(
        self,
        under_way: asyncio.Future[None],
        batch: list[_Waiting],
        done: list[int | LookupError] | Exception,
    ) -> None:
        under_way.set_result(None)
        self._under_way = None
        self._refused = isinstance(done, Exception)
        if isinstance(done, list):
            self._settled += len(batch)
            for (entry, future), result in zip(batch, done, strict=True):
                if isinstance(entry, trail.Outcome):
                    if isinstance(result, LookupError):
                        log.error(UNWRITTEN, entry.refers_to, result)
                elif isinstance(result, int):
                    self._remember(result, entry.who)
                    if future is not None and not future.done():  # else cancelled while it waited; the row stands
                        future.set_result(result)
        elif isinstance(done, Gone):
            self._gone = self._writer
            self._refuse(batch, str(done))
        else:
            self._refuse(batch, str(unavailable(self.path, done)) if isinstance(done, sqlite3.Error) else repr(done))
        if self._intents:
            self._flush()
        elif self._pending:
            self._flush_within(LINGER_S)

    def _remember(self, seq: int, who: trail.Who) -> None:
        if len(self._open) >= OPEN:
            del self._open[next(iter(self._open))]
        self._open[seq] = who

    def _refuse(self, batch: list[_Waiting], reason: str) -> None:
        self._settled += len(batch)
        for entry, future in batch:
            if isinstance(entry, trail.Outcome):
                log.error(UNWRITTEN, entry.refers_to, reason)
            elif future is not None and not future.done():
                future.set_exception(StoreUnavailable(reason))

    def _salvage(self, old: sqlite3.Connection, new: sqlite3.Connection, aside: Path) -> str:
        return salvage_trail(old, new, aside, at=self._clock.wall(), key=self._key)


def _try_transaction(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")


def _row(values: Sequence[Any]) -> AuditRow:
    return AuditRow(**dict(zip(_NAMES, values, strict=True)))
