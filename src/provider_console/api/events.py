"""Server-sent events: one ring of what the engine tells, and as many listeners as there are.

An event is encoded once, when the first listener comes to it. A listener has a place in the ring and reads on from
there at its own pace, so that a slow one costs nobody anything; one that falls out of the ring, or comes back with an
id that is no longer in it, is told by a `Gap` how many it missed.
"""

from __future__ import annotations

import asyncio
import math
import re
import secrets
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from provider_console.console.events import Event, Gap
from provider_console.console.service import Clock

KEEP: Final = 2_000
"""Events that a listener may be behind."""
GATHER_S: Final = 0.05
"""Listeners are woken at once after a quiet moment, and then this often: a thousand events a second, handed one by one
to a hundred listeners, would leave time for nothing else."""
BEAT_S: Final = 15.0
"""A comment this often shows both ends that the other one is there."""
BEAT: Final = b": \n\n"

_NUMBER: Final = re.compile(r"[0-9]{1,18}")
_encode = msgspec.json.Encoder().encode


class _Kept:
    """An event of the ring, and its frame once somebody has read it."""

    __slots__ = ("event", "frame", "number")

    def __init__(self, event: Event, number: int) -> None:
        self.event = event
        self.number = number
        self.frame: bytes | None = None


class Hub:
    """Keeps what happens and hands it to listeners: `heard` is for whoever tells of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ring: deque[_Kept] = deque(maxlen=KEEP)
        self._next = 1
        self._epoch = secrets.token_hex(4)
        self._news = asyncio.Event()
        self._woken_at = -math.inf
        self._waking: asyncio.TimerHandle | None = None
        self._beating: asyncio.TimerHandle | None = None
        self._joined = (0, 0, b"")
        """What the last listener read: from where, up to where, and the frames. Most others read the same."""
        self.closed = False
        self.listeners = 0

    def heard(self, event: Event) -> None:
        """Something happened."""
        self._ring.append(_Kept(event, self._next))
        self._next += 1
        if self._waking is None and not self.closed:
            self._wake_soon()

    def close(self) -> None:
        """End every listener's stream."""
        self.closed = True
        for timer in (self._waking, self._beating):
            if timer is not None:
                timer.cancel()
        self._wake()

    def _wake_soon(self) -> None:
        wait_s = self._woken_at + GATHER_S - self._clock.monotonic()
        if wait_s <= 0.0:
            self._wake()
        else:
            self._waking = asyncio.get_running_loop().call_later(wait_s, self._wake)

    def _wake(self) -> None:
        self._waking = None
        self._woken_at = self._clock.monotonic()
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _beat(self) -> None:
        """Show everybody that this end is there, unless they heard something just now."""
        silent_s = self._clock.monotonic() - self._woken_at
        if silent_s >= BEAT_S:
            self._wake()
            silent_s = 0.0
        self._beating = asyncio.get_running_loop().call_later(BEAT_S - silent_s, self._beat)

    def _frame(self, kept: _Kept) -> bytes:
        if kept.frame is None:
            kept.frame = self._framed(kept.event, kept.number)
        return kept.frame

    def _framed(self, event: Event, number: int) -> bytes:
        kind = type(event).__name__.encode()
        return b"id: %b-%d\nevent: %b\ndata: %b\n\n" % (self._epoch.encode(), number, kind, _encode(event))

    def _frames(self, place: int) -> bytes:
        """Every frame from a place on."""
        if self._joined[:2] != (place, self._next):
            waiting = list(self._ring)[place - self._next :]
            self._joined = (place, self._next, b"".join([self._frame(kept) for kept in waiting]))
        return self._joined[2]

    def place(self, last_event_id: str | None) -> int:
        """Where somebody reads on who has seen this id; without one, from now on."""
        if last_event_id is None:
            return self._next
        epoch, _, number = last_event_id.partition("-")
        if epoch != self._epoch or not _NUMBER.fullmatch(number) or int(number) >= self._next:
            # From another life of this server: what happened since then is not known here.
            return 0
        return int(number) + 1

    async def listen(self, place: int) -> AsyncIterator[bytes]:
        """Frames from a place on, several at once where they wait; a comment where nothing happens for 15 s."""
        self.listeners += 1
        try:
            while not self.closed:
                first = self._next - len(self._ring)
                if place < first:
                    missed = first - place if place else 0
                    yield self._framed(Gap(at=self._clock.wall(), missed=missed), first - 1)
                    place = first
                if place < self._next:
                    frames = self._frames(place)
                    place = self._next
                    yield frames
                    continue
                if self._beating is None:
                    self._beat()
                await self._news.wait()
                if place == self._next and not self.closed:
                    yield BEAT
        finally:
            self.listeners -= 1
