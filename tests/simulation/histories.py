"""Plays the plan of a seed on a whole engine in virtual time, under the watch's eyes."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec
from tests.simulation.plans import Happening, Plan, Work, plan

from provider_console.adapters.memory import (
    FixedIds,
    MemoryAudit,
    MemoryBell,
    MemoryDisk,
    MemoryLock,
    MemorySettings,
    MemoryUsage,
)
from provider_console.adapters.memory_machine import MemoryMachine
from provider_console.adapters.memory_secrets import MemorySecrets
from provider_console.console.errors import ConsoleError, Draining, PartialResult, Reported
from provider_console.console.views import ExecutionReport
from provider_console.core.breaker import BreakerState
from provider_console.core.ports.settings import LoadedSettings
from provider_console.core.ports.usage import AttemptRow, ExecutionBegun, ExecutionEnded, UsageRow
from provider_console.engine.engine import Parts, running
from provider_console.engine.engine_console import EngineConsole
from provider_console.engine.trace import Execution
from provider_console.sdk import Description, Operation, Secret
from provider_console.testing import simulation
from provider_console.testing.invariants import Broken, Watch
from provider_console.testing.scripted import (
    Act,
    NoNetwork,
    Script,
    ScriptedDriver,
    ScriptedKind,
    ScriptedPlugins,
    ScriptedSource,
    Wire,
    act_of,
)

CONVERGES_S = 330.0
MAX_STEPS = 3_000_000


@dataclass(frozen=True)
class Played:
    """What one history came to."""

    seed: int
    trace: str
    steps: int
    time_s: float
    counts: Counter[str]
    log: list[str] = field(default_factory=list)


class NumberedTask(asyncio.Task[Any]):
    """A task that hashes by its number: a set of tasks, as every TaskGroup keeps, else has the order of addresses."""

    def __init__(self, coro: Any, *, number: int, **rest: Any) -> None:
        self.number = number
        super().__init__(coro, **rest)

    def __hash__(self) -> int:
        return self.number


def number_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Make every task of a loop from now on a numbered one."""
    numbers = itertools.count(1)
    loop.set_task_factory(lambda loop, coro, **rest: NumberedTask(coro, loop=loop, number=next(numbers), **rest))


class CountedIds(FixedIds):
    """Ids that the watch counts: each is one execution."""

    def __init__(self, watch: Watch, prefix: str) -> None:
        super().__init__(prefix)
        self._watch = watch

    def new(self) -> str:
        self._watch.operations += 1
        return super().new()


class CountedUsage(MemoryUsage):
    """Notes what is written, because a table forgets that a row came twice."""

    def __init__(self, disk: MemoryDisk, watch: Watch) -> None:
        super().__init__(disk)
        self._watch = watch
        self.begun: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()

    async def write(self, rows: Sequence[UsageRow]) -> None:
        await super().write(rows)
        for row in rows:
            if isinstance(row, ExecutionBegun):
                self.begun[row.id] += 1
            elif isinstance(row, ExecutionEnded):
                self.ended[row.id] += 1
                if b"PAYL0AD" in row.report or b"s3cr3t" in row.report:
                    self._watch.fail("content", f"the stored report of {row.id} holds a payload or a secret")
            elif isinstance(row, AttemptRow) and row.message and ("PAYL0AD" in row.message or "s3cr3t" in row.message):
                self._watch.fail("content", f"an attempt of {row.execution_id} holds a payload or a secret")


class SlowSecrets(MemorySecrets):
    """A keyring that takes its time."""

    def __init__(self, values: dict[str, str], *, clock: simulation.SimClock, after_s: float, forgets: bool) -> None:
        super().__init__(values, clock=clock)
        self._forgets = forgets
        self._slow_clock = clock
        self.after_s = after_s

    def cached(self, name: str) -> Secret | None:
        return None if self._forgets else super().cached(name)

    async def get(self, name: str) -> Secret | None:
        if self.after_s:
            await self._slow_clock.sleep(self.after_s)
        return await super().get(name)


class History:
    """One history under way."""

    def __init__(self, made: Plan, *, tell: bool) -> None:
        self.plan = made
        self.watch = Watch()
        self.counts: Counter[str] = Counter()
        self.log: list[str] = []
        self._tell = tell
        self._cancelled: set[asyncio.Task[None]] = set()
        self._stopping = False

    def say(self, *words: object) -> None:
        """A line of the log, where one is wanted."""
        if self._tell:
            self.log.append(f"{asyncio.get_running_loop().time():9.3f}  {' '.join(map(str, words))}")

    # --- the world -----------------------------------------------------------------------------------------------

    def _parts(self, disk: MemoryDisk, *, prefix: str) -> Parts:
        made, clock, loop = self.plan, self.clock, asyncio.get_running_loop()
        self.wire = Wire(clock, observer=self)
        scripts = {
            name: Script(phases, rng=random.Random(f"script {made.seed} {name}"))
            for name, phases in made.phases.items()
        }
        self.source = ScriptedSource("translation", made.providers, clock=clock, after_s=0.01)
        description = Description(max_characters=40) if made.describes else None
        pairs = ("translate:*>*",)
        drivers = [
            ScriptedDriver(
                "chat",
                self.wire,
                scripts,
                clock=clock,
                categories=("ai", "translation"),
                capabilities=("text_generation", *pairs),
                credential="required",
            ),
            ScriptedDriver(
                "local",
                self.wire,
                scripts,
                clock=clock,
                categories=("ai",),
                capabilities=("text_generation",),
                rung="reach",
            ),
            ScriptedDriver(
                "mt",
                self.wire,
                scripts,
                clock=clock,
                categories=("translation",),
                credential="optional",
                rung="quota",
                description=description,
            ),
        ]
        self.usage = CountedUsage(disk, self.watch)
        self.settings_store = MemorySettings(made.settings, clock=clock)
        self.secrets = SlowSecrets(made.secrets, clock=clock, after_s=made.lookup_s, forgets=made.uncached)
        plugins: Any = ScriptedPlugins(
            sources=[self.source],
            drivers=drivers,
            kinds=[ScriptedKind("say", "ai"), ScriptedKind("translate", "translation")],
            listener=self._heard if made.listening else None,
        )
        del loop
        return Parts(
            clock=clock,
            rng=random.Random(f"engine {made.seed}"),
            ids=CountedIds(self.watch, prefix),
            http=NoNetwork(),
            secrets=self.secrets,
            usage=self.usage,
            audit=MemoryAudit(clock),
            settings_store=self.settings_store,
            loaded=LoadedSettings(settings=made.settings, origins={}),
            lock=MemoryLock(),
            bell=MemoryBell(),
            machine=MemoryMachine(),
            plugins=plugins,
        )

    def _heard(self, event: object) -> None:
        self.counts[f"event {type(event).__name__}"] += 1

    def begins(self, call: Any) -> None:
        self.say("->", call)
        self.watch.begins(call)

    def ends(self, call: Any) -> None:
        self.say("<-", call)
        self.watch.ends(call)
        if self.plan.flavour == "crowd" and call.number % 3 == 0 and call.purpose == "call" and not self._stopping:
            # The slot of this call is handed over in this very step: whoever gets it may be cancelled just then.
            asyncio.get_running_loop().call_soon(self._cancel_a_waiter)

    # --- from begin to end ---------------------------------------------------------------------------------------

    async def main(self) -> None:
        """The whole history."""
        number_tasks(asyncio.get_running_loop())
        self.clock = simulation.SimClock()
        disk = MemoryDisk()
        parts = self._parts(disk, prefix="01")
        made = self.plan
        grace_s = 0.0 if made.ending == "crash" else random.Random(made.seed).choice([0.0, 0.5, 5.0])
        async with asyncio.TaskGroup() as people:
            async with running(parts, background=made.background, grace_s=grace_s) as engine:
                self.engine = engine
                self.console = EngineConsole(engine)
                self.watch.attach(engine)
                tasks = [people.create_task(self._person(work)) for work in made.work]
                tasks += [people.create_task(self._happens(one)) for one in made.happenings]
                await self.clock.sleep(made.calm_s if made.ending == "calm" else made.calm_s * 0.4)
                if made.ending == "calm":
                    await asyncio.wait(tasks)
                    await self._calm()
                self._stopping = self.watch.draining = True
                self.say(f"{made.ending}: the engine stops, {len(engine.executor.running)} run")
                if made.ending == "crash":
                    self.usage.crash()
            if engine.executor.running:
                self.watch.fail("one end", "executions outlive the engine")
        calls = len(self.wire.calls)
        await self.clock.sleep(1.0)
        if len(self.wire.calls) != calls:
            self.watch.fail("nothing after a cancel", "calls go on after the engine has stopped")
        self._written(disk)
        if made.ending == "crash":
            await self._after_crash(disk)
        self._note()

    def _written(self, disk: MemoryDisk) -> None:
        usage, watch = self.usage, self.watch
        whole = usage.failure is None and self.plan.ending != "crash"
        for name, count in [*usage.begun.items(), *usage.ended.items()]:
            if count != 1:
                watch.fail("one end", f"{name} was begun or ended {count} times")
        if whole and set(usage.begun) != set(usage.ended):
            watch.fail("one end", f"without an end: {sorted(set(usage.begun) ^ set(usage.ended))[:3]}")
        watch.finish(disk.attempts, whole=whole, dropped=self.engine.recorder.dropped)
        if self.engine.lifecycle.failures:
            watch.fail("tasks", f"{self.engine.lifecycle.failures}")
        if watch.broken:
            raise watch.broken[0]

    async def _after_crash(self, disk: MemoryDisk) -> None:
        """The next start finds what has no end."""
        open_ones = {name for name, one in disk.executions.items() if one.row.status is None}
        self.watch = Watch()
        made = self.plan
        async with running(self._parts(disk, prefix="02"), background=False) as engine:
            lost = {name for name, one in disk.executions.items() if one.row.status == "unknown_crashed"}
            if lost != open_ones:
                raise Broken("crash", f"{sorted(open_ones)} had no end, {sorted(lost)} are marked")
            if bool(lost) != any("unknown_crashed" in notice for notice in engine.notices):
                raise Broken("crash", f"the notices are {engine.notices}")
        self.counts["crashed executions"] += len(open_ones)
        del made

    def _note(self) -> None:
        loop: Any = asyncio.get_running_loop()
        counts = self.counts
        counts.update(f"transition {name}" for name in self.watch.transitions.elements())
        for seen in self.watch.seen.values():
            execution = seen.execution
            counts[f"status {execution.status}"] += 1
            loop.note(
                f"{execution.id} {execution.status} {execution.provider} {execution.elapsed_s!r} {execution.left}"
            )
            for _, reason in execution.left:
                counts[f"left {reason}"] += 1
            for attempt in execution.attempts:
                failure = attempt.failure
                name = "cancelled" if attempt.cancelled else "ok" if failure is None else failure.error_class.value
                counts[f"class {name}"] += 1
                loop.note(f"{attempt.provider} {attempt.number} {attempt.started!r} {attempt.duration_s!r} {name}")
            if not execution.plan and execution.attempts:
                counts["panic"] += 1
        counts["calls"] += len(self.wire.calls)

    # --- the calm after the faults -------------------------------------------------------------------------------

    async def _calm(self) -> None:
        """Under traffic, everyone that is not held, cooling or suspended is closed again within 330 s."""
        self.secrets.after_s = 0.0
        since = self.clock.monotonic()
        while waiting := self._not_closed():
            if self.clock.monotonic() - since > CONVERGES_S:
                self.watch.fail("converges", f"{waiting} not closed {CONVERGES_S:.0f} s after the last fault")
                return
            for name in waiting:
                await self._ask(name)
            await self.clock.sleep(4.0)
        for name in self._callable():
            error = await self._ask(name)
            if error is not None and self._callable().count(name):
                self.watch.fail("converges", f"{name} is well and closed, but: {error!r}")
        self.counts["converged"] += 1

    def _callable(self) -> list[str]:
        now = self.clock.monotonic()
        return [
            name
            for name, lane in sorted(self.engine.catalog.lanes.items())
            if lane.provider.enabled
            and lane.missing is None
            and lane.breaker.refusal(now) is None
            and not lane.models_left_out(now)
        ]

    def _not_closed(self) -> list[str]:
        now = self.clock.monotonic()
        waiting = []
        for name, lane in sorted(self.engine.catalog.lanes.items()):
            breaker = lane.breaker
            excused = (
                not lane.provider.enabled
                or lane.missing is not None
                or breaker.refusal(now) in ("needs a key", "quota")
                or (breaker.not_before or 0.0) > now
                or (breaker.suspended_until or 0.0) > now
                or bool(lane.models_left_out(now))
            )
            if not excused and breaker.state(now) is not BreakerState.CLOSED:
                waiting.append(name)
        return waiting

    async def _ask(self, name: str) -> Exception | None:
        lane = self.engine.catalog.lanes[name]
        category = lane.provider.categories[0]
        operation = Operation(
            kind="say" if category == "ai" else "translate",
            category=category,
            payload={"text": "calm"},
            providers=(name,),
        )
        try:
            await self.console.execute(operation)
        except ConsoleError as error:
            return error
        return None

    # --- people --------------------------------------------------------------------------------------------------

    async def _person(self, work: Work) -> None:
        await self.clock.sleep(work.at_s)
        loop = asyncio.get_running_loop()
        # msgspec compares by value: the identity of a copy tells the operations apart.
        operation = msgspec.structs.replace(work.operation)
        asking = loop.create_task(self._asks(work, operation))
        timer = None
        if work.cancel is not None:
            timer = loop.call_later(work.cancel[1], self._cancel, work.cancel[0], operation, asking)
        try:
            await asking
        except asyncio.CancelledError:
            self.say("a person leaves")
        finally:
            if timer is not None:
                timer.cancel()

    def _of(self, operation: Operation) -> Execution | None:
        return next((e for e in self.engine.executor.running.values() if e.operation is operation), None)

    def _cancel(self, who: str, operation: Operation, asking: asyncio.Task[None]) -> None:
        execution = self._running(operation)
        if asking.done():
            return
        place = _place(execution)
        self.counts[f"cancel {place}"] += 1
        self.say(f"cancel by {who} in {place}: {None if execution is None else execution.id}")
        if who == "console":
            if execution is None:
                return
            self._mark(execution)
            self.engine.executor.cancel(execution.id)
        else:
            if execution is not None and execution.task is asking:
                self._mark(execution)
            self._cancelled.add(asking)
            asking.cancel()

    def _cancel_a_waiter(self) -> None:
        for execution in self.engine.executor.running.values():
            if execution.parent is None and _place(execution) == "in a slot's queue":
                self.counts["cancel in a slot's queue"] += 1
                self.say(f"cancel at the handing over of a slot: {execution.id}")
                self._mark(execution)
                self.engine.executor.cancel(execution.id)
                return

    def _running(self, operation: Operation) -> Execution | None:
        """The innermost execution of an operation: its own, or the piece that runs."""
        found = self._of(operation)
        if found is None:
            # EngineConsole.execute_stream copies the operation to mark it as a stream.
            found = next((e for e in self.engine.executor.running.values() if e.operation == operation), None)
        return found

    def _mark(self, execution: Execution) -> None:
        self.watch._see(execution).cancelled = True
        for other in self.engine.executor.running.values():
            if other.parent == execution.id:
                self.watch._see(other).cancelled = True

    async def _asks(self, work: Work, operation: Operation) -> None:
        try:
            await self._asks_for(work, operation)
        except Draining:
            self.counts["refused while draining"] += 1
            if not self._stopping:
                self.watch.fail("draining", "refused though nothing drains")
        except Reported as error:
            self._failed(operation, error)
        except ZeroDivisionError:
            self.counts["a caller's own fault"] += 1
        own = asyncio.current_task()
        if own is not None and own.cancelling() and own not in self._cancelled:
            self.watch.fail("cancels are spent", f"the task that asked is still being cancelled: {work}")

    async def _asks_for(self, work: Work, operation: Operation) -> None:
        match work.how:
            case "stream":
                await self._reads(work, operation)
            case "work" | "call":
                await self._works(work, operation)
            case _:
                self._answered(operation, await self.console.execute(operation))

    def _answered(self, operation: Operation, report: ExecutionReport) -> None:
        if report.status != "ok" or report.result is None:
            self.watch.fail("result", f"{report.execution_id} came back {report.status}")
        elif not operation.stream and report.result["text"] != operation.payload["text"]:
            self.watch.fail("result", f"{report.execution_id} came back with another text")

    def _failed(self, operation: Operation, error: Reported) -> None:
        report = error.report
        self.counts[f"raised {type(error).__name__}"] += 1
        if report.status == "ok" or not report.hint or not error.message:
            self.watch.fail("result", f"{report.execution_id} raised {error!r} with the status {report.status}")
        if report.retry_after_ms is not None and report.retry_after_ms < 0:
            self.watch.fail("retry-after", f"{report.execution_id} says to wait {report.retry_after_ms} ms")
        if "PAYL0AD" in error.message or "s3cr3t" in error.message:
            self.watch.fail("content", f"the message of {report.execution_id} holds a payload or a secret")

    # --- a caller's own callable ---------------------------------------------------------------------------------

    async def _works(self, work: Work, operation: Operation) -> None:
        rng = random.Random(f"work {self.plan.seed} {work.at_s}")
        own = rng.choice(
            [Act(after_s=0.05), Act(hangs=True), act_of("connection_reset", after_s=0.05), act_of("own_fault")]
        )

        async def task(handle: Any, _attempt: int) -> Any:
            if work.how == "call":
                return await handle.call(operation)
            execution = self._of(operation)
            key = "" if execution is None else execution.id
            call = self.wire.begin(handle.id, "work", own, key=key)
            await self.wire.play(call)
            self.wire.end(call, "ok")
            return {"text": operation.payload["text"]}

        await self.engine.executor.execute(operation, work=task)

    # --- streams -------------------------------------------------------------------------------------------------

    async def _reads(self, work: Work, operation: Operation) -> None:
        got: list[str] = []
        report: ExecutionReport | None = None
        leaving = random.Random(f"read {self.plan.seed} {work.at_s}").randint(1, 3)
        items = self.console.execute_stream(operation)
        try:
            if work.reads == "drops":
                async for item in items:
                    if isinstance(item, ExecutionReport):
                        report = item
                        break
                    got.append(item.text)
                    if len(got) >= leaving:
                        self.counts["readers that drop"] += 1
                        return
            else:
                async with aclosing(items):
                    async for item in items:
                        if isinstance(item, ExecutionReport):
                            report = item
                            break
                        got.append(item.text)
                        if work.reads == "slow":
                            await self.clock.sleep(work.pause_s)
                        if work.reads == "leaves" and len(got) >= leaving:
                            self.counts["readers that leave"] += 1
                            return
        except PartialResult as error:
            if error.text != "".join(got):
                self.watch.fail(
                    "stream", f"{error.report.execution_id}: the reader got {got}, the error says {error.text!r}"
                )
            self._matches(error.report, got)
            raise
        except Reported as error:
            if got and error.report.status not in ("cancelled", "outcome_unknown"):
                self.watch.fail("stream", f"{error.report.execution_id} gave {got} and then {error!r}")
            raise
        if report is None:
            self.watch.fail("stream", "a stream ended without its report")
            return
        self._answered(msgspec.structs.replace(operation, stream=True), report)
        self._matches(report, got)
        if report.result is not None and "".join(got) != report.result.get("text", ""):
            self.watch.fail("stream", f"{report.execution_id}: the reader got {got}, the result is another")

    def _matches(self, report: ExecutionReport, got: Sequence[str]) -> None:
        said = [call.said for call in self.wire.calls if call.key.startswith(report.execution_id) and call.said]
        if len(said) > 1:
            self.watch.fail("stream", f"{report.execution_id} heard {len(said)} providers speak")
        elif "".join(got) != "".join(said[0] if said else []):
            self.watch.fail("stream", f"{report.execution_id}: the reader got {got}, the provider said {said}")

    # --- what happens to the engine ------------------------------------------------------------------------------

    async def _happens(self, one: Happening) -> None:
        await self.clock.sleep(one.at_s)
        if self._stopping:
            return
        self.counts[f"happened {one.what}"] += 1
        self.say(f"happens: {one.what} {'' if one.what == 'settings' else one.subject}")
        try:
            await self._do(one.what, one.subject)
        except ConsoleError as error:
            self.say(f"refused: {error!r}")

    async def _do(self, what: str, subject: Any) -> None:
        console = self.console
        match what:
            case "settings":
                self.settings_store.use(subject)
            case "disable" | "enable":
                await console.set_provider_enabled(subject, enabled=what == "enable")
            case "set secret":
                value = Secret(f"s3cr3t-{subject}-{self.clock.monotonic()}")
                with self.watch.secret_changing(subject):
                    await console.set_secret(subject, value)
            case "forget secret":
                self.secrets.forget(subject)
            case "delete secret":
                await console.delete_secret(subject)
            case "store fails":
                self.usage.failure = "the disk is full; free some space"
            case "store back":
                self.usage.failure = None
            case "address":
                found = self.source.found
                place = next(i for i, provider in enumerate(found) if provider.id == subject)
                found[place] = msgspec.structs.replace(found[place], base_url="http://127.0.0.1:2")
                await self.engine.catalog.refresh()
            case "source fails":
                self.source.problem = "the source cannot look"
            case "source back":
                self.source.problem = None
            case "wall jumps":
                self.clock.jump(subject)


_PLACES = (
    ("Slots.within", "in a slot's queue"),
    ("SlowSecrets.get", "in a credential lookup"),
    ("put", "in a reader's buffer"),
    ("_pump", "in a stream"),
    ("_drive", "in a call"),
    ("task", "in a call"),
    ("Fallback.run", "in a delay"),
    ("Executor.execute", "waiting for a reopening"),
)


def _place(execution: Execution | None) -> str:
    """Where an execution waits: the innermost frame that has a name here."""
    if execution is None or execution.task is None:
        return "before it began"
    names = []
    awaited = execution.task.get_coro()
    while awaited is not None and hasattr(awaited, "cr_await"):
        names.append(awaited.cr_code.co_qualname)
        awaited = awaited.cr_await
    for name in reversed(names):
        for part, place in _PLACES:
            if name == part or name.endswith(f".{part}"):
                return place
    return "elsewhere"


def play(seed: int, *, tell: bool = False) -> Played:
    """Play one history.

    Raises:
        Broken, SimulationError: what went wrong, with a note that says how to replay it.
    """
    history = History(plan(seed), tell=tell)
    logger = logging.getLogger("provider_console")
    level = logger.level
    # What providers and sources are made to do wrong here would fill the output.
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            result = simulation.run(
                history.main, seed=seed, max_steps=MAX_STEPS, on_step=lambda: history.watch.on_step()
            )
        if warned:
            raise Broken("warnings", "; ".join(str(one.message) for one in warned[:3]))
    except BaseException as error:
        error.add_note(f"replay it: make simulate SEED={seed}")
        if tell:
            error.add_note("\n".join(history.log))
        raise
    finally:
        logger.setLevel(level)
    return Played(seed, result.trace, result.steps, result.time_s, history.counts, history.log)
