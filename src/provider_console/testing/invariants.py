"""What must hold in every history of the engine, checked while it runs from what the wire saw.

A `Watch` is the wire's observer and the loop's `on_step`. It keeps a small model of each provider (`Ledger`) made of
answers alone, so that a breaker, budget or cooldown that went wrong cannot vouch for itself.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from provider_console.core.backoff import attempt_timeout_s, ceiling_s
from provider_console.core.breaker import PERMIT_TAKEN, BreakerState
from provider_console.core.ports.usage import AttemptRow
from provider_console.core.settings import Limits, Settings, limits
from provider_console.engine.caller import MIN_LEFT_S
from provider_console.engine.engine import Engine
from provider_console.engine.lane import SLOTS, Lane
from provider_console.engine.standing import lane_score
from provider_console.engine.trace import Attempt, Execution
from provider_console.sdk import ErrorClass
from provider_console.testing.ledger import CANCELLED, FAULT, OK, UNSURE, Ledger, Verdict
from provider_console.testing.scripted import WireCall

DEADLINE_SLACK_S: Final = 0.05
EPSILON_S: Final = 1e-6
IDLE_S: Final = 20.0
BURST: Final = 40.0
PER_OPERATION: Final = 0.2
PER_SECOND: Final = 2.0
PANIC_BURST: Final = 5.0

_E = ErrorClass
NEVER_AGAIN: Final = frozenset(
    {
        _E.AUTHENTICATION,
        _E.PERMISSION,
        _E.QUOTA,
        _E.BAD_RESULT,
        _E.INVALID_REQUEST,
        _E.CONTENT_REFUSED,
        _E.CONTEXT_TOO_LONG,
    }
)
"""Classes after which the same provider is not asked again in one execution."""


class Broken(Exception):
    """An invariant does not hold. `invariant` is its name."""

    def __init__(self, invariant: str, message: str) -> None:
        super().__init__(f"{invariant}: {message}")
        self.invariant = invariant


class Seen:
    """One execution as the watch knows it."""

    __slots__ = ("bounds", "cancelled", "execution", "pairs")

    def __init__(self, execution: Execution, bounds: Limits | None) -> None:
        self.execution = execution
        self.bounds = bounds
        self.cancelled = False
        self.pairs: list[tuple[WireCall, Attempt, Ledger]] = []


class Watch:
    """Looks at an engine from outside. Every finding is kept in `broken` and raised by the next `on_step`."""

    def __init__(self) -> None:
        self.broken: list[Broken] = []
        self.seen: dict[str, Seen] = {}
        self.verdicts: dict[int, Verdict] = {}
        self.transitions: Counter[str] = Counter()
        self.ledgers: dict[Lane, Ledger] = {}
        self.operations = 0
        """How many executions began: one id each."""
        self.draining = False
        self._engine: Engine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._now = -1.0
        self._settings: list[tuple[float, Settings]] = []
        self._attempt_of: dict[int, Seen] = {}
        self._ledger_of: dict[int, Ledger] = {}
        self._charges = 0
        self._panics: list[float] = []
        self._dirty: dict[Lane, None] = {}
        self._lanes: dict[str, tuple[Lane, float]] = {}

    def attach(self, engine: Engine) -> None:
        """Watch this engine, from now on."""
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        self._settings = [(-1.0, engine.settings())]

    def fail(self, invariant: str, message: str) -> None:
        """Keep a finding."""
        self.broken.append(Broken(invariant, f"at {self._clock():.3f} s: {message}"))

    def _clock(self) -> float:
        return 0.0 if self._loop is None else self._loop.time()

    # --- every step ----------------------------------------------------------------------------------------------

    def on_step(self) -> None:
        """Cheap while time stands still; looks at everything when it moves.

        Raises:
            Broken: the first finding.
        """
        if self.broken:
            raise self.broken[0]
        if self._loop is None or self._engine is None:
            return
        now = self._loop.time()
        if now == self._now:
            return
        before, self._now = self._now, now
        settings = self._engine.settings()
        if settings is not self._settings[-1][1]:
            # Somewhere between the two looks: executions that began there may have read either.
            self._settings.append((before, settings))
        for execution in self._engine.executor.running.values():
            if now > execution.deadline + DEADLINE_SLACK_S:
                self.fail("deadline", f"{execution.id} runs {now - execution.deadline:.3f} s after its deadline")
            if execution.id not in self.seen:
                self._see(execution)
        for name, lane in self._engine.catalog.lanes.items():
            self._lane_since(name, lane, now)
            self._look(lane, now)

    def _see(self, execution: Execution) -> Seen:
        seen = self.seen.get(execution.id)
        if seen is None:
            seen = self.seen[execution.id] = Seen(execution, self._bounds(execution))
        return seen

    def _bounds(self, execution: Execution) -> Limits | None:
        """The limits of an execution; None where the settings changed in the very moment it began."""
        if any(abs(at - execution.started) < 1.0 for at, _ in self._settings[1:]):
            return None
        settings = next(settings for at, settings in reversed(self._settings) if at <= execution.started)
        operation = execution.operation
        own = limits(settings, operation.category)
        policy = operation.policy

        def first(*values: Any) -> Any:
            return next(value for value in values if value is not None)

        return Limits(
            attempts=first(policy and policy.attempts, own.attempts),
            base_delay_s=first(policy and policy.base_delay_s, own.base_delay_s),
            max_delay_s=first(policy and policy.max_delay_s, own.max_delay_s),
            timeout_s=own.timeout_s,
            deadline_s=first(operation.deadline_s, own.deadline_s),
            max_providers=first(operation.max_providers, own.max_providers),
            swift=first(policy and policy.swift, own.swift),
            on_refusal_next=own.on_refusal_next,
        )

    def _ledger(self, lane: Lane) -> Ledger:
        ledger = self.ledgers.get(lane)
        if ledger is None:
            ledger = self.ledgers[lane] = Ledger(lane.provider.id)
        return ledger

    # --- providers -----------------------------------------------------------------------------------------------

    def _look(self, lane: Lane, now: float) -> None:
        ledger, breaker = self._ledger(lane), lane.breaker
        state = breaker.state(now)
        name = lane.provider.id
        if (
            state is not ledger.state
            or breaker.openings != ledger.openings
            or breaker.opened_at != ledger.opened_at
            or ledger.owes_opening
        ):
            for invariant, message in ledger.moved(breaker, state, now):
                self.fail(invariant, f"{name}: {message}")
            self.transitions.update(ledger.take_transitions())
        was, cools = ledger.cooling, breaker.not_before
        if was is not None and was > now and (cools is None or cools < was):
            self.fail("cooldown shortened", f"{name} was to cool until {was:.3f}, now until {cools}")
        ledger.cooling = breaker.not_before
        if state is not BreakerState.CLOSED and breaker.refusal(now) == PERMIT_TAKEN and not self._trying(name):
            self.fail("permits return", f"{name} waits for a permit that nobody holds")
        if lane in self._dirty:
            del self._dirty[lane]
            assert self._engine is not None
            total = lane_score(lane, now=now, settings=self._engine.settings(), median_s=None).total
            if not 0.0 <= total <= 100.0:
                self.fail("score", f"{name} has a score of {total}")

    def _trying(self, provider: str) -> bool:
        assert self._engine is not None
        return any(
            execution.attempts and execution.attempts[-1].provider == provider
            for execution in self._engine.executor.running.values()
        )

    @contextmanager
    def secret_changing(self, name: str) -> Iterator[None]:
        """A credential gets another value within; from some moment in there on, no older hold counts."""
        assert self._engine is not None
        ledgers = [
            self._ledger(lane) for lane in self._engine.catalog.lanes.values() if lane.provider.credential == name
        ]
        for ledger in ledgers:
            ledger.held = None
            ledger.changing += 1
        try:
            yield
        finally:
            for ledger in ledgers:
                ledger.held = None
                ledger.changing -= 1

    # --- the wire: a call begins ---------------------------------------------------------------------------------

    def begins(self, call: WireCall) -> None:
        """A request leaves: may it?"""
        engine = self._engine
        if engine is None or call.purpose == "describe":
            return
        lane = engine.catalog.lanes.get(call.provider)
        if call.purpose == "probe":
            if lane is not None:
                self._ledger_of[call.number] = self._ledger(lane)
            return
        execution = engine.executor.running.get(call.key.partition(":")[0])
        if execution is None:
            self.fail("one end", f"a call of an execution that is not running: {call}")
            return
        seen = self._see(execution)
        attempt = execution.attempts[-1] if execution.attempts else None
        if attempt is None or attempt.provider != call.provider or any(a is attempt for _, a, _ in seen.pairs):
            self.fail("one attempt, one call", f"{call} has no attempt of its own")
            return
        now = call.begun_s
        if lane is not None and execution.started <= self._lane_since(call.provider, lane, call.begun_s):
            # What was under way when a provider got another address keeps the one it had.
            lane = None
        # What is learned of a provider that is no longer on the map concerns nobody.
        ledger = Ledger(call.provider) if lane is None else self._ledger(lane)
        if call.timeout_s == math.inf:
            call.timeout_s = attempt.timeout_s
        if lane is not None:
            # Where a credential was looked up first, the provider was judged before that, as it stood then.
            if attempt.started == now:
                self._may_call(call, execution, lane, ledger)
            else:
                ledger.judged_before(call)
            self._count(call, execution, attempt, lane, seen)
        self._within_limits(call, execution, attempt, seen)
        self._may_repeat(call, execution, attempt, seen)
        seen.pairs.append((call, attempt, ledger))
        self._attempt_of[call.number] = seen
        self._ledger_of[call.number] = ledger
        ledger.under_way += 1
        if ledger.under_way > SLOTS:
            self.fail("slots", f"{ledger.under_way} calls at once: {call}")

    def _lane_since(self, name: str, lane: Lane, now: float) -> float:
        """Since when a provider has been this one: -1 from the start."""
        known = self._lanes.get(name)
        if known is None or known[0] is not lane:
            if known is not None:
                # When exactly the change came is not seen, so neither is whose answers were the first.
                self._ledger(lane).newcomer = True
            known = self._lanes[name] = lane, -1.0 if known is None else now
        return known[1]

    def _may_call(self, call: WireCall, execution: Execution, lane: Lane, ledger: Ledger) -> None:
        now = call.begun_s
        panic = not execution.plan
        if not lane.provider.enabled:
            self.fail("disabled", f"{call} of a provider that is off")
        if ledger.not_before > now + EPSILON_S:
            self.fail("retry-after", f"{call} comes before {ledger.not_before:.3f}")
        if ledger.held is not None and now < ledger.held[1]:
            self.fail("held", f"{call} of a provider held for {ledger.held[0].value}")
        if now < ledger.suspended_until:
            self.fail("suspended", f"{call} of a provider suspended until {ledger.suspended_until:.3f}")
        out = ledger.models_out.get(_model(execution, lane))
        if out is not None and out[0] < execution.started < out[1] and not panic:
            self.fail("model left out", f"{call} though it refused the model at {out[0]:.3f}")
        state = lane.breaker.state(now)
        if state is BreakerState.OPEN and not panic:
            self.fail("open", f"{call} of a provider whose breaker is open")
        ledger.begins(call, half_open=state is BreakerState.HALF_OPEN)
        if ledger.second_trial:
            self.fail("one permit", f"{call} is a second trial beside {ledger.second_trial}")
        if panic:
            self._panics.append(now)
            since = [at for at in self._panics if at > now - 60.0]
            if len(since) > PANIC_BURST + (now - since[0]) + EPSILON_S:
                self.fail("panic", f"{len(since)} panic attempts in {now - since[0]:.1f} s")
            if len(execution.attempts) > 1:
                self.fail("panic", f"{call} is attempt {len(execution.attempts)} in panic")

    def _within_limits(self, call: WireCall, execution: Execution, attempt: Attempt, seen: Seen) -> None:
        now, bounds = call.begun_s, seen.bounds
        if seen.cancelled or execution.cancel_requested:
            self.fail("nothing after a cancel", f"{call}")
        if execution.committed:
            self.fail("nothing after first content", f"{call}")
        if now > execution.deadline:
            self.fail("deadline", f"{call} begins after the deadline")
        same = [a for a in execution.attempts if a.provider == call.provider]
        if attempt.number != len(same):
            self.fail("attempts", f"{call} is attempt {attempt.number}, and there are {len(same)} of them")
        if bounds is None:
            return
        others = {a.provider for a in execution.attempts}
        if len(others) > bounds.max_providers or len(execution.plan) > bounds.max_providers:
            self.fail("providers", f"{len(others)} providers tried, {bounds.max_providers} allowed: {call}")
        order = [choice.candidate.provider.id for choice in execution.plan]
        later = len(order) - 1 - order.index(call.provider) if order else 0
        allowed = 1 if bounds.swift and later else bounds.attempts
        if attempt.number > allowed:
            self.fail("attempts", f"attempt {attempt.number} of {allowed}: {call}")
        full_s = attempt_timeout_s(bounds.timeout_s, self._timeouts(attempt, seen))
        if attempt.timeout_s > full_s + EPSILON_S:
            self.fail("timeout", f"{attempt.timeout_s:.3f} s allowed instead of {full_s:.3f}: {call}")
        reserve_s = min(bounds.timeout_s, bounds.deadline_s / (bounds.max_providers + 1)) * later
        if attempt.started + attempt.timeout_s > execution.deadline - reserve_s + EPSILON_S:
            self.fail("reserve", f"{call} may eat what is kept for {later} later provider(s)")

    def _may_repeat(self, call: WireCall, execution: Execution, attempt: Attempt, seen: Seen) -> None:
        """Whether what was sent before allows this call."""
        unknown = 0
        latest: tuple[WireCall, Verdict] | None = None
        for earlier, made, _ in seen.pairs:
            verdict = self.verdicts.get(earlier.number)
            if verdict is None:
                self.fail("one at a time", f"{call} while {earlier} is under way")
                continue
            if verdict is OK:
                self.fail("one end", f"{call} after {earlier} had succeeded")
            failing = earlier.act.failure
            raised = earlier.outcome == "failed" and failing is not None
            if not execution.operation.idempotent:
                harmless = (
                    raised
                    and failing is not None
                    and (
                        failing.never_left
                        or failing.refused
                        or (failing.status in (429, 503) and earlier.act.retry_after_s is not None)
                    )
                )
                if not harmless:
                    self.fail("not idempotent", f"{call} after {earlier}")
            if made.provider != call.provider:
                continue
            latest = earlier, verdict
            unknown += verdict.error_class is _E.UNKNOWN
            if verdict.error_class in NEVER_AGAIN:
                self.fail(f"no retry after {verdict.error_class.value}", f"{call} after {earlier}")
            if raised and failing is not None and not failing.retried:
                self.fail("no retry of what cannot get better", f"{call} after {earlier}")
            policy = execution.operation.policy
            if policy is not None and policy.classes is not None and verdict.error_class not in policy.classes:
                self.fail("policy", f"{call} after {verdict.error_class}, which the policy does not retry")
        if unknown > 1:
            self.fail("unknown once", f"{call} is retried a second time after an unknown error")
        if latest is not None and attempt.number > 1:
            self._delayed(call, attempt, latest[0], latest[1], seen.bounds)

    def _delayed(
        self, call: WireCall, attempt: Attempt, earlier: WireCall, verdict: Verdict, bounds: Limits | None
    ) -> None:
        assert earlier.ended_s is not None
        waited_s = attempt.started - earlier.ended_s
        asked_s = verdict.retry_after_s
        if waited_s + EPSILON_S < attempt.delay_s:
            self.fail("delay", f"{call} waited {waited_s:.3f} s of {attempt.delay_s:.3f}")
        if asked_s:
            if waited_s + EPSILON_S < min(asked_s, 3600.0):
                self.fail("retry-after", f"{call} waited {waited_s:.3f} s of the {asked_s:.3f} asked for")
        elif bounds is not None:
            most_s = ceiling_s(attempt.number - 1, base_s=bounds.base_delay_s, max_s=bounds.max_delay_s)
            least_s = most_s / 2 if verdict.error_class is _E.RATE_LIMITED else 0.0
            if not least_s - EPSILON_S <= attempt.delay_s <= most_s + EPSILON_S:
                self.fail("delay", f"{attempt.delay_s:.3f} s before {call}, not {least_s:.3f} to {most_s:.3f}")

    def _count(self, call: WireCall, execution: Execution, attempt: Attempt, lane: Lane, seen: Seen) -> None:
        """What must have cost a token of the budget: no more of them than it can ever have held."""
        ledger = self._ledger(lane)
        charged = attempt.number > 1
        if attempt.number == 1 and seen.pairs and execution.plan:
            last = seen.pairs[-1][0]
            # In the very step in which the last provider was left: nothing can have changed since the decision.
            charged = last.ended_s == call.begun_s and lane.last_failed
        if not charged:
            return
        self._charges += 1
        ledger.charges += 1
        most = BURST + PER_OPERATION * self.operations + PER_SECOND * call.begun_s + EPSILON_S
        if self._charges > most or ledger.charges > most:
            self.fail("budget", f"{self._charges} retries and hops, at most {most:.1f} can have been paid: {call}")

    # --- the wire: a call ends -----------------------------------------------------------------------------------

    def ends(self, call: WireCall) -> None:
        """A request is over: what has the engine to make of it?"""
        engine = self._engine
        ledger = self._ledger_of.get(call.number)
        if engine is None or ledger is None:
            return
        now = self._clock()
        lane = engine.catalog.lanes.get(call.provider)
        if lane is not None and self.ledgers.get(lane) is ledger:
            self._look(lane, now)
            self._dirty[lane] = None
            ledger.state = lane.breaker.state(now)
        if call.purpose == "probe":
            ledger.probed(call, now, rung=_rung(lane))
            return
        ledger.under_way -= 1
        seen = self._attempt_of[call.number]
        attempt = next(a for c, a, _ in seen.pairs if c is call)
        verdict = self._verdict(call, attempt, seen, now)
        self.verdicts[call.number] = verdict
        execution = seen.execution
        duration_s = now - attempt.started
        if not execution.operation.stream and duration_s > attempt.timeout_s + EPSILON_S:
            self.fail("timeout", f"{call} took {duration_s:.3f} s of {attempt.timeout_s:.3f}")
        if execution.operation.stream and not execution.committed and duration_s > attempt.timeout_s + EPSILON_S:
            self.fail("first content", f"{call} waited {duration_s:.3f} s of {attempt.timeout_s:.3f} for content")
        ledger.learned(
            call,
            verdict,
            now,
            root=execution.parent or execution.id,
            model=None if lane is None else _model(execution, lane),
        )

    def _verdict(self, call: WireCall, attempt: Attempt, seen: Seen, now: float) -> Verdict:
        act = call.act
        operation = seen.execution.operation
        cancelled = seen.cancelled or seen.execution.cancel_requested
        if call.outcome == "cancelled":
            if cancelled:
                return CANCELLED
            if not self._timed_out(call, attempt, seen, now):
                return CANCELLED
            if call.said_at_s == now and seen.execution.committed:
                # Out of time in the moment it spoke, and its reader may have left in that moment.
                return UNSURE
            full = self._full(attempt, seen)
            cut = seen.execution.committed and now >= seen.execution.deadline - EPSILON_S
            weight = 0.0 if full is None or cut or attempt.timeout_s < full - EPSILON_S else 1.0
            # Where both times come together, either may be the cause.
            sure = full is not None and not (
                seen.execution.committed and abs(seen.execution.deadline - attempt.started - full) < EPSILON_S
            )
            return Verdict(_E.NETWORK if act.rude else _E.TIMEOUT, weight, sure=sure)
        if call.outcome == "failed":
            if act.failure is None:
                return Verdict(_E.BAD_RESULT, 0.5)
            failing = act.failure
            if act.failing == "own_fault":
                return FAULT
            return Verdict.of(failing, act)
        if act.bad_type or (act.unusable and operation.kind != "anything"):
            return Verdict(_E.BAD_RESULT, 0.5)
        return OK

    def _timed_out(self, call: WireCall, attempt: Attempt, seen: Seen, now: float) -> bool:
        """Whether the engine had run out of patience, or it was somebody else who ended the call."""
        if not seen.execution.committed:
            return now - attempt.started >= attempt.timeout_s - EPSILON_S
        return now - call.said_at_s >= IDLE_S - EPSILON_S or now >= seen.execution.deadline - EPSILON_S

    def _full(self, attempt: Attempt, seen: Seen) -> float | None:
        """The timeout this attempt has where the deadline does not cut it."""
        if seen.bounds is None:
            return None
        return attempt_timeout_s(seen.bounds.timeout_s, self._timeouts(attempt, seen))

    def _timeouts(self, attempt: Attempt, seen: Seen) -> int:
        """How many attempts before this one, at this provider, ran out of time; some while a credential was sought."""
        called = {id(a): c for c, a, _ in seen.pairs}
        count = 0
        for earlier in seen.execution.attempts:
            if earlier is attempt:
                break
            if earlier.provider == attempt.provider:
                call = called.get(id(earlier))
                verdict = UNSURE if call is None else self.verdicts.get(call.number, UNSURE)
                failed = None if earlier.failure is None else earlier.failure.error_class
                count += (failed if verdict is UNSURE else verdict.error_class) is _E.TIMEOUT
        return count

    # --- the end -------------------------------------------------------------------------------------------------

    def finish(self, rows: Sequence[AttemptRow], *, whole: bool, dropped: int = 0) -> None:
        """After the engine has stopped: attempts, their meaning and their rows. `whole`: the store was there.

        Raises:
            Broken: the first finding.
        """
        assert self._engine is not None
        if self._engine.executor.running:
            self.fail("one end", f"{len(self._engine.executor.running)} executions never ended")
        kept = Counter((row.execution_id, row.provider, row.attempt) for row in rows)
        twice = [key for key, count in kept.items() if count > 1]
        if twice:
            self.fail("rows", f"attempts kept twice: {twice[:3]}")
        made = 0
        by_key = {(row.execution_id, row.provider, row.attempt): row for row in rows}
        for seen in self.seen.values():
            execution = seen.execution
            made += len(execution.attempts)
            self._ended_well(seen)
            for call, attempt, _ in seen.pairs:
                verdict = self.verdicts.get(call.number)
                if verdict is None:
                    self.fail("tasks return", f"{call} never ended")
                    continue
                self._understood(call, attempt, verdict)
                row = by_key.get((execution.id, attempt.provider, attempt.number))
                if row is not None and (row.counted != attempt.weight or row.ok != (verdict is OK)):
                    self.fail("rows", f"{row} does not say what happened: {call}")
        if whole and made > len(rows) + dropped:
            self.fail("rows", f"{made} attempts were made, {len(rows)} are kept, {dropped} were dropped")
        if sum(kept.values()) > made + self._unseen(kept):
            self.fail("rows", f"{len(rows)} attempts are kept, {made} were made")
        for lane in self.ledgers:
            self._at_rest(lane)
        if self.broken:
            raise self.broken[0]

    def _unseen(self, kept: Counter[tuple[str, str, int]]) -> int:
        # Executions that began and ended within one moment and never reached the wire were not looked at.
        return sum(1 for execution_id, _, _ in kept if execution_id not in self.seen)

    def _ended_well(self, seen: Seen) -> None:
        execution = seen.execution
        if execution.started + execution.elapsed_s > execution.deadline + DEADLINE_SLACK_S:
            self.fail("deadline", f"{execution.id} took {execution.elapsed_s:.3f} s")
        own_fault = any(verdict is FAULT for verdict in map(self.verdicts.get, (c.number for c, _, _ in seen.pairs)))
        if execution.status != "ok" and not execution.hint and not own_fault:
            self.fail("hint", f"{execution.id} ended {execution.status} without a hint")
        verdicts = [self.verdicts.get(call.number) for call, _, _ in seen.pairs]
        if execution.status == "ok" and not execution.children and verdicts and verdicts[-1] is not OK:
            self.fail("result", f"{execution.id} is ok after {verdicts[-1]}")
        if execution.status == "failed" and OK in verdicts:
            self.fail("result", f"{execution.id} failed though {seen.pairs[-1][0]}")
        self._reached(seen)
        if execution.plan and not execution.children:
            last = {call.provider: self.verdicts.get(call.number) for call, _, _ in seen.pairs}
            for provider, reason in execution.left:
                verdict = last.get(provider)
                if verdict is not None and verdict.error_class in NEVER_AGAIN and reason != "no retry for class":
                    self.fail(
                        f"no retry after {verdict.error_class.value}", f"{execution.id} left {provider}: {reason}"
                    )

    def _reached(self, seen: Seen) -> None:
        """A provider later in the plan is not left for the deadline without having had its reserve."""
        execution, bounds = seen.execution, seen.bounds
        if bounds is None or not execution.plan or execution.children:
            return
        # A quarter of what is left may go into waiting for a slot.
        if min(bounds.timeout_s, bounds.deadline_s / (bounds.max_providers + 1)) * 0.75 <= MIN_LEFT_S:
            return
        tried = {attempt.provider for attempt in execution.attempts}
        waited = execution.operation.wait
        for provider, reason in execution.left:
            if reason == "deadline" and provider not in tried and not waited:
                self.fail("reserve", f"{execution.id} left {provider} for the deadline without asking it")

    def _understood(self, call: WireCall, attempt: Attempt, verdict: Verdict) -> None:
        if verdict is UNSURE:
            return
        found = "cancelled" if attempt.cancelled else None if attempt.failure is None else attempt.failure.error_class
        wanted = "cancelled" if verdict is CANCELLED else verdict.error_class
        if verdict is CANCELLED and call.act.rude and found is _E.NETWORK:
            return
        if found != wanted:
            self.fail("classes", f"{call} is {wanted}, and the engine says {found}")
        elif verdict.sure and attempt.weight != verdict.blame:
            self.fail("blame", f"{call} counts {attempt.weight} against the provider instead of {verdict.blame}")

    def _at_rest(self, lane: Lane) -> None:
        name = lane.provider.id
        if lane.slots.free != lane.slots.count:
            self.fail("slots", f"{lane.slots.free} of {lane.slots.count} slots of {name} are free at the end")
        if lane.breaker.refusal(self._clock()) == PERMIT_TAKEN:
            self.fail("permits return", f"the permit of {name} never came back")


def _model(execution: Execution, lane: Lane) -> str | None:
    model = execution.operation.payload.get("model")
    return str(model) if model else next(iter(lane.provider.models), None)


def _rung(lane: Lane | None) -> str:
    return "reach" if lane is None else next((rung.name for rung in lane.driver.rungs), "reach")
