"""Writes what happened: rows wait in memory for at most a second or 200 of them, then go out in one transaction."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from provider_console.console.events import StoreTroubled
from provider_console.core.ports import (
    CheckRow,
    Clock,
    ExecutionBegun,
    ExecutionEnded,
    StoreUnavailable,
    UsageRow,
    UsageStore,
)
from provider_console.engine.bus import Bus
from provider_console.engine.trace import Attempt, Execution

FLUSH_S: Final = 1.0
FLUSH_ROWS: Final = 200
RING_ROWS: Final = 10_000
"""What is kept while the database cannot be written; beyond it the oldest rows are dropped, and counted."""

_Moment = tuple[Execution, Attempt | bool] | CheckRow
"""An execution with the attempt that ended, or with whether the execution itself has ended."""


class Recorder:
    """Takes moments without waiting and turns them into rows when it writes, off the path of a call."""

    def __init__(self, store: UsageStore, *, clock: Clock, bus: Bus) -> None:
        self._store = store
        self._clock = clock
        self._bus = bus
        self._moments: deque[_Moment] = deque(maxlen=RING_ROWS)
        self._rows: deque[UsageRow] = deque(maxlen=RING_ROWS)
        self._due = asyncio.Event()
        self._flushing = asyncio.Lock()
        self.dropped = 0
        self.problem: str | None = None

    def begun(self, execution: Execution) -> None:
        """An execution started."""
        self._take((execution, False))

    def attempted(self, execution: Execution, attempt: Attempt) -> None:
        """An attempt ended."""
        self._take((execution, attempt))

    def ended(self, execution: Execution) -> None:
        """An execution ended."""
        self._take((execution, True))

    def checked(self, row: CheckRow) -> None:
        """A provider was checked."""
        self._take(row)

    def _take(self, moment: _Moment) -> None:
        moments = self._moments
        if len(moments) == RING_ROWS:
            self.dropped += 1
        moments.append(moment)
        if len(moments) == FLUSH_ROWS:
            self._due.set()

    async def run(self) -> None:
        """Write until cancelled: once a second while there is something, at once when much has gathered."""
        while True:
            try:
                async with asyncio.timeout(FLUSH_S):
                    await self._due.wait()
            except TimeoutError:
                pass
            self._due.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write everything that waits; what the store refuses stays in the ring and is tried again."""
        async with self._flushing:
            self._make_rows()
            if not self._rows:
                return
            batch = tuple(self._rows)
            try:
                await self._store.write(batch)
            except StoreUnavailable as error:
                self._trouble(str(error))
                return
            for _ in batch:
                self._rows.popleft()
            if self.problem is not None:
                self.problem = None

    def _make_rows(self) -> None:
        moments, self._moments = self._moments, deque(maxlen=RING_ROWS)
        for moment in moments:
            if len(self._rows) == RING_ROWS:
                self.dropped += 1
            if isinstance(moment, CheckRow):
                self._rows.append(moment)
                continue
            execution, what = moment
            if isinstance(what, Attempt):
                self._rows.append(execution.attempt_row(what))
            else:
                self._rows.append(_ended(execution) if what else _begun(execution))

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
