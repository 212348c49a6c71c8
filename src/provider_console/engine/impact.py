"""What a configuration would change: its settings, and the plan of each category, before anybody is asked.

The plans come from `decide` on the providers, scores and breakers of this moment, once as they are and once as they
would be. Sources are not asked again: what they found last stands beside what the new text configures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from provider_console.console.views import ConfigImpact, PlanChange, SettingChange
from provider_console.core.decide import Candidate, decide
from provider_console.core.settings import Settings, limits, preference
from provider_console.engine.coverage_desk import configured_pairs
from provider_console.engine.planner import candidate
from provider_console.engine.standing import category_medians, usual_median
from provider_console.sdk.operation import Operation

if TYPE_CHECKING:
    from provider_console.engine.engine import Engine
    from provider_console.engine.lane import Lane

DIFF_LINES: Final = 2_000
"""Of a diff; nobody reads more before saving."""


async def impact(
    engine: Engine, after: Settings, changed: Sequence[SettingChange], *, diff: Sequence[str]
) -> ConfigImpact:
    """What would be other with other settings."""
    before = engine.settings()
    now = _candidates(engine, engine.catalog.lanes.values(), before)
    then = _candidates(engine, await engine.catalog.imagined(after), after)
    plans = tuple(
        change
        for category, pair in _categories([*now, *then], before, after)
        if (change := _change(engine, category, pair, (before, now), (after, then))).before != change.after
    )
    return ConfigImpact(changed=tuple(changed), plans=plans, line=_line(plans, changed), diff=tuple(diff[:DIFF_LINES]))


def _candidates(engine: Engine, lanes: Iterable[Lane], settings: Settings) -> list[Candidate]:
    now, lanes = engine.parts.clock.monotonic(), list(lanes)
    medians = category_medians(lanes, now=now)
    return [
        candidate(lane, now=now, settings=settings, median_s=usual_median(lane.provider, medians)) for lane in lanes
    ]


def _categories(seen: Iterable[Candidate], before: Settings, after: Settings) -> list[tuple[str, str | None]]:
    """Each category by itself, and each language pair that is configured now or then."""
    categories = {category for one in seen for category in one.provider.categories}
    pairs = {*configured_pairs(before), *configured_pairs(after)}
    return [(name, None) for name in sorted(categories)] + [("translation", pair) for pair in sorted(pairs)]


_Side = tuple[Settings, list[Candidate]]


def _change(engine: Engine, category: str, pair: str | None, before: _Side, after: _Side) -> PlanChange:
    return PlanChange(
        what=category if pair is None else f"{category} {pair.replace('>', '›')}",
        before=_plan(engine, category, pair, *before),
        after=_plan(engine, category, pair, *after),
    )


def _plan(
    engine: Engine, category: str, pair: str | None, settings: Settings, candidates: list[Candidate]
) -> tuple[str, ...]:
    wanted = () if pair is None else (f"translate:{pair}",)
    decision = decide(
        candidates,
        Operation(kind="impact", category=category, capabilities=wanted),
        order=engine.planner.order(settings.engine.order),
        prefer=preference(settings, pair),
    )
    return tuple(choice.candidate.provider.id for choice in decision.plan)[: limits(settings, category).max_providers]


def _line(plans: Sequence[PlanChange], changed: Sequence[SettingChange]) -> str:
    if not changed:
        return "nothing would change"
    if not plans:
        return "no plan would change"
    return "; ".join(f"{one.what}: {_names(one.before)} → {_names(one.after)}" for one in plans)


def _names(providers: Sequence[str]) -> str:
    return ", ".join(providers) or "nobody"
