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

COUNTER_BITS: Final = 20
"""The counter starts in the lower half of its range, so that at least 524,288 ids fit into a millisecond."""

DRAWN: Final = PREFIX + 3
"""Bytes of chance for a millisecond: one a letter, and 24 bits from which the counter's start is taken."""

POOL: Final = 64
"""Milliseconds that are drawn for at once: a system call each would cost more than the rest of an id."""


class UlidIds:
    """ULIDs: 48 bits of wall milliseconds and 80 of chance, 26 letters, each id greater than the one before.

    Within a millisecond, and after the wall clock was set back, the last 20 bits count upwards.
    """

    __slots__ = ("_counter", "_ends", "_head", "_last_ms", "_pool", "_rng", "_second", "_seconds", "_stem", "_wall")

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
        self._pool: list[bytes] = []
        self._second = -1
        """The last 1,024 ms, counted as such, for which `_seconds` holds the first eight letters."""
        self._seconds = ""

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
        if not self._pool:
            drawn = self._rng.randbytes(DRAWN * POOL)
            self._pool = [drawn[at : at + DRAWN] for at in range(0, len(drawn), DRAWN)]
        chance = self._pool.pop()
        self._counter = int.from_bytes(chance[PREFIX:]) >> (24 - COUNTER_BITS + 1)
        second = now_ms >> 10
        if second != self._second:
            self._second = second
            self._seconds = "".join([_PAIRS[second >> bits & 1023] for bits in (30, 20, 10, 0)])
        self._head = self._seconds + _PAIRS[now_ms & 1023] + chance[:PREFIX].translate(_LETTERS).decode("ascii")
