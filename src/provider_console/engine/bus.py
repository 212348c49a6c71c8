"""Events to whoever listens: bounded queues, and a `Gap` in place of what a slow listener missed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from provider_console.console.events import Event, Gap

QUEUE_EVENTS: Final = 2_000
"""A terminal folds its events once a frame; this is two seconds at the 1,000 events a second it must bear."""


class Bus:
    """Delivers events in order. Publishing never blocks and costs nothing while nobody listens."""

    def __init__(self) -> None:
        self._queues: list[_Queue] = []
        self._taps: list[Callable[[Event], None]] = []
        self._told: list[tuple[Callable[..., Event], tuple[object, ...]]] = []
        self._closed = False
        self.listening = False

    def publish(self, event: Event) -> None:
        """Hand an event to every listener."""
        if self._told:
            self._deliver()
        self._hand_on(event)

    def tell(self, make: Callable[..., Event], *of: object) -> None:
        """Publish the event that `make(*of)` returns, once the caller gives way: nobody's call waits for its making.

        What it is made of must say the same then.
        """
        told = self._told
        told.append((make, of))
        if len(told) == 1:
            asyncio.get_running_loop().call_soon(self._deliver)
        elif len(told) >= QUEUE_EVENTS:
            self._deliver()

    def tap(self, listener: Callable[[Event], None]) -> None:
        """Call a function with each event; it must not raise and must return at once."""
        self._taps.append(listener)
        self.listening = True

    @contextmanager
    def tapped(self, listener: Callable[[Event], None]) -> Iterator[None]:
        """`tap` until this is left."""
        self._deliver()
        self.tap(listener)
        try:
            yield
        finally:
            self._deliver()
            self._taps.remove(listener)
            self._look()

    async def listen(self) -> AsyncGenerator[Event, None]:
        """Events from now on, until the bus closes."""
        self._deliver()
        queue = _Queue()
        self._queues.append(queue)
        self.listening = True
        try:
            while not self._closed or queue.waiting:
                while queue.waiting:
                    yield queue.waiting.popleft()
                await queue.news()
        finally:
            self._queues.remove(queue)
            self._look()

    def close(self) -> None:
        """End every listener's stream once it has read what is waiting for it."""
        self._deliver()
        self._closed = True
        for queue in self._queues:
            queue.close()

    def _look(self) -> None:
        self.listening = bool(self._queues or self._taps)

    def _deliver(self) -> None:
        told, self._told = self._told, []
        for make, of in told:
            self._hand_on(make(*of))

    def _hand_on(self, event: Event) -> None:
        for tap in self._taps:
            tap(event)
        for queue in self._queues:
            queue.put(event)


class _Queue:
    def __init__(self) -> None:
        self.waiting: deque[Event] = deque()
        self._woken: asyncio.Future[None] | None = None
        self._closed = False

    def put(self, event: Event) -> None:
        if len(self.waiting) >= QUEUE_EVENTS:
            # What waits is stale by now: the listener re-reads everything on a Gap, so drop it as well.
            first = self.waiting[0]
            told, gaps = (first.missed, 1) if isinstance(first, Gap) else (0, 0)
            missed = told + len(self.waiting) - gaps + 1
            self.waiting.clear()
            self.waiting.append(Gap(at=event.at, missed=missed))
        else:
            self.waiting.append(event)
        self._wake()

    def close(self) -> None:
        self._closed = True
        self._wake()

    async def news(self) -> None:
        """Wait until there is an event, or the end."""
        if not self.waiting and not self._closed:
            self._woken = asyncio.get_running_loop().create_future()
            await self._woken

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)
