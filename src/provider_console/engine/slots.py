"""Places for calls under way at one provider: taken without waiting while one is free, handed over in order else."""

from __future__ import annotations

import asyncio
from collections import deque

from provider_console.engine.timers import Alarm


class Slots:
    """A semaphore whose free place is taken by a plain call: no coroutine on the path of a call that need not wait.

    Those who wait share one timer of the loop: one each, armed and cancelled, costs as much as the wait itself.
    """

    __slots__ = ("_alarm", "count", "free", "waiting")

    def __init__(self, count: int) -> None:
        self.count = count
        self.free = count
        self.waiting: deque[tuple[asyncio.Future[bool], float]] = deque()
        """Whose turn it will be, and until when they wait, in the loop's time."""
        self._alarm = Alarm(self._send_away)

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
        self.waiting.append(entry)
        self._alarm.at(entry[1])
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                if turn.result():
                    # The slot was handed over just as this caller was cancelled: it goes on to the next.
                    self.give()
            elif entry in self.waiting:
                # Else `give` has passed over it already.
                self.waiting.remove(entry)
            raise

    def give(self) -> None:
        """Give a slot back: to whoever waits longest, else it is free."""
        while self.waiting:
            turn, _ = self.waiting.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        self.free += 1

    def _send_away(self, now: float) -> None:
        """End the wait of those whose time has come. One whose turn came before its time left the alarm as it was."""
        waiting, self.waiting = self.waiting, deque()
        for turn, until in waiting:
            if until > now:
                self.waiting.append((turn, until))
                self._alarm.at(until)
            elif not turn.done():
                turn.set_result(False)
