"""The map of providers: ask every source, unify what they say, and keep one lane for each provider."""

from __future__ import annotations

import asyncio
import copy
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from provider_console.console.events import CatalogChanged
from provider_console.core.breaker import BreakerState
from provider_console.core.ports.http import HttpFactory
from provider_console.core.ports.secrets import SecretStore
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.time import Clock
from provider_console.core.ports.usage import Memory, UsageStore
from provider_console.core.settings import Settings
from provider_console.core.unify import unify
from provider_console.engine.bus import Bus
from provider_console.engine.lane import NAMELESS, Lane
from provider_console.engine.troubles import SOURCES, Troubles
from provider_console.sdk.driver import Call, Description, Driver
from provider_console.sdk.errors import Incomplete, SdkError
from provider_console.sdk.provider import Provider, ProviderDescriptor
from provider_console.sdk.source import Source
from provider_console.sdk.table import ProviderTable

log = logging.getLogger(__name__)

DISCOVER_S: Final = 10.0
DESCRIBE_S: Final = 5.0
ITSELF: Final = "provider"
"""The name under which a provider's own description takes part in unification, after every source."""


class Bringers(Protocol):
    """What plugins bring; the mappings are other ones once a plugin is put aside."""

    sources: Mapping[str, Source]
    drivers: Mapping[str, Driver]


Found = tuple[str, ProviderDescriptor]
Problems = list[tuple[str, str]]
"""What is wrong, each with what it is wrong with; empty where it is said elsewhere, of a provider's health for one."""


class Catalog:
    """Providers as last unified. `lanes` is one dictionary for its whole life: others hold it and see it change.

    One that is `local` asks nobody: of the sources only those that answer from this machine, and no provider.
    """

    def __init__(
        self,
        *,
        plugins: Bringers,
        settings: Callable[[], Settings],
        store: UsageStore,
        secrets: SecretStore,
        http: HttpFactory,
        clock: Clock,
        rng: random.Random,
        bus: Bus,
        on_change: Callable[[], None],
        on_breaker: Callable[[str, BreakerState, BreakerState], None],
        troubles: Troubles,
        local: bool = False,
    ) -> None:
        self.lanes: dict[str, Lane] = {}
        self.problems: tuple[str, ...] = ()
        self._plugins = plugins
        self._settings = settings
        self._store = store
        self._secrets = secrets
        self._http = http
        self._clock = clock
        self._rng = rng
        self._bus = bus
        self._on_change = on_change
        self._on_breaker = on_breaker
        self._troubles = troubles
        self._local = local
        self._last_good: dict[str, Sequence[ProviderDescriptor]] = {}
        self._last_memories: dict[str, Memory] = {}
        self._expires = clock.monotonic()
        self._refreshing = asyncio.Lock()

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Every provider, by id."""
        return tuple(lane.provider for _, lane in sorted(self.lanes.items()))

    async def refresh_if_expired(self) -> None:
        """Look again once the cache has expired."""
        if self._clock.monotonic() >= self._expires:
            await self.refresh()

    async def forget(self) -> None:
        """Drop what sources and providers last said, and look again."""
        self._last_good.clear()
        for name, memory in self._last_memories.items():
            self._last_memories[name] = msgspec.structs.replace(memory, described=None, described_at=None)
        try:
            await self._store.forget_descriptions()
        except StoreUnavailable as error:
            log.warning("what providers said of themselves could not be forgotten: %s", error)
        await self.refresh()

    async def refresh(self) -> None:
        """Ask every source and build the map anew; figures and breakers of providers that stay are kept."""
        async with self._refreshing:
            settings = self._settings()
            problems: Problems = []
            found = await self._discover(problems)
            memories = await self._memories(problems)
            providers = self._unify(found, problems)
            described = await self._describe(providers, memories, problems)
            if described:
                providers = self._unify([*found, *described], [])
            self.problems = tuple(words for _, words in problems)
            other = self._troubles.note(SOURCES, {subject: words for subject, words in problems if subject})
            self._settle([self._switched(provider, memories) for provider in providers], settings, told=other)
            await self.find_credentials()
            self._expires = self._clock.monotonic() + settings.health.cache_expiry / 1000
            if self._local:
                # It is a part of the map: what was stored of all of it stays.
                return
            try:
                await self._store.save_providers(self.providers, self._clock.wall())
            except StoreUnavailable as error:
                log.warning("the table of providers could not be written: %s", error)

    async def find_credentials(self, provider_id: str | None = None) -> None:
        """Look which named credentials are there; a changed value ends the hold of a provider that needed a key."""
        lanes = [lane for name, lane in self.lanes.items() if provider_id in (None, name) and lane.provider.enabled]
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(self._find_credential(lane))

    async def _find_credential(self, lane: Lane, *, quietly: bool = False) -> None:
        name, need = lane.provider.credential, lane.driver.credential
        before = lane.missing
        if need == "none":
            lane.missing = None
        elif name is None:
            lane.missing = NAMELESS if need == "required" else None
        else:
            secret = await self._secrets.get(name)
            lane.found(secret)
        if lane.missing != before and not quietly:
            self._on_change()

    async def _discover(self, problems: Problems) -> list[Found]:
        sources = {
            name: source
            for name, source in self._plugins.sources.items()
            if not self._local or getattr(source, "local", False)
        }
        answers = await asyncio.gather(*(self._ask(name, source, problems) for name, source in sources.items()))
        return [(name, one) for name, answer in zip(sources, answers, strict=True) for one in answer]

    async def _ask(self, name: str, source: Source, problems: Problems) -> Sequence[ProviderDescriptor]:
        subject = f"source {name}"
        try:
            async with asyncio.timeout(DISCOVER_S):
                answer = await source.discover()
            self._last_good[name] = _sound(answer)
        except TimeoutError:
            problems.append((subject, f"{subject} did not answer within {DISCOVER_S:.0f} s{self._instead(name)}"))
        except Incomplete as error:
            self._last_good[name] = _sound(error.found)
            problems.append((subject, f"{subject}: {error}"))
        except (SdkError, StoreUnavailable) as error:
            problems.append((subject, f"{subject}: {error}{self._instead(name)}"))
        except (Exception, SystemExit) as error:
            log.exception("source %s failed", name)
            problems.append((subject, f"{subject} failed with {type(error).__name__}{self._instead(name)}"))
        return self._last_good.get(name, ())

    def _instead(self, name: str) -> str:
        return "; its last answer is used" if name in self._last_good else ""

    def _unify(self, found: Sequence[Found], problems: Problems) -> list[Provider]:
        providers, wrong = unify(found, drivers=self._plugins.drivers)
        configured = {descriptor.id for _, descriptor in found if descriptor.configured}
        problems.extend(
            (f"provider {problem.provider}" if problem.provider in configured else "", problem.message)
            for problem in wrong
        )
        return [
            msgspec.structs.replace(provider, sources=tuple(s for s in provider.sources if s != ITSELF))
            for provider in providers
        ]

    async def _memories(self, problems: Problems) -> Mapping[str, Memory]:
        try:
            self._last_memories = dict(await self._store.memories())
        except StoreUnavailable as error:
            # Whoever was switched off stays off.
            problems.append(("", f"what was remembered of providers cannot be read: {error}"))
        return self._last_memories

    def _switched(self, provider: Provider, memories: Mapping[str, Memory]) -> Provider:
        """The provider with the administrator's own switch, which outlives a restart."""
        memory = memories.get(provider.id)
        if memory is None or memory.enabled is None or not provider.configured or memory.enabled == provider.enabled:
            return provider
        provenance = {**provider.provenance, "enabled": "administrator"}
        return msgspec.structs.replace(provider, enabled=memory.enabled, provenance=provenance)

    # --- what another configuration would make of it ------------------------------------------------------------

    async def imagined(self, settings: Settings) -> list[Lane]:
        """The lanes that other settings would make; nobody is asked, and nothing here changes.

        Providers are those that the new settings name and those that sources last found; whoever stays keeps figures
        and breaker. A section whose providers are no tables of the sdk counts as it is now.
        """
        tables = {
            section: [table.descriptor(name) for name, table in sorted(providers.items())]
            for section, value in settings.sections.items()
            if isinstance(providers := getattr(value, "providers", None), Mapping)
            and all(isinstance(table, ProviderTable) for table in providers.values())
        }
        found: list[Found] = [(section, one) for section, ones in tables.items() for one in ones]
        found += [
            (source, one)
            for source, ones in self._last_good.items()
            for one in ones
            if not (one.configured and source in tables)
        ]
        memories = await self._memories([])
        for name, memory in memories.items():
            said = None if memory.described is None else _remembered(memory.described)
            if said is not None:
                found.append((ITSELF, _said(name, said)))
        named = {one.id for source, one in found if source != ITSELF}
        providers = self._unify([word for word in found if word[1].id in named], [])
        return [await self._imagined(self._switched(provider, memories), settings) for provider in providers]

    async def _imagined(self, provider: Provider, settings: Settings) -> Lane:
        driver, known = self._plugins.drivers[provider.driver], self.lanes.get(provider.id)
        # Whoever is off now was not looked after: its credential is not known, its figures are old.
        if known is not None and known.same_identity(provider, driver) and known.provider.enabled >= provider.enabled:
            lane = copy.copy(known)
            lane.provider = provider
            return lane
        lane = Lane(provider, driver, settings=settings, rng=self._rng, now=self._clock.monotonic())
        await self._find_credential(lane, quietly=True)
        return lane

    # --- what providers say of themselves ----------------------------------------------------------------------

    async def _describe(
        self, providers: Sequence[Provider], memories: Mapping[str, Memory], problems: Problems
    ) -> list[Found]:
        wanted = [
            provider
            for provider in providers
            if provider.enabled
            and (driver := self._plugins.drivers.get(provider.driver)) is not None
            and driver.describes
        ]
        answers = await asyncio.gather(*(self._description(one, memories.get(one.id), problems) for one in wanted))
        return [
            (ITSELF, _said(provider.id, answer))
            for provider, answer in zip(wanted, answers, strict=True)
            if answer is not None
        ]

    async def _description(self, provider: Provider, memory: Memory | None, problems: Problems) -> Description | None:
        """What a provider last said while that is fresh, else what it says now, else the stale answer."""
        known: Description | None = None
        if memory is not None and memory.described is not None and memory.described_at is not None:
            known = _remembered(memory.described)
            age_s = self._clock.wall() - memory.described_at
            if known is not None and 0 <= age_s < self._settings().health.cache_expiry / 1000:
                return known
        if self._local:
            return known
        credential = None
        try:
            if provider.credential is not None:
                credential = await self._secrets.get(provider.credential)
            async with asyncio.timeout(DESCRIBE_S):
                answer = await self._plugins.drivers[provider.driver].describe(
                    Call(
                        provider=provider,
                        http=self._http.client(network=provider.network),
                        credential=credential,
                        timeout_s=DESCRIBE_S,
                    )
                )
            said = msgspec.convert(msgspec.to_builtins(answer), Description)
            memory = Memory(provider=provider.id, described=msgspec.json.encode(said), described_at=self._clock.wall())
            last = self._last_memories.get(provider.id, memory)
            self._last_memories[provider.id] = msgspec.structs.replace(memory, enabled=last.enabled)
            await self._store.remember(memory)
        except StoreUnavailable as error:
            log.warning("what %s said of itself could not be kept: %s", provider.id, error)
            return said
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the plugin barrier
            log.info("%s did not describe itself: %s", provider.id, type(error).__name__)
            # Without its credential it could not; that it is missing is said of its health.
            if provider.credential is None or credential is not None:
                said_less = f"{provider.id} did not say what it can do; what is configured or was last known is used"
                problems.append(("", said_less))
            return known
        return said

    # --- lanes -------------------------------------------------------------------------------------------------

    def _settle(self, providers: Sequence[Provider], settings: Settings, *, told: bool) -> None:
        """Make the lanes of these providers; `told` where there is news of the sources in any case."""
        before = {name: lane.provider for name, lane in self.lanes.items()}
        fresh: dict[str, Lane] = {}
        for provider in providers:
            driver = self._plugins.drivers[provider.driver]
            lane = self.lanes.get(provider.id)
            if lane is not None and lane.same_identity(provider, driver):
                lane.provider = provider
                lane.breaker.failure_threshold = settings.health.failure_threshold
                lane.set_window(settings.health.performance_window / 1000)
            else:
                lane = Lane(
                    provider,
                    driver,
                    settings=settings,
                    rng=self._rng,
                    now=self._clock.monotonic(),
                    on_change=self._on_breaker,
                )
            fresh[provider.id] = lane
        for name, lane in self.lanes.items():
            lane.retired = fresh.get(name) is not lane
        self.lanes.clear()
        self.lanes.update(fresh)
        if changed := before != {name: lane.provider for name, lane in fresh.items()}:
            self._on_change()
            log.info("%d providers are known: %s", len(fresh), ", ".join(sorted(fresh)[:20]))
        if changed or told:
            self._bus.publish(
                CatalogChanged(at=self._clock.wall(), providers=tuple(sorted(fresh)), problems=self.problems)
            )


def _said(provider_id: str, answer: Description) -> ProviderDescriptor:
    """What a provider says of itself, as one more source of it."""
    return ProviderDescriptor(
        id=provider_id,
        capabilities=answer.capabilities,
        models=answer.models,
        max_characters=answer.max_characters,
    )


def _remembered(described: bytes) -> Description | None:
    """What a provider said in an earlier run; None where another version wrote it in another shape."""
    try:
        return msgspec.json.decode(described, type=Description)
    except msgspec.MsgspecError:
        return None


def _sound(answer: Sequence[ProviderDescriptor]) -> tuple[ProviderDescriptor, ...]:
    if not all(isinstance(one, ProviderDescriptor) for one in answer):
        raise SdkError("its answer is not a list of ProviderDescriptor")
    return tuple(answer)
