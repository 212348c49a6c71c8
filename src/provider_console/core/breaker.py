"""May this provider be called? One breaker a provider; it belongs to the process and outlives a reload.

CLOSED ──(5 failures in a row from 2 operations, or a failure share)──> OPEN ──(its time, or a free probe)──> HALF_OPEN
HALF_OPEN ──(2 successes)──> CLOSED        HALF_OPEN ──(1 counting failure)──> OPEN, for longer

Beside the states stand three reasons of their own, each with a way back: held, cooling, suspended.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random

FAILURES_IN_A_ROW: Final = 5
SHARE_EVENTS: Final = 10.0
"""Effective events that a failure share needs before it means something."""
SHARE_DECAY_S: Final = 30.0
FAILURE_THRESHOLD: Final = 0.7

OPEN_BASE_S: Final = 10.0
OPEN_MAX_S: Final = 300.0
RETRY_AFTER_MAX_S: Final = 3600.0
FORGIVEN_AFTER_S: Final = 600.0
"""Closed for so long, an opening is forgotten."""

SUCCESSES_TO_CLOSE: Final = 2
PERMIT_S: Final = 30.0

UNKNOWN_FAILURES: Final = 5
UNKNOWN_WITHIN_S: Final = 600.0
SUSPENDED_S: Final = 600.0

NO_PERMIT: Final = 0
"""What `enter` gives while closed: there is nothing to give back."""
PANIC_PERMIT: Final = -1
"""What `enter_panic` gives while open: its result is statistics only."""

NEEDS_KEY: Final = "needs a key"
QUOTA_USED: Final = "quota"
BREAKER_OPEN: Final = "breaker"
COOLING: Final = "cooling"
SUSPENDED: Final = "suspended"
PERMIT_TAKEN: Final = "permit taken"

# Results closer together than this decay as one; it moves a weight by at most 3 %.
_DECAY_STEP_S: Final = 1.0
_DOUBLINGS_MAX: Final = 60


class BreakerState(StrEnum):
    """Whether calls pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Hold(StrEnum):
    """Why a provider waits for a person or for a reset."""

    NEEDS_AUTH = "needs_auth"
    QUOTA = "quota"


# Looking a member up on its enum costs as much as the rest of a healthy call's checks.
_CLOSED: Final = BreakerState.CLOSED
_OPEN: Final = BreakerState.OPEN
_HALF_OPEN: Final = BreakerState.HALF_OPEN


class Breaker:
    """Admits attempts and learns from their results.

    `refusal` and `state` only look (a hold whose time has passed is dropped on the way); `enter`, results and
    probes move the state, and `on_change(old, new)` hears of every move. Times are monotonic seconds.

    Public to read: `held`, `held_until`, `not_before`, `suspended_until` (None where it is not so; a time
    may have passed, `refusal` says what holds now), `openings` (k of the last opening), `opened_at`, `restricted`.
    """

    __slots__ = (
        "_bad",
        "_closed_at",
        "_decayed_at",
        "_good",
        "_last_permit",
        "_on_change",
        "_open_until",
        "_permit",
        "_permit_until",
        "_probe_failed",
        "_rng",
        "_state",
        "_streak",
        "_streak_operation",
        "_streak_shared",
        "_trial_successes",
        "_unknown",
        "failure_threshold",
        "held",
        "held_until",
        "not_before",
        "opened_at",
        "openings",
        "restricted",
        "suspended_until",
    )

    def __init__(
        self,
        *,
        rng: random.Random,
        failure_threshold: float = FAILURE_THRESHOLD,
        on_change: Callable[[BreakerState, BreakerState], None] | None = None,
    ) -> None:
        self.failure_threshold = failure_threshold
        self.held: Hold | None = None
        self.held_until: float | None = None
        self.not_before: float | None = None
        self.suspended_until: float | None = None
        self.openings = 0
        self.opened_at: float | None = None
        self._rng = rng
        self._on_change = on_change
        self._state = _CLOSED
        # True while anything could refuse: the one thing a healthy call looks at.
        self.restricted = False
        self._open_until = -math.inf
        self._closed_at: float | None = None
        self._permit = NO_PERMIT
        self._permit_until = -math.inf
        self._last_permit = 0
        self._trial_successes = 0
        self._unknown: list[float] = []
        self._streak = 0
        self._streak_operation = ""
        self._streak_shared = False
        self._probe_failed = False
        self._decayed_at = -math.inf
        self._good = 0.0
        self._bad = 0.0

    # -- looking

    def state(self, now: float) -> BreakerState:
        """The state; OPEN whose time has passed reads as HALF_OPEN."""
        if self._state is _OPEN and now >= self._open_until:
            return _HALF_OPEN
        return self._state

    def refusal(self, now: float) -> str | None:
        """Why an attempt would not be admitted now, one of the constants of this module; None where it would."""
        if not self.restricted:
            return None
        if self.held is not None:
            if not _passed(self.held_until, now):
                return NEEDS_KEY if self.held is Hold.NEEDS_AUTH else QUOTA_USED
            # The quota is back: nobody shall go on reading that it is held.
            self.release()
        if self._state is _OPEN and now < self._open_until:
            return BREAKER_OPEN
        if self.not_before is not None and now < self.not_before:
            return COOLING
        if self.suspended_until is not None and now < self.suspended_until:
            return SUSPENDED
        if self._permit != NO_PERMIT and now < self._permit_until:
            return PERMIT_TAKEN
        return None

    def reopens_at(self, now: float) -> float | None:
        """When it will next admit by itself; None where only a person or a probe can help, or it admits already."""
        if self.refusal(now) is None:
            return None
        times = [self.not_before, self.suspended_until]
        if self.held is not None:
            if self.held_until is None:
                return None
            times.append(self.held_until)
        if self._state is _OPEN:
            times.append(self._open_until)
        if self._permit != NO_PERMIT:
            times.append(self._permit_until)
        return max(time for time in times if time is not None)

    # -- entering and leaving

    def enter(self, now: float, permit_s: float = PERMIT_S) -> int | None:
        """Begin an attempt: 0 while closed, a permit to hand to the result while half-open, None if not admitted.

        `permit_s` is how long a half-open attempt may keep the one permit.
        """
        if not self.restricted:
            return NO_PERMIT
        if self.refusal(now) is not None:
            return None
        self._lift()
        if self._state is _CLOSED:
            return NO_PERMIT
        if self._state is _OPEN:
            self._half_open()
        self._last_permit += 1
        self._permit = self._last_permit
        self._permit_until = now + permit_s
        return self._permit

    def enter_panic(self, now: float, permit_s: float = PERMIT_S) -> int:
        """Begin the panic attempt on an open breaker; where it admits by now, as `enter`.

        Raises:
            ValueError: the provider is held, and nobody may call it.
        """
        permit = self.enter(now, permit_s)
        if permit is not None:
            return permit
        if self.held is not None and not _passed(self.held_until, now):
            raise ValueError(f"a held provider ({self.held.value}) cannot be called in panic: choose another")
        return PANIC_PERMIT

    def leave(self, permit: int) -> None:
        """Give a permit back unjudged: the attempt was cancelled or the operation was invalid. Harmless twice."""
        if permit == self._permit:
            self._permit = NO_PERMIT

    # -- results

    def succeeded(self, now: float, permit: int) -> None:
        """An attempt succeeded. What arrives while open, or without the current permit while half-open, is ignored."""
        if self._state is _CLOSED:
            self._streak = 0
            if now - self._decayed_at >= _DECAY_STEP_S:
                self._decay(now)
            self._good += 1.0
        elif self._judges(permit):
            self._permit = NO_PERMIT
            self._trial_successes += 1
            if self._trial_successes >= SUCCESSES_TO_CLOSE:
                self._close(now)

    def failed(
        self, now: float, permit: int, operation: str, weight: float, retry_after_s: float | None = None
    ) -> None:
        """An attempt failed in a class that counts; a weight of 0 leaves no trace.

        `operation` names the execution: five failures of one of them open nothing without a second witness.
        """
        if weight <= 0.0:
            self.leave(permit)
        elif self._state is _CLOSED:
            if self._streak == 0:
                self._streak_operation = operation
                self._streak_shared = False
            elif operation != self._streak_operation:
                self._streak_shared = True
            self._streak += 1
            if now - self._decayed_at >= _DECAY_STEP_S:
                self._decay(now)
            self._bad += weight
            events = self._good + self._bad
            too_many = events >= SHARE_EVENTS and self._bad >= self.failure_threshold * events
            if too_many or (self._streak >= FAILURES_IN_A_ROW and self._has_witness()):
                self._open(now, retry_after_s)
        elif self._judges(permit):
            self._open(now, retry_after_s)

    def unknown_failure(self, now: float) -> bool:
        """Count an exception of the driver's own; True where this one suspends the provider."""
        self._unknown = [at for at in self._unknown if now - at < UNKNOWN_WITHIN_S]
        self._unknown.append(now)
        if len(self._unknown) < UNKNOWN_FAILURES:
            return False
        self._unknown.clear()
        self.suspended_until = now + SUSPENDED_S
        self.restricted = True
        return True

    def probe_passed(self, now: float) -> None:  # noqa: ARG002 - every report of a fact carries its time
        """A free probe passed: half-open early, and nothing more than that."""
        self._probe_failed = False
        if self._state is _OPEN:
            self._half_open()

    def probe_failed(self, now: float) -> None:
        """A probe failed: the second witness to failures of one operation, and no failure by itself."""
        self._probe_failed = True
        if self._state is _CLOSED and self._streak >= FAILURES_IN_A_ROW:
            self._open(now, None)

    # -- holds and cooldowns

    def hold(self, hold: Hold, *, until: float | None = None) -> None:
        """Admit nothing until `release`, or until a time. A missing key is not overruled by a used-up quota."""
        if self.held is Hold.NEEDS_AUTH and hold is Hold.QUOTA:
            return
        if self.held is hold and until is not None and self.held_until is not None:
            until = max(until, self.held_until)
        self.held = hold
        self.held_until = until
        self.restricted = True

    def release(self) -> None:
        """The secret changed, the quota is back, or a probe proved it: the hold ends, the state stays."""
        self.held = None
        self.held_until = None

    def cool(self, until: float) -> None:
        """Admit nothing before a time; an earlier one never shortens a later one."""
        if self.not_before is None or until > self.not_before:
            self.not_before = until
            self.restricted = True

    # -- moving

    def _judges(self, permit: int) -> bool:
        return self._state is _HALF_OPEN and permit == self._permit and permit > NO_PERMIT

    def _has_witness(self) -> bool:
        # Five attempts of one operation prove as much about the operation as about the provider.
        return self._streak_shared or self._probe_failed

    def _decay(self, now: float) -> None:
        kept = math.exp((self._decayed_at - now) / SHARE_DECAY_S)
        self._good *= kept
        self._bad *= kept
        self._decayed_at = now

    def _open(self, now: float, retry_after_s: float | None) -> None:
        if self._closed_at is not None and self._state is _CLOSED:
            forgiven = int(max(0.0, now - self._closed_at) // FORGIVEN_AFTER_S)
            self.openings = max(0, self.openings - forgiven)
        self.openings += 1
        open_s = open_time_s(self.openings) * self._rng.uniform(0.5, 1.0)
        if retry_after_s is not None:
            open_s = max(open_s, min(retry_after_s, RETRY_AFTER_MAX_S))
        self.opened_at = now
        self._open_until = now + open_s
        self._permit = NO_PERMIT
        self.restricted = True
        self._move(_OPEN)

    def _half_open(self) -> None:
        self._trial_successes = 0
        self._permit = NO_PERMIT
        self._move(_HALF_OPEN)

    def _close(self, now: float) -> None:
        self._closed_at = now
        self._forget_results()
        self._move(_CLOSED)

    def _forget_results(self) -> None:
        # What opened it must not open it again by itself.
        self._streak = 0
        self._streak_operation = ""
        self._streak_shared = False
        self._probe_failed = False
        self._decayed_at = -math.inf
        self._good = 0.0
        self._bad = 0.0

    def _lift(self) -> None:
        # Called once everything admits: what has passed is forgotten, and the quick path is open again.
        self.not_before = None
        self.suspended_until = None
        self.restricted = self._state is not _CLOSED

    def _move(self, new: BreakerState) -> None:
        old, self._state = self._state, new
        if self._on_change is not None:
            self._on_change(old, new)


def open_time_s(openings: int) -> float:
    """How long the k-th opening lasts before jitter (0.5 to 1 of it).

    >>> [open_time_s(k) for k in range(1, 8)]
    [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
    """
    return min(OPEN_MAX_S, OPEN_BASE_S * 2.0 ** min(openings - 1, _DOUBLINGS_MAX))


def _passed(until: float | None, now: float) -> bool:
    return until is not None and now >= until
