"""A made-up past of the fleet: one provider got slower and fails more often, one is down, the rest are as ever."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

from tests.tui.scene import NOW

from provider_console.console.history_views import (
    CheckFigures,
    HistoryView,
    OutagesView,
    OutageView,
    ProviderHistory,
    TrendPoint,
)
from provider_console.console.views import KindView, PeriodFigures, iso
from provider_console.console.words import span_s

_STEP_S: Final = {"5m": 60, "1h": 60, "24h": 3_600, "7d": 3_600, "30d": 86_400}
_FACTOR: Final = {"5m": 0.004, "1h": 0.04, "24h": 1.0, "7d": 6.8, "30d": 28.0}

# name, requests, success %, p50, p95, p99 (ms), calls, classes, of them reached, cost, units, success and p95 before
_FLEET: Final[Sequence[tuple[Any, ...]]] = (
    ("LibreTranslate", 810, 88.6, 330, 520, 840, 1.92, {"network": 92}, {"network": 8}, None, 410_000, 99.6, 500),
    ("OpenAI", 2511, 97.1, 1080, 3410, 6200, 1.06, {"server_error": 44, "rate_limited": 29}, {"server_error": 4},
     7.84, 1_900_000, 99.7, 1600),
    ("OpenRouter", 1120, 98.9, 1220, 2400, 3810, 1.02, {"timeout": 9, "server_error": 3}, {},
     3.15, 840_000, 99.1, 2390),
    ("Mistral", 2480, 99.1, 820, 1610, 2900, 1.02, {"server_error": 22}, {}, 1.96, 2_100_000, 99.0, 1600),
    ("acme", 861, 99.3, 550, 980, 1700, 1.01, {"timeout": 6}, {}, 0.43, 96_000, 98.9, 990),
    ("Groq", 3816, 99.4, 190, 380, 710, 1.01, {"rate_limited": 23}, {}, 0.88, 3_300_000, 99.3, 372),
    ("Anthropic", 5604, 99.6, 710, 1320, 2440, 1.01, {"timeout": 12, "content_refused": 8}, {"timeout": 4}, 14.2,
     4_700_000, 99.6, 1330),
    ("DeepL", 6204, 99.8, 240, 360, 520, 1.0, {"server_error": 12}, {"server_error": 2}, 9.31, 1_200_000, 99.8, 392),
    ("Google Translate", 4230, 99.9, 260, 520, 750, 1.0, {"timeout": 2}, {}, 8.46, 610_000, 99.9, 515),
    ("Ollama", 402, 100.0, 2100, 2960, 3300, 1.0, {}, {}, 0.0, 120_000, 100.0, 2900),
)  # fmt: skip


def _figures(row: tuple[Any, ...], factor: float, *, before: bool = False) -> PeriodFigures | None:
    _name, requests, success, p50, p95, p99, calls, classes, reached, cost, units, success_before, p95_before = row
    count = round(requests * factor * (0.96 if before else 1.0))
    if not count:
        return None
    failed = {} if before else {key: max(1, round(value * factor)) for key, value in classes.items()}
    caller = {} if before else {key: max(1, round(value * factor)) for key, value in reached.items()}
    return PeriodFigures(
        total_requests=count,
        success_rate=success_before if before else success,
        average_response_time=p50 * 1.2,
        p50=float(p50 * p95_before / p95) if before else float(p50),
        p95=float(p95_before) if before else float(p95),
        p99=float(p99 * p95_before / p95) if before else float(p99),
        attempts_per_execution=1.0 if before else calls,
        absorbed_failures=sum(failed.values()) - sum(caller.values()),
        reached_caller=sum(caller.values()),
        time_lost_ms=sum(failed.values()) * 900.0,
        error_classes=dict(sorted(failed.items(), key=lambda each: -each[1])),
        reached_classes=caller,
        units={"characters": units * factor},
        cost=None if cost is None else round(cost * factor, 2),
    )


def _trend(row: tuple[Any, ...], since: float, step_s: int, count: int) -> tuple[TrendPoint, ...]:
    name, requests, success, p50, p95, p99, *_rest, success_before, p95_before = row
    chance = random.Random(f"{name} {count}")
    points = []
    for at in range(count):
        # What changed did so in the last third.
        share = max(0.0, (at / max(1, count - 1) - 0.6) / 0.4)
        noise = chance.uniform(0.93, 1.07)
        slower = (p95_before + (p95 - p95_before) * min(1.0, 1.3 * share)) / p95 * noise
        failing = (100 - success_before) * (1 - share) + (100 - success) * share * 1.2
        failing = 0.0 if chance.random() < 0.3 and failing < 0.3 else failing * chance.uniform(0.6, 1.5)
        points.append(
            TrendPoint(
                at=iso(max(since, (since // step_s + at) * step_s)),
                total_requests=max(1, requests // count),
                success_rate=round(max(0.0, 100 - failing), 2),
                average_response_time=p50 * slower,
                p50=round(p50 * slower, 1),
                p95=round(p95 * slower, 1),
                p99=round(p99 * slower, 1),
                cost=None,
            )
        )
    return tuple(points)


def history(
    *, providers: Sequence[str] = (), since: str = "24h", until: str | None = None, **_only: str | None
) -> HistoryView:
    """The fleet in a period."""
    length, step_s, factor = span_s(since) or 86_400.0, _STEP_S.get(since, 3_600), _FACTOR.get(since, 1.0)
    start = (NOW - length) // 60 * 60
    count = int(NOW // step_s - start // step_s) + 1
    shown = []
    for row in _FLEET:
        key = row[0].lower().replace(" ", "_")
        if providers and key not in providers:
            continue
        shown.append(
            ProviderHistory(
                provider=key,
                name=row[0],
                figures=_figures(row, factor),
                before=_figures(row, factor, before=True),
                trend=_trend(row, start, step_s, count),
            )
        )
    return HistoryView(
        since=iso(start),
        until=iso(NOW),
        step_ms=step_s * 1000.0,
        before_since=iso(start - length),
        total=_total([one.figures for one in shown]),
        before=_total([one.before for one in shown]),
        trend=shown[0].trend,
        providers=tuple(shown),
    )


def _total(all_: Sequence[PeriodFigures | None]) -> PeriodFigures | None:
    some = [each for each in all_ if each is not None]
    if not some:
        return None
    requests = sum(each.total_requests for each in some)
    good = sum(each.total_requests * (each.success_rate or 0.0) for each in some)
    classes: dict[str, int] = {}
    reached: dict[str, int] = {}
    for each in some:
        for name, count in each.error_classes.items():
            classes[name] = classes.get(name, 0) + count
        for name, count in each.reached_classes.items():
            reached[name] = reached.get(name, 0) + count
    return PeriodFigures(
        total_requests=requests,
        success_rate=round(good / requests, 2),
        average_response_time=520.0,
        p50=410.0,
        p95=1880.0,
        p99=3700.0,
        attempts_per_execution=1.02,
        absorbed_failures=sum(each.absorbed_failures for each in some),
        reached_caller=sum(each.reached_caller for each in some),
        time_lost_ms=sum(each.time_lost_ms for each in some),
        error_classes=dict(sorted(classes.items(), key=lambda each: (-each[1], each[0]))),
        reached_classes=reached,
        units={"characters": sum(each.units["characters"] for each in some)},
        cost=round(sum(each.cost or 0.0 for each in some), 2),
    )


def outages(provider_id: str, *, since: str = "30d", until: str | None = None) -> OutagesView:
    """Checks of one provider; LibreTranslate is down, and OpenAI was twice."""
    down = {
        "libretranslate": (_outage("libretranslate", 126.0, None, "connection refused"),),
        "openai": (
            _outage("openai", 412_000.0, 405_280.0, "HTTP 503"),
            _outage("openai", 1_290_000.0, 1_260_000.0, "read timeout", unwatched_ms=25_200_000.0),
        ),
    }.get(provider_id, ())
    checks = CheckFigures(
        provider=provider_id,
        checks=86_214,
        passed=86_214 - 5 * len(down),
        failed=5 * len(down),
        outages=len(down),
        down_ms=sum(each.duration_ms for each in down),
    )
    return OutagesView(since=iso(NOW - 2_592_000), until=iso(NOW), checks=(checks,), outages=down)


def _outage(
    provider: str, began_ago: float, ended_ago: float | None, message: str, *, unwatched_ms: float = 0.0
) -> OutageView:
    lasted = began_ago - (ended_ago or 0.0)
    return OutageView(
        provider=provider,
        started_at=iso(NOW - began_ago),
        ended_at=None if ended_ago is None else iso(NOW - ended_ago),
        duration_ms=lasted * 1000.0 - unwatched_ms,
        unwatched_ms=unwatched_ms,
        recovered=ended_ago is not None,
        error_class="network",
        message=message,
    )


KINDS: Final = (
    KindView(name="chat", title="Chat", category="ai", fields=()),
    KindView(name="embed", title="Embed", category="ai", fields=()),
    KindView(name="translate", title="Translate", category="translation", fields=()),
)
