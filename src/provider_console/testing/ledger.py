"""What one provider's answers oblige the engine to: a model of breaker, holds and cooldowns made of answers alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from provider_console.core.breaker import Breaker, BreakerState, open_time_s
from provider_console.sdk import ErrorClass
from provider_console.testing.scripted import Act, Failing, WireCall

_E = ErrorClass
_CLOSED, _OPEN, _HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN

WEIGHTS: Final[Mapping[ErrorClass, float]] = {
    _E.TIMEOUT: 1.0,
    _E.NETWORK: 1.0,
    _E.SERVER_ERROR: 1.0,
    _E.BAD_RESULT: 0.5,
    _E.UNKNOWN: 0.5,
}
"""What a failure counts for the breaker; every other class counts nothing there."""

BLAME: Final[Mapping[ErrorClass, float]] = {**WEIGHTS, _E.RATE_LIMITED: 0.25}

STREAK: Final = 5
SHARE_EVENTS: Final = 10.0
SHARE_DECAY_S: Final = 30.0
SUCCESSES: Final = 2
PERMIT_S: Final = 30.0
SLACK: Final = 0.9
"""The breaker folds successes of one second into one decay, which moves a share by a few percent."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What an answer means. `weight` is its part in opening the breaker, `blame` what a row says it counted."""

    error_class: ErrorClass | None = None
    weight: float = 0.0
    retry_after_s: float | None = None
    resets_after_s: float | None = None
    honours: bool = False
    sure: bool = True

    @classmethod
    def of(cls, failing: Failing, act: Act) -> Verdict:
        """The verdict on a failure that was raised."""
        return cls(
            failing.error_class,
            WEIGHTS.get(failing.error_class, 0.0),
            retry_after_s=act.retry_after_s if failing.asks else None,
            resets_after_s=act.resets_after_s if failing.asks else None,
            honours=failing.honours,
        )

    @property
    def blame(self) -> float:
        """What it counts against the provider in the figures."""
        return 0.25 if self.error_class is _E.RATE_LIMITED else self.weight


OK: Final = Verdict()
CANCELLED: Final = Verdict(_E.CANCELLED)
FAULT: Final = Verdict(_E.UNKNOWN)
"""The caller's own code failed: nobody else is to blame."""
UNSURE: Final = Verdict(None, sure=False)


class Ledger:
    """One provider as its answers make it. Times are monotonic seconds."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.state = _CLOSED
        self.openings = 0
        self.opened_at: float | None = None
        self.cooling: float | None = None
        self.not_before = -math.inf
        self.held: tuple[ErrorClass, float] | None = None
        self.suspended_until = -math.inf
        self.models_out: dict[str | None, tuple[float, float]] = {}
        self.under_way = 0
        self.charges = 0
        self.second_trial: WireCall | None = None
        self.owes_opening = False
        self._transitions: list[str] = []
        self._results: list[tuple[float, bool, float, str]] = []
        self.unsure = False
        self.newcomer = False
        """It took the place of one at another address: whose answers some of the first ones are is not seen."""
        self.changing = 0
        """A new credential is being set: from some moment of that on, older holds count no more."""
        self._probe_failed = False
        self._probe_may_count = False
        self._passes = 0
        self._probe_passed_at = -math.inf
        self._unknown: list[float] = []
        self._trial: WireCall | None = None
        self._trials: set[int] = set()
        self._trial_ok = 0
        self._trial_bad = 0

    # --- what comes in -------------------------------------------------------------------------------------------

    def begins(self, call: WireCall, *, half_open: bool) -> None:
        """A call begins; while half-open it is a trial, and there is one at a time."""
        self.second_trial = None
        if not half_open:
            return
        other = self._trial
        if other is not None and other.ended_s is None and call.begun_s - other.begun_s < PERMIT_S:
            self.second_trial = other
        self._trial = call
        self._trials.add(call.number)

    def judged_before(self, call: WireCall) -> None:
        """A call begins that was let in a while ago: it may be a trial."""
        self._trials.add(call.number)

    def learned(self, call: WireCall, verdict: Verdict, now: float, *, root: str, model: str | None) -> None:
        """A call ended."""
        if not verdict.sure:
            self.unsure = True
        if verdict is CANCELLED or verdict is FAULT:
            return
        if self.state is _CLOSED:
            if verdict is OK:
                self._results.append((now, True, 1.0, root))
            elif verdict.weight > 0:
                self._results.append((now, False, verdict.weight, root))
                self.owes_opening = self._streak_opens(witness=self._probe_failed)
        elif call.number in self._trials:
            self._trial_ok += verdict is OK
            self._trial_bad += verdict.weight > 0
        self._restrict(verdict, now)
        if verdict.error_class is _E.PERMISSION:
            self.models_out[model] = (now, now + 600.0)
        if verdict.error_class is _E.UNKNOWN:
            self._unknown = [at for at in self._unknown if now - at < 600.0] + [now]
            if len(self._unknown) >= 5:
                self._unknown.clear()
                self.suspended_until = now + 600.0

    def probed(self, call: WireCall, now: float, *, rung: str) -> None:
        """A probe ended."""
        if call.outcome == "ok":
            self._probe_passed_at = now
            self._probe_failed = False
            # The first good word after a bad one waits for a second: until then the engine may hold on to the bad one.
            self._passes += 1
            self._probe_may_count = self._probe_may_count and self._passes < 2
            proved = {_E.AUTHENTICATION: ("authentication", "quota", "paid"), _E.QUOTA: ("quota", "paid")}
            if self.held is not None and rung in proved[self.held[0]]:
                self.held = None
        elif call.outcome == "failed" and call.act.failure is not None:
            verdict = Verdict.of(call.act.failure, call.act)
            if verdict.weight > 0:
                self._probe_failed = self._probe_may_count = True
                self._passes = 0
            if verdict.error_class is not _E.SERVER_ERROR:
                self._restrict(verdict, now)
        else:
            self._probe_failed = self._probe_may_count = True
            self._passes = 0

    def _restrict(self, verdict: Verdict, now: float) -> None:
        if self.changing and verdict.error_class in (_E.AUTHENTICATION, _E.QUOTA):
            return
        if verdict.error_class is _E.AUTHENTICATION:
            self.held = (_E.AUTHENTICATION, math.inf)
        elif verdict.error_class is _E.QUOTA and (self.held is None or self.held[0] is _E.QUOTA):
            reset_s = verdict.resets_after_s or verdict.retry_after_s
            until = math.inf if reset_s is None else now + reset_s
            if self.held is not None and self.held[1] < math.inf and until < math.inf:
                until = max(until, self.held[1])
            self.held = (_E.QUOTA, until)
        elif verdict.honours and verdict.retry_after_s:
            self.not_before = max(self.not_before, now + min(verdict.retry_after_s, 3600.0))

    # --- what the breaker did ------------------------------------------------------------------------------------

    def moved(self, breaker: Breaker, state: BreakerState, now: float) -> list[tuple[str, str]]:
        """Whether a move of the breaker has a cause; the names of invariants that do not hold, with what is wrong."""
        wrong: list[tuple[str, str]] = []
        before, opened_before = self.state, self.opened_at
        again = breaker.opened_at != opened_before or breaker.openings != self.openings
        if self.owes_opening and state is _CLOSED and not again and not self.unsure:
            wrong.append(("opens", "five failures in a row from two witnesses left the breaker closed"))
        self.owes_opening = False
        if again:
            cause = self._cause(before, breaker, now)
            if cause is not None and not self.unsure:
                wrong.append(cause)
            self._note(before, _OPEN)
            self._begin_anew()
            before = _OPEN
        if state is _HALF_OPEN and before is _OPEN:
            early = breaker.opened_at is not None and now < breaker.opened_at + 0.5 * open_time_s(breaker.openings)
            if early and (breaker.opened_at is None or self._probe_passed_at < breaker.opened_at):
                wrong.append(("half-open", "half-open before its time, and no probe passed"))
            self._note(_OPEN, _HALF_OPEN)
            before = _HALF_OPEN
        if state is _CLOSED and before is not _CLOSED:
            if before is _OPEN:
                self._note(_OPEN, _HALF_OPEN)
            if self._trial_ok < SUCCESSES:
                wrong.append(("closes", f"closed after {self._trial_ok} successful trial(s)"))
            self._note(_HALF_OPEN, _CLOSED)
            self._begin_anew()
        self.state, self.openings, self.opened_at = state, breaker.openings, breaker.opened_at
        return [] if self.newcomer else wrong

    def _cause(self, before: BreakerState, breaker: Breaker, now: float) -> tuple[str, str] | None:
        if before is _CLOSED:
            if self._streak_opens(witness=self._probe_may_count) or self._share_opens(now, breaker.failure_threshold):
                return None
            return "opens without cause", f"opened after {self._results[-STREAK:]}, probe failed: {self._probe_failed}"
        if self._trial_bad:
            return None
        return "results while open", "opened again though no trial had failed"

    def _streak_opens(self, *, witness: bool) -> bool:
        streak: list[str] = []
        for _, ok, _, root in reversed(self._results):
            if ok:
                break
            streak.append(root)
        return len(streak) >= STREAK and (len(set(streak)) > 1 or witness)

    def _share_opens(self, now: float, threshold: float) -> bool:
        good = bad = 0.0
        for at, ok, weight, _ in self._results:
            kept = math.exp((at - now) / SHARE_DECAY_S)
            good += kept if ok else 0.0
            bad += 0.0 if ok else weight * kept
        return good + bad >= SLACK * SHARE_EVENTS and bad >= SLACK * threshold * (good + bad)

    def _begin_anew(self) -> None:
        self._results.clear()
        self._trials.clear()
        self._trial = None
        self._trial_ok = self._trial_bad = 0
        self._probe_failed = self._probe_may_count = False
        self.unsure = False

    def _note(self, old: BreakerState, new: BreakerState) -> None:
        self._transitions.append(f"{old.value} to {new.value}")

    def take_transitions(self) -> Counter[str]:
        """The moves since the last look."""
        taken, self._transitions = Counter(self._transitions), []
        return taken
