"""The engine: every part put together, started and ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from provider_console.console.errors import SecretRefused
from provider_console.console.events import PluginQuarantined
from provider_console.core.alerts import Rule
from provider_console.core.breaker import BreakerState
from provider_console.core.period import Span
from provider_console.core.ports.alerts import Bell
from provider_console.core.ports.audit import AuditStore
from provider_console.core.ports.http import HttpFactory
from provider_console.core.ports.machine import Journal, Machine, ProberLock
from provider_console.core.ports.secrets import SecretStore
from provider_console.core.ports.settings import LoadedSettings, SettingsStore
from provider_console.core.ports.store import StoreUnavailable
from provider_console.core.ports.telemetry import Telemetry
from provider_console.core.ports.time import Clock, Ids
from provider_console.core.ports.tokens import TokenSigner, TokenStore
from provider_console.core.ports.usage import CheckRow, UsageStore
from provider_console.core.rollup import Cell, merged
from provider_console.core.settings import Settings
from provider_console.engine.alert_desk import AlertDesk
from provider_console.engine.alert_words import FirstAction, first_action
from provider_console.engine.bus import Bus
from provider_console.engine.caller import Caller
from provider_console.engine.catalog import Catalog
from provider_console.engine.checker import Checker
from provider_console.engine.coverage_desk import coverage_entries
from provider_console.engine.executor import Executor
from provider_console.engine.fallback import Fallback
from provider_console.engine.lifecycle import Lifecycle, outlast
from provider_console.engine.observations import Observation, Observer
from provider_console.engine.planner import Planner
from provider_console.engine.plugin_news import plugin_news, sentences
from provider_console.engine.plugins import Plugins, Trouble
from provider_console.engine.portraits import health_of
from provider_console.engine.prober import Prober
from provider_console.engine.recollection import Recollection
from provider_console.engine.recorder import Recorder
from provider_console.engine.retention import Retention
from provider_console.engine.settings_desk import SettingsDesk
from provider_console.engine.sorter import Sorter
from provider_console.engine.standing import SLOW_SAMPLES
from provider_console.engine.stored_checks import StoredChecks
from provider_console.engine.token_desk import TokenDesk, Trusted
from provider_console.engine.trace import Execution
from provider_console.engine.trial_desk import Condition, TrialDesk
from provider_console.engine.troubles import Troubles
from provider_console.sdk.errors import ErrorClass

log = logging.getLogger(__name__)

GRACE_S: Final = 5.0
HISTORY_ATTEMPTS: Final = 2_000
HOUR_S: Final = 3_600.0
DAY_S: Final = 86_400.0
HISTORY_CHECKS: Final = 10_000
"""Checks of the last hour that are read back at a start, for people to look at."""


class TokenParts(msgspec.Struct, frozen=True, kw_only=True):
    """What access tokens are made from."""

    store: TokenStore
    signer: TokenSigner
    trusted: Trusted


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine is built from: the ports, the plugins, and chance.

    `problem` says why the configuration file is not what is in force, `notices` are sentences from the start.
    `journal` has the newest lines of the log, where anybody keeps them.
    `tokens` makes what access tokens need, when they are first asked for; without it the console issues none.
    `telemetry` is told of each execution that has ended.
    `local` leaves out sources that ask elsewhere: enough for whoever wants nothing but credentials or tokens."""

    clock: Clock
    rng: random.Random
    ids: Ids
    http: HttpFactory
    secrets: SecretStore
    usage: UsageStore
    audit: AuditStore
    settings_store: SettingsStore
    loaded: LoadedSettings
    lock: ProberLock
    plugins: Plugins
    bell: Bell
    machine: Machine
    config_file: str = "config.toml"
    problem: str | None = None
    author: str = "engine"
    redact: Callable[[str], str] = str
    notices: tuple[str, ...] = ()
    tokens: Callable[[], TokenParts] | None = None
    journal: Journal | None = None
    telemetry: Telemetry | None = None
    local: bool = False


class Engine:
    """All parts of a running engine. Make one with `running`."""

    def __init__(self, parts: Parts, lifecycle: Lifecycle) -> None:
        self.parts = parts
        self.lifecycle = lifecycle
        self.bus = Bus()
        self.trials = TrialDesk(
            parts.usage,
            parts.audit,
            clock=parts.clock,
            bus=self.bus,
            condition=self._condition,
            leads=lambda: self.prober.probing,
        )
        self.desk = SettingsDesk(
            parts.settings_store,
            parts.loaded,
            parts.plugins.sections,
            file=parts.config_file,
            clock=parts.clock,
            bus=self.bus,
            author=parts.author,
            applied=self._settings_applied,
            trials=self.trials,
            problem=parts.problem,
        )
        window_s = parts.loaded.settings.health.performance_window / 1000
        self.recollection = Recollection(parts.clock, window_s=window_s)
        self.recorder = Recorder(parts.usage, clock=parts.clock, bus=self.bus, remember=self._remember)
        self.troubles = Troubles(parts.clock)
        self.catalog = Catalog(
            plugins=parts.plugins,
            settings=self.settings,
            store=parts.usage,
            secrets=parts.secrets,
            http=parts.http,
            clock=parts.clock,
            rng=parts.rng,
            bus=self.bus,
            on_change=self._order_changed,
            on_breaker=self._breaker_moved,
            troubles=self.troubles,
            local=parts.local,
        )
        self.planner = Planner(self.catalog.lanes, self.desk.current, parts.plugins.rankers, parts.plugins.kinds)
        sorter = Sorter(parts.plugins.classify_hooks, parts.redact)
        self.checker = Checker(
            lanes=self.catalog.lanes,
            settings=self.settings,
            secrets=parts.secrets,
            http=parts.http,
            recorder=self.recorder,
            clock=parts.clock,
            bus=self.bus,
            sorter=sorter,
            on_change=self.planner.invalidate,
        )
        self.stored_checks = StoredChecks(
            lanes=self.catalog.lanes,
            settings=self.settings,
            store=parts.usage,
            secrets=parts.secrets,
            clock=parts.clock,
            checker=self.checker,
            remember=self.recollection.note_check,
            on_change=self.planner.invalidate,
        )
        self.prober = Prober(
            lanes=self.catalog.lanes,
            settings=self.settings,
            checker=self.checker,
            stored=self.stored_checks,
            clock=parts.clock,
            rng=parts.rng,
            lock=parts.lock,
        )
        self.caller = Caller(
            kinds=parts.plugins.kinds,
            clock=parts.clock,
            http=parts.http,
            secrets=parts.secrets,
            bus=self.bus,
            sorter=sorter,
            running=self.recorder.running,
            order_changed=self.planner.invalidate,
        )
        self.executor = Executor(
            planner=self.planner,
            fallback=Fallback(
                lanes=self.catalog.lanes, caller=self.caller, clock=parts.clock, rng=parts.rng, bus=self.bus
            ),
            kinds=parts.plugins.kinds,
            clock=parts.clock,
            ids=parts.ids,
            recorder=self.recorder,
            bus=self.bus,
        )
        self.alerts = AlertDesk(
            store=parts.usage,
            settings=self.settings,
            observer=Observer(self),
            first_action=self._first_action,
            leads=lambda: self.prober.probing,
            clock=parts.clock,
            ids=parts.ids,
            bus=self.bus,
            bell=parts.bell,
            start=lifecycle.start,
        )
        self.notices = list(parts.notices)
        self.plugin_news: Mapping[str, str] = {}
        """Plugins that are other than at the last start, and how."""
        self._token_desk: TokenDesk | None = None

    def token_desk(self) -> TokenDesk:
        """Everything about access tokens.

        Raises:
            SecretRefused: this console issues none.
        """
        if self._token_desk is None:
            if self.parts.tokens is None:
                raise SecretRefused("this console issues no access tokens: it has no place for their keys")
            tokens = self.parts.tokens()
            self._token_desk = TokenDesk(
                store=tokens.store,
                signer=tokens.signer,
                trusted=tokens.trusted,
                clock=self.parts.clock,
                ids=self.parts.ids,
                settings=lambda: self.settings().api,
            )
        return self._token_desk

    def settings(self) -> Settings:
        """The settings of this moment."""
        return self.desk.settings

    async def start(self, *, background: bool) -> None:
        """Find providers and recall what is known; with `background`, probe and watch the configuration too."""
        parts = self.parts
        parts.plugins.hear(self._put_aside)
        if parts.plugins.listens:
            self.bus.tap(parts.plugins.notify)
        self.lifecycle.start(self.recorder.run(), "recorder")
        if parts.telemetry is not None:
            self.lifecycle.start(parts.telemetry.run(), "telemetry")
        await self.catalog.refresh()
        try:
            await self._recall()
        except StoreUnavailable as error:
            self.notices.append(str(error))
        self.plugin_news = await plugin_news(parts.usage, parts.plugins.views())
        self.notices += sentences(self.plugin_news, parts.plugins.views())
        self.trials.watched = background
        await self.trials.settle()
        if background:
            self.lifecycle.start(self.prober.run(), "prober")
            self.lifecycle.start(self.desk.watch(), "settings")
            self.lifecycle.start(self._tend(), "catalog")
            # Apart from the catalog, which must not wait: months of records may go at once.
            retention = Retention(parts.usage, clock=parts.clock, settings=self.settings)
            self.lifecycle.start(retention.run(), "retention")
            self.lifecycle.start(self.alerts.run(), "alerts")
            self.lifecycle.start(self.trials.watch(), "trial")

    def _put_aside(self, trouble: Trouble) -> None:
        # A plugin is foreign code: what it raised may quote a credential.
        reason = self.parts.redact(trouble.reason)
        self.bus.publish(PluginQuarantined(at=self.parts.clock.wall(), plugin=trouble.plugin, reason=reason))

    async def _recall(self) -> None:
        parts = self.parts
        crashed = await parts.usage.abandon()
        if crashed:
            self.notices.append(
                f"{len(crashed)} execution{'s' * (len(crashed) > 1)} had no end when the console stopped; "
                "the record says unknown_crashed"
            )
        await self.stored_checks.believe()
        await self._recall_attempts()

    async def _recall_attempts(self) -> None:
        """What is on record of each provider: its usual latency of the day, and the live window of the last minutes.

        So a command that runs once knows what the commands before it met, and a restart forgets nothing.
        """
        now, wall = self.parts.clock.monotonic(), self.parts.clock.wall()
        window_s = self.settings().health.performance_window / 1000
        await self._learn_usual()
        rows = await self.parts.usage.attempts(since=wall - max(HOUR_S, window_s), limit=HISTORY_ATTEMPTS)
        for row in reversed(rows):
            lane = self.catalog.lanes.get(row.provider)
            age_s = wall - row.at - row.duration_ms / 1000
            if lane is None or not 0 <= age_s < window_s:
                continue
            if row.ok:
                lane.succeeded(now - age_s, row.latency_ms / 1000)
            elif row.counted > 0 and row.error_class is not None:
                error_class = ErrorClass(row.error_class)
                lane.failed(now - age_s, row.duration_ms / 1000, weight=row.counted, error_class=error_class)
        checks = await self.parts.usage.checks(since=wall - HOUR_S, limit=HISTORY_CHECKS)
        hour = [row for row in reversed(rows) if row.at >= wall - HOUR_S]
        self.recollection.recall(hour, checks[::-1])

    async def _learn_usual(self) -> None:
        """What is usual for each provider: its latencies of the last day."""
        wall = self.parts.clock.wall()
        cells: dict[str, list[Cell]] = {}
        for one in await self.parts.usage.rollups([Span("hour", int(wall - DAY_S), wall + 1.0)]):
            cells.setdefault(one.provider, []).append(one.cell)
        for name, found in cells.items():
            lane, day = self.catalog.lanes.get(name), merged(found)
            if lane is not None and day.latencies:
                median_s, p95_s = day.quantiles_s(0.5, 0.95)
                lane.history_latency_s = lane.history_median_s = median_s
                lane.history_p95_s = p95_s if day.successes >= SLOW_SAMPLES else None

    async def _tend(self) -> None:
        """Look at the sources again when the cache expires, write ages of secrets."""
        parts = self.parts
        flushed_at = parts.clock.monotonic()
        while True:
            await parts.clock.sleep(1.0)
            await self.catalog.refresh_if_expired()
            now = parts.clock.monotonic()
            if now - flushed_at < HOUR_S:
                continue
            flushed_at = now
            try:
                await parts.secrets.flush()
                await self._learn_usual()
            except StoreUnavailable as error:
                log.warning("the ages of credentials, or what is usual, could not be brought up to date: %s", error)

    async def _settings_applied(self, _settings: Settings) -> None:
        self.planner.invalidate()
        await self.catalog.refresh()

    async def _condition(self) -> Condition:
        """How everything is, as a change on trial is judged by."""
        if not self.prober.probing:
            with contextlib.suppress(StoreUnavailable):  # said in the notices
                await self.stored_checks.believe()
        now, settings = self.parts.clock.monotonic(), self.settings()
        lanes = list(self.catalog.lanes.values())
        served = [entry for entry in coverage_entries(self) if entry.status != "not served"]
        return Condition(
            health=health_of(lanes, now=now, settings=settings),
            covered=tuple(f"{entry.category} {entry.capability}" for entry in served),
        )

    def _first_action(self, rule: Rule, seen: Observation) -> FirstAction:
        lane, language = seen.lane, self.settings().appearance.language
        if lane is None:
            return first_action(rule, seen, error_class=None, section="", language=language)
        checks = self.recollection.checks([lane.provider.id], limit=1).get(lane.provider.id, ())
        section = self.parts.plugins.driver_section.get(lane.provider.driver, "SECTION")
        error_class = checks[-1].error_class if checks else None
        return first_action(rule, seen, error_class=error_class, section=section, language=language)

    def _remember(self, moment: Execution | CheckRow) -> None:
        self.recollection.note(moment)
        telemetry = self.parts.telemetry
        if telemetry is not None and isinstance(moment, Execution) and telemetry.wanted and moment.to_be_traced:
            telemetry.note(moment.traced())

    def _order_changed(self) -> None:
        self.planner.invalidate()

    def _breaker_moved(self, provider_id: str, before: BreakerState, after: BreakerState) -> None:
        self.planner.invalidate()
        self.checker.breaker_moved(provider_id, before, after)

    async def stop(self, grace_s: float) -> None:
        """Drain, and write what there is to write."""
        await self.executor.drain(grace_s)
        self.caller.timers.close()
        self.bus.close()
        await self.recorder.flush()
        if self.parts.telemetry is not None:
            await self.parts.telemetry.finish()
        try:
            await self.parts.secrets.flush()
        except StoreUnavailable as error:
            log.warning("the ages of credentials could not be written: %s", error)


@asynccontextmanager
async def running(parts: Parts, *, background: bool = True, grace_s: float = GRACE_S) -> AsyncIterator[Engine]:
    """A started engine; at the end it drains, writes its records and closes what it was given."""
    async with _closing(parts), Lifecycle() as lifecycle:
        engine = Engine(parts, lifecycle)
        try:
            await engine.start(background=background)
            yield engine
        finally:
            await _to_the_end(engine.stop(grace_s), hurry=engine.executor.cancel_all)


@asynccontextmanager
async def _closing(parts: Parts) -> AsyncIterator[None]:
    try:
        yield
    finally:
        closers: Sequence[Callable[[], Awaitable[None]]] = (parts.http.aclose, parts.usage.close, parts.audit.close)
        cancelled = False
        for close in closers:
            try:
                await _to_the_end(close())
            except asyncio.CancelledError:
                cancelled = True
            except StoreUnavailable as error:
                log.warning("closing: %s", error)
            except Exception:
                # The others have something to write.
                log.exception("something could not be closed")
        parts.lock.release()
        if cancelled:
            raise asyncio.CancelledError


async def _to_the_end(work: Awaitable[None], *, hurry: Callable[[], None] | None = None) -> None:
    """Await something to its end, however often the caller is cancelled: records are written whatever ends the program.

    Each cancel calls `hurry`: a second Ctrl-C skips the grace, not the records.
    """
    task = asyncio.ensure_future(work)  # noqa: TID251 - outlasted in this very function
    cancelled = await outlast(task, hurry=hurry)
    task.result()
    if cancelled:
        raise asyncio.CancelledError
