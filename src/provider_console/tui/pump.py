"""Brings what happens from the console into the state: one listener, and reads of what events do not carry.

A `Gap` in the events is answered by a full read, so a local and a remote console behave alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from typing import Any, Final

from provider_console.console import events
from provider_console.console.console import Console
from provider_console.console.errors import ConsoleError
from provider_console.console.views import (
    AlertView,
    CheckView,
    CoverageEntry,
    ExecutionSummary,
    PluginView,
    SystemHealth,
)
from provider_console.tui.changes import Change, Checked, ProvidersRead, Read, Ticked, Unanswered
from provider_console.tui.link import Clock
from provider_console.tui.reduce import newest_first
from provider_console.tui.state import ALERTS_KEPT, RECENT

PERIOD_S: Final = 0.25
"""How often what changed is read: a person sees no difference."""
SLOW_S: Final = 2.0
"""How often figures and coverage are read while things happen."""
COVERAGE_S: Final = 30.0
"""How often coverage is read while nobody's state changes: who takes over may have become faster."""
FIGURES_S: Final = 10.0
"""How often figures are read whatever happens: they are of the last minutes, and an engine elsewhere may have gone."""
FEW: Final = 20
"""So many changed providers are read one by one; more, by reading all of them."""
READ_A_SECOND: Final = 1_000
"""Providers read a second at most by reading all of them."""
DUE_A_SECOND: Final = 5
DUE_MOST_S: Final = 10.0
"""Providers read a second to learn when the next check is due, where only checks are made: many are always near one."""
OPEN_ALERTS: Final = 2_000
"""Alerts that may be open: a thousand providers, two rules."""
SHOWN: Final = ("theme", "glyphs", "charts", "environment")
"""Settings of `[appearance]` that the terminal follows."""
PATIENCE_S: Final = 3.0
"""A console that has not answered a read for so long is shown as stale."""
BESIDE_S: Final = 1.0
"""What is good to know waits for an answer so long: then it is asked for again, and nobody calls the console stale."""
MAP: Final = frozenset({"checks", "coverage", "trends", "alerts", "plugins"})
"""Read with the whole map of providers."""


class Pump:
    """Reads a console and tells of every change."""

    def __init__(
        self,
        console: Console,
        *,
        clock: Clock,
        tell: Callable[[Change], None],
        patience_s: float = PATIENCE_S,
        beside_s: float = BESIDE_S,
    ) -> None:
        self._console = console
        self._patience_s = patience_s
        self._beside_s = beside_s
        self._clock = clock
        self._tell = tell
        self._changed: dict[str, None] = {}
        """Providers with news, in the order in which it came."""
        self._turned: dict[str, None] = {}
        """Those whose state changed: they do not wait for the others."""
        self._known = 0
        """How many there are."""
        self._all_at = 0.0
        """When all of them may be read again (wall s)."""
        self._due_at = 0.0
        """When they are read again for the next check that is due (wall s)."""
        self._coverage_at = 0.0
        """When coverage is read whatever happens (wall s)."""
        self._figures_at = 0.0
        """Likewise figures (wall s)."""
        self._everything = True
        self._slow = True
        """Whether a slow read is due."""
        self._woken = asyncio.Event()
        """There is something to read: while nothing happens, nothing looks for it."""
        self._beside: dict[str, Callable[[], Awaitable[Any]]] = {
            "checks": self._recent_checks,
            "coverage": self._coverage,
            "trends": console.trends,
            "alerts": self._alerts,
            "plugins": self._plugins,
            "figures": console.figures,
            "recent": self._executions,
        }
        """What is good to know beside the providers, by its field of the state."""
        self._wanted = {"figures", "recent"}
        """What of it is read at the next slow read."""
        self._counts = False
        self._trial = False
        """Whether a change is on trial: another console may confirm it, and no event tells of that."""
        self._checks: list[events.HealthChecked] = []
        """Told together with what they changed: one frame for both."""

    async def run(self) -> None:
        """Listen and read until cancelled.

        Raises:
            ConsoleError: the console will tell of nothing more, such as one elsewhere whose token has ended.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._beat())
                tasks.create_task(self._read())
        except* ConsoleError as errors:
            raise errors.exceptions[0] from None

    async def _listen(self) -> None:
        async for event in self._console.events():
            self._note(event)
            if not isinstance(event, events.HealthChecked):
                self._tell(event)

    def _note(self, event: events.Event) -> None:
        match event:
            case events.HealthChecked():
                self._changed[event.check.provider] = None
                self._checks.append(event)
                self._counts = True
            case events.ProviderStateChanged() | events.BreakerChanged():
                self._turned[event.provider] = None
                self._wanted.add("coverage")
            case events.AttemptEnded():
                self._changed[event.attempt.provider] = None
            case events.ExecutionEnded():
                self._wanted |= {"figures", "trends", "recent", "coverage"}
            case (
                events.CatalogChanged()
                | events.PluginQuarantined()
                | events.SettingsReloaded()
                | events.SettingsRejected()
                | events.SettingsTakenBack()
                | events.Gap()
            ):
                self._everything = True
            case _:
                pass
        if self._news:
            self._woken.set()

    @property
    def _news(self) -> bool:
        return bool(self._changed or self._turned or self._everything)

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(SLOW_S)
            self._slow = True
            self._woken.set()

    async def _read(self) -> None:
        while True:
            self._woken.clear()
            if self._slow or self._everything:
                self._slow = False
                await self._ask(self._read_slowly)
            if self._news:
                await self._ask(self._read_changed)
            self._tell_checks()
            await self._clock.sleep(PERIOD_S)
            if not self._news:
                await self._woken.wait()

    async def _ask(self, question: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await question()
        except TimeoutError:
            self._everything = True
            self._tell(Unanswered(self._clock.wall()))
        except ConsoleError as error:
            self._everything = True
            self._tell(Unanswered(self._clock.wall(), error.message))

    async def _read_changed(self) -> None:
        if self._everything:
            health = await self._all()
            fields = {**await self._configuration(), "health": health}
            self._everything = False
            await self._say_with(MAP, fields)
        elif len(self._changed) + len(self._turned) <= FEW:
            await self._some([*self._turned, *self._changed])
        elif self._clock.wall() >= self._all_at:
            health = await self._all()
            self._tell_checks()
            self._tell(Read(self._clock.wall(), {"health": health}))
        elif self._turned:
            await self._some(list(self._turned)[:FEW])

    async def _some(self, wanted: Sequence[str]) -> None:
        """Read some providers, one by one."""
        views = []
        for provider_id in dict.fromkeys(wanted):
            self._changed.pop(provider_id, None)
            self._turned.pop(provider_id, None)
            try:
                views.append(await self._console.provider(provider_id))
            except ConsoleError:
                # It left the map meanwhile.
                self._everything = True
        self._tell_checks()
        self._tell(ProvidersRead(self._clock.wall(), tuple(views)))

    async def _all(self) -> SystemHealth:
        """Read all providers: there is no news of them any more."""
        self._changed.clear()
        self._turned.clear()
        self._counts = False
        health = await self._console.health()
        self._known = len(health.providers)
        now = self._clock.wall()
        self._all_at = now + min(SLOW_S, self._known / READ_A_SECOND)
        self._due_at = now + min(DUE_MOST_S, self._known / DUE_A_SECOND)
        return health

    def _tell_checks(self) -> None:
        checks, self._checks = self._checks, []
        if checks:
            self._tell(Checked(tuple(checks)))

    async def _configuration(self) -> Mapping[str, Any]:
        config = await self._console.config()
        self._trial = config.trial is not None
        set_now = {setting.key: setting.value for setting in config.settings}
        return {
            "config": config,
            "plugins_off": frozenset(set_now.get("plugins.disabled") or ()),
            "config_problem": config.problem,
            **{name: set_now[key] for name in SHOWN if (key := f"appearance.{name}") in set_now},
        }

    async def _alerts(self) -> Sequence[AlertView]:
        """All that are open, however old, and the newest of the others."""
        still = await self._console.alerts(only_open=True, limit=OPEN_ALERTS)
        return newest_first((*still, *await self._console.alerts(limit=ALERTS_KEPT)))

    async def _recent_checks(self) -> Mapping[str, Sequence[CheckView]]:
        return {key: tuple(value) for key, value in (await self._console.recent_checks()).items()}

    async def _coverage(self) -> Sequence[CoverageEntry]:
        return tuple(await self._console.coverage())

    async def _plugins(self) -> Sequence[PluginView]:
        return tuple(await self._console.plugins())

    async def _executions(self) -> Sequence[ExecutionSummary]:
        return tuple(await self._console.executions(limit=RECENT))

    async def _say_with(self, names: Set[str], fields: dict[str, Any]) -> None:
        """Tell of fields in one frame with what comes in time of what is good to know.

        Raises:
            ConsoleError: some of it was refused.
        """
        refused: list[ConsoleError] = []

        async def read(name: str) -> None:
            try:
                async with asyncio.timeout(self._beside_s):
                    fields[name] = await self._beside[name]()
            except TimeoutError:
                self._wanted.add(name)
            except ConsoleError as error:
                self._wanted.add(name)
                refused.append(error)

        async with asyncio.TaskGroup() as tasks:
            for name in self._beside.keys() & names:
                tasks.create_task(read(name))
        self._tell_checks()
        self._tell(Read(self._clock.wall(), fields))
        if refused:
            raise refused[0]

    async def _read_slowly(self) -> None:
        fields: dict[str, Any] = {}
        if self._trial:
            fields |= await self._configuration()
        now = self._clock.wall()
        if self._counts and now >= self._due_at:
            fields["health"] = await self._all()
        if now >= self._coverage_at:
            self._wanted.add("coverage")
        if now >= self._figures_at:
            self._wanted.add("figures")
        if "coverage" in self._wanted:
            self._coverage_at = now + COVERAGE_S
        if "figures" in self._wanted:
            self._figures_at = now + FIGURES_S
        wanted, self._wanted = self._wanted, set()
        if wanted or fields:
            await self._say_with(wanted, fields)


async def tick(clock: Clock, tell: Callable[[Change], None]) -> None:
    """Tell of each second that passes."""
    while True:
        now = clock.wall()
        tell(Ticked(now))
        await clock.sleep(1.0 - now % 1.0 + 0.001)
