"""One small engine for one example: providers by their acts, in virtual time."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from provider_console.adapters.memory import (
    FixedIds,
    MemoryAudit,
    MemoryBell,
    MemoryLock,
    MemorySettings,
    MemoryUsage,
)
from provider_console.adapters.memory_machine import MemoryMachine
from provider_console.adapters.memory_secrets import MemorySecrets
from provider_console.core.ports.settings import LoadedSettings
from provider_console.core.settings import EngineSettings, Settings
from provider_console.engine.engine import Engine, Parts, running
from provider_console.engine.engine_console import EngineConsole
from provider_console.sdk import Operation, ProviderDescriptor, Secret
from provider_console.testing import simulation
from provider_console.testing.scripted import (
    Act,
    NoNetwork,
    Phase,
    Script,
    ScriptedDriver,
    ScriptedKind,
    ScriptedPlugins,
    ScriptedSource,
    Wire,
)


class Small:
    """What an example looks at."""

    def __init__(self, engine: Engine, wire: Wire, secrets: SlowSecrets, clock: simulation.SimClock) -> None:
        self.engine = engine
        self.console = EngineConsole(engine)
        self.wire = wire
        self.secrets = secrets
        self.clock = clock

    def calls(self, provider: str) -> int:
        """How often a provider was called."""
        return sum(1 for call in self.wire.calls if call.provider == provider and call.purpose == "call")


class SlowSecrets(MemorySecrets):
    """A keyring that takes `after_s`."""

    after_s = 0.0

    async def get(self, name: str) -> Secret | None:
        if self.after_s:
            await self._clock.sleep(self.after_s)
        return await super().get(name)


def ask(**fields: Any) -> Operation:
    """An operation that every provider here serves."""
    return Operation(kind="say", category="test", payload={"text": "hello"}, **fields)


@asynccontextmanager
async def small(
    *providers: Sequence[Act], credential: str | None = None, grace_s: float = 0.0, **settings: Any
) -> AsyncIterator[Small]:
    """An engine with providers p0, p1, ..., each doing its acts in order and then the last one for ever."""
    clock = simulation.SimClock()
    wire = Wire(clock)
    acts = {f"p{number}": list(one) for number, one in enumerate(providers)}
    driver = _InOrder("scripted", wire, acts, clock=clock, credential="optional" if credential else "none")
    found = [ProviderDescriptor(id=name, driver="scripted", configured=True, credential=credential) for name in acts]
    secrets = SlowSecrets({credential: "value"} if credential else {}, clock=clock)
    chosen = Settings(engine=EngineSettings(**settings))
    plugins: Any = ScriptedPlugins(
        sources=[ScriptedSource("translation", found, clock=clock)], drivers=[driver], kinds=[ScriptedKind()]
    )
    parts = Parts(
        clock=clock,
        rng=random.Random(1),
        ids=FixedIds(),
        http=NoNetwork(),
        secrets=secrets,
        usage=MemoryUsage(),
        audit=MemoryAudit(clock),
        settings_store=MemorySettings(chosen, clock=clock),
        loaded=LoadedSettings(settings=chosen, origins={}),
        lock=MemoryLock(),
        bell=MemoryBell(),
        machine=MemoryMachine(),
        plugins=plugins,
    )
    async with running(parts, background=False, grace_s=grace_s) as engine:
        yield Small(engine, wire, secrets, clock)


class _InOrder(ScriptedDriver):
    def __init__(self, name: str, wire: Wire, acts: dict[str, list[Act]], **traits: Any) -> None:
        super().__init__(name, wire, {name: _Queue(queue) for name, queue in acts.items()}, **traits)


class _Queue(Script):
    def __init__(self, acts: list[Act]) -> None:
        super().__init__([Phase()], rng=random.Random(0))
        self._acts = acts

    def act(self, now: float) -> Act:
        return self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]
