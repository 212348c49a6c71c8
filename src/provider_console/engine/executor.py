"""Runs operations from begin to end: the plan, the way along it, the pieces of long text, the record, the answer.

What happens between the first attempt and the last stands in `fallback.py`. A successful call of a caller's own
coroutine costs a few microseconds, which is why its path makes no view, no event without a listener, and no decision
that is ready; `docs/decisions/0001-cost-of-one-attempt.md` has the figures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from provider_console.console.errors import (
    Draining,
    NoProvider,
    OperationFailed,
    OutcomeUnknown,
    PartialResult,
    Reported,
)
from provider_console.console.events import ExecutionEnded, ExecutionStarted
from provider_console.core.breaker import PERMIT_TAKEN
from provider_console.core.budget import PER_OPERATION
from provider_console.core.decide import Choice
from provider_console.core.ports.time import Clock, Ids
from provider_console.engine.bus import Bus
from provider_console.engine.caller import MIN_LEFT_S
from provider_console.engine.course import Course, chart
from provider_console.engine.fallback import Fallback
from provider_console.engine.planner import Planner
from provider_console.engine.recorder import Recorder
from provider_console.engine.trace import Execution, Sink, Work
from provider_console.sdk.operation import Operation, OperationKind

WAIT_STEP_S: Final = 1.0
"""Who waits for a provider looks again this often: a probe may bring one back before its time."""


class Executor:
    """Runs operations. Nothing here knows a protocol, a database or a keyring."""

    def __init__(
        self,
        *,
        planner: Planner,
        fallback: Fallback,
        kinds: Mapping[str, OperationKind],
        clock: Clock,
        ids: Ids,
        recorder: Recorder,
        bus: Bus,
    ) -> None:
        self._planner = planner
        self._fallback = fallback
        self._kinds = kinds
        self._clock = clock
        self._now = clock.monotonic
        self._wall = clock.wall
        self._ids = ids
        self._recorder = recorder
        self._bus = bus
        self.running: dict[str, Execution] = recorder.running
        self._draining = False
        self._loop = asyncio.get_running_loop()
        self._idle = asyncio.Event()

    # --- the whole run ---------------------------------------------------------------------------------------

    async def execute(
        self, operation: Operation, *, work: Work | None = None, sink: Sink | None = None, parent: str | None = None
    ) -> Execution:
        """Run an operation to its end.

        Raises:
            Draining, NoProvider, OperationFailed, PartialResult, OutcomeUnknown; asyncio.CancelledError where
            the caller was cancelled. An exception of `work` that no provider is to blame for passes unchanged.
        """
        if self._draining and parent is None:
            self.refuse_draining()
        now = self._now()
        course = self._planner.course(operation, now)
        identity, wall, deadline = self._ids.new(), self._wall(), now + course.bounds.deadline_s
        task: Any = asyncio.current_task(self._loop)
        execution = Execution(
            identity, operation, now, wall, parent, work, sink, deadline, course, task=task, cancels=task.cancelling()
        )
        self.running[identity] = execution
        budget = self._fallback.budget
        try:
            budget.tokens += PER_OPERATION
            if operation.wait and not course.plan:
                course = execution.course = await self._reopened(execution, course)
                now = self._now()
            if self._bus.listening:
                self._bus.tell(_started, execution)
            if not course.plan:
                await self._fallback.panic(execution, course.bounds)
            elif work is None and sink is None and (pieces := self._pieces(operation, course.plan)) is not None:
                await self._run_pieces(execution, pieces)
            else:
                await self._fallback.run(execution, course, now)
        except asyncio.CancelledError:
            execution.status = "cancelled"
            execution.hint = "it was cancelled"
            # A cancel from outside that came as well is the caller's, and travels on.
            if not execution.cancel_requested or execution.task.uncancel() > 0:
                raise
        finally:
            now = self._now()
            execution.elapsed_s = now - execution.started
            # A full bucket is as full in a moment: nobody has to look.
            execution.budget_level = budget.burst if budget.tokens >= budget.burst else budget.level(now)
            execution.task = execution.work = execution.sink = None
            del self.running[identity]
            self._recorder.note(execution)
            if self._bus.listening:
                self._bus.tell(_ended, execution)
            if self._draining and not self.running:
                self._idle.set()
        if execution.status != "ok":
            raise self._error(execution)
        return execution

    def budget_level(self) -> float:
        """What is left of the engine's retry budget."""
        return self._fallback.budget.level(self._now())

    @property
    def draining(self) -> bool:
        """Nothing new begins: the engine shuts down."""
        return self._draining

    def refuse_draining(self) -> None:
        """Let nothing new begin once the engine shuts down.

        Raises:
            Draining: it does.
        """
        if self._draining:
            raise Draining("the console is shutting down and takes no new operation; run it again once it is back")

    def cancel(self, execution_id: str) -> bool:
        """Stop a running execution: its caller gets `OperationFailed` with the status `cancelled`."""
        execution = self.running.get(execution_id)
        if execution is None or execution.task is None or execution.cancel_requested:
            return False
        execution.cancel_requested = True
        execution.task.cancel()
        return True

    def cancel_all(self) -> None:
        """Stop everything that runs."""
        for execution in list(self.running.values()):
            # A piece runs in the task of its whole: cancelled twice, one of the two would be left over.
            if execution.parent is None:
                self.cancel(execution.id)

    async def drain(self, grace_s: float) -> None:
        """Take nothing new, let what runs finish for `grace_s` seconds, then cancel it. Returns once all ended."""
        self._draining = True
        if self.running:
            self._idle.clear()
            try:
                async with asyncio.timeout(grace_s):
                    await self._idle.wait()
            except TimeoutError:
                self.cancel_all()
                if self.running:
                    await self._idle.wait()

    # --- nobody eligible yet ---------------------------------------------------------------------------------

    async def _reopened(self, execution: Execution, course: Course) -> Course:
        """Wait until a provider is admitted again; a course without one where that would be too late, or never."""
        while not course.plan and (delay_s := self._reopening_s(execution)) is not None:
            await self._clock.sleep(min(delay_s, WAIT_STEP_S))
            # The limits stay those of the begin.
            course = chart(self._planner.fresh(execution.operation, self._now()), course.bounds)
        return course

    def _reopening_s(self, execution: Execution) -> float | None:
        """How long until the first provider is admitted again; None where that is past the deadline, or never."""
        now = self._now()
        decision = self._planner.fresh(execution.operation, now)
        if decision.plan:
            return 0.0
        waiting = [out.candidate for out in decision.excluded if out.waiting]
        # A permit is given back in moments; the time at which it would lapse says nothing.
        times = [now + WAIT_STEP_S if one.refusal == PERMIT_TAKEN else one.reopens_at for one in waiting]
        earliest = min((at for at in times if at is not None), default=None)
        if earliest is None or earliest + MIN_LEFT_S > execution.deadline:
            return None
        return max(0.0, earliest - now)

    # --- long text -------------------------------------------------------------------------------------------

    def _pieces(self, operation: Operation, plan: Sequence[Choice]) -> list[Operation] | None:
        """The operation cut to the smallest limit in the plan; None where it fits as it is."""
        kind = self._kinds.get(operation.kind)
        sizes = [c.candidate.provider.max_characters for c in plan if c.candidate.provider.max_characters]
        if kind is None or not sizes:
            return None
        payloads = kind.split(operation.payload, min(sizes))
        if len(payloads) < 2:
            return None
        return [_with_payload(operation, payload) for payload in payloads]

    async def _run_pieces(self, execution: Execution, pieces: Sequence[Operation]) -> None:
        """Run each piece as an execution of its own, in order, and join the results."""
        done: list[Execution] = []
        for piece in pieces:
            left_s = execution.deadline - self._now()
            if left_s < MIN_LEFT_S:
                execution.hint = "the deadline came before every piece was done; raise it, or send less text"
                self._fallback.conclude(execution)
                return
            try:
                child = await self.execute(_with_deadline(piece, left_s), parent=execution.id)
            except Reported as error:
                if isinstance(error, OutcomeUnknown):
                    execution.status = "outcome_unknown"
                execution.children = (*execution.children, error.report.execution_id)
                execution.hint = f"piece {len(done) + 1} of {len(pieces)} failed: {error.message}"
                execution.retry_after_s = (
                    None if error.report.retry_after_ms is None else error.report.retry_after_ms / 1000
                )
                return
            done.append(child)
            execution.children = (*execution.children, child.id)
        kind = self._kinds[execution.operation.kind]
        execution.result = kind.join(execution.operation.payload, [child.result for child in done])
        execution.status = "ok"
        execution.provider = done[-1].provider

    # --- ends ------------------------------------------------------------------------------------------------

    def _error(self, execution: Execution) -> NoProvider | OperationFailed | PartialResult | OutcomeUnknown:
        report = execution.report()
        what = f"{execution.operation.kind} failed"
        hint = execution.hint or ""
        if execution.status == "partial":
            return PartialResult(
                f"{what} after its answer had begun: {hint}", report=report, text="".join(execution.received)
            )
        if execution.status == "outcome_unknown":
            return OutcomeUnknown(f"{what}, and it may or may not have taken effect: {hint}", report=report)
        if not execution.attempts and not execution.plan:
            return NoProvider(f"no provider can {execution.operation.kind}: {hint}", report=report)
        return OperationFailed(f"{what}: {hint}", report=report)


def _started(execution: Execution) -> ExecutionStarted:
    return ExecutionStarted(
        at=execution.started_wall,
        execution_id=execution.id,
        operation=execution.operation.kind,
        category=execution.operation.category,
        providers=tuple(choice.candidate.provider.id for choice in execution.plan),
        parent=execution.parent,
        reference=execution.operation.reference,
    )


def _ended(execution: Execution) -> ExecutionEnded:
    at = execution.wall(execution.started + execution.elapsed_s)
    return ExecutionEnded(at=at, report=execution.report(with_result=False))


def _with_payload(operation: Operation, payload: Mapping[str, Any]) -> Operation:
    return msgspec.structs.replace(operation, payload=payload)


def _with_deadline(operation: Operation, deadline_s: float) -> Operation:
    return msgspec.structs.replace(operation, deadline_s=deadline_s)
