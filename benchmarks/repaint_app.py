"""The terminal console on a console that answers from memory: `repaint_app.py ROWS EVENTS_A_SECOND`."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from provider_console.cli.terminal import settled
from provider_console.console import events
from provider_console.console.console import Console
from provider_console.console.views import (
    CheckView,
    ConfigView,
    CoverageEntry,
    CredentialView,
    ExecutionSummary,
    FiguresView,
    HealthState,
    PluginView,
    ProviderHealth,
    ProviderView,
    ScoreView,
    SystemHealth,
    TrendView,
    Who,
    iso,
)
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.themes import load_themes

BEAT_S: Final = 0.01
"""Events come in handfuls, as from an engine whose loop does other things too."""


def provider(number: int, success_rate: float = 99.4) -> ProviderView:
    """One of the providers."""
    return ProviderView(
        id=f"provider-{number:04}",
        name=f"provider-{number:04}",
        categories=("translation",),
        capabilities=("translate",),
        models=(),
        driver="libretranslate",
        tier="primary",
        network="loopback",
        region=None,
        base_url="http://127.0.0.1:5000",
        enabled=True,
        configured=True,
        sources=("translation",),
        credential=CredentialView(name="A_KEY", present=True),
        provenance={},
        contradictions=(),
        cost=None,
        health=ProviderHealth(
            state=HealthState.HEALTHY,
            why="healthy",
            score=97.0,
            breaker="closed",
            terms=ScoreView(total=97.0, base=40.0, response=28.0, reliability=29.0),
            success_rate=success_rate,
            p50_ms=240.0,
            p95_ms=410.0,
            last_check=iso(time.time()),
        ),
    )


class MemoryConsole:
    """What the terminal asks a console for, without an engine."""

    def __init__(self, rows: int, rate: int) -> None:
        self._views = {view.id: view for view in map(provider, range(1, rows + 1))}
        self._handful = max(1, round(rate * BEAT_S))

    async def whoami(self) -> Who:
        """Somebody who may everything."""
        return Who(actor="alice", role="super_admin", front_end="tui", may={})

    async def health(self) -> SystemHealth:
        """All of them are well."""
        now = time.time()
        return SystemHealth(
            overall_health=100.0,
            healthy=len(self._views),
            degraded=0,
            unhealthy=0,
            unknown=0,
            held=0,
            off=0,
            last_health_check=iso(now),
            next_health_check=iso(now + 30),
            prober=True,
            providers=tuple(self._views.values()),
        )

    async def provider(self, provider_id: str) -> ProviderView:
        """One of them."""
        return self._views[provider_id]

    async def recent_checks(self, *, limit: int = 60) -> Mapping[str, Sequence[CheckView]]:
        """None yet; the events bring them."""
        return {}

    async def trends(self) -> Mapping[str, TrendView]:
        """None."""
        return {}

    async def coverage(self) -> Sequence[CoverageEntry]:
        """One pair, served by all."""
        return (
            CoverageEntry(
                category="translation",
                capability="translate:en>es",
                status="served",
                providers=tuple(self._views),
                down=(),
            ),
        )

    async def alerts(self, *, only_open: bool = False, limit: int = 200) -> Sequence[Any]:
        """None rings."""
        return ()

    async def figures(self) -> FiguresView:
        """Plausible ones."""
        return FiguresView(
            window_ms=300_000.0,
            executions=1284,
            succeeded=1279,
            success_rate=99.61,
            saved_by_fallback=41,
            median_ms=480.0,
            cost=1.92,
        )

    async def executions(self, *, limit: int = 50, before: str | None = None) -> Sequence[ExecutionSummary]:
        """None."""
        return ()

    async def plugins(self) -> Sequence[PluginView]:
        """None."""
        return ()

    async def config(self) -> ConfigView:
        """One that is in order."""
        return ConfigView(revision="0", file="config.toml", settings=())

    async def events(self) -> AsyncIterator[events.Event]:
        """A handful of checks each beat, of one provider after the other."""
        ids = itertools.cycle(self._views)
        begun = asyncio.get_running_loop().time()
        for beat in itertools.count(1):
            now = time.time()
            for provider_id in itertools.islice(ids, self._handful):
                self._views[provider_id] = provider(int(provider_id[-4:]), success_rate=99.0 + beat % 10 / 10)
                check = CheckView(
                    provider=provider_id, at=iso(now), state=HealthState.HEALTHY, passed=True, latency_ms=20.0
                )
                yield events.HealthChecked(at=now, check=check)
            await asyncio.sleep(max(0.0, begun + beat * BEAT_S - asyncio.get_running_loop().time()))


def main() -> None:
    """Run the terminal until it is ended."""
    rows, rate = int(sys.argv[1]), int(sys.argv[2])

    @asynccontextmanager
    async def opened() -> AsyncIterator[Console]:
        yield cast(Console, MemoryConsole(rows, rate))

    preview: dict[str, Any] = {"names": tuple(f"provider-{number:04}" for number in range(1, rows + 1))}
    ConsoleApp(
        opener=settled(opened), preview=Preview(user="alice", **preview), clock=WallClock(), themes=load_themes([])
    ).run()


if __name__ == "__main__":
    main()
