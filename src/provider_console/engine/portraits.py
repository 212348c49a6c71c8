"""Turns lanes into what a front end sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from provider_console.console.views import (
    AnalyticsView,
    CheckView,
    CredentialView,
    HealthState,
    PeriodFigures,
    ProviderHealth,
    ProviderView,
    SystemHealth,
    TroubleView,
    iso,
)
from provider_console.core.scoring import wilson
from provider_console.core.settings import Settings
from provider_console.core.window import merge_figures
from provider_console.engine.course import score_view
from provider_console.engine.hints import first_try
from provider_console.engine.lane import Lane
from provider_console.engine.standing import category_medians, lane_score, state_of, usual_median
from provider_console.sdk.context import CredentialInfo

_WORST_FIRST: Final = {
    HealthState.UNHEALTHY: 0,
    HealthState.DEGRADED: 1,
    HealthState.HELD: 2,
    HealthState.UNKNOWN: 3,
    HealthState.HEALTHY: 4,
    HealthState.OFF: 5,
}
_TIERS: Final = {"primary": 0, "secondary": 1, "fallback": 2}

SORTS: Final = ("health_score", "id", "name", "tier", "state")


def provider_view(
    lane: Lane,
    *,
    now: float,
    wall: float,
    settings: Settings,
    medians: Mapping[str, float],
    credential: CredentialInfo | None,
    checks: Sequence[CheckView],
    failures: Sequence[CheckView],
) -> ProviderView:
    """One provider with its health of this moment. `checks` are its last ones, `failures` those since one passed."""
    provider = lane.provider
    score = lane_score(lane, now=now, settings=settings, median_s=usual_median(provider, medians))
    low, high = wilson(score.successes, score.samples)
    state, why = state_of(lane, now=now, settings=settings, total=score.total)
    figures = lane.window.figures(now)
    down_s = None if lane.down_since is None else now - lane.down_since
    retry_at = lane.breaker.reopens_at(now)
    last = checks[-1] if checks else None
    trouble = None if last is None or state is HealthState.HEALTHY else last.error_class
    return ProviderView(
        id=provider.id,
        name=provider.name(settings.appearance.language),
        categories=provider.categories,
        capabilities=provider.capabilities,
        models=provider.models,
        driver=provider.driver,
        tier=provider.tier,
        network=provider.network,
        region=provider.region,
        base_url=provider.base_url,
        enabled=provider.enabled,
        configured=provider.configured,
        sources=provider.sources,
        credential=None
        if provider.credential is None
        else CredentialView(
            name=provider.credential,
            present=credential is not None and credential.present,
            backend=None if credential is None else credential.backend,
            age_ms=None if credential is None or credential.age_s is None else credential.age_s * 1000,
        ),
        provenance=provider.provenance,
        contradictions=provider.contradictions,
        cost=provider.cost,
        health=ProviderHealth(
            state=state,
            why=why,
            score=round(score.total, 1),
            breaker=lane.breaker.state(now).value,
            terms=score_view(score),
            success_rate=_rate(figures.successes, figures.requests),
            success_low=round(100 * low, 1),
            success_high=round(100 * high, 1),
            samples=round(score.samples, 1),
            latency_ms=round(score.latency_s * 1000, 1),
            p50_ms=figures.p50_ms,
            p95_ms=figures.p95_ms,
            last_check=None if last is None else last.at,
            last_error=lane.last_error,
            last_error_class=trouble,
            failures_in_a_row=len(failures),
            first_try=first_try(lane, state, trouble),
            retry_at=None if retry_at is None or retry_at <= now else iso(wall + retry_at - now),
            since=None if down_s is None else iso(wall - down_s),
            down_ms=None if down_s is None else round(down_s * 1000, 1),
        ),
    )


def sort_views(views: Iterable[ProviderView], sort_by: str) -> list[ProviderView]:
    """Providers in one of the orders of `SORTS`."""
    keys = {
        "health_score": lambda v: (-v.health.score, v.id),
        "id": lambda v: v.id,
        "name": lambda v: (v.name.casefold(), v.id),
        "tier": lambda v: (_TIERS[v.tier], -v.health.score, v.id),
        "state": lambda v: (_WORST_FIRST[v.health.state], -v.health.score, v.id),
    }
    return sorted(views, key=keys[sort_by])


def system_health(
    views: Sequence[ProviderView],
    *,
    last_check: float | None,
    next_check: float | None,
    probing: bool,
    notices: Iterable[str],
    troubles: Iterable[TroubleView],
) -> SystemHealth:
    """The whole map in numbers; held providers count as unhealthy, unknown ones count nowhere."""
    counts = {state: sum(view.health.state is state for view in views) for state in HealthState}
    healthy, degraded = counts[HealthState.HEALTHY], counts[HealthState.DEGRADED]
    known = healthy + degraded + counts[HealthState.UNHEALTHY] + counts[HealthState.HELD]
    return SystemHealth(
        overall_health=overall_health(healthy=healthy, degraded=degraded, known=known),
        healthy=healthy,
        degraded=degraded,
        unhealthy=counts[HealthState.UNHEALTHY] + counts[HealthState.HELD],
        unknown=counts[HealthState.UNKNOWN],
        held=counts[HealthState.HELD],
        off=counts[HealthState.OFF],
        last_health_check=None if last_check is None else iso(last_check),
        next_health_check=None if next_check is None else iso(next_check),
        prober=probing,
        providers=tuple(sort_views(views, "state")),
        notices=tuple(notices),
        troubles=tuple(troubles),
    )


def health_of(lanes: Sequence[Lane], *, now: float, settings: Settings) -> float | None:
    """The overall health of some lanes; None where nothing is known of any."""
    medians = category_medians(lanes, now=now)
    states = []
    for lane in lanes:
        score = lane_score(lane, now=now, settings=settings, median_s=usual_median(lane.provider, medians))
        states.append(state_of(lane, now=now, settings=settings, total=score.total)[0])
    known = sum(state not in (HealthState.OFF, HealthState.UNKNOWN) for state in states)
    healthy, degraded = states.count(HealthState.HEALTHY), states.count(HealthState.DEGRADED)
    return overall_health(healthy=healthy, degraded=degraded, known=known) if known else None


def overall_health(*, healthy: int, degraded: int, known: int) -> float:
    """Percentage: a degraded provider counts half; 0 when nothing is known.

    >>> overall_health(healthy=3, degraded=1, known=5), overall_health(healthy=0, degraded=0, known=0)
    (70.0, 0.0)
    """
    return round(100 * (healthy + degraded / 2) / known, 1) if known else 0.0


def analytics_view(
    lanes: Sequence[Lane],
    *,
    provider: str | None,
    now: float,
    settings: Settings,
    month: PeriodFigures,
    minutes: PeriodFigures,
) -> AnalyticsView:
    """The figures of the month beside the live window of some lanes, merged.

    What the window does not count (executions, units, cost) are those of the `minutes` that it covers.
    """
    medians = category_medians(lanes, now=now)
    merged = lanes[0].window.figures(now) if len(lanes) == 1 else merge_figures([lane.window for lane in lanes], now)
    score = None
    if provider is not None and lanes:
        median_s = usual_median(lanes[0].provider, medians)
        score = round(lane_score(lanes[0], now=now, settings=settings, median_s=median_s).total, 1)
    recent = msgspec.structs.replace(
        minutes,
        total_requests=merged.requests,
        success_rate=_rate(merged.successes, merged.requests),
        average_response_time=merged.mean_ms,
        p50=merged.p50_ms,
        p95=merged.p95_ms,
        p99=merged.p99_ms,
        error_classes=dict(merged.error_classes),
    )
    return AnalyticsView(
        **{name: getattr(month, name) for name in month.__struct_fields__},
        provider=provider,
        window_ms=float(settings.health.performance_window),
        recent=recent,
        health_score=score,
    )


def _rate(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None
