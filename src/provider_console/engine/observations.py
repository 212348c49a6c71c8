"""What alerts are about: each provider, category and capability with its figures of this moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import msgspec

from provider_console.console.views import HealthState
from provider_console.core.alerts import Scope, Value
from provider_console.core.breaker import NEEDS_KEY, QUOTA_USED
from provider_console.core.coverage import wanted_by
from provider_console.core.decide import Candidate, unfit
from provider_console.core.period import Span
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.rollup import BILLION
from provider_console.core.scoring import Standing
from provider_console.engine.coverage_desk import configured_pairs
from provider_console.engine.lane import Lane
from provider_console.engine.planner import candidate
from provider_console.engine.standing import category_medians, standing, state_of, usual_median
from provider_console.sdk.operation import Operation
from provider_console.sdk.provider import Provider

if TYPE_CHECKING:
    from provider_console.engine.engine import Engine

SLICE: Final = 50
"""Providers looked at in one go: a millisecond or two, then others have their turn."""

SPENT_S: Final = 86_400.0
SPENT_LOOK_S: Final = 30.0
"""Costs of a day are added up at most this often."""

_WORDS: Final = {HealthState.UNHEALTHY: "down"}

_PASSING: Final = (None, "credential missing", NEEDS_KEY, QUOTA_USED)
"""What `unfit` says of a provider that could serve it, once somebody puts it right."""

_ID: Final = attrgetter("id")


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One subject. `lane` is the provider's own, `state` and `why` say how it is; `able` could serve it and do not."""

    scope: Scope
    subject: str
    values: Mapping[str, Value]
    lane: Lane | None = None
    state: HealthState = HealthState.UNKNOWN
    why: str = ""
    able: tuple[Provider, ...] = ()


class Observer:
    """Looks at the engine for the alerts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._spent: Mapping[str, float] = {}
        self._spent_at = -SPENT_LOOK_S

    async def look(self, quantities: Collection[str]) -> AsyncIterator[Observation]:
        """Every subject that the quantities speak of, with those that are asked for."""
        engine = self._engine
        now, settings = engine.parts.clock.monotonic(), engine.settings()
        if "cost" in quantities:
            await self._add_up(now)
        lanes = [lane for lane in engine.catalog.lanes.values() if lane.provider.enabled]
        medians = category_medians(lanes, now=now)
        seen: list[tuple[Lane, Candidate, HealthState, str]] = []
        for place, lane in enumerate(lanes):
            if place and place % SLICE == 0:
                await engine.parts.clock.sleep(0)
            found = candidate(lane, now=now, settings=settings, median_s=usual_median(lane.provider, medians))
            state, why = state_of(lane, now=now, settings=settings, total=found.score.total)
            seen.append((lane, found, state, why))
            yield Observation(
                scope="provider",
                subject=lane.provider.id,
                values=self._figures(lane, found, state, quantities, now),
                lane=lane,
                state=state,
                why=why,
            )
        if "healthy_providers" in quantities:
            for category in sorted({name for lane in lanes for name in lane.provider.categories}):
                members = [(lane.provider, state) for lane, _, state, _ in seen if category in lane.provider.categories]
                weak = [provider for provider, state in members if state is not HealthState.HEALTHY]
                yield Observation(
                    scope="category",
                    subject=category,
                    values={"healthy_providers": float(len(members) - len(weak))},
                    able=tuple(sorted(weak, key=_ID)),
                )
        # Before anybody has set up a provider, that nothing is served is no news.
        if "coverage" in quantities and any(lane.provider.configured for lane in engine.catalog.lanes.values()):
            async for entry in self._coverage(seen, now):
                yield entry

    def _figures(
        self, lane: Lane, found: Candidate, state: HealthState, quantities: Collection[str], now: float
    ) -> Mapping[str, Value]:
        values: dict[str, Value] = {
            "state": _WORDS.get(state, state.value),
            "score": found.score.total,
            "credential": "present" if lane.missing is None else "missing",
            "cost": self._spent.get(lane.provider.id, 0.0),
        }
        if any(name in quantities for name in ("failure_rate", "p95", "requests")):
            figures = lane.window.figures(now)
            values["requests"] = float(figures.requests)
            values["p95"] = figures.p95_ms
            values["failure_rate"] = 100 * figures.failures / figures.requests if figures.requests else None
        return values

    async def _coverage(
        self, seen: list[tuple[Lane, Candidate, HealthState, str]], now: float
    ) -> AsyncIterator[Observation]:
        """As `coverage_entries` counts, with each provider judged once for all that it could serve."""
        engine = self._engine
        settings = engine.settings()
        up = {
            found.provider.id: found.refusal is None
            and standing(lane, now=now, settings=settings) is not Standing.UNHEALTHY
            for lane, found, _, _ in seen
        }
        wanted = wanted_by((lane.provider for lane, _, _, _ in seen), configured_pairs(settings))
        for one in wanted:
            await engine.parts.clock.sleep(0)
            operation = Operation(kind="coverage", category=one.category, capabilities=(one.capability,))
            able = [(f.provider, unfit(f, operation)) for _, f, _, _ in seen]
            serving = {provider.id for provider, reason in able if reason is None and up[provider.id]}
            could = [one for one, reason in able if one.id not in serving and reason in _PASSING]
            yield Observation(
                scope="capability",
                subject=f"{one.category} {one.capability}",
                values={"coverage": float(len(serving))},
                able=tuple(sorted(could, key=_ID)),
            )

    async def _add_up(self, now: float) -> None:
        if now - self._spent_at < SPENT_LOOK_S:
            return
        self._spent_at = now
        wall, spent = self._engine.parts.clock.wall(), dict[str, float]()
        try:
            rollups = await self._engine.parts.usage.rollups([Span("hour", int(wall - SPENT_S), wall + 1.0)])
        except StoreUnavailable:
            rollups = ()  # said in the notices; what is not known fires nothing
        for one in rollups:
            spent[one.provider] = spent.get(one.provider, 0.0) + (one.cell.cost or 0) / BILLION
        self._spent = spent
