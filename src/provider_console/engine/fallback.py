"""From one attempt to the next, and from one provider to the next, until one succeeds or nothing is left to try.

The rules are those of `engine.md`, sections 2, 4 and 8. The path of a success makes no view, reads the clock once, and
awaits nothing but the call itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Final

from provider_console.console.events import ProviderLeft
from provider_console.core.backoff import attempt_timeout_s, cooldown_s, delay_s
from provider_console.core.breaker import BREAKER_OPEN
from provider_console.core.budget import TokenBucket, panic_bucket, take_both
from provider_console.core.classify import RULES, Failure
from provider_console.core.ports import Clock
from provider_console.core.settings import Limits
from provider_console.engine.bus import Bus
from provider_console.engine.caller import Caller
from provider_console.engine.course import Course, Stop
from provider_console.engine.hints import hint_for
from provider_console.engine.lane import Lane
from provider_console.engine.slots import Slots
from provider_console.engine.trace import Attempt, Execution
from provider_console.sdk.errors import ErrorClass
from provider_console.sdk.operation import RetryPolicy

MIN_LEFT_S: Final = 0.2
"""With less time than this left for a provider, asking it is pointless."""

SLOT_WAIT_S: Final = 5.0

HURRY_ABOVE_S: Final = 2.0
"""A rate-limited provider is waited for up to this long while another one could answer now."""

REFUSALS: Final = frozenset(
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

# Looking a member up on its enum costs a fifth of a microsecond.
_INVALID: Final = ErrorClass.INVALID_REQUEST
_RATE_LIMITED: Final = ErrorClass.RATE_LIMITED
_REFUSED: Final = ErrorClass.CONTENT_REFUSED
_TOO_LONG: Final = ErrorClass.CONTEXT_TOO_LONG


class Fallback:
    """Goes the course of an execution, stop by stop."""

    def __init__(
        self, *, lanes: Mapping[str, Lane], caller: Caller, clock: Clock, rng: random.Random, bus: Bus
    ) -> None:
        self._lanes = lanes
        self._caller = caller
        self._clock = clock
        self._now = clock.monotonic
        self._wall = clock.wall
        self._rng = rng
        self._bus = bus
        self.budget = TokenBucket(now=self._now())
        """What retries and hops of all operations together may cost."""
        self._panic = panic_bucket(self._now())

    async def run(self, execution: Execution, course: Course, now: float) -> None:
        """Try the providers of a course in order; afterwards the execution is ok, or says why it is not."""
        needs_more_than: int | None = None
        for stop in course.stops:
            name = stop.provider
            lane = self._lanes.get(name)
            if lane is None or not lane.provider.enabled:
                self.leave(execution, name, "disabled")
                continue
            if needs_more_than is not None and (lane.provider.max_characters or 0) <= needs_more_than:
                self.leave(execution, name, "no larger context")
                continue
            if stop.place and lane.last_failed and not take_both(self.budget, lane.budget, now):
                self.leave(execution, name, "budget")
                continue
            reason = await self._try_lane(execution, lane, stop, course, now)
            if reason is None:
                return
            now = self._now()
            self.leave(execution, name, reason)
            latest = execution.attempts[-1] if execution.attempts else None
            if latest is None or latest.failure is None or latest.provider != name:
                continue
            if self._ends(execution, latest.failure, course.bounds):
                break
            if latest.failure.error_class is _TOO_LONG:
                needs_more_than = lane.provider.max_characters or 0
        self.conclude(execution)

    # --- one provider ----------------------------------------------------------------------------------------

    async def _try_lane(self, execution: Execution, lane: Lane, stop: Stop, course: Course, now: float) -> str | None:
        """Every attempt at one provider; None once it succeeded, else why the engine goes on."""
        slots, breaker = lane.slots, lane.breaker
        latest_end = execution.deadline - stop.reserve_s
        full_s = course.bounds.timeout_s
        waited_s = 0.0
        lane.budget.earn(execution.started)
        number = 0
        while number < stop.attempts:
            number += 1
            left_s = latest_end - now
            if left_s < MIN_LEFT_S:
                return "deadline"
            if not slots.take():
                if not await _queued(slots, left_s):
                    return "slot"
                now = self._now()
                left_s = latest_end - now
            try:
                # While this call queued or slept, the provider may have gone down, begun to cool, or been switched off.
                if left_s < MIN_LEFT_S:
                    return "deadline"
                if lane.retired or not lane.provider.enabled:
                    return "disabled"
                breaker.permit_s = full_s
                permit = breaker.enter(now)
                if permit is None:
                    return breaker.refusal(now) or BREAKER_OPEN
                attempt = Attempt(stop.provider, number, now, full_s if full_s < left_s else left_s, waited_s)
                failure = await self._caller.attempt(execution, lane, attempt, permit, full_s)
            finally:
                slots.give()
            if failure is None:
                return None
            next_s = self._delay(execution, lane, stop, course, number, failure)
            if isinstance(next_s, str):
                return next_s
            waited_s = next_s
            if failure.error_class is ErrorClass.TIMEOUT:
                timeouts = sum(_failed_with(one, ErrorClass.TIMEOUT) for one in execution.attempts[-number:])
                full_s = attempt_timeout_s(course.bounds.timeout_s, timeouts)
            await self._clock.sleep(waited_s)
            now = self._now()
        return "attempts exhausted"

    def _delay(
        self, execution: Execution, lane: Lane, stop: Stop, course: Course, number: int, failure: Failure
    ) -> float | str:
        """How long (s) to wait before the same provider is asked again after attempt `number`, or why it is not."""
        if execution.committed or not self._repeatable(execution, failure):
            return "no retry for class"
        retries = RULES[failure.error_class].retries
        if not failure.retryable or retries == 0 or not _wanted(execution.operation.policy, failure):
            return "no retry for class"
        if number == stop.attempts:
            return "attempts exhausted"
        if retries is not None:
            repeats = sum(_failed_with(one, failure.error_class) for one in execution.attempts[-number:])
            if repeats > retries:
                return "attempts exhausted"
        bounds = course.bounds
        waited_s = delay_s(failure, number, base_s=bounds.base_delay_s, max_s=bounds.max_delay_s, rng=self._rng)
        now = self._now()
        if cooldown_s(failure.retry_after_s) is not None or self._better_elsewhere(
            failure, waited_s, course.stops[stop.place + 1 :], now
        ):
            return "cooling"
        if not take_both(self.budget, lane.budget, now):
            return "budget"
        if now + waited_s + MIN_LEFT_S > execution.deadline - stop.reserve_s:
            return "deadline"
        return waited_s

    def _ends(self, execution: Execution, failure: Failure, bounds: Limits) -> bool:
        """Whether a failure ends the whole operation; sets the status where it is a special one."""
        if execution.committed:
            execution.status = "partial"
            return True
        if not self._repeatable(execution, failure):
            execution.status = "outcome_unknown"
            return True
        if failure.error_class is _INVALID:
            return not failure.provider_specific
        return failure.error_class is _REFUSED and not bounds.on_refusal_next

    def _repeatable(self, execution: Execution, failure: Failure) -> bool:
        """Whether another try cannot do the same thing twice."""
        return (
            execution.operation.idempotent
            or failure.never_left
            or failure.error_class in REFUSALS
            or (failure.status in (429, 503) and failure.retry_after_s is not None)
        )

    def _better_elsewhere(self, failure: Failure, waited_s: float, later: tuple[Stop, ...], now: float) -> bool:
        return (
            failure.error_class is _RATE_LIMITED
            and waited_s > HURRY_ABOVE_S
            and any(
                (lane := self._lanes.get(stop.provider)) is not None and lane.breaker.refusal(now) is None
                for stop in later
            )
        )

    # --- nobody eligible -------------------------------------------------------------------------------------

    async def panic(self, execution: Execution, bounds: Limits) -> None:
        """One attempt at the provider soonest to half-open, from a bucket of its own; else there is no provider."""
        now = self._now()
        lane = self._soonest(execution)
        if lane is None or not self._panic.take(now):
            self.conclude(execution)
            return
        if not lane.slots.take():
            self.leave(execution, lane.provider.id, "slot")
            self.conclude(execution)
            return
        try:
            permit = lane.breaker.enter_panic(now)
            limit_s = min(bounds.timeout_s, execution.deadline - now)
            attempt = Attempt(lane.provider.id, 1, now, limit_s, 0.0)
            failure = await self._caller.attempt(execution, lane, attempt, permit, bounds.timeout_s)
        finally:
            lane.slots.give()
        if failure is None:
            return
        self.leave(execution, lane.provider.id, "breaker")
        self._ends(execution, failure, bounds)
        self.conclude(execution)

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

    # --- ends ------------------------------------------------------------------------------------------------

    def leave(self, execution: Execution, provider_id: str, reason: str) -> None:
        """Note why the engine goes on from a provider."""
        execution.left.append((provider_id, reason))
        if self._bus.listening:
            self._bus.tell(_left, self._wall(), execution.id, provider_id, reason)

    def conclude(self, execution: Execution) -> None:
        """Say what to do next, and when it may be worth trying again."""
        now = self._now()
        lanes = {choice.candidate.provider.id for choice in execution.plan}
        if execution.decision is not None:
            lanes |= {out.candidate.provider.id for out in execution.decision.excluded if out.waiting}
        times = [lane.breaker.reopens_at(now) for name in lanes if (lane := self._lanes.get(name)) is not None]
        known = [at - now for at in times if at is not None]
        execution.retry_after_s = min(known) if known else None
        execution.hint = execution.hint or hint_for(execution)


def _left(at: float, execution_id: str, provider: str, reason: str) -> ProviderLeft:
    return ProviderLeft(at=at, execution_id=execution_id, provider=provider, reason=reason)


async def _queued(slots: Slots, left_s: float) -> bool:
    """Wait for a slot as long as makes sense with so much time left; whether it was given."""
    try:
        async with asyncio.timeout(min(SLOT_WAIT_S, left_s / 4)):
            await slots.wait()
    except TimeoutError:
        return False
    return True


def _failed_with(attempt: Attempt, error_class: ErrorClass) -> bool:
    return attempt.failure is not None and attempt.failure.error_class is error_class


def _resting(lane: Lane, now: float) -> bool:
    """Whether a provider asked to be left alone, or is suspended, whatever its breaker says besides."""
    return any(until is not None and until > now for until in (lane.breaker.not_before, lane.breaker.suspended_until))


def _wanted(policy: RetryPolicy | None, failure: Failure) -> bool:
    return policy is None or policy.classes is None or failure.error_class in policy.classes
