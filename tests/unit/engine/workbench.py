"""An engine in RAM and in virtual time, with providers that answer from a script.

async def history() -> None:
    async with bench(provider("a"), provider("b")) as it:
        it.driver.say("a", failing(503), "done")
        execution = await it.engine.executor.execute(chat())
        assert execution.provider == "a"

play(history)
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, TypeVar

from provider_console.adapters.memory import (
    FixedIds,
    MemoryAudit,
    MemoryBell,
    MemoryDisk,
    MemoryLock,
    MemorySecrets,
    MemorySettings,
    MemoryUsage,
)
from provider_console.adapters.memory_machine import MemoryMachine
from provider_console.console.views import PluginView
from provider_console.core.settings import EngineSettings, Settings
from provider_console.engine.engine import Engine, Parts, running
from provider_console.engine.engine_console import EngineConsole
from provider_console.engine.plugin_roster import OnTrouble
from provider_console.sdk import (
    Call,
    Chunk,
    Description,
    Driver,
    ErrorClass,
    Operation,
    OperationKind,
    ProbeResult,
    ProviderDescriptor,
    ProviderError,
    Result,
    Rung,
    Source,
    TransportError,
)
from provider_console.testing import simulation
from provider_console.testing.fakes import WireDouble
from provider_console.testing.simulation import SimClock

T = TypeVar("T")

Answer = str | Result | BaseException | Callable[[Call], Awaitable[Any]]


def play(history: Callable[[], Coroutine[Any, Any, T]], *, seeds: Sequence[int] = (1, 2, 3)) -> T:
    """One history under a few schedules; the value of the last one."""
    values = [simulation.run(history, seed=seed).value for seed in seeds]
    return values[-1]


def failing(status: int, **more: Any) -> ProviderError:
    """An answer with a status."""
    return ProviderError(f"HTTP {status}", status=status, **more)


def classed(error_class: ErrorClass, **more: Any) -> ProviderError:
    """A failure of a class."""
    return ProviderError(error_class.value, error_class=error_class, **more)


def refused() -> TransportError:
    """A connection that was refused: the request never left."""
    return TransportError("the connection was refused", kind="refused", never_left=True)


def reset() -> TransportError:
    """A connection that broke: nobody knows whether the request arrived."""
    return TransportError("the connection broke", kind="reset")


def after(seconds: float, answer: Answer, clock: Callable[[], Any]) -> Callable[[Call], Awaitable[Any]]:
    """An answer that takes its time on the clock that `clock` gives."""

    async def late(_call: Call) -> Any:
        await clock().sleep(seconds)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return late


class ScriptedDriver(Driver):
    """Answers from a script for each provider, and well when that is used up. `always` stands in for the script."""

    name = "scripted"
    title = "Scripted"
    categories = ("ai",)
    credential = "none"
    capabilities = ("text_generation",)
    rungs = (Rung(name="reach", proves="it answers"),)
    default_base_url = "http://127.0.0.1:1"
    default_network = "loopback"

    def __init__(self, name: str = "scripted", **changes: Any) -> None:
        self.name = name
        for field, value in changes.items():
            setattr(self, field, value)
        self.calls: list[tuple[float, Call]] = []
        self.probes: list[tuple[float, str]] = []
        self.described: list[str] = []
        self.always: dict[str, Answer] = {}
        self.probing: dict[str, Answer] = {}
        self.descriptions: dict[str, Description | BaseException] = {}
        self._script: dict[str, deque[Answer]] = {}
        self.now: Callable[[], float] = lambda: 0.0

    def say(self, provider: str, *answers: Answer) -> None:
        """Script the next answers of a provider."""
        self._script.setdefault(provider, deque()).extend(answers)

    @property
    def asked(self) -> list[str]:
        """Whom the engine called, in order."""
        return [call.provider.id for _, call in self.calls]

    async def call(self, call: Call) -> Any:
        """The next answer."""
        self.calls.append((self.now(), call))
        script = self._script.get(call.provider.id)
        answer = script.popleft() if script else self.always.get(call.provider.id, "done")
        return await _given(answer, call)

    async def probe(self, call: Call) -> ProbeResult:
        """Well, unless `probing` says otherwise."""
        self.probes.append((self.now(), call.provider.id))
        answer = self.probing.get(call.provider.id, "fine")
        found = await _given(answer, call)
        return found if isinstance(found, ProbeResult) else ProbeResult(rung="reach")

    async def describe(self, call: Call) -> Description:
        """What `descriptions` holds."""
        self.described.append(call.provider.id)
        said = self.descriptions.get(call.provider.id, Description())
        if isinstance(said, BaseException):
            raise said
        return said


async def _given(answer: Answer, call: Call) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    if isinstance(answer, str):
        return Result(value={"text": answer})
    if isinstance(answer, Result | ProbeResult):
        return answer
    found = await answer(call)
    return Result(value={"text": found}) if isinstance(found, str) else found


class ListSource(Source):
    """A source that says what a list holds, or raises what it is told to."""

    def __init__(self, *descriptors: ProviderDescriptor) -> None:
        self.descriptors = list(descriptors)
        self.failure: BaseException | None = None
        self.asked = 0

    async def discover(self) -> list[ProviderDescriptor]:
        """The list."""
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return list(self.descriptors)


class Kind(OperationKind):
    """A kind that takes anything; `size` characters a piece where the provider has a limit."""

    name = "chat"
    title = "Chat"
    category = "ai"
    fields = ()

    def split(self, payload: Mapping[str, Any], max_characters: int) -> Sequence[Mapping[str, Any]]:
        """Pieces of the limit's length."""
        text = payload.get("text", "")
        return [{**payload, "text": text[at : at + max_characters]} for at in range(0, len(text), max_characters)]

    def join(self, payload: Mapping[str, Any], results: Sequence[Result]) -> Result:
        """The texts, one after the other."""
        return Result(value={"text": "".join(result.value["text"] for result in results)})


class FewPlugins:
    """What plugins bring, without plugins."""

    def __init__(
        self,
        drivers: Sequence[Driver],
        sources: Mapping[str, Source],
        *,
        kinds: Sequence[OperationKind] = (),
        rankers: Mapping[str, Any] | None = None,
    ) -> None:
        self.drivers: Mapping[str, Driver] = {driver.name: driver for driver in drivers}
        self.sources: Mapping[str, Source] = dict(sources)
        self.kinds = {kind.name: kind for kind in kinds}
        self.rankers = dict(rankers or {})
        self.sections = ()
        self.driver_section: Mapping[str, str] = {}
        self.classify_hooks = ()
        self.listens = False
        self.put_aside: OnTrouble = lambda _trouble: None
        self.quarantined: tuple[PluginView, ...] = ()
        self.problems: tuple[str, ...] = ()

    def views(self) -> tuple[PluginView, ...]:
        """Only the ones a test put aside."""
        return self.quarantined

    def hear(self, listener: OnTrouble) -> None:
        """A test may put something aside."""
        self.put_aside = listener

    def notify(self, event: object) -> None:
        """Nobody listens."""


class Wires:
    """HTTP that nobody uses: the drivers here have no wire."""

    def client(self, *, network: str, bearer: str | None = None) -> WireDouble:
        """A client that refuses every request."""
        return WireDouble()

    async def aclose(self) -> None:
        """Nothing to close."""


class Bench:
    """Everything a test may want to hold."""

    def __init__(self, engine: Engine, driver: ScriptedDriver, source: ListSource, plugins: FewPlugins) -> None:
        self.engine = engine
        self.console = EngineConsole(engine)
        self.driver = driver
        self.source = source
        self.plugins = plugins
        parts: Any = engine.parts
        self.clock: SimClock = parts.clock
        self.usage: MemoryUsage = parts.usage
        self.audit: MemoryAudit = parts.audit
        self.secrets: MemorySecrets = parts.secrets
        self.settings: MemorySettings = parts.settings_store
        self.bell: MemoryBell = parts.bell
        self.machine: MemoryMachine = parts.machine
        self.lanes = engine.catalog.lanes


def provider(provider_id: str, **more: Any) -> ProviderDescriptor:
    """A configured and enabled provider."""
    fields: dict[str, Any] = {"driver": "scripted", "configured": True, "enabled": True}
    return ProviderDescriptor(id=provider_id, **{**fields, **more})


def chat(text: str = "Hello", **more: Any) -> Operation:
    """A chat."""
    payload = {"text": text, **more.pop("payload", {})}
    fields: dict[str, Any] = {"kind": "chat", "category": "ai"}
    return Operation(**{**fields, **more}, payload=payload)


def engine_settings(**changes: Any) -> Settings:
    """Settings with another `[engine]`."""
    return Settings(engine=EngineSettings(**changes))


@asynccontextmanager
async def bench(
    *providers: ProviderDescriptor,
    driver: ScriptedDriver | None = None,
    others: Sequence[Driver] = (),
    sources: Mapping[str, Source] | None = None,
    settings: Settings | None = None,
    text: str = "",
    store: MemorySettings | None = None,
    secrets: Mapping[str, str] | None = None,
    kinds: Sequence[OperationKind] = (),
    rankers: Mapping[str, Any] | None = None,
    disk: MemoryDisk | None = None,
    lock: MemoryLock | None = None,
    clock: SimClock | None = None,
    redact: Callable[[str], str] = str,
    background: bool = False,
    seed: int = 1,
) -> AsyncIterator[Bench]:
    """A started engine; without `background` it probes and watches nothing by itself."""
    clock = clock or SimClock()
    driver = driver or ScriptedDriver()
    driver.now = clock.monotonic
    source = ListSource(*providers)
    plugins = FewPlugins([driver, *others], {"configured": source, **(sources or {})}, kinds=kinds, rankers=rankers)
    store = store or MemorySettings(settings, text=text, clock=clock)
    usage = MemoryUsage(disk)
    parts = Parts(
        clock=clock,
        rng=random.Random(seed),
        ids=FixedIds(),
        http=Wires(),
        secrets=MemorySecrets(secrets, clock=clock, index=usage),
        usage=usage,
        audit=MemoryAudit(clock),
        settings_store=store,
        loaded=await store.load(()),
        lock=lock or MemoryLock(),
        bell=MemoryBell(),
        machine=MemoryMachine(),
        plugins=plugins,  # type: ignore[arg-type]
        redact=redact,
    )
    async with running(parts, background=background) as engine:
        yield Bench(engine, driver, source, plugins)


async def streamed(clock: SimClock, *parts: str, every_s: float = 0.0, end: BaseException | None = None) -> Any:
    """Chunks with a pause before each, and a result, or an error in its place."""
    for part in parts:
        await clock.sleep(every_s)
        yield Chunk(text=part)
    if end is not None:
        raise end
    yield Chunk(result=Result(value={"text": "".join(parts)}))


def frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """A read-only view, as the real plugins give."""
    return MappingProxyType(dict(mapping))
