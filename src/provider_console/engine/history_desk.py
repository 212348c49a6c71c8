"""The past, made ready for people: figures of a period beside the one before, and outages."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from provider_console.console.errors import BadRequest, StorageUnavailable
from provider_console.console.history_views import (
    CheckFigures,
    HistoryView,
    OutagesView,
    OutageView,
    ProviderHistory,
    TrendPoint,
)
from provider_console.console.views import PeriodFigures, iso
from provider_console.core.histogram import BUCKETS
from provider_console.core.moments import span_s
from provider_console.core.nearest import did_you_mean
from provider_console.core.period import Period, PeriodError, Span, period, words
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.usage import Kept, OutageRow, Rollup
from provider_console.core.rollup import BILLION, THOUSAND, Cell, merged
from provider_console.engine.lane import STALE_INTERVALS

if TYPE_CHECKING:
    from provider_console.engine.engine import Engine

BREATH: Final = 100
"""Steps of a trend made at once: more would keep everybody else waiting."""
GAP_S: Final = 300.0
"""No check for so long, and for three intervals: nobody looked."""
CANCELLED: Final = "cancelled"

_Trend = dict[int, Cell]


async def history(
    engine: Engine,
    *,
    providers: Sequence[str],
    category: str | None,
    kind: str | None,
    since: str,
    until: str | None,
    step: str | None,
) -> HistoryView:
    """See `Console.history`."""
    now = engine.parts.clock.wall()
    asked = _asked(since=since, until=until, step=step, now=now)
    await engine.recorder.flush()
    try:
        kept = await engine.parts.usage.kept()
        current, earlier = asked.kept_since(kept.attempts), asked.before.kept_since(kept.attempts)
        trends = await _trends(engine, current, providers, category, kind)
        before = await _sums(engine, earlier, providers, category, kind)
    except StoreUnavailable as error:
        raise StorageUnavailable(str(error)) from error
    await _check_known(engine, providers, [*trends, *before])
    names = providers or sorted({*trends, *before})
    lanes, language = engine.catalog.lanes, engine.settings().appearance.language
    moments: dict[int, str] = {}
    listed = [
        ProviderHistory(
            provider=name,
            name=lanes[name].provider.name(language) if name in lanes else name,
            figures=_if_any(merged(trends.get(name, {}).values())),
            before=_if_any(before.get(name, Cell())),
            trend=await _points(engine, trends.get(name, {}), current, moments),
        )
        for name in dict.fromkeys(names)
    ]
    whole = await _together(engine, trends.values())
    return HistoryView(
        since=iso(current.start),
        until=iso(current.end),
        step_ms=current.step_s * 1000.0,
        before_since=iso(earlier.start),
        total=_if_any(merged(whole.values()), among_all=not providers),
        before=_if_any(merged(before.values()), among_all=not providers),
        trend=await _points(engine, whole, current, moments),
        providers=tuple(listed),
        kept_since=iso(kept.attempts) if kept.attempts else None,
        notes=tuple(_notes(engine, asked, current, kept, now)),
    )


async def totals(engine: Engine, provider: str | None, *, since: str) -> Cell:
    """All requests since a moment, of one provider or of all together."""
    asked = _asked(since=since, until=None, step=None, now=engine.parts.clock.wall())
    await engine.recorder.flush()
    try:
        kept = await engine.parts.usage.kept()
        own = () if provider is None else (provider,)
        rows = await engine.parts.usage.rollups(asked.kept_since(kept.attempts).sum_spans, providers=own)
    except StoreUnavailable as error:
        raise StorageUnavailable(str(error)) from error
    return merged(row.cell for row in rows)


async def outages(engine: Engine, provider: str | None, *, since: str, until: str | None) -> OutagesView:
    """See `Console.outages`."""
    now = engine.parts.clock.wall()
    asked = _asked(since=since, until=until, step="1d", now=now)
    await engine.recorder.flush()
    gap_s = max(GAP_S, STALE_INTERVALS * engine.settings().health.health_check_interval / 1000)
    usage = engine.parts.usage
    try:
        kept = await usage.kept()
        rows = await usage.outages(provider=provider, since=asked.start, until=asked.end, gap_s=gap_s)
        counts = await usage.check_counts(provider=provider, since=asked.start, until=asked.end)
    except StoreUnavailable as error:
        raise StorageUnavailable(str(error)) from error
    if provider is not None:
        await _check_known(engine, [provider], [*counts, *(row.provider for row in rows)])
    shown = [_outage(row, now=now, gap_s=gap_s) for row in rows]
    names = sorted({*counts, *(row.provider for row in rows)})
    checks = []
    for name in names:
        own = [outage for outage in shown if outage.provider == name]
        passed, failed = (counts[name].passed, counts[name].failed) if name in counts else (0, 0)
        checks.append(
            CheckFigures(
                provider=name,
                checks=passed + failed,
                passed=passed,
                failed=failed,
                outages=len(own),
                down_ms=sum(outage.duration_ms for outage in own),
            )
        )
    notes = () if asked.start >= kept.attempts else (_gone(engine, "checks", kept.attempts, now),)
    return OutagesView(
        since=iso(asked.start), until=iso(asked.end), checks=tuple(checks), outages=tuple(shown), notes=notes
    )


def figures(cell: Cell, *, among_all: bool = False) -> PeriodFigures:
    """What a roll-up says. `among_all`: it is of every provider, so that an execution is counted where it began."""
    cancelled = cell.failed.get(CANCELLED, 0)
    requests = cell.attempts - cancelled
    failed = {name: count for name, count in cell.failed.items() if name != CANCELLED}
    reached = {name: count - cell.absorbed.get(name, 0) for name, count in failed.items()}
    reached = {name: count for name, count in reached.items() if count > 0}
    visits = cell.executions if among_all else cell.visits
    p50, p95, p99 = cell.quantiles_s(0.5, 0.95, 0.99)
    return PeriodFigures(
        total_requests=requests,
        success_rate=round(100 * cell.successes / requests, 2) if requests else None,
        average_response_time=round(cell.latency_us / cell.successes / 1000, 1) if cell.successes else None,
        p50=_ms(p50),
        p95=_ms(p95),
        p99=_ms(p99),
        attempts_per_execution=round(cell.attempts / visits, 2) if visits else None,
        absorbed_failures=sum(failed.values()) - sum(reached.values()),
        reached_caller=sum(reached.values()),
        time_lost_ms=round(cell.lost_us / 1000, 1),
        error_classes=_most_first(failed),
        reached_classes=_most_first(reached),
        units={name: amount / THOUSAND for name, amount in sorted(cell.units.items())},
        cost=None if cell.cost is None else round(cell.cost / BILLION, 6),
    )


def _asked(*, since: str, until: str | None, step: str | None, now: float) -> Period:
    try:
        return period(since=since, until=until, step=step, now=now)
    except PeriodError as error:
        raise BadRequest(str(error), field=error.field) from error


async def _trends(
    engine: Engine, asked: Period, providers: Sequence[str], category: str | None, kind: str | None
) -> dict[str, _Trend]:
    """The cells of each provider by the step they are in."""
    found: dict[str, dict[int, list[Cell]]] = {}
    async for row in _read(engine, asked.spans, providers, category, kind):
        at = row.at // asked.step_s * asked.step_s
        found.setdefault(row.provider, {}).setdefault(at, []).append(row.cell)
    return {name: await _by_step(engine, steps) for name, steps in found.items()}


async def _sums(
    engine: Engine, asked: Period, providers: Sequence[str], category: str | None, kind: str | None
) -> dict[str, Cell]:
    """All requests of each provider."""
    found: dict[str, list[Cell]] = {}
    async for row in _read(engine, asked.sum_spans, providers, category, kind):
        found.setdefault(row.provider, []).append(row.cell)
    return {name: merged(cells) for name, cells in found.items()}


async def _read(
    engine: Engine, spans: Sequence[Span], providers: Sequence[str], category: str | None, kind: str | None
) -> AsyncIterator[Rollup]:
    rows = await engine.parts.usage.rollups(spans, providers=providers, category=category, kind=kind)
    for number, row in enumerate(rows, 1):
        if number % BREATH == 0:
            await engine.parts.clock.sleep(0)
        yield row


async def _together(engine: Engine, trends: Iterable[_Trend]) -> _Trend:
    found: dict[int, list[Cell]] = {}
    for steps in trends:
        for at, cell in steps.items():
            found.setdefault(at, []).append(cell)
    return await _by_step(engine, found)


async def _by_step(engine: Engine, found: Mapping[int, Sequence[Cell]]) -> _Trend:
    merging, steps = 0, _Trend()
    for at, cells in found.items():
        if (merging := merging + len(cells)) >= BREATH:
            await engine.parts.clock.sleep(0)
            merging = 0
        steps[at] = merged(cells)
    return steps


async def _points(
    engine: Engine, steps: Mapping[int, Cell], asked: Period, moments: dict[int, str]
) -> tuple[TrendPoint, ...]:
    """What a trend shows. `moments` are times in words: those of one trend are those of the others too."""
    points = []
    for number, (at, cell) in enumerate(sorted(steps.items()), 1):
        if number % BREATH == 0:
            await engine.parts.clock.sleep(0)
        requests = cell.attempts - cell.failed.get(CANCELLED, 0)
        if not requests:
            continue
        if at not in moments:
            moments[at] = iso(max(at, asked.start))
        p50, p95, p99 = cell.quantiles_s(0.5, 0.95, 0.99, lasting=True)
        points.append(
            TrendPoint(
                at=moments[at],
                total_requests=requests,
                success_rate=round(100 * cell.successes / requests, 2),
                average_response_time=round(cell.latency_us / cell.successes / 1000, 1) if cell.successes else None,
                p50=_ms(p50),
                p95=_ms(p95),
                p99=_ms(p99),
                cost=None if cell.cost is None else round(cell.cost / BILLION, 6),
            )
        )
    return tuple(points)


def _if_any(cell: Cell, *, among_all: bool = False) -> PeriodFigures | None:
    made = figures(cell, among_all=among_all)
    return made if made.total_requests else None


def _outage(row: OutageRow, *, now: float, gap_s: float) -> OutageView:
    """An outage as far as somebody looked; one whose last check is old is not known to go on."""
    ended = row.ended
    if ended is None and now - row.last_seen > gap_s:
        ended = row.last_seen
    lasted_s = (now if ended is None else ended) - row.started - row.unwatched_s
    return OutageView(
        provider=row.provider,
        started_at=iso(row.started),
        ended_at=None if ended is None else iso(max(ended, row.started)),
        duration_ms=round(max(0.0, lasted_s) * 1000, 1),
        unwatched_ms=round(row.unwatched_s * 1000, 1),
        recovered=row.after in ("healthy", "degraded"),
        error_class=row.error_class,
        message=row.message,
    )


async def _check_known(engine: Engine, wanted: Iterable[str], found: Iterable[str]) -> None:
    """Whether they are on the map, or were once: one that is no longer configured has a past all the same."""
    known = {*engine.catalog.lanes, *found}
    missing = [name for name in wanted if name not in known]
    if not missing:
        return
    try:
        days = await engine.parts.usage.rollups([Span("day", 0, math.inf)], providers=missing)
    except StoreUnavailable as error:
        raise StorageUnavailable(str(error)) from error
    past = {row.provider for row in days}
    for name in missing:
        if name not in past:
            raise BadRequest(f"unknown provider {name!r}{did_you_mean(name, known)}", field="provider")


def _notes(engine: Engine, asked: Period, current: Period, kept: Kept, now: float) -> Iterable[str]:
    if current is not asked:
        yield f"{_gone(engine, 'minutes', kept.attempts, now)}; the figures are by the hour"
    if asked.start < kept.rollups:
        yield f"nothing is kept from before {words(kept.rollups)} UTC (history.keep_rollups or history.max_size_mb)"


def _gone(engine: Engine, what: str, since: float, now: float) -> str:
    """Why there is nothing older: the setting that deleted it."""
    keep_s = span_s(engine.settings().history.keep_attempts) or math.inf
    # What goes by age goes at the end of an hour; what is missing beyond that was too much.
    setting = "keep_attempts" if now - since > keep_s - 7_200 else "max_size_mb"
    return f"{what} are kept since {words(since)} UTC (history.{setting})"


def _most_first(counts: Mapping[str, int]) -> Mapping[str, int]:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


@lru_cache(maxsize=BUCKETS)
def _ms(seconds: float | None) -> float | None:
    if seconds is None:
        return None
    return round(seconds * 1000, 1 if seconds >= 0.1 else 3)
