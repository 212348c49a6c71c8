"""The machine's own clock, and ids that are ordered by it: the one module that reads the time or sleeps."""

from __future__ import annotations

import asyncio
import math
import random
import time
from typing import Final

from provider_console.core.ports.time import Clock


class SystemClock:
    """Real time. `monotonic` is the clock that asyncio's own loops run on."""

    __slots__ = ()

    # Static, so that a reading costs what the builtin costs.
    monotonic = staticmethod(time.monotonic)
    wall = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        """Wait; 0 or less lets others run."""
        await asyncio.sleep(seconds)


CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Base 32 without I, L, O and U, so that an id survives being read aloud."""

_PAIRS: Final = tuple(high + low for high in CROCKFORD for low in CROCKFORD)  # ten bits at a time
_LETTERS: Final = bytes(ord(CROCKFORD[byte & 31]) for byte in range(256))  # 256 is 8 x 32: no letter is likelier

PREFIX: Final = 12
"""Letters of chance in front of the counter: 60 bits, drawn anew for each millisecond."""

POOL: Final = 64
"""Prefixes drawn at once: a system call each would cost more than the rest of an id."""

COUNTER_BITS: Final = 20
"""The counter starts in the lower half of its range, so that at least 524,288 ids fit into a millisecond."""


class UlidIds:
    """ULIDs: 48 bits of wall milliseconds and 80 of chance, 26 letters, each id greater than the one before.

    Within a millisecond, and after the wall clock was set back, the last 20 bits count upwards.
    """

    __slots__ = ("_counter", "_ends", "_head", "_last_ms", "_pool", "_rng", "_stem", "_used", "_wall")

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._wall = clock.wall
        self._rng = rng
        self._last_ms = -1
        self._ends = -math.inf
        """When the millisecond of the last id ends, in wall seconds."""
        self._counter = 0
        self._head = ""
        self._stem = ""
        """All of an id but its last two letters: it lasts for up to 1,024 of them."""
        self._pool = ""
        self._used = 0

    def new(self) -> str:
        """A new id."""
        now = self._wall()
        low = (self._counter + 1) & 1023
        if now >= self._ends or not low:
            return self._another_stem(int(now * 1000))
        self._counter += 1
        return self._stem + _PAIRS[low]

    def _another_stem(self, now_ms: int) -> str:
        """The first id of a millisecond, or of the next 1,024 of the same one."""
        self._counter += 1
        if now_ms > self._last_ms:
            self._start(now_ms)
        elif self._counter >> COUNTER_BITS:
            self._start(self._last_ms + 1)
        self._stem = self._head + _PAIRS[self._counter >> 10]
        return self._stem + _PAIRS[self._counter & 1023]

    def _start(self, now_ms: int) -> None:
        self._last_ms = now_ms
        self._ends = (now_ms + 1) / 1000
        if self._used == len(self._pool):
            # Four letters more than a prefix: the counter's start is taken from them.
            self._pool = self._rng.randbytes((PREFIX + 4) * POOL).translate(_LETTERS).decode("ascii")
            self._used = 0
        used = self._used
        self._used = used + PREFIX + 4
        start = 0
        for letter in self._pool[used + PREFIX : self._used]:
            start = start << 5 | CROCKFORD.index(letter)
        self._counter = start >> 1
        self._head = (
            _PAIRS[now_ms >> 40 & 1023]
            + _PAIRS[now_ms >> 30 & 1023]
            + _PAIRS[now_ms >> 20 & 1023]
            + _PAIRS[now_ms >> 10 & 1023]
            + _PAIRS[now_ms & 1023]
            + self._pool[used : used + PREFIX]
        )
