"""Work that is done for somebody, and not done any further once they have gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from provider_console.api.exchange import ClientGone, Exchange

T = TypeVar("T")

PATIENCE_S: Final = 0.25
"""Who asked is watched once the work takes longer: most answers are out before, and a watcher is a task of its own."""


async def while_there(exchange: Exchange, work: Awaitable[T], tasks: asyncio.TaskGroup) -> T:
    """Await the work; cancel it when whoever asked closes the connection. The body must have been read.

    Raises:
        ClientGone: they went, and the work has ended.
    """
    mine = asyncio.current_task()
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await exchange.receive())["type"] != "http.disconnect":
            pass
        gone = True
        if mine is not None:
            mine.cancel()

    watcher: asyncio.Task[None] | None = None

    def begin() -> None:
        nonlocal watcher
        watcher = tasks.create_task(watch())

    beginning = asyncio.get_running_loop().call_later(PATIENCE_S, begin)
    try:
        return await work
    except asyncio.CancelledError:
        # A cancel from elsewhere that came as well is not ours to swallow.
        if not gone or mine is None or mine.uncancel() > 0:
            raise
        raise ClientGone from None
    finally:
        beginning.cancel()
        if watcher is not None:
            watcher.cancel()
