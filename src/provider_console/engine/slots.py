"""Places for calls under way at one provider: taken without waiting while one is free, handed over in order else."""

from __future__ import annotations

import asyncio
import math
from collections import deque


class Slots:
    """A semaphore whose free place is taken by a plain call: no coroutine on the path of a call that need not wait.

    Those who wait share one timer of the loop: one each, armed and cancelled, costs as much as the wait itself.
    """

    __slots__ = ("_armed", "_armed_for", "_waiting", "count", "free")

    def __init__(self, count: int) -> None:
        self.count = count
        self.free = count
        self._waiting: deque[tuple[asyncio.Future[bool], float]] = deque()
        """Whose turn it will be, and until when they wait, in the loop's time."""
        self._armed: asyncio.TimerHandle | None = None
        self._armed_for = math.inf

    def take(self) -> bool:
        """Take a free slot; False where there is none. While others wait none is free: `give` serves them first."""
        if self.free == 0:
            return False
        self.free -= 1
        return True

    async def within(self, limit_s: float) -> bool:
        """Wait for a slot for at most so long; whether it was given."""
        if self.take():
            return True
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        entry = (turn, loop.time() + limit_s)
        self._waiting.append(entry)
        if entry[1] < self._armed_for:
            self._arm(loop, entry[1])
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                if turn.result():
                    # The slot was handed over just as this caller was cancelled: it goes on to the next.
                    self.give()
            elif entry in self._waiting:
                # Else `give` has passed over it already.
                self._waiting.remove(entry)
            raise

    def give(self) -> None:
        """Give a slot back: to whoever waits longest, else it is free."""
        while self._waiting:
            turn, _ = self._waiting.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        self.free += 1

    def _arm(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if self._armed is not None:
            self._armed.cancel()
        self._armed = loop.call_at(when, self._fire, loop)
        self._armed_for = when

    def _fire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send away those whose time has come. One whose turn came before its time left the timer as it was."""
        self._armed, self._armed_for = None, math.inf
        # The loop runs a timer up to its clock's resolution early; what it counts as due is due here too.
        now = loop.time() + 1e-6
        waiting, self._waiting = self._waiting, deque()
        for entry in waiting:
            if entry[1] > now:
                self._waiting.append(entry)
            elif not entry[0].done():
                entry[0].set_result(False)
        if self._waiting:
            self._arm(loop, min(until for _, until in self._waiting))
