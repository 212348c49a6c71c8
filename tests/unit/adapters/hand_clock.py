"""Time that is moved by hand."""

from __future__ import annotations

import asyncio


class HandClock:
    """A clock that stands still between two sleeps; each moves it and lets others go on."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)
