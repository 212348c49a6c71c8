"""Histories in virtual time: `run` plays one, chosen by a seed, and fails it when it breaks a rule.

The same seed gives the same schedule, bit by bit, under any PYTHONHASHSEED; another seed gives another legal one.
Hours of waiting cost nothing: time stands still while anything can run and jumps to the next timer when nothing can.
How the schedule is drawn, and which orders are kept, is told in `virtual_loop`.
"""

from __future__ import annotations

import asyncio
import gc
import math
from asyncio.events import _get_running_loop
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from provider_console.testing.sealed_loop import (
    Deadlock,
    Forbidden,
    Leaked,
    LimitExceeded,
    SimulationError,
    ThreadForbidden,
    Unhandled,
)
from provider_console.testing.virtual_loop import SimLoop

__all__ = [
    "Deadlock",
    "Forbidden",
    "Leaked",
    "LimitExceeded",
    "SimClock",
    "SimLoop",
    "SimResult",
    "SimulationError",
    "ThreadForbidden",
    "Unhandled",
    "run",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SimResult(Generic[T]):
    """What one history came to: the main coroutine's value, and the figures that say how it ran."""

    value: T
    seed: int
    steps: int
    time_s: float
    trace: str  # hexadecimal; equal for equal schedules


def run(
    main: Callable[[], Coroutine[Any, Any, T]],
    *,
    seed: int,
    max_steps: int = 1_000_000,
    max_time_s: float = math.inf,
    on_step: Callable[[], object] | None = None,
) -> SimResult[T]:
    """Play one history of `main()` to its end and give its value, or raise what went wrong.

    `on_step` is called after every step, with the loop still running; it may look at anything and should schedule
    nothing. Whatever it raises ends the history. Inside `main`, `asyncio.get_running_loop()` is the `SimLoop`.

    Exceptions of `main` come out as they are, with a note that says seed, step and time. The cyclic collector is off
    meanwhile and is put back as it was.

    Raises:
        Deadlock: nothing could run any more.
        LimitExceeded: `max_steps` callbacks or `max_time_s` virtual seconds were not enough.
        Forbidden: a thread (`ThreadForbidden`), socket, process or signal was asked for, caught or not.
        Leaked: tasks outlived `main`.
        Unhandled: an exception of a task, future or callback was never retrieved.
        RuntimeError: called while an event loop runs in this thread.
    """
    if _get_running_loop() is not None:
        raise RuntimeError("an event loop runs in this thread: call simulation.run from a plain function")
    collecting = gc.isenabled()
    gc.disable()
    loop = SimLoop(seed, max_steps=max_steps, max_time_s=max_time_s, on_step=on_step)
    try:
        try:
            value = loop.run_until_complete(main())
        except BaseException as error:
            steps, time_s = loop.steps, loop.time()
            error.add_note(f"simulation: seed {seed}, step {steps}, at {time_s:.6f} s")
            for problem in loop.finish(failed=True):
                if problem is error:
                    continue
                error.add_note(f"and {type(problem).__name__}: {problem}")
            raise
        result = SimResult(value, seed, loop.steps, loop.time(), loop.trace())
        problems = loop.finish(failed=False)
        if problems:
            first, *others = problems
            first.add_note(f"simulation: seed {seed}, step {result.steps}, at {result.time_s:.6f} s")
            for problem in others:
                first.add_note(f"and {type(problem).__name__}: {problem}")
            raise first
        return result
    finally:
        loop.close()
        if collecting:
            gc.enable()


class SimClock:
    """The engine's clock in virtual time: monotonic from the loop, wall time that a test can make jump.

    Without a loop it belongs to the running one. Any loop will do; only a `SimLoop` makes it virtual.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, *, epoch_s: float = 1_767_225_600.0) -> None:
        # 2026-01-01T00:00:00Z: a date that is easy to read in a failure
        self._loop = loop if loop is not None else asyncio.get_running_loop()
        self._epoch_s = epoch_s

    def monotonic(self) -> float:
        """Give seconds that never go back, for scheduling."""
        return self._loop.time()

    def wall(self) -> float:
        """Give seconds since 1970 UTC, for display and storage."""
        return self._epoch_s + self._loop.time()

    def jump(self, seconds: float) -> None:
        """Move the wall clock, forwards or back, as a correction of the system's time does; monotonic stays."""
        self._epoch_s += seconds

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` on the loop's clock; 0 or less lets others run."""
        await asyncio.sleep(seconds)  # noqa: TID251  the clock is where sleeping lives
