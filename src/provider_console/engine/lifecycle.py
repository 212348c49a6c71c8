"""Owns every task of the engine: what was started here is ended here, and nothing outlives the engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

log = logging.getLogger(__name__)


class Lifecycle:
    """An async context in which tasks run. A task that fails is logged; it never takes the others with it."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures: list[str] = []

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        # The caller's own error is the caller's: the group sees a clean end, so it is not wrapped in a group.
        await self._group.__aexit__(None, None, None)

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[None]:
        """Run something in the background until it ends or the engine does."""
        task = self._group.create_task(self._watched(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # One that is cancelled before its first step has never awaited its work.
        task.add_done_callback(lambda _task: work.close())
        return task

    async def _watched(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        try:
            await work
        except Exception as error:
            log.exception("the background task %s failed", name)
            self.failures.append(f"the background task {name} failed with {type(error).__name__}; restart the console")


async def outlast(task: asyncio.Future[Any], *, hurry: Callable[[], None] | None = None) -> bool:
    """Wait until something is done, however often the caller is cancelled meanwhile; whether it was.

    Each cancel calls `hurry`. The result, or the error, is the future's to ask for.
    """
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
            if hurry is not None:
                hurry()
        except Exception:  # noqa: BLE001 - the future keeps it
            break
    return cancelled
