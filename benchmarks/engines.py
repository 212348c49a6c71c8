"""Engines to measure: real recorder, real SQLite on a temporary file, real prober; providers that answer at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from provider_console.adapters.clock import SystemClock, UlidIds
from provider_console.adapters.memory import MemoryAudit, MemoryLock, MemorySecrets, MemorySettings
from provider_console.adapters.memory_alerts import MemoryBell
from provider_console.adapters.memory_machine import MemoryMachine
from provider_console.adapters.sqlite import SqliteUsage
from provider_console.core.settings import Settings
from provider_console.engine.engine import Engine, Parts, running
from provider_console.engine.engine_console import EngineConsole
from provider_console.sdk import Call, Driver, ProbeResult, ProviderDescriptor, Result, Source

CATEGORY = "bench"


class Instant(Driver):
    """A driver without a network: its probes pass, its calls are never made."""

    name = "instant"
    title = "Instant"
    categories = (CATEGORY,)
    credential = "none"
    capabilities = ("answer",)
    rungs = ()

    async def call(self, call: Call) -> Result:
        raise NotImplementedError(f"nobody calls {call.provider.id} through its driver here")

    async def probe(self, call: Call) -> ProbeResult:
        return ProbeResult(rung="reach")


class Many(Source):
    """`count` providers, the first of them in a better tier, so that it stays first whatever its score."""

    name = "bench"

    def __init__(self, count: int) -> None:
        self._count = count

    async def discover(self) -> Sequence[ProviderDescriptor]:
        return [
            ProviderDescriptor(
                id=f"provider-{number}",
                driver="instant",
                configured=True,
                tier="secondary" if number else "primary",
                base_url="https://provider.example",
            )
            for number in range(self._count)
        ]


class Brought:
    """What plugins would bring: one source and one driver."""

    def __init__(self, count: int) -> None:
        self.sources = {"bench": Many(count)}
        self.drivers = {"instant": Instant()}
        self.kinds: dict[str, Any] = {}
        self.rankers: dict[str, Any] = {}
        self.sections = ()
        self.classify_hooks = ()
        self.driver_section: dict[str, str] = {}
        self.listens = False

    def hear(self, _listener: Any) -> None:
        """Nothing here is ever put aside."""

    def views(self) -> tuple[Any, ...]:
        """Nothing that could be new."""
        return ()


class NoNetwork:
    """An HTTP factory whose clients cannot be used."""

    def client(self, **_options: Any) -> Any:
        return None

    async def aclose(self) -> None:
        return


@asynccontextmanager
async def engine(
    folder: Path, providers: int, *, listened: bool = False
) -> AsyncIterator[tuple[Engine, EngineConsole]]:
    """A running engine, probing and recording; with `listened`, somebody reads its events."""
    clock = SystemClock()
    usage = SqliteUsage(folder / f"console-{providers}-{listened}.db", clock=clock)
    await usage.open()
    settings_store = MemorySettings(Settings())
    parts = Parts(
        clock=clock,
        rng=random.Random(),
        ids=UlidIds(clock, rng=random.SystemRandom()),
        http=NoNetwork(),
        secrets=MemorySecrets(clock=clock),
        usage=usage,
        # A call out of the same process has no person behind it and leaves no audit row: nothing is left off here.
        audit=MemoryAudit(clock),
        settings_store=settings_store,
        loaded=await settings_store.load(()),
        lock=MemoryLock(),
        bell=MemoryBell(),
        machine=MemoryMachine(),
        plugins=Brought(providers),  # type: ignore[arg-type]
    )
    async with running(parts) as started:
        console = EngineConsole(started)
        reader = asyncio.create_task(_read(console)) if listened else None
        try:
            yield started, console
        finally:
            if reader is not None:
                reader.cancel()
                with suppress(asyncio.CancelledError):
                    await reader


async def _read(console: EngineConsole) -> None:
    async for _ in console.events():
        pass
