"""Deadlines of attempts, watched by one timer of the loop.

`asyncio.timeout` arms and cancels a timer of the loop for each attempt, which is most of what a successful attempt
costs. Attempts that all may take 15 s have deadlines that only grow, so one armed timer serves them all: it is moved
when an earlier deadline comes, and when it fires it ends what is late and is armed for the next. A deadline is kept
to the moment, as by `asyncio.timeout`, and so are the rules of cancellation.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Any


class Timer:
    """Ends the task that entered it when its time comes: the body gets a cancel, the caller a `TimeoutError`."""

    __slots__ = ("_cancels", "_task", "_timers", "expired", "when")

    def __init__(self, timers: Timers, task: asyncio.Task[Any], when: float) -> None:
        self._timers = timers
        self._task = task
        self._cancels = 0
        self.when = when
        """In the loop's time."""
        self.expired = False

    def __enter__(self) -> Timer:
        self._cancels = self._task.cancelling()
        timers = self._timers
        timers.running[self] = None
        if self.when < timers.armed_for:
            timers.arm(self.when)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        # The loop's timer stays armed: it finds nothing, or serves the next one.
        self._timers.running.pop(self, None)
        # A cancel from outside that came as well wins: then the count does not fall back to where it began.
        if self.expired and self._task.uncancel() <= self._cancels and kind is asyncio.CancelledError:
            raise TimeoutError from error

    @property
    def overruled(self) -> bool:
        """Whether somebody else asked the task to end while this timer ran: known once it has been left."""
        return self._task.cancelling() > self._cancels

    def reschedule(self, when: float) -> None:
        """Move the deadline."""
        if not self.expired:
            self.when = when
            if when < self._timers.armed_for:
                self._timers.arm(when)

    def expire(self) -> None:
        """The time has come."""
        self.expired = True
        self._task.cancel()


class Timers:
    """Every running timer of one loop. A `Timer` puts itself in and takes itself out: that is the path of each call."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._armed: asyncio.TimerHandle | None = None
        self.running: dict[Timer, None] = {}
        self.armed_for = math.inf

    def arm(self, when: float) -> None:
        """See that the loop's timer is not later than a deadline."""
        if self._armed is not None:
            self._armed.cancel()
        self._armed = self._loop.call_at(when, self._fire)
        self.armed_for = when

    def close(self) -> None:
        """Let go of the loop's timer."""
        if self._armed is not None:
            self._armed.cancel()
        self._armed = None
        self.armed_for = math.inf

    def _fire(self) -> None:
        self._armed = None
        self.armed_for = math.inf
        # The loop runs a timer up to its clock's resolution early; what it counts as due is due here too.
        now = self._loop.time() + 1e-6
        late = [timer for timer in self.running if timer.when <= now]
        for timer in late:
            del self.running[timer]
            timer.expire()
        if self.running:
            self.arm(min(timer.when for timer in self.running))
