"""Coverage of this moment, from the lanes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from provider_console.console.views import CoverageEntry
from provider_console.core.coverage import Server, Wanted, coverage, wanted_by
from provider_console.core.scoring import Standing
from provider_console.core.settings import Settings
from provider_console.engine.standing import standing
from provider_console.sdk.operation import Operation
from provider_console.sdk.provider import serves

if TYPE_CHECKING:
    from provider_console.engine.engine import Engine


def coverage_entries(engine: Engine) -> Sequence[CoverageEntry]:
    """Every category, capability and configured pair, and who could serve it now."""
    now = engine.parts.clock.monotonic()
    lanes = engine.catalog.lanes
    wanted = wanted_by(engine.catalog.providers, configured_pairs(engine.settings()))
    entries = []
    for one in wanted:
        entry = coverage(_servers(engine, one, now), [one])[0]
        heir = entry.takes_over
        lane = None if heir is None else lanes[heir.provider.id]
        # Who takes over may not have been called for a while: then it is what it took in the last day.
        latency_s = None if lane is None else lane.stats.latency_s(now) or lane.history_latency_s
        entries.append(
            CoverageEntry(
                category=one.category,
                capability=one.capability,
                status=entry.status,
                providers=entry.providers,
                down=tuple(
                    provider.id
                    for provider in engine.catalog.providers
                    if provider.enabled
                    and provider.id not in entry.providers
                    and one.category in provider.categories
                    and serves(provider.capabilities, one.capability)
                ),
                takes_over=None if heir is None else heir.provider.id,
                latency_ms=None if latency_s is None else round(latency_s * 1000, 1),
                cost=entry.cost,
            )
        )
    return entries


def _servers(engine: Engine, wanted: Wanted, now: float) -> list[Server]:
    """Whoever could be called now and is not known to be down, in the order in which they would be asked."""
    operation = Operation(kind="coverage", category=wanted.category, capabilities=(wanted.capability,))
    decision = engine.planner.fresh(operation, now)
    settings = engine.settings()
    return [
        Server(
            provider=choice.candidate.provider,
            eligible=standing(engine.catalog.lanes[choice.candidate.provider.id], now=now, settings=settings)
            is not Standing.UNHEALTHY,
        )
        for choice in decision.plan
    ]


def configured_pairs(settings: Settings) -> Iterable[str]:
    """The language pairs that any plugin's section names: its default pair, and those it has preferences for."""
    for section in settings.sections.values():
        default = getattr(section, "default_pair", None)
        if isinstance(default, str) and default:
            yield default
        yield from getattr(section, "prefer", None) or ()
