"""An event loop with virtual time whose schedule is chosen by a seed.

**The schedule.** Each step picks one ready callback at random. asyncio promises an order only among callbacks of the
same origin, and that order is kept:

- the steps of one task (it never has two);
- everything that waits for one future, done callbacks and waiting tasks alike, in the order in which it was added;
- callbacks given to `call_soon` directly, in the order given.

Timers due at the same instant run in any order. A ready callback may be overtaken by ones that became ready later, as
if its cause had arrived from the network a little later; code that counts `sleep(0)` does not survive that, by design.

**Why it stands on `AbstractEventLoop`** and not on `BaseEventLoop` with another `_run_once`: the base keeps its queues
in private attributes that differ between versions, brings an executor, sockets and a real clock that would each have
to be disarmed, and stays open to whatever the next version adds. Tasks, futures, locks, queues, `asyncio.timeout` and
TaskGroup need about a dozen public methods of a loop; those are here, and everything else refuses.

**Garbage** is collected at fixed steps only, since a finaliser that runs whenever the collector likes is a schedule
that no seed repeats.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import heapq
import math
import random
import sys
import threading
import weakref
import zlib
from array import array
from asyncio.events import _get_running_loop, _set_running_loop
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from types import CodeType, FrameType
from typing import Any, TypeVar, TypeVarTuple, Unpack

from provider_console.testing.sealed_loop import (
    THREADS,
    Deadlock,
    Forbidden,
    Leaked,
    LimitExceeded,
    SealedLoop,
    SimulationError,
    ThreadForbidden,
    Unhandled,
)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

TRACE_EVERY = 4096  # steps between updates of the hash: one call for many costs nothing a step
GARBAGE_EVERY = 65_536  # steps between collections of young objects; bounds memory, far apart enough not to be felt
PURGE_ABOVE = 64  # cancelled timers tolerated before the heap is looked at; below it a rebuild costs more than it saves
WIND_DOWN_STEPS = 100_000  # what left-over tasks get to run their finally blocks after the history has ended
SHOWN = 20  # tasks named in one message


class _Call:
    """One scheduled callback, armed or ready, with the methods of `asyncio.TimerHandle`.

    Not a subclass of it: that costs three Python calls each and an attribute layout that is not ours.
    """

    __slots__ = ("args", "callback", "context", "following", "is_cancelled", "lane", "loop", "number", "time_s")

    def __init__(self, loop: SimLoop, time_s: float, callback: Any, args: Any, context: Context | None) -> None:
        self.loop = loop
        self.time_s = time_s
        self.callback = callback
        self.args = args
        self.context = copy_context() if context is None else context
        self.is_cancelled = False
        self.lane: object = self  # what it shares its order with; itself when with nothing
        self.following: _Call | None = None  # waits in the same lane until this one has been picked
        loop.numbered = self.number = loop.numbered + 1

    def cancel(self) -> None:
        if not self.is_cancelled:
            self.is_cancelled = True
            self.callback = self.args = None  # as asyncio does, to break cycles
            if self.time_s > self.loop.time():
                self.loop.timer_cancelled()

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self.time_s

    def get_context(self) -> Context:
        return self.context


class SimLoop(SealedLoop):
    """An event loop in virtual time, starting at 0 s, that picks the next callback with `random.Random(seed)`.

    Most tests want `run`, which also looks for what a history left behind. A loop is used once and by one thread.
    """

    def __init__(
        self,
        seed: int,
        *,
        max_steps: int = 1_000_000,
        max_time_s: float = math.inf,
        on_step: Callable[[], object] | None = None,
    ) -> None:
        super().__init__()
        self.seed = seed
        self.steps = 0
        self._random = random.Random(seed)  # noqa: S311  a schedule, not a secret
        self._max_steps = max_steps
        self._max_time_s = max_time_s
        self._on_step = on_step
        self._now = 0.0
        self.numbered = 0  # callbacks scheduled so far; each has its number in the trace
        self._ready: list[_Call] = []
        self._tails: dict[object, _Call] = {}  # lane -> its last call; looked up, never iterated
        self._timers: list[tuple[float, int, _Call]] = []
        self._timers_cancelled = 0
        self._tasks: weakref.WeakValueDictionary[int, asyncio.Task[Any]] = weakref.WeakValueDictionary()
        self._tasks_made = 0
        self._generators: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
        self._closers: set[asyncio.Task[Any]] = set()
        self._entries: list[float] = []
        self._hash = hashlib.blake2b(digest_size=16)
        self._factory: Any = None
        self._handler: Any = None
        self._thread: int | None = None
        self._closed = False

    # -- time and scheduling

    def time(self) -> float:
        """Give the virtual seconds since the loop was made."""
        return self._now

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Make a callback ready; where it runs among the ready ones is the seed's choice."""
        call = _Call(self, self._now, callback, args, context)
        if args and isinstance(args[0], asyncio.Future):
            lane: object = args[0]  # a future calls whoever waits for it with itself as the argument
        elif not args and isinstance(getattr(callback, "__self__", None), asyncio.Task):
            self._ready.append(call)  # the step of a task: never two of them, so a lane of its own
            return call  # type: ignore[return-value]  # it is one in all that a loop's user sees
        else:
            lane = None
        call.lane = lane
        tail = self._tails.get(lane)
        self._tails[lane] = call
        if tail is None:
            self._ready.append(call)
        else:
            tail.following = call
        return call  # type: ignore[return-value]  # it is one in all that a loop's user sees

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Do as `call_soon`; another thread gets `ThreadForbidden`, and so does the history."""
        if self._thread not in (None, threading.get_ident()):
            self.refuse(ThreadForbidden(f"another thread called the loop: {THREADS}"))
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Arm a timer `delay` virtual seconds from now."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Arm a timer at a virtual time; one that is due already is ready at once."""
        timer = _Call(self, when, callback, args, context)
        if when <= self._now:
            self._ready.append(timer)
        else:
            heapq.heappush(self._timers, (when, timer.number, timer))
        return timer  # type: ignore[return-value]  # it is one in all that a loop's user sees

    def timer_cancelled(self) -> None:
        """Take note that an armed timer was cancelled; it leaves the heap later, with many others."""
        self._timers_cancelled += 1
        if self._timers_cancelled > PURGE_ABOVE and 2 * self._timers_cancelled > len(self._timers):
            self._timers = [entry for entry in self._timers if not entry[2].is_cancelled]
            heapq.heapify(self._timers)
            self._timers_cancelled = 0

    def _advance(self) -> None:
        """Jump to the next armed timer and make everything due then ready."""
        timers = self._timers
        while timers and timers[0][2].is_cancelled:
            heapq.heappop(timers)
            self._timers_cancelled -= 1
        if not timers or timers[0][0] == math.inf:
            raise Deadlock(f"nothing can run and no timer is armed; waiting are\n{self._waiting()}")
        when = timers[0][0]
        if when > self._max_time_s:
            raise LimitExceeded(f"more than {self._max_time_s} virtual seconds; waiting are\n{self._waiting()}")
        self._now = when
        self._entries += (-1.0, when)
        while timers and timers[0][0] == when:
            timer = heapq.heappop(timers)[2]
            if timer.is_cancelled:
                self._timers_cancelled -= 1
            else:
                self._ready.append(timer)

    # -- running

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Run until a coroutine or future is done and give its result; leaves no check for left-overs."""
        if self._closed or _get_running_loop() is not None:
            if asyncio.iscoroutine(future):
                future.close()
            reason = "is closed: make another" if self._closed else "needs plain code: an event loop runs already"
            raise RuntimeError(f"the simulation loop {reason}")
        if asyncio.iscoroutine(future):
            main: asyncio.Future[T] = self.create_task(future, name="main")
        else:
            main = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]  # noqa: TID251  a loop is its owner
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._generators.add, finalizer=self._close_generator)
        self._thread = threading.get_ident()
        _set_running_loop(self)
        try:
            self._drive(main.done)
        finally:
            _set_running_loop(None)
            self._thread = None
            sys.set_asyncgen_hooks(*hooks)
        return main.result()

    def _drive(self, done: Callable[[], bool]) -> None:
        """Step until `done`: the hot loop, about two microseconds a step."""
        ready, tails, chance, on_step = self._ready, self._tails, self._random.random, self._on_step
        ran = self._entries.append
        while not done():
            count = len(ready)
            if count > 1:
                picked = int(chance() * count)
                call = ready[picked]
                ready[picked] = ready[-1]
                del ready[-1]
            elif count:
                call = ready.pop()
            else:
                self._advance()
                continue
            if call.lane is not call:
                if call.following is None:
                    del tails[call.lane]
                else:
                    ready.append(call.following)
            if call.is_cancelled:
                continue
            call.context.run(call.callback, *call.args)
            ran(call.number)
            self.steps = steps = self.steps + 1
            if on_step is not None:
                on_step()
            if not steps % TRACE_EVERY:
                self._hash_entries()
                if not steps % GARBAGE_EVERY:
                    gc.collect(0)
            if steps >= self._max_steps and not done():
                raise LimitExceeded(f"more than {self._max_steps} steps; there are\n{self._waiting()}")

    def finish(self, *, failed: bool) -> list[SimulationError]:
        """End every left-over task and give what the history did wrong, the root first.

        `failed` says that the main coroutine did not come to its end: then left-over tasks are no finding.
        """
        gc.collect(1)  # young objects only: with the collector off that is what this history made
        left = [task for task in self._pending() if task not in self._closers]
        if left and not failed:
            text = f"{len(left)} task(s) outlived the main coroutine:\n{self._waiting(left)}"
            self.problems.append(Leaked(text))
        for task in self._tasks.values():
            # A task that somebody still holds is not finalised, so its exception would go unseen. The flag is private
            # but has been the same in both implementations since 3.4; reading the exception would clear it.
            if task.done() and not task.cancelled() and task._log_traceback:  # noqa: SLF001 - as said
                self.problems.append(_unhandled("the exception of a task was never retrieved", task, task.exception()))
        problems, self.problems = self.problems, []
        problems.sort(key=lambda problem: not isinstance(problem, Forbidden))
        self._on_step, self._max_time_s, self._max_steps = None, math.inf, self.steps + WIND_DOWN_STEPS
        try:
            self.run_until_complete(self._wind_down())
        except (Deadlock, LimitExceeded) as error:
            problems.append(Leaked(f"tasks refused to end when cancelled: {error}"))
        return problems

    async def _wind_down(self) -> None:
        own = asyncio.current_task()
        left = [task for task in self._pending() if task is not own]
        for task in left:
            if task not in self._closers:
                task.cancel()
        if left:
            await asyncio.wait(left)
        for task in left:
            if not task.cancelled():
                task.exception()  # it failed while being ended, after the history: retrieved so that nothing is logged
        await self.shutdown_asyncgens()

    def trace(self) -> str:
        """Give the hash of what has run so far and when, in hexadecimal."""
        self._hash_entries()
        return self._hash.hexdigest()

    def note(self, text: str) -> None:
        """Put a fact of the history (an event, a report) into the trace, so that equal traces mean equal facts."""
        self._hash_entries()
        self._hash.update(text.encode("utf-8", "surrogatepass") + b"\0")

    def _hash_entries(self) -> None:
        self._hash.update(array("d", self._entries).tobytes())
        self._entries.clear()

    # -- tasks and futures

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        """Start a task; without a name it is numbered within this loop, so that names repeat from run to run."""
        self._tasks_made += 1
        label = name if name is not None else f"task-{self._tasks_made}"
        kind = zlib.crc32(getattr(coro, "__qualname__", "").encode())
        self._entries += (-2.0, self._tasks_made, kind)
        task: asyncio.Task[T]
        if self._factory is None:
            task = asyncio.Task(coro, loop=self, name=label, context=context)
        else:
            extra = {} if context is None else {"context": context}
            task = self._factory(self, coro, **extra)
            task.set_name(label)
        self._tasks[self._tasks_made] = task
        return task

    def set_task_factory(self, factory: Any) -> None:
        """Set how tasks are made, for instance `asyncio.eager_task_factory`."""
        self._factory = factory

    def get_task_factory(self) -> Any:
        """Give the task factory, None for the default."""
        return self._factory

    def _pending(self) -> list[asyncio.Task[Any]]:
        return [task for task in self._tasks.values() if not task.done()]

    def _waiting(self, tasks: list[asyncio.Task[Any]] | None = None) -> str:
        """Name tasks, one a line, with the place where each one waits."""
        shown = self._pending() if tasks is None else tasks
        lines = [f"  {task.get_name()}: {_place(task.get_coro())}" for task in shown[:SHOWN]]
        if len(shown) > SHOWN:
            lines.append(f"  and {len(shown) - SHOWN} more")
        return "\n".join(lines) or "  no task"

    def _close_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._generators.discard(generator)
        if not self._closed:
            closer = self.create_task(generator.aclose(), name="aclose")
            self._closers.add(closer)
            closer.add_done_callback(self._closers.discard)

    async def shutdown_asyncgens(self) -> None:
        """Close every asynchronous generator that is still open."""
        left = sorted(self._generators, key=_place)
        self._generators.clear()
        for generator in left:
            await generator.aclose()

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Do nothing: there is no executor."""

    # -- errors

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Take what asyncio could tell nobody (a lost exception, a destroyed task): it fails the history."""
        if self._closed:
            return
        if self._handler is not None:
            self._handler(self, context)
            return
        subject = context.get("task") or context.get("future") or context.get("handle")
        self.problems.append(_unhandled(context.get("message", "unhandled"), subject, context.get("exception")))

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Fail the history, also for a handler that passes its context on."""
        handler, self._handler = self._handler, None
        self.call_exception_handler(context)
        self._handler = handler

    def set_exception_handler(self, handler: Any) -> None:
        """Let `handler(loop, context)` decide instead; None gives the default back."""
        self._handler = handler

    def get_exception_handler(self) -> Any:
        """Give the exception handler, None for the default."""
        return self._handler

    # -- state

    def is_running(self) -> bool:
        """Say whether the loop runs."""
        return self._thread is not None

    def is_closed(self) -> bool:
        """Say whether the loop was closed."""
        return self._closed

    def close(self) -> None:
        """Drop what is scheduled; the loop is of no use afterwards."""
        self._closed = True
        self._ready.clear()
        self._tails.clear()
        self._timers.clear()

    def get_debug(self) -> bool:
        """Say no: asyncio's debug mode watches the real clock."""
        return False

    def set_debug(self, enabled: bool) -> None:  # noqa: FBT001  asyncio's signature
        """Ignore the wish: asyncio's debug mode watches the real clock."""


def _unhandled(message: str, subject: object, exception: BaseException | None) -> Unhandled:
    if isinstance(subject, asyncio.Task):
        message += f" ({subject.get_name()}: {_place(subject.get_coro())})"
    problem = Unhandled(f"{message}: {exception!r}" if exception is not None else message)
    problem.__cause__ = exception
    return problem


def _place(coro: object) -> str:
    """Say what a coroutine is and on which line its innermost await stands."""
    name = getattr(coro, "__qualname__", type(coro).__name__)
    frame: FrameType | None = None
    code: CodeType | None = None
    awaited: object = coro
    while awaited is not None:
        for prefix, following in (("cr", "await"), ("gi", "yieldfrom"), ("ag", "await")):
            if hasattr(awaited, f"{prefix}_frame"):
                found = getattr(awaited, f"{prefix}_frame")
                if found is not None:
                    frame, code = found, found.f_code
                awaited = getattr(awaited, f"{prefix}_{following}")
                break
        else:
            break
    if frame is None or code is None:
        return f"{name} (ended)"
    return f"{name} at {code.co_filename.rpartition('/')[2]}:{frame.f_lineno} in {code.co_qualname}"
