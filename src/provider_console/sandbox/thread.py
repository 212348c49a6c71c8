"""Sandboxes in a thread of their own, for callers without an event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from typing import TypeVar

from provider_console.sandbox.server import Server, serve
from provider_console.sandbox.vendor import Vendor

_T = TypeVar("_T")
_START_S = 10.0
_STOP_S = 10.0


@contextmanager
def in_thread(make: Callable[[], AbstractAsyncContextManager[_T]]) -> Iterator[_T]:
    """Enter what `make` returns in the loop of a new thread, and leave it when the block ends."""
    entered: concurrent.futures.Future[tuple[_T, Callable[[], object]]] = concurrent.futures.Future()

    async def live() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with make() as value:
            entered.set_result((value, lambda: loop.call_soon_threadsafe(stop.set)))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        except OSError as error:
            if entered.done():
                raise
            entered.set_exception(error)
        finally:
            # Whatever else went wrong is told by the thread itself; the caller must not wait for it.
            entered.cancel()

    thread = threading.Thread(target=run, name="provider-console-sandbox", daemon=True)
    thread.start()
    value, stop = entered.result(_START_S)
    try:
        yield value
    finally:
        stop()
        thread.join(_STOP_S)


def serve_in_thread(vendor: Vendor, *, port: int = 0) -> AbstractContextManager[Server]:
    """Serve `vendor` from a thread until the block ends; faults and counts may be used from here.

    Raises: PortInUseError.
    """
    return in_thread(lambda: serve(vendor, port=port))
