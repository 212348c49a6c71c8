"""Writes what happened: rows wait in memory for at most a second or 200 of them, then go out in one transaction.

A call only leaves its execution behind; the rows are made when they are written. What still runs then is written as
far as it has come, so that a crash loses at most a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from provider_console.console.events import StoreRecovered, StoreTroubled
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock
from provider_console.core.ports.usage import Absorbed, CheckRow, ExecutionBegun, ExecutionEnded, UsageRow, UsageStore
from provider_console.engine.bus import Bus
from provider_console.engine.lifecycle import outlast
from provider_console.engine.trace import Execution

log = logging.getLogger(__name__)

FLUSH_S: Final = 1.0
FLUSH_ROWS: Final = 200
_FLUSH_MOMENTS: Final = FLUSH_ROWS // 3
"""An execution makes three rows or more: its begin, an attempt, its end."""

RING_ROWS: Final = 10_000
"""What is kept while the database cannot be written; beyond it the oldest rows are dropped, and counted."""


class Recorder:
    """Takes executions and checks without waiting and turns them into rows when it writes."""

    def __init__(
        self,
        store: UsageStore,
        *,
        clock: Clock,
        bus: Bus,
        remember: Callable[[Execution | CheckRow], None] = lambda _moment: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._bus = bus
        self._remember = remember
        self._moments: list[Execution | CheckRow] = []
        self._rows: deque[UsageRow] = deque()
        self._due = asyncio.Event()
        self._flushing = asyncio.Lock()
        self.running: dict[str, Execution] = {}
        """Executions under way, by id: the executor puts them in and takes them out."""
        self.dropped = 0
        self.problem: str | None = None

    def note(self, moment: Execution | CheckRow) -> None:
        """An execution ended, or a provider was checked."""
        moments = self._moments
        moments.append(moment)
        if len(moments) == _FLUSH_MOMENTS:
            self._due.set()

    @property
    def waiting(self) -> int:
        """Records not yet written."""
        return len(self._moments) + len(self._rows)

    async def run(self) -> None:
        """Write until cancelled: once a second while there is something, at once when much has gathered."""
        while True:
            try:
                async with asyncio.timeout(FLUSH_S):
                    await self._due.wait()
            except TimeoutError:
                pass  # the second has passed
            self._due.clear()
            try:
                await self.flush()
            except Exception:
                log.exception("a batch could not be recorded")

    async def flush(self) -> None:
        """Write everything that waits; what the store refuses stays in the ring and is tried again."""
        async with self._flushing:
            self._make_rows()
            if not self._rows:
                return
            batch = tuple(self._rows)
            # A store carries a cancelled write through: who is cancelled meanwhile must not have it written again.
            writing = asyncio.ensure_future(self._store.write(batch))  # noqa: TID251 - outlasted two lines below
            cancelled = await outlast(writing)
            error = writing.exception()
            if error is None:
                for _ in batch:
                    self._rows.popleft()
                if self.problem is not None:
                    self.problem = None
                    self._bus.publish(StoreRecovered(at=self._clock.wall()))
            elif isinstance(error, StoreUnavailable):
                self._trouble(str(error))
            else:
                raise error
            if cancelled:
                raise asyncio.CancelledError

    def _make_rows(self) -> None:
        moments, self._moments = self._moments, []
        for moment in moments:
            try:
                self._remember(moment)
                self._make(moment)
            except Exception:
                log.exception("an execution or check could not be recorded")
                self.dropped += 1
        for execution in list(self.running.values()):
            self._keep(execution)
        while len(self._rows) > RING_ROWS:
            self._rows.popleft()
            self.dropped += 1

    def _make(self, moment: Execution | CheckRow) -> None:
        if isinstance(moment, CheckRow):
            self._rows.append(moment)
            return
        written_as_failed = moment.status == "ok" and any(
            attempt.failure is not None for attempt in moment.attempts[: moment.attempts_kept]
        )
        self._keep(moment)
        if written_as_failed:
            self._rows.append(Absorbed(execution_id=moment.id, since=moment.started_wall))
        self._rows.append(_ended(moment))

    def _keep(self, execution: Execution) -> None:
        """Make the rows of an execution that are not made yet: its begin, and each attempt that has ended."""
        if not execution.begin_kept:
            execution.begin_kept = True
            self._rows.append(_begun(execution))
        for attempt in execution.attempts[execution.attempts_kept :]:
            if attempt.ended is not None:
                self._rows.append(execution.attempt_row(attempt))
                execution.attempts_kept += 1

    def _trouble(self, problem: str) -> None:
        self.problem = problem
        self._bus.publish(StoreTroubled(at=self._clock.wall(), problem=problem, dropped=self.dropped))


def _begun(execution: Execution) -> ExecutionBegun:
    return ExecutionBegun(
        id=execution.id,
        kind=execution.operation.kind,
        category=execution.operation.category,
        at=execution.started_wall,
        parent=execution.parent,
    )


_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode


def _ended(execution: Execution) -> ExecutionEnded:
    report = execution.report(with_result=False)
    return ExecutionEnded(
        id=execution.id,
        status=execution.status,
        provider=execution.provider,
        elapsed_ms=report.elapsed_ms,
        report=_encode(report),
    )
