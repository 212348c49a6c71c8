"""Runs operations: attempt, delay, attempt, then the next best provider, until one succeeds or the deadline comes.

The path of one execution stands in `engine.md` section 2. A successful call of a caller's own coroutine costs under
10 us here, which is why the happy path makes no view, no event without a listener, and no decision that is ready.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
from provider_console.console.events import ExecutionEnded, ExecutionStarted, ProviderLeft
from provider_console.core.backoff import attempt_timeout_s, cooldown_s, delay_s
from provider_console.core.breaker import BREAKER_OPEN, PERMIT_TAKEN
from provider_console.core.budget import TokenBucket, panic_bucket, take_both
from provider_console.core.classify import RULES, Failure
from provider_console.core.decide import Choice
from provider_console.core.ports import Clock, Ids
from provider_console.core.settings import Limits, Settings, limits
from provider_console.engine.bus import Bus
from provider_console.engine.caller import Caller, ProviderHandle
from provider_console.engine.hints import hint_for
from provider_console.engine.lane import Lane
from provider_console.engine.planner import Planner
from provider_console.engine.recorder import Recorder
from provider_console.engine.settings_desk import Current
from provider_console.engine.trace import Execution
from provider_console.sdk.errors import ErrorClass
from provider_console.sdk.operation import Chunk, Operation, OperationKind, RetryPolicy

MIN_LEFT_S: Final = 0.2
"""With less time than this left for a provider, asking it is pointless."""

SLOT_WAIT_S: Final = 5.0
CATEGORIES: Final = 64
"""Categories whose limits are kept ready; a caller may invent any number of them."""

WAIT_STEP_S: Final = 1.0
"""Who waits for a provider looks again this often: a probe may bring one back before its time."""

HURRY_ABOVE_S: Final = 2.0
"""A rate-limited provider is waited for up to this long while another one could answer now."""

Sink = Callable[[Chunk], Awaitable[None]]
Work = Callable[[ProviderHandle, int], Awaitable[Any]]

_REFUSALS: Final = frozenset(
    {
        ErrorClass.AUTHENTICATION,
        ErrorClass.PERMISSION,
        ErrorClass.QUOTA,
        ErrorClass.RATE_LIMITED,
        ErrorClass.INVALID_REQUEST,
        ErrorClass.CONTENT_REFUSED,
        ErrorClass.CONTEXT_TOO_LONG,
    }
)
"""The provider said no before it did anything, so even an operation that must not be repeated may go on."""


class Executor:
    """Runs operations on lanes. Nothing here knows a protocol, a database or a keyring."""

    def __init__(
        self,
        *,
        lanes: Mapping[str, Lane],
        planner: Planner,
        current: Current,
        kinds: Mapping[str, OperationKind],
        caller: Caller,
        clock: Clock,
        rng: random.Random,
        ids: Ids,
        recorder: Recorder,
        bus: Bus,
    ) -> None:
        self._lanes = lanes
        self._planner = planner
        self._current = current
        self._kinds = kinds
        self._caller = caller
        self._clock = clock
        self._now = clock.monotonic
        self._wall = clock.wall
        self._rng = rng
        self._ids = ids
        self._recorder = recorder
        self._bus = bus
        self._limits: dict[str, tuple[Settings, Limits]] = {}
        self.budget = TokenBucket(now=self._now())
        self._panic = panic_bucket(self._now())
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
        bounds = self._bounds(operation)
        execution = Execution(self._ids.new(), operation, now, self._wall(), now + bounds.deadline_s)
        execution.parent, execution.work, execution.sink = parent, work, sink
        if sink is not None:
            execution.received = []
        execution.task = asyncio.current_task(self._loop)
        self.running[execution.id] = execution
        try:
            self.budget.earn(now)
            decision = self._planner.plan(operation, now)
            while not decision.plan and operation.wait and (delay := self._reopening_s(execution)) is not None:
                await self._clock.sleep(min(delay, WAIT_STEP_S))
                decision = self._planner.fresh(operation, self._now())
            execution.decision = decision
            plan = execution.plan = decision.plan[: bounds.max_providers]
            if self._bus.listening:
                self._announce(execution)
            if not plan:
                await self._panicked(execution, bounds)
            elif work is None and sink is None and (pieces := self._pieces(operation, plan)) is not None:
                await self._run_pieces(execution, pieces)
            else:
                await self._try_plan(execution, plan, bounds)
        except asyncio.CancelledError:
            execution.status = "cancelled"
            execution.hint = "it was cancelled"
            # A cancel from outside that came as well is the caller's, and travels on.
            if not execution.cancel_requested or execution.task.uncancel() > 0:
                raise
        finally:
            self._end(execution)
        if execution.status != "ok":
            raise self._error(execution)
        return execution

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

    async def _try_plan(self, execution: Execution, plan: Sequence[Choice], bounds: Limits) -> None:
        needs_more_than: int | None = None
        for index, choice in enumerate(plan):
            provider_id = choice.candidate.provider.id
            lane = self._lanes.get(provider_id)
            if lane is None or not lane.provider.enabled:
                self._leave(execution, provider_id, "disabled")
                continue
            if needs_more_than is not None and (lane.provider.max_characters or 0) <= needs_more_than:
                self._leave(execution, provider_id, "no larger context")
                continue
            if index and lane.last_failed and not take_both(self.budget, lane.budget, self._now()):
                self._leave(execution, provider_id, "budget")
                continue
            reason = await self._try_lane(execution, lane, plan, index, bounds)
            if reason is None:
                return
            self._leave(execution, provider_id, reason)
            failure = execution.attempts[-1].failure if execution.attempts else None
            if failure is None or execution.attempts[-1].provider != provider_id:
                continue
            if self._ends(execution, failure, bounds):
                break
            if failure.error_class is ErrorClass.CONTEXT_TOO_LONG:
                needs_more_than = lane.provider.max_characters or 0
        self._conclude_failure(execution)

    # --- one provider ----------------------------------------------------------------------------------------

    async def _try_lane(
        self,
        execution: Execution,
        lane: Lane,
        plan: Sequence[Choice],
        index: int,
        bounds: Limits,
    ) -> str | None:
        """Every attempt at one provider; None once it succeeded, else why the engine goes on."""
        later = len(plan) - index - 1
        attempts = 1 if bounds.swift and later else bounds.attempts
        share_s = bounds.deadline_s / (bounds.max_providers + 1)
        reserve_s = later * (share_s if share_s < bounds.timeout_s else bounds.timeout_s)
        timeouts = retried_unknown = 0
        waited_s = 0.0
        lane.budget.earn(execution.started)
        for number in range(1, attempts + 1):
            timeout_s = attempt_timeout_s(bounds.timeout_s, timeouts) if timeouts else bounds.timeout_s
            outcome = await self._take_turn(execution, lane, number, timeout_s, reserve_s, waited_s)
            if outcome is None:
                return None
            if isinstance(outcome, str):
                return outcome
            failure = outcome
            if execution.committed or not self._repeatable(execution, failure):
                return "no retry for class"
            retries = RULES[failure.error_class].retries
            if not failure.retryable or retries == 0 or not _wanted(execution.operation.policy, failure):
                return "no retry for class"
            if retries is not None and (retried_unknown := retried_unknown + 1) > retries:
                return "attempts exhausted"
            if number == attempts:
                return "attempts exhausted"
            waited_s = delay_s(failure, number, base_s=bounds.base_delay_s, max_s=bounds.max_delay_s, rng=self._rng)
            now = self._now()
            if cooldown_s(failure.retry_after_s) is not None or self._better_elsewhere(
                failure, waited_s, plan[index + 1 :], now
            ):
                return "cooling"
            if not take_both(self.budget, lane.budget, now):
                return "budget"
            if now + waited_s + MIN_LEFT_S > execution.deadline - reserve_s:
                return "deadline"
            timeouts += failure.error_class is ErrorClass.TIMEOUT
            await self._clock.sleep(waited_s)
        return "attempts exhausted"

    async def _take_turn(
        self,
        execution: Execution,
        lane: Lane,
        number: int,
        timeout_s: float,
        reserve_s: float,
        waited_s: float,
    ) -> Failure | str | None:
        """Wait for a slot, look again, and call once: the failure, the reason not to call, or None for success."""
        now = self._now()
        left_s = execution.deadline - now - reserve_s
        if left_s < MIN_LEFT_S:
            return "deadline"
        slots = lane.slots
        if not slots.take():
            try:
                async with asyncio.timeout(min(SLOT_WAIT_S, left_s / 4)):
                    await slots.wait()
            except TimeoutError:
                return "slot"
            now = self._now()
            left_s = execution.deadline - now - reserve_s
        try:
            # While this call queued or slept, the provider may have gone down, started to cool, or been switched off.
            if left_s < MIN_LEFT_S:
                return "deadline"
            if lane.retired or not lane.provider.enabled:
                return "disabled"
            lane.breaker.permit_s = timeout_s
            permit = lane.breaker.enter(now)
            if permit is None:
                return lane.breaker.refusal(now) or BREAKER_OPEN
            return await self._caller.attempt(
                execution,
                lane,
                number,
                permit,
                begun=now,
                limit_s=timeout_s if timeout_s < left_s else left_s,
                timeout_s=timeout_s,
                waited_s=waited_s,
            )
        finally:
            slots.give()

    def _ends(self, execution: Execution, failure: Failure, bounds: Limits) -> bool:
        """Whether a failure ends the whole operation; sets the status where it is a special one."""
        if execution.committed:
            execution.status = "partial"
            return True
        if not self._repeatable(execution, failure):
            execution.status = "outcome_unknown"
            return True
        match failure.error_class:
            case ErrorClass.INVALID_REQUEST:
                return not failure.provider_specific
            case ErrorClass.CONTENT_REFUSED:
                return not bounds.on_refusal_next
            case _:
                return False

    def _repeatable(self, execution: Execution, failure: Failure) -> bool:
        """Whether another try cannot do the same thing twice."""
        return (
            execution.operation.idempotent
            or failure.never_left
            or failure.error_class in _REFUSALS
            or (failure.status in (429, 503) and failure.retry_after_s is not None)
        )

    def _better_elsewhere(self, failure: Failure, waited_s: float, later: Sequence[Choice], now: float) -> bool:
        return (
            failure.error_class is ErrorClass.RATE_LIMITED
            and waited_s > HURRY_ABOVE_S
            and any(
                (lane := self._lanes.get(choice.candidate.provider.id)) is not None
                and lane.breaker.refusal(now) is None
                for choice in later
            )
        )

    # --- nobody eligible -------------------------------------------------------------------------------------

    async def _panicked(self, execution: Execution, bounds: Limits) -> None:
        """One attempt at the provider soonest to half-open, from a bucket of its own; else there is no provider."""
        now = self._now()
        lane = self._soonest(execution)
        if lane is None or not self._panic.take(now):
            self._conclude_failure(execution)
            return
        if not lane.slots.take():
            self._leave(execution, lane.provider.id, "slot")
            self._conclude_failure(execution)
            return
        try:
            failure = await self._caller.attempt(
                execution,
                lane,
                1,
                lane.breaker.enter_panic(now),
                begun=now,
                limit_s=min(bounds.timeout_s, execution.deadline - now),
                timeout_s=bounds.timeout_s,
                waited_s=0.0,
            )
        finally:
            lane.slots.give()
        if failure is None:
            return
        self._leave(execution, lane.provider.id, "breaker")
        self._ends(execution, failure, bounds)
        self._conclude_failure(execution)

    def _soonest(self, execution: Execution) -> Lane | None:
        """The open provider that will half-open first; never one that is held, cooling, suspended or off."""
        if execution.decision is None:
            return None
        waiting = [
            (out.candidate.reopens_at, out.candidate.provider.id)
            for out in execution.decision.excluded
            if out.waiting and out.candidate.refusal == BREAKER_OPEN and out.candidate.reopens_at is not None
        ]
        now = self._now()
        for _, provider_id in sorted(waiting):
            lane = self._lanes.get(provider_id)
            if lane is not None and lane.breaker.refusal(now) in (None, BREAKER_OPEN) and not _resting(lane, now):
                return lane
        return None

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
                self._conclude_failure(execution)
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

    def _leave(self, execution: Execution, provider_id: str, reason: str) -> None:
        execution.left.append((provider_id, reason))
        if self._bus.listening:
            self._bus.publish(
                ProviderLeft(at=self._wall(), execution_id=execution.id, provider=provider_id, reason=reason)
            )

    def _conclude_failure(self, execution: Execution) -> None:
        """Say what to do next, and when it may be worth trying again."""
        now = self._now()
        lanes = {choice.candidate.provider.id for choice in execution.plan}
        if execution.decision is not None:
            lanes |= {out.candidate.provider.id for out in execution.decision.excluded if out.waiting}
        times = [lane.breaker.reopens_at(now) for name in lanes if (lane := self._lanes.get(name)) is not None]
        known = [at - now for at in times if at is not None]
        execution.retry_after_s = min(known) if known else None
        execution.hint = execution.hint or hint_for(execution)

    def _end(self, execution: Execution) -> None:
        now = self._now()
        execution.elapsed_s = now - execution.started
        execution.budget_level = self.budget.level(now)
        execution.task = execution.work = execution.sink = None
        del self.running[execution.id]
        self._recorder.note(execution)
        if self._bus.listening:
            self._bus.publish(ExecutionEnded(at=self._wall(), report=execution.report(with_result=False)))
        if self._draining and not self.running:
            self._idle.set()

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

    # --- small things ----------------------------------------------------------------------------------------

    def _bounds(self, operation: Operation) -> Limits:
        settings = self._current.settings
        ready = self._limits.get(operation.category)
        if ready is None or ready[0] is not settings:
            if len(self._limits) >= CATEGORIES:
                self._limits.clear()
            ready = self._limits[operation.category] = (settings, limits(settings, operation.category))
        bounds = ready[1]
        kind = self._kinds.get(operation.kind)
        policy = operation.policy or (kind.policy if kind is not None else None)
        if policy is None and operation.deadline_s is None and operation.max_providers is None:
            return bounds
        return _narrowed(bounds, policy or RetryPolicy(), operation)

    def _announce(self, execution: Execution) -> None:
        self._bus.publish(
            ExecutionStarted(
                at=execution.started_wall,
                execution_id=execution.id,
                operation=execution.operation.kind,
                category=execution.operation.category,
                providers=tuple(choice.candidate.provider.id for choice in execution.plan),
                parent=execution.parent,
                reference=execution.operation.reference,
            )
        )


def _resting(lane: Lane, now: float) -> bool:
    """Whether a provider asked to be left alone, or is suspended, whatever its breaker says besides."""
    return any(until is not None and until > now for until in (lane.breaker.not_before, lane.breaker.suspended_until))


def _wanted(policy: RetryPolicy | None, failure: Failure) -> bool:
    return policy is None or policy.classes is None or failure.error_class in policy.classes


def _narrowed(bounds: Limits, policy: RetryPolicy, operation: Operation) -> Limits:
    return Limits(
        attempts=bounds.attempts if policy.attempts is None else policy.attempts,
        base_delay_s=bounds.base_delay_s if policy.base_delay_s is None else policy.base_delay_s,
        max_delay_s=bounds.max_delay_s if policy.max_delay_s is None else policy.max_delay_s,
        timeout_s=bounds.timeout_s,
        deadline_s=bounds.deadline_s if operation.deadline_s is None else operation.deadline_s,
        max_providers=bounds.max_providers if operation.max_providers is None else operation.max_providers,
        swift=bounds.swift if policy.swift is None else policy.swift,
        on_refusal_next=bounds.on_refusal_next,
    )


def _with_payload(operation: Operation, payload: Mapping[str, Any]) -> Operation:
    return msgspec.structs.replace(operation, payload=payload)


def _with_deadline(operation: Operation, deadline_s: float) -> Operation:
    return msgspec.structs.replace(operation, deadline_s=deadline_s)
