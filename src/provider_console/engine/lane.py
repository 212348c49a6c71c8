"""One provider as the engine runs it: breaker, budget, figures and slots, kept while its identity is the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from provider_console.core.backoff import COOLDOWN_MAX_S
from provider_console.core.breaker import Breaker, BreakerState, Hold
from provider_console.core.budget import TokenBucket
from provider_console.core.classify import PERMISSION_LEFT_OUT_S, QUOTA_PROBE_S, RULES, Failure
from provider_console.core.scoring import Stats
from provider_console.core.settings import Settings
from provider_console.core.window import Window
from provider_console.engine.slots import Slots
from provider_console.engine.trace import Attempt
from provider_console.sdk.driver import Driver
from provider_console.sdk.errors import ErrorClass
from provider_console.sdk.provider import Provider
from provider_console.sdk.secret import Secret

SLOTS: Final = 8
"""Calls under way at one provider: enough for a busy console, few enough not to trip a vendor's own limits."""

FOLD_CALLS: Final = 128

NAMELESS: Final = ""
"""What `Lane.missing` holds where a credential is needed and none is named: there is nothing to store yet."""

STALE_INTERVALS: Final = 3
"""Without a word from probe or traffic for this many check intervals, a provider's state is no longer known."""


CHECK_JITTER: Final = 0.1
"""The share of the check interval that chance moves each check by, either way."""

QUOTA_REST_S: Final = QUOTA_PROBE_S * (1 + CHECK_JITTER)
"""The longest rest between two probes of a provider whose quota is used up."""

_PROVES_KEY: Final = frozenset({"authentication", "quota", "paid"})
_PROVES_QUOTA: Final = frozenset({"quota", "paid"})

# Looking a member up on its enum costs a fifth of a microsecond.
_PERMISSION: Final = ErrorClass.PERMISSION
_UNKNOWN: Final = ErrorClass.UNKNOWN

_HELD_BY: Final = {ErrorClass.AUTHENTICATION: Hold.NEEDS_AUTH, ErrorClass.QUOTA: Hold.QUOTA}
_KEEPS_AWAY: Final = frozenset({*_HELD_BY, ErrorClass.PERMISSION, ErrorClass.UNKNOWN})


class Lane:
    """The mutable side of one provider. Times are monotonic seconds."""

    __slots__ = (
        "_fresh",
        "_stats",
        "_window",
        "breaker",
        "budget",
        "contradicted",
        "credential",
        "down_since",
        "driver",
        "held_since",
        "history_latency_s",
        "history_median_s",
        "history_p95_s",
        "last_error",
        "last_failed",
        "missing",
        "models_out",
        "provider",
        "retired",
        "seen_at",
        "slots",
        "up",
        "used_at",
    )

    def __init__(
        self,
        provider: Provider,
        driver: Driver,
        *,
        settings: Settings,
        rng: random.Random,
        now: float,
        on_change: Callable[[str, BreakerState, BreakerState], None] | None = None,
    ) -> None:
        self.provider = provider
        self.driver = driver
        self.breaker = Breaker(
            rng=rng,
            failure_threshold=settings.health.failure_threshold,
            on_change=None if on_change is None else (lambda old, new: on_change(provider.id, old, new)),
        )
        self.budget = TokenBucket(now=now)
        self._fresh: list[tuple[float, float, float, ErrorClass | None]] = []
        self._stats = Stats()
        self._window = Window(span_s=settings.health.performance_window / 1000)
        self.retired = False
        """Another lane has taken its place, or none: no further attempt is made here."""
        self.slots = Slots(SLOTS)
        self.up: bool | None = None
        """What probes and the traffic that stood in for them say; None: nothing yet."""
        self.seen_at: float | None = None
        """When a probe or a call last proved anything."""
        self.used_at: float | None = None
        """When a call last succeeded."""
        self.contradicted = False
        """The last word contradicts `up`, and waits for a second one: the prober asks again about 1 s later."""
        self.down_since: float | None = None
        self.last_failed = False
        """Whether the last result here was a failure: a hop to it then costs a budget token."""
        self.last_error: str | None = None
        self.credential: Secret | None = None
        """The value last found, to notice when it changes."""
        self.missing: str | None = None
        """The name of a credential that is needed and absent; `NAMELESS` where none is named."""
        self.held_since: float | None = None
        """When the hold of its breaker was first seen; None: it is not held, as far as anybody looked."""
        self.models_out: dict[str | None, float] = {}
        self.history_latency_s: float | None = None
        """Its usual latency in earlier runs: the prior of its score."""
        self.history_median_s: float | None = None
        """Its own median of the day."""
        self.history_p95_s: float | None = None
        """Its own p95 of the day, against which slow is judged."""

    @property
    def stats(self) -> Stats:
        """The decayed counts behind the score."""
        if self._fresh:
            self._fold()
        return self._stats

    @property
    def window(self) -> Window:
        """The live figures."""
        self._fold()
        return self._window

    def set_window(self, span_s: float) -> None:
        """Let the live figures look back so far; where that is another span than before, they begin anew."""
        if span_s != self._window.span_s:
            self._fold()
            self._window = Window(span_s=span_s)

    def answered(self, now: float, latency_s: float, permit: int) -> None:
        """A call that the engine made succeeded: the figures, the breaker and the standing learn from it."""
        fresh = self._fresh
        fresh.append((now, latency_s, 0.0, None))
        if len(fresh) >= FOLD_CALLS:
            self._fold()
        self.breaker.succeeded(now, permit)
        self.last_failed = False
        self.used_at = self.seen_at = now
        if self.up is not True:
            self.hear(ok=True)

    def erred(self, now: float, failure: Failure, attempt: Attempt, permit: int, operation: str) -> bool:
        """A call that the engine made failed, on behalf of an operation: all that a success teaches, and the holds.

        Whether the order of the providers may be another now.
        """
        self.last_failed = True
        self.last_error = failure.message
        error_class, weight = failure.error_class, attempt.weight
        # Its answer may ask to keep the provider, or one of its models, from being called for a while.
        changed = False
        if failure.retry_after_s or error_class in _KEEPS_AWAY:
            changed = self.obey(failure, now)
            if error_class is _PERMISSION:
                self.leave_out(attempt.model, now)
                changed = True
            elif error_class is _UNKNOWN:
                changed = self.breaker.unknown_failure(now) or changed
        if weight > 0.0:
            self._fresh.append((now, now - attempt.started, weight, error_class))
            if RULES[error_class].breaker == "counts":
                self.breaker.failed(now, permit, operation, weight, failure.retry_after_s)
                self.seen_at = now
                # Failures of traffic alone never make it down: that takes a probe, or the breaker.
                if self.up is not False:
                    self.contradicted = True
        return changed

    def succeeded(self, now: float, latency_s: float) -> None:
        """A call of an earlier run succeeded: noted, and counted for many at once when somebody asks."""
        self._fresh.append((now, latency_s, 0.0, None))

    def failed(self, now: float, duration_s: float, *, weight: float, error_class: ErrorClass) -> None:
        """A call of an earlier run failed and counts `weight` against the provider (over 0)."""
        self._fresh.append((now, duration_s, weight, error_class))

    def _fold(self) -> None:
        for at, duration_s, weight, error_class in self._fresh:
            if error_class is None:
                self._stats.observe(at, ok=True, latency_s=duration_s)
                self._window.record(at, duration_s, ok=True)
            else:
                # A timeout took at least so long; of the latency of any other failure nothing can be learnt.
                timed_out = error_class is ErrorClass.TIMEOUT
                self._stats.observe(at, ok=False, weight=weight, latency_s=duration_s if timed_out else None)
                self._window.record(at, duration_s, ok=False, error_class=error_class.value)
        self._fresh.clear()

    def note_hold(self, now: float) -> None:
        """Keep when a hold began: the breaker is held by whoever calls, and does not know the time."""
        if self.breaker.held is None:
            self.held_since = None
        elif self.held_since is None:
            self.held_since = now

    def release(self) -> None:
        """End the hold; a later one begins anew."""
        self.breaker.release()
        self.held_since = None

    def obey(self, failure: Failure, now: float) -> bool:
        """Keep away for as long as an answer asks for, be it to a call or to a probe; whether anything is other now."""
        if failure.retry_after_s and RULES[failure.error_class].retries != 0:
            self.breaker.cool(now + min(failure.retry_after_s, COOLDOWN_MAX_S))
            return True
        hold = _HELD_BY.get(failure.error_class)
        if hold is None:
            return False
        if hold is Hold.NEEDS_AUTH and self.missing is None:
            # A key that is missing keeps the provider out by itself, until it is there.
            self.breaker.hold(hold)
        elif hold is Hold.QUOTA:
            reset_s = failure.resets_after_s or failure.retry_after_s
            self.breaker.hold(hold, until=None if reset_s is None else now + reset_s)
        return True

    def ends_hold(self, rung: str, at: float) -> bool:
        """Whether a probe that passed at a moment (monotonic) ends the hold.

        Where no free rung proves a quota and no reset is known, time has to do: the next call is the trial then.
        """
        breaker = self.breaker
        if breaker.held is Hold.NEEDS_AUTH:
            return rung in _PROVES_KEY
        if breaker.held is not Hold.QUOTA:
            return False
        if rung in _PROVES_QUOTA:
            return True
        if breaker.held_until is not None or any(one.free and one.name in _PROVES_QUOTA for one in self.driver.rungs):
            return False
        return self.held_since is not None and at - self.held_since >= QUOTA_PROBE_S

    def hear(self, *, ok: bool) -> bool:
        """One word of evidence; whether `up` is another one now. A change takes two words in a row."""
        if self.up is ok:
            self.contradicted = False
            return False
        # A first good word is enough where nothing was known.
        if self.contradicted or (self.up is None and ok):
            self.up = ok
            self.contradicted = False
            return True
        self.contradicted = True
        return False

    def found(self, secret: Secret | None) -> None:
        """Note what stands under the credential's name now: another value than the last one ends a hold."""
        self.missing = self.provider.credential if secret is None else None
        if secret is not None and secret != self.credential:
            self.release()
            self.credential = secret

    def leave_out(self, model: str | None, now: float) -> None:
        """Keep a model from being asked for 10 minutes."""
        self.models_out[model] = now + PERMISSION_LEFT_OUT_S

    def models_left_out(self, now: float) -> frozenset[str | None]:
        """The models not to be asked now."""
        if not self.models_out:
            return frozenset()
        self.models_out = {model: until for model, until in self.models_out.items() if until > now}
        return frozenset(self.models_out)

    def same_identity(self, provider: Provider, driver: Driver) -> bool:
        """Whether figures and breaker still speak of the same thing."""
        mine = self.provider
        return (
            self.driver is driver
            and mine.base_url == provider.base_url
            and mine.credential == provider.credential
            and mine.network == provider.network
        )
