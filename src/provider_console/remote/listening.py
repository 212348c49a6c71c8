"""The events of a console elsewhere: one stream that is taken up again where it broke, for as long as it takes."""

from __future__ import annotations

import functools
import logging
import operator
from collections.abc import AsyncIterator, Callable
from typing import Final, NamedTuple

import msgspec

from provider_console.console import events
from provider_console.console.errors import BadRequest, Busy, ConsoleError, Forbidden, Unauthenticated
from provider_console.console.events import Event, Gap
from provider_console.console.routes import Route
from provider_console.core.backoff import ceiling_s
from provider_console.core.ports.time import Clock
from provider_console.remote.connection import Connection

IDLE_S: Final = 40.0
"""A stream that is silent for so long is lost: the other end sends a comment every 15 s."""
BASE_S: Final = 0.5
MOST_S: Final = 15.0
"""The longest wait before the next try to come back."""

KINDS: Final[tuple[type[Event], ...]] = tuple(
    kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
)

_ANY: Final = functools.reduce(operator.or_, KINDS)
"""Any event, told apart by its tag."""

log = logging.getLogger(__name__)


class Frame(NamedTuple):
    """One server-sent event."""

    event: str
    data: bytes
    id: str | None


async def frames(lines: AsyncIterator[str]) -> AsyncIterator[Frame]:
    """Server-sent events of a stream of lines; comments are left out, and so is one that broke off."""
    event, data, own = "", None, None
    async for line in lines:
        if not line:
            if data is not None:
                yield Frame(event, data.encode(), own)
            event, data, own = "", None, None
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                event = value
            case "data":
                data = value if data is None else f"{data}\n{value}"
            case "id":
                own = value


class Listening:
    """One listener. What it missed while nobody was there it gets from the other end, or a `Gap` in its place."""

    def __init__(self, connection: Connection, route: Route, clock: Clock, spread: Callable[[], float]) -> None:
        self._connection = connection
        self._route = route
        self._clock = clock
        self._spread = spread
        self._decode = msgspec.json.Decoder(_ANY).decode
        self._last: str | None = None
        self._failures = 0

    async def events(self) -> AsyncIterator[Event]:
        """Events, until whoever asks may not any more.

        Raises:
            Unauthenticated, Forbidden, BadRequest: coming back would not help.
        """
        lost = False
        while True:
            wait_s = 0.0
            try:
                async for event in self._connected(lost=lost):
                    yield event
            except (Unauthenticated, Forbidden, BadRequest):
                raise
            except ConsoleError as error:
                log.info("the events of %s are lost for now: %s", self._connection.address.url, error.message)
                wait_s = error.retry_after_ms / 1000 if isinstance(error, Busy) else 0.0
            lost = True
            self._failures += 1
            ceiling = ceiling_s(self._failures, base_s=BASE_S, max_s=MOST_S)
            await self._clock.sleep(max(wait_s, ceiling / 2 + self._spread() * ceiling / 2))

    async def _connected(self, *, lost: bool) -> AsyncIterator[Event]:
        headers = None if self._last is None else {"last-event-id": self._last}
        async with self._connection.stream(
            self._route.method, self._route.path, headers=headers, idle_s=IDLE_S
        ) as lines:
            if lost and self._last is None:
                # There is no place to take it up from.
                yield Gap(at=self._clock.wall(), missed=0)
            async for frame in frames(lines):
                self._failures = 0
                self._last = frame.id or self._last
                yield self._event(frame.data)

    def _event(self, data: bytes) -> Event:
        try:
            event: Event = self._decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Something that another version tells of: reading everything anew is right whatever it was.
            return Gap(at=self._clock.wall(), missed=1)
        return event
