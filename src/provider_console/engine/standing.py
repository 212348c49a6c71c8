"""How a provider stands: what probes and traffic say together, its score, and its state in words."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Final

from provider_console.console.views import HealthState
from provider_console.core.breaker import BreakerState, Hold
from provider_console.core.scoring import Score, Standing, base_points, score
from provider_console.core.settings import Settings
from provider_console.engine.lane import NAMELESS, STALE_INTERVALS, Lane
from provider_console.sdk.provider import Provider

DEFAULT_LATENCY_S: Final = 2.0
"""What a provider is taken to need when neither it nor its category has any history."""

DEGRADED_SCORE: Final = 70.0
SLOW_FACTOR: Final = 2.0
"""A p95 of at least twice its own p95 of the day is a sign of trouble (docs/decisions/0008)."""
SLOW_SAMPLES: Final = 10


def standing(lane: Lane, *, now: float, settings: Settings) -> Standing:
    """What is known of a provider; unknown when nothing has said anything for three check intervals."""
    interval_s = settings.health.health_check_interval / 1000
    if lane.up is None or lane.seen_at is None or now - lane.seen_at > STALE_INTERVALS * interval_s:
        return Standing.UNKNOWN
    return Standing.HEALTHY if lane.up else Standing.UNHEALTHY


def lane_score(lane: Lane, *, now: float, settings: Settings, median_s: float | None) -> Score:
    """A provider's score; `median_s` is the median latency of its category, the prior of one without history."""
    prior_s = lane.history_latency_s or median_s or DEFAULT_LATENCY_S
    return score(
        lane.stats,
        now,
        base=base_points(standing(lane, now=now, settings=settings)),
        threshold_s=settings.engine.response_time_threshold / 1000,
        prior_latency_s=prior_s,
    )


def category_medians(lanes: Iterable[Lane], *, now: float) -> dict[str, float]:
    """The median latency (s) of each category, over the providers that have any."""
    seen: dict[str, list[float]] = {}
    for lane in lanes:
        latency_s = lane.stats.latency_s(now)
        if latency_s is not None:
            for category in lane.provider.categories:
                seen.setdefault(category, []).append(latency_s)
    return {category: statistics.median(values) for category, values in seen.items()}


def usual_median(provider: Provider, medians: Mapping[str, float]) -> float | None:
    """The median (s) a provider is measured by: that of its first category that has one in `category_medians`."""
    return next((medians[category] for category in provider.categories if category in medians), None)


def state_of(lane: Lane, *, now: float, settings: Settings, total: float) -> tuple[HealthState, str]:
    """The state of a provider with its `total` score, and the words for it. The first that applies."""
    provider, breaker = lane.provider, lane.breaker
    if not provider.enabled:
        return HealthState.OFF, "disabled" if provider.configured else "found, not adopted"
    if lane.missing == NAMELESS:
        return HealthState.HELD, "no credential is named"
    if lane.missing is not None:
        return HealthState.HELD, f"credential missing: {lane.missing}"
    breaker.refusal(now)  # looking drops a hold whose time has passed
    if breaker.held is Hold.NEEDS_AUTH:
        return HealthState.HELD, "needs a key"
    if breaker.held is Hold.QUOTA:
        return HealthState.HELD, "quota used" + _back(breaker.reopens_at(now), now)
    known = standing(lane, now=now, settings=settings)
    moment = breaker.state(now)
    if known is Standing.UNHEALTHY or moment is BreakerState.OPEN:
        down_s = 0.0 if lane.down_since is None else now - lane.down_since
        words = f"down {span(down_s)}" if down_s >= 1 else "down"
        reopens = breaker.reopens_at(now)
        return HealthState.UNHEALTHY, words + (f" · retry in {span(reopens - now)}" if reopens else "")
    if known is Standing.UNKNOWN:
        return HealthState.UNKNOWN, "not checked yet" if lane.seen_at is None else "no news"
    return _degraded(lane, now=now, total=total, moment=moment) or (HealthState.HEALTHY, "healthy")


def _degraded(lane: Lane, *, now: float, total: float, moment: BreakerState) -> tuple[HealthState, str] | None:
    breaker = lane.breaker
    if moment is BreakerState.HALF_OPEN:
        return HealthState.DEGRADED, "on trial"
    if breaker.suspended_until is not None and breaker.suspended_until > now:
        return HealthState.DEGRADED, f"suspended{_back(breaker.suspended_until, now)}"
    if breaker.not_before is not None and breaker.not_before > now:
        return HealthState.DEGRADED, f"cooling{_back(breaker.not_before, now)}"
    if total < DEGRADED_SCORE:
        return HealthState.DEGRADED, f"score {total:.0f}"
    figures = lane.window.figures(now)
    if (
        lane.history_p95_s
        and figures.p95_ms is not None
        and figures.requests >= SLOW_SAMPLES
        and (times := figures.p95_ms / 1000 / lane.history_p95_s) >= SLOW_FACTOR
    ):
        return HealthState.DEGRADED, f"slow, p95 up {times:.1f}×"
    return None


def _back(at: float | None, now: float) -> str:
    return "" if at is None or at <= now else f" · back in {span(at - now)}"


def span(seconds: float) -> str:
    """A duration as people say it.

    >>> span(14.2), span(126), span(7260), span(200000)
    ('14 s', '2 m 06 s', '2 h 01 m', '2 d 7 h')
    """
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
