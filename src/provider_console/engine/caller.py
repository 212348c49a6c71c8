"""One attempt: a single call of a single provider, in one of its slots, under one timer, recorded exactly once.

What the provider answered is judged here: the figures, the breaker and the holds of its lane learn from it. What to do
next is the executor's to decide.
"""

from __future__ import annotations

import math
from asyncio import CancelledError, timeout
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

import msgspec

from provider_console.console.events import AttemptEnded, AttemptStarted
from provider_console.core.breaker import BREAKER_OPEN, NO_PERMIT
from provider_console.core.classify import RULES, Failure
from provider_console.core.ports.http import HttpFactory
from provider_console.core.ports.secrets import SecretStore
from provider_console.core.ports.time import Clock
from provider_console.core.text import clean_content, clean_text
from provider_console.core.transport import recognise
from provider_console.engine.bus import Bus
from provider_console.engine.lane import Lane
from provider_console.engine.sorter import Sorter
from provider_console.engine.timers import Timers
from provider_console.engine.trace import Attempt, Execution
from provider_console.sdk.driver import Call
from provider_console.sdk.errors import BadResult, ErrorClass, ProviderError, SdkError
from provider_console.sdk.operation import Chunk, Operation, OperationKind, Result
from provider_console.sdk.provider import Provider

MIN_LEFT_S: Final = 0.2
"""With less time than this left for a provider, asking it is pointless."""

SLOT_WAIT_S: Final = 5.0

DEADLINE: Final = "deadline"

IDLE_S: Final = 20.0
"""How long a stream may pause after its first content."""

STREAM_CHARACTERS: Final = 8 * 1024 * 1024

LINGER_S: Final = 1.0
"""A call of a caller's own that outlives its attempt, in a task of its own, may do so for no longer than this.

Within the attempt the attempt's time decides: the two must not come due together."""

ROUNDING_S: Final = 1e-6
"""A deadline as long as the timeout cuts nothing, though their difference may come out a hair below."""


class ProviderHandle(msgspec.Struct, eq=False):
    """What a caller's own callable gets: the provider, and a way to call it. Never the secret."""

    _caller: Caller
    _lane: Lane
    _execution: Execution
    _attempt: Attempt
    _calls: int = 0

    @property
    def id(self) -> str:
        """The provider's id."""
        return self._lane.provider.id

    @property
    def provider(self) -> Provider:
        """The provider as the console knows it."""
        return self._lane.provider

    async def call(self, operation: Operation) -> Result:
        """One call through the provider's driver, within this attempt's time.

        Raises:
            SdkError: it failed; let it pass, so that the engine can fall back. TimeoutError: it took too long.
        """
        # Two calls of one attempt are two requests, and each has its twin in the next attempt.
        self._calls += 1
        return await self._caller.drive_for(self._lane, self._execution, operation, self._attempt, self._calls)


class Caller:
    """Makes attempts. `order_changed` is called when a lane is held, cools or loses a model."""

    def __init__(
        self,
        *,
        kinds: Mapping[str, OperationKind],
        clock: Clock,
        http: HttpFactory,
        secrets: SecretStore,
        bus: Bus,
        order_changed: Callable[[], None],
        sorter: Sorter,
        running: Mapping[str, Execution],
    ) -> None:
        self._kinds = kinds
        self._now = clock.monotonic
        self._http = http
        self._secrets = secrets
        self._bus = bus
        self._order_changed = order_changed
        self._sorter = sorter
        self.timers = Timers(running)

    async def attempt(
        self,
        execution: Execution,
        lane: Lane,
        number: int,
        now: float,
        latest_end: float,
        full_s: float,
        waited_s: float,
        *,
        panic: bool = False,
    ) -> Failure | str | None:
        """Make attempt `number`, for at most `full_s` and not beyond `latest_end`.

        In `panic` an open breaker is no refusal.

        None: the result is in the execution. A word: nobody was called, for that reason.

        Raises:
            asyncio.CancelledError, and what the caller's own code raised that no provider is to blame for.
        """
        slots = lane.slots
        left_s = latest_end - now
        if left_s < MIN_LEFT_S:
            return DEADLINE
        # Nobody waits for a free slot, and a closed breaker has nothing to say: neither is worth a call.
        if slots.free:
            slots.free -= 1
        elif not await slots.within(min(SLOT_WAIT_S, left_s / 4)):
            return "slot"
        else:
            now = self._now()
            left_s = latest_end - now
            if left_s < MIN_LEFT_S:
                slots.give()
                return DEADLINE
        permit = NO_PERMIT
        try:
            # While this call queued or slept, the provider may have gone down, begun to cool, or been switched off.
            if lane.retired or not lane.provider.enabled:
                return "disabled"
            breaker = lane.breaker
            if breaker.restricted:
                entered = breaker.enter_panic(now, full_s) if panic else breaker.enter(now, full_s)
                if entered is None:
                    return breaker.refusal(now) or BREAKER_OPEN
                permit = entered
            timeout_s = full_s if full_s < left_s else left_s
            attempt = Attempt(lane.provider.id, number, now, timeout_s, waited_s)
            execution.attempts.append(attempt)
            if self._bus.listening:
                self._bus.tell(_started, execution, attempt)
            # No cancel can be on its way to it yet: the short half of `watch`.
            execution.until = until = now + timeout_s
            if until < self.timers.due:
                self.timers.at(until)
            return await self._call(execution, lane, attempt, permit, full_s)
        finally:
            if slots.waiting:
                slots.give()
            else:
                slots.free += 1
            if permit:
                lane.breaker.leave(permit)

    async def _call(
        self, execution: Execution, lane: Lane, attempt: Attempt, permit: int, full_s: float
    ) -> Failure | None:
        """The call of an attempt, and what its lane learns from it.

        Raises: as `attempt`.
        """
        try:
            # At the begin of a function: a traceback costs by what stands in it before the line that raised.
            if execution.work is not None:
                result = await execution.work(ProviderHandle(self, lane, execution, attempt), attempt.number)
            else:
                result = await self._drive(lane, execution, execution.operation, attempt)
            if execution.expired:
                execution.settle()
            attempt.ended = ended = self._now()
            execution.result, execution.status, execution.provider = result, "ok", attempt.provider
            lane.answered(ended, attempt.latency_s, permit)
            return None
        except (Exception, CancelledError, SystemExit) as error:  # noqa: BLE001 - the barrier; what must, travels on
            return self._judge(error, execution, lane, attempt, permit, full_s)
        finally:
            if self._bus.listening:
                self._bus.tell(_ended, execution, attempt)

    # --- what a failure means ----------------------------------------------------------------------------------

    def _judge(
        self, error: BaseException, execution: Execution, lane: Lane, attempt: Attempt, permit: int, full_s: float
    ) -> Failure:
        """Sort what ended an attempt, and let the lane learn from it.

        Raises:
            asyncio.CancelledError, and what the caller's own code raised that no provider is to blame for.
        """
        attempt.ended = now = self._now()
        late = execution.expired and execution.settle()
        overruled = execution.task.cancelling() > execution.cancels
        if late or overruled or not isinstance(error, SdkError):
            failure, blameless = self._cut_short(error, execution, attempt, full_s, late=late, overruled=overruled)
        else:
            failure, blameless = self._sorter.sort(error), attempt.seeking
        attempt.failure = failure
        attempt.weight = 0.0 if blameless else RULES[failure.error_class].weight
        if lane.erred(now, failure, attempt, permit, execution.parent or execution.id):
            self._order_changed()
        # After a success nothing follows that it could end; before the next attempt something may.
        execution.until = math.inf
        return failure

    def _cut_short(
        self,
        error: BaseException,
        execution: Execution,
        attempt: Attempt,
        full_s: float,
        *,
        late: bool,
        overruled: bool,
    ) -> tuple[Failure, bool]:
        """The failure where it is not just what a driver says, and whether the provider bears no blame for it.

        Raises: as `_judge`.
        """
        if overruled or (isinstance(error, CancelledError) and not late):
            attempt.cancelled = True
            if isinstance(error, CancelledError):
                raise error
            # Somebody ended this operation, and what was called made an error of it.
            raise CancelledError from error
        if late and isinstance(error, CancelledError | TimeoutError):
            failure = _timed_out(attempt, execution)
        elif execution.work is not None and not _recognised(error):
            # A fault of the caller's own code ends the operation and says nothing of the provider.
            attempt.failure = Failure(
                error_class=ErrorClass.UNKNOWN, message=f"the caller's own code raised {type(error).__name__}"
            )
            raise error
        else:
            failure = self._sorter.sort(error)
        # What the deadline cuts short, or the caller's own impatience, says nothing of the provider.
        if late:
            blameless = attempt.timeout_s < full_s - ROUNDING_S or (
                execution.until >= execution.deadline > attempt.started + full_s
            )
        else:
            blameless = isinstance(error, TimeoutError) and _impatient(error)
        return failure, blameless or attempt.seeking

    # --- the call itself ---------------------------------------------------------------------------------------

    async def drive_for(
        self, lane: Lane, execution: Execution, operation: Operation, attempt: Attempt, call_number: int
    ) -> Result:
        """One call through a lane's driver for a caller's own callable; not an attempt of its own."""
        try:
            async with timeout(attempt.timeout_s + LINGER_S):
                return await self._drive(lane, execution, operation, attempt, call_number)
        except (Exception, SystemExit) as error:  # the barrier: a driver may raise anything
            if _recognised(error):
                raise
            # Out of the caller's own code it would pass for a fault of that code.
            failure = self._sorter.sort(error)
            raise ProviderError(failure.message, error_class=failure.error_class) from error

    async def _drive(
        self,
        lane: Lane,
        execution: Execution,
        operation: Operation,
        attempt: Attempt,
        call_number: int | None = None,
    ) -> Result:
        provider = lane.provider
        asked = operation.payload.get("model")
        attempt.model = asked if isinstance(asked, str) and asked else next(iter(provider.models), None)
        attempt.price = provider.cost
        credential = None
        if provider.credential is not None and lane.driver.credential != "none":
            credential = self._secrets.cached(provider.credential)
            if credential is None:
                attempt.seeking = True
                credential = await self._secrets.get(provider.credential)
                attempt.seeking = False
            if credential is None:
                lane.missing = provider.credential
                raise ProviderError(
                    f"credential {provider.credential} is missing", error_class=ErrorClass.AUTHENTICATION
                )
        call = Call(
            provider=provider,
            http=self._http.client(network=provider.network),
            credential=credential,
            operation=operation,
            model=attempt.model,
            timeout_s=attempt.timeout_s,
            idempotency_key=f"{execution.id}:{provider.id}" + (f":{call_number}" if call_number else ""),
        )
        answer = await lane.driver.call(call)
        if isinstance(answer, Result):
            result = answer
        elif hasattr(answer, "__aiter__"):
            result = await self._pump(answer, execution, attempt)
        else:
            raise BadResult(f"the driver {lane.driver.name} returned {type(answer).__name__} instead of a Result")
        attempt.units = _counted(lane, result)
        # What a driver says: no number of its own may spoil the figures.
        if 0.0 < result.warm_up_s < math.inf:
            attempt.warm_up_s += result.warm_up_s
        kind = self._kinds.get(operation.kind)
        if kind is not None:
            kind.check(operation.payload, result)
        if credential is not None and provider.credential is not None:
            self._secrets.used(provider.credential)
        return Result(value=clean_content(result.value), units=attempt.units)

    async def _pump(self, chunks: AsyncIterator[Chunk], execution: Execution, attempt: Attempt) -> Result:
        """Pass a stream on. The first content commits it; from then the idle timeout and the deadline count."""
        result: Result | None = None
        received = 0
        async with aclosing(_closable(chunks)):
            async for chunk in chunks:
                if chunk.text:
                    if attempt.first_content_s is None:
                        attempt.first_content_s = self._now() - attempt.started
                    received += len(chunk.text)
                    if received > STREAM_CHARACTERS:
                        raise BadResult("the stream is longer than 8 Mi characters")
                    await self._hand_on(chunk, execution)
                if chunk.result is not None:
                    result = chunk.result
                # Signs of life without content keep nobody waiting longer, and neither does content that nobody gets:
                # until it is committed, the next provider may still be asked.
                if execution.committed:
                    self.timers.watch(execution, min(self._now() + IDLE_S, execution.deadline))
        if result is None:
            raise BadResult("the stream ended before its result")
        return result

    async def _hand_on(self, chunk: Chunk, execution: Execution) -> None:
        if execution.sink is None:
            return
        clean = Chunk(text=clean_content(chunk.text))
        execution.committed = True
        execution.received.append(clean.text)
        # A slow reader is not the provider's fault: meanwhile only the deadline counts.
        self.timers.watch(execution, execution.deadline)
        await execution.sink(clean)


def _started(execution: Execution, attempt: Attempt) -> AttemptStarted:
    return AttemptStarted(
        at=execution.wall(attempt.started),
        execution_id=execution.id,
        provider=attempt.provider,
        attempt=attempt.number,
        delay_before_ms=attempt.delay_s * 1000,
        timeout_ms=attempt.timeout_s * 1000,
    )


def _ended(execution: Execution, attempt: Attempt) -> AttemptEnded:
    # That another provider absorbs a failure is the execution's to say, in its end.
    view = execution.seen(attempt)
    return AttemptEnded(
        at=execution.wall(attempt.started + attempt.duration_s), execution_id=execution.id, attempt=view
    )


def _counted(lane: Lane, result: Result) -> Mapping[str, float]:
    """The units of a result, as they are recorded and priced."""
    for name, count in result.units.items():
        if isinstance(count, bool) or not isinstance(count, int | float) or not math.isfinite(count):
            raise BadResult(
                f"the driver {lane.driver.name} counts {clean_text(str(name), 40)} with something that is no number"
            )
    return result.units


def _timed_out(attempt: Attempt, execution: Execution) -> Failure:
    if attempt.seeking:
        words = f"its credential could not be read within {attempt.timeout_s:.1f} s"
    elif not execution.committed:
        words = f"no answer within {attempt.timeout_s:.1f} s"
    elif execution.until < execution.deadline:
        words = f"the stream paused for {IDLE_S:.0f} s"
    else:
        words = "the deadline came before the stream had ended"
    return Failure(error_class=ErrorClass.TIMEOUT, message=words, kind="timeout", never_left=attempt.seeking)


def _impatient(error: TimeoutError) -> bool:
    """Whether a caller's own code gave up waiting: it is no socket's timeout."""
    # Before Python 3.11.4 `asyncio.timeout` named no cause.
    return isinstance(error.__cause__ or error.__context__, CancelledError)


def _closable(chunks: Any) -> Any:
    """The iterator itself where it can be closed; a driver may hand back one that cannot."""
    return chunks if hasattr(chunks, "aclose") else _Open()


class _Open:
    async def aclose(self) -> None:
        """There is nothing to close."""


def _recognised(error: BaseException) -> bool:
    """Whether an exception out of a caller's own code is about the provider: one of the SDK, HTTP or network is."""
    return isinstance(error, SdkError) or (isinstance(error, Exception) and recognise(error) is not None)
