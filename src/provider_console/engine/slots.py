"""Places for calls under way at one provider: taken without waiting while one is free, handed over in order else."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """A semaphore whose free place is taken by a plain call: no coroutine on the path of a call that need not wait."""

    __slots__ = ("_waiting", "count", "free")

    def __init__(self, count: int) -> None:
        self.count = count
        self.free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a free slot; False where there is none. While others wait none is free: `give` serves them first."""
        if self.free == 0:
            return False
        self.free -= 1
        return True

    async def wait(self) -> None:
        """Take a slot once it is this caller's turn."""
        if self.take():
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The slot was handed over just as this caller was cancelled: it goes on to the next.
                self.give()
            elif turn in self._waiting:
                # Else `give` has passed over it already.
                self._waiting.remove(turn)
            raise

    async def within(self, limit_s: float) -> bool:
        """Wait for a slot for at most so long; whether it was given."""
        try:
            async with asyncio.timeout(limit_s):
                await self.wait()
        except TimeoutError:
            return False
        return True

    def give(self) -> None:
        """Give a slot back: to whoever waits longest, else it is free."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1
