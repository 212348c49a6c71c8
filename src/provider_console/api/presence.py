"""Work that is done for somebody, and not done any further once they have gone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Final, TypeVar

from provider_console.api.exchange import ClientGone, Exchange

T = TypeVar("T")

PATIENCE_S: Final = 0.25
"""Who asked is watched once the work takes longer: most answers are out before, and a watcher is a task of its own."""


class Presence:
    """Watches who asked for work that takes long; watchers are tasks of the group.

    All work has the same patience, so whoever came first is due first, and one timer of the loop serves everybody.
    """

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._coming: deque[_Watch] = deque()
        self._armed = False

    async def while_there(self, exchange: Exchange, work: Awaitable[T]) -> T:
        """Await the work; cancel it when whoever asked closes the connection. The body must have been read.

        Raises:
            ClientGone: they went, and the work has ended.
        """
        loop = asyncio.get_running_loop()
        watch = _Watch(exchange, asyncio.current_task(), loop.time() + PATIENCE_S)
        self._coming.append(watch)
        if not self._armed:
            self._arm(loop)
        try:
            return await work
        except asyncio.CancelledError:
            # A cancel from elsewhere that came as well is not ours to swallow.
            if not watch.gone or watch.worker is None or watch.worker.uncancel() > 0:
                raise
            raise ClientGone from None
        finally:
            watch.over = True
            if watch.watcher is not None:
                watch.watcher.cancel()
            while self._coming and self._coming[0].over:
                self._coming.popleft()

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._armed = True
        loop.call_at(self._coming[0].due, self._begin, loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to watch for those whose work takes longer."""
        self._armed = False
        # The loop runs a timer up to its clock's resolution early; what it counts as due is due here too.
        now = loop.time() + 1e-6
        coming = self._coming
        while coming and coming[0].due <= now:
            watch = coming.popleft()
            if not watch.over:
                watch.watcher = self._tasks.create_task(watch.run())
        if coming:
            self._arm(loop)


class _Watch:
    """One piece of work, and who asked for it."""

    __slots__ = ("due", "exchange", "gone", "over", "watcher", "worker")

    def __init__(self, exchange: Exchange, worker: asyncio.Task[object] | None, due: float) -> None:
        self.exchange = exchange
        self.worker = worker
        self.due = due
        self.gone = self.over = False
        self.watcher: asyncio.Task[None] | None = None

    async def run(self) -> None:
        while (await self.exchange.receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self.worker is not None:
            self.worker.cancel()
