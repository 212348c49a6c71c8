"""Deadlines of attempts, watched by one timer of the loop.

`asyncio.timeout` arms and cancels a timer of the loop for each attempt, which costs as much as all the rest of a
successful attempt. Attempts that all may take 15 s have deadlines that only grow, so one armed timer serves them all:
it is moved when an earlier deadline comes, and when it fires it ends what is late and is armed for the next. A deadline
is kept to the moment, as by `asyncio.timeout`, and so are the rules of cancellation.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec


class Timed(msgspec.Struct, kw_only=True, eq=False):
    """Work of one task that ends when its time comes: the task gets a cancel, and who caught it asks `settle`.

    `cancels` are those that were under way when the work began; `task` is None once the work is done.
    """

    task: Any
    cancels: int
    until: float = math.inf
    """In the loop's time."""
    expired: bool = False

    def expire(self) -> None:
        """The time has come."""
        self.expired = True
        self.task.cancel()

    def settle(self) -> bool:
        """Take back the cancel of a time that has come; whether there was one."""
        if not self.expired:
            return False
        self.expired = False
        self.task.uncancel()
        return True


class Alarm:
    """One timer of the loop for many moments: it rings at the earliest, and whoever it rings for says the next one.

    `ring(now)` is called with the time of the loop up to which everything is due.
    """

    __slots__ = ("_armed", "_ring", "due")

    def __init__(self, ring: Callable[[float], None]) -> None:
        self._ring = ring
        self._armed: asyncio.TimerHandle | None = None
        self.due = math.inf
        """When it rings, in the loop's time."""

    def at(self, when: float) -> None:
        """Ring at a moment, or before it where it was to ring earlier anyway."""
        if when < self.due:
            self.close()
            self._armed = asyncio.get_running_loop().call_at(when, self._fire)
            self.due = when

    def close(self) -> None:
        """Let go of the loop's timer."""
        if self._armed is not None:
            self._armed.cancel()
        self._armed = None
        self.due = math.inf

    def _fire(self) -> None:
        self._armed = None
        self.due = math.inf
        # The loop runs a timer up to its clock's resolution early; what it counts as due is due here too.
        self._ring(asyncio.get_running_loop().time() + 1e-6)


class Timers(Alarm):
    """Ends what is late among the work that runs."""

    __slots__ = ("_running",)

    def __init__(self, running: Mapping[str, Timed]) -> None:
        super().__init__(self._end)
        self._running = running

    def watch(self, work: Timed, until: float) -> None:
        """End it at a moment; a second moment takes the place of the first. `work.until = math.inf` lets it be."""
        if work.expired:
            return
        work.until = until
        # Work that is done leaves the alarm as it is: it finds nothing, or serves the next.
        if until < self.due:
            self.at(until)

    def _end(self, now: float) -> None:
        for work in list(self._running.values()):
            if work.expired:
                continue
            if work.until <= now:
                work.expire()
            else:
                self.at(work.until)
