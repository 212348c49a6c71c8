"""In which order? A score of 0 to 100 from health, response time and reliability; it never opens a breaker."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

import msgspec

BASE_POINTS: Final = 40.0
RESPONSE_POINTS: Final = 30.0
RELIABILITY_POINTS: Final = 30.0

RELIABILITY_DECAY_S: Final = 150.0
LATENCY_DECAY_S: Final = 60.0
PRIOR_SAMPLES: Final = 2.0
"""What the prior latency is worth, in samples."""
FASTEST_S: Final = 0.3
"""Answers this quick or quicker get all the points for response."""
PRIOR_SUCCESSES: Final = 4.5
PRIOR_EVENTS: Final = 5.0
PROBE_WEIGHT: Final = 0.5

FOLD_EVENTS: Final = 128

LATENCY_FLOOR_S: Final = 1e-4
LATENCY_CEILING_S: Final = 3_600.0


class Standing(StrEnum):
    """What probes, and the traffic that stood in for them, say."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


def base_points(standing: Standing) -> float:
    """40 healthy, 0 down, 20 when nobody has said anything for three intervals: no data is neutral.

    >>> [base_points(standing) for standing in Standing]
    [40.0, 0.0, 20.0]
    """
    if standing is Standing.UNKNOWN:
        return BASE_POINTS / 2
    return BASE_POINTS if standing is Standing.HEALTHY else 0.0


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A score and what it is made of.

    `samples` and `successes` are the decayed counts behind the reliability, `latency_s` the decayed log-mean behind
    the response.
    """

    total: float
    base: float
    response: float
    reliability: float
    samples: float
    successes: float
    latency_s: float


class Stats:
    """Decayed counts of one provider. Observing only notes: the arithmetic is done for many at once, when asked."""

    __slots__ = ("_at", "_events", "_fresh", "_latency_at", "_latency_sum", "_latency_weight", "_successes")

    def __init__(self) -> None:
        self._at = self._latency_at = -math.inf
        self._events = self._successes = 0.0
        self._latency_sum = self._latency_weight = 0.0
        self._fresh: list[tuple[float, bool, float | None, float]] = []

    def observe(self, now: float, *, ok: bool, latency_s: float | None = None, weight: float = 1.0) -> None:
        """One event that counts `weight`; `latency_s` None gives no latency sample (a failure that is no timeout)."""
        fresh = self._fresh
        fresh.append((now, ok, latency_s, weight))
        if len(fresh) >= FOLD_EVENTS:
            self._fold()

    def _fold(self) -> None:
        for at, ok, latency_s, weight in self._fresh:
            kept = decay(at - self._at, RELIABILITY_DECAY_S)
            self._events = self._events * kept + weight
            self._successes = self._successes * kept + (weight if ok else 0.0)
            self._at = max(at, self._at)
            if latency_s is not None:
                kept = decay(at - self._latency_at, LATENCY_DECAY_S)
                sample = math.log(min(max(latency_s, LATENCY_FLOOR_S), LATENCY_CEILING_S))
                self._latency_sum = self._latency_sum * kept + sample
                self._latency_weight = self._latency_weight * kept + 1.0
                self._latency_at = max(at, self._latency_at)
        self._fresh.clear()

    def counts(self, now: float) -> tuple[float, float]:
        """Decayed successes and events."""
        self._fold()
        kept = decay(now - self._at, RELIABILITY_DECAY_S)
        return self._successes * kept, self._events * kept

    def latency_s(self, now: float, *, prior_s: float | None = None) -> float | None:
        """The decayed log-mean of latencies, with a prior worth two samples; None with neither samples nor prior."""
        if self._fresh:
            self._fold()
        if prior_s is None and not self._latency_weight:
            return None
        kept = decay(now - self._latency_at, LATENCY_DECAY_S)
        weight = self._latency_weight * kept
        if prior_s is None:
            return math.exp(self._latency_sum * kept / weight) if weight > 1e-12 else None
        prior_s = min(max(prior_s, LATENCY_FLOOR_S), LATENCY_CEILING_S)
        return math.exp((self._latency_sum * kept + PRIOR_SAMPLES * math.log(prior_s)) / (weight + PRIOR_SAMPLES))


def decay(elapsed_s: float, scale_s: float) -> float:
    """What is left of a weight after a time: `exp(-t / scale)`, all of it where no time has passed.

    >>> decay(0.0, 60.0), round(decay(60.0, 60.0), 3), decay(math.inf, 60.0), decay(-5.0, 60.0)
    (1.0, 0.368, 0.0, 1.0)
    """
    return math.exp(-elapsed_s / scale_s) if elapsed_s > 0.0 else 1.0


def response_points(latency_s: float, *, threshold_s: float) -> float:
    """`30 * clamp(ln(T/L) / ln(T/0.3), 0, 1)`.

    >>> [round(response_points(latency, threshold_s=15), 1) for latency in (0.3, 0.5, 1, 2, 5, 15, 60)]
    [30.0, 26.1, 20.8, 15.5, 8.4, 0.0, 0.0]
    """
    if threshold_s <= FASTEST_S:
        return RESPONSE_POINTS if latency_s <= threshold_s else 0.0
    share = math.log(threshold_s / max(latency_s, LATENCY_FLOOR_S)) / math.log(threshold_s / FASTEST_S)
    return RESPONSE_POINTS * min(1.0, max(0.0, share))


def reliability_points(successes: float, events: float) -> float:
    """`30 * (s + 4.5) / (n + 5)`.

    >>> [round(reliability_points(0, n) / 30, 2) for n in (0, 1, 3, 5)]
    [0.9, 0.75, 0.56, 0.45]
    """
    return RELIABILITY_POINTS * (successes + PRIOR_SUCCESSES) / (events + PRIOR_EVENTS)


def score(stats: Stats, now: float, *, base: float, threshold_s: float, prior_latency_s: float) -> Score:
    """The score of a provider from its stats and the points of its standing.

    >>> round(40 + response_points(1.08, threshold_s=15) + reliability_points(0.971 * 214, 214))
    89
    """
    successes, events = stats.counts(now)
    latency_s = stats.latency_s(now, prior_s=prior_latency_s) or prior_latency_s
    response = response_points(latency_s, threshold_s=threshold_s)
    reliability = reliability_points(successes, events)
    return Score(
        total=base + response + reliability,
        base=base,
        response=response,
        reliability=reliability,
        samples=events,
        successes=successes,
        latency_s=latency_s,
    )


def wilson(successes: float, events: float) -> tuple[float, float]:
    """Bounds of a success rate (Wilson score interval, z = 1); (0, 1) without events.

    Shown, never ranked by: that starves new providers.

    >>> wilson(0, 0), [round(bound, 2) for bound in wilson(9, 10)]
    ((0.0, 1.0), [0.77, 0.96])
    """
    if events <= 0.0:
        return 0.0, 1.0
    # Multiplied by the events throughout: their square vanishes after a quiet night of decay.
    missed = max(0.0, 1.0 - successes / events)
    spread = math.sqrt(successes * missed + 0.25)
    return max(0.0, (successes + 0.5 - spread) / (events + 1)), min(1.0, (successes + 0.5 + spread) / (events + 1))
