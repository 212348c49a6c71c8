"""From one attempt to the next, and from one provider to the next, until one succeeds or nothing is left to try.

The rules are those of `engine.md`, sections 2, 4 and 8. The path of a success makes no view, reads the clock once, and
awaits nothing but the call itself.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from provider_console.console.events import ProviderLeft
from provider_console.core.backoff import attempt_timeout_s, cooldown_s, delay_s
from provider_console.core.breaker import BREAKER_OPEN
from provider_console.core.budget import PER_OPERATION, TokenBucket, panic_bucket, take_both
from provider_console.core.classify import RULES, Failure
from provider_console.core.ports.time import Clock
from provider_console.core.settings import Limits
from provider_console.engine.bus import Bus
from provider_console.engine.caller import MIN_LEFT_S, Caller
from provider_console.engine.course import Course, Stop
from provider_console.engine.hints import hint_for
from provider_console.engine.lane import Lane
from provider_console.engine.trace import Attempt, Execution
from provider_console.sdk.errors import ErrorClass

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
_TIMEOUT: Final = ErrorClass.TIMEOUT
_TOO_LONG: Final = ErrorClass.CONTEXT_TOO_LONG

NO_RETRY: Final = "no retry for class"
"""Why the engine goes on from a provider that is not asked again after such a failure, be it the operation's or not."""


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
        attempt, timeout_s = self._caller.attempt, course.bounds.timeout_s
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
            lane.budget.tokens += PER_OPERATION
            latest_end = execution.deadline - stop.reserve_s
            number, waited_s, full_s = 1, 0.0, timeout_s
            while True:
                failure = await attempt(execution, lane, number, now, latest_end, full_s, waited_s)
                if failure is None:
                    return
                if isinstance(failure, str):
                    reason = failure
                    break
                next_s = self._delay(execution, lane, stop, course, number, failure)
                if isinstance(next_s, str):
                    reason = next_s
                    break
                if failure.error_class is _TIMEOUT:
                    timeouts = sum(_failed_with(one, _TIMEOUT) for one in execution.attempts[-number:])
                    full_s = attempt_timeout_s(timeout_s, timeouts)
                await self._clock.sleep(next_s)
                now = self._now()
                number, waited_s = number + 1, next_s
            self.leave(execution, name, reason)
            now = self._now()
            # Whatever else it was left for says nothing against the operation.
            if reason != NO_RETRY or isinstance(failure, str):
                continue
            if self._ends(execution, failure, course.bounds):
                break
            if failure.error_class is _TOO_LONG:
                needs_more_than = lane.provider.max_characters or 0
        self.conclude(execution)

    # --- after a failure -------------------------------------------------------------------------------------

    def _delay(
        self, execution: Execution, lane: Lane, stop: Stop, course: Course, number: int, failure: Failure
    ) -> float | str:
        """How long (s) to wait before the same provider is asked again after attempt `number`, or why it is not."""
        if execution.committed or not self._repeatable(execution, failure):
            return NO_RETRY
        retries = RULES[failure.error_class].retries
        if not failure.retryable or retries == 0:
            return NO_RETRY
        policy = execution.operation.policy
        if policy is not None and policy.classes is not None and failure.error_class not in policy.classes:
            return NO_RETRY
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
        if not lane.slots.free:
            self.leave(execution, lane.provider.id, "slot")
            self.conclude(execution)
            return
        failure = await self._caller.attempt(
            execution, lane, 1, now, execution.deadline, bounds.timeout_s, 0.0, panic=True
        )
        if failure is None:
            return
        if isinstance(failure, str):
            self.leave(execution, lane.provider.id, failure)
        else:
            self.leave(execution, lane.provider.id, BREAKER_OPEN)
            self._ends(execution, failure, bounds)
        self.conclude(execution)

    def _soonest(self, execution: Execution) -> Lane | None:
        """The open provider that will half-open first; never one that is held, cooling, suspended or off."""
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
        lanes |= {out.candidate.provider.id for out in execution.decision.excluded if out.waiting}
        times = [lane.breaker.reopens_at(now) for name in lanes if (lane := self._lanes.get(name)) is not None]
        known = [at - now for at in times if at is not None]
        execution.retry_after_s = min(known) if known else None
        execution.hint = execution.hint or hint_for(execution)


def _left(at: float, execution_id: str, provider: str, reason: str) -> ProviderLeft:
    return ProviderLeft(at=at, execution_id=execution_id, provider=provider, reason=reason)


def _failed_with(attempt: Attempt, error_class: ErrorClass) -> bool:
    return attempt.failure is not None and attempt.failure.error_class is error_class


def _resting(lane: Lane, now: float) -> bool:
    """Whether a provider asked to be left alone, or is suspended, whatever its breaker says besides."""
    return any(until is not None and until > now for until in (lane.breaker.not_before, lane.breaker.suspended_until))
