"""A console that stands still: a clock that moves when told, answers that are values, events that are scripted.

console = FrozenConsole({"health": health, "coverage": coverage})
app = frozen_app(console, user="alice")
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from provider_console.console.console import Console
from provider_console.console.errors import BadRequest, ConsoleError
from provider_console.console.events import Event
from provider_console.console.history_views import HistoryView, OutagesView
from provider_console.console.views import ConfigView, FiguresView, SurveyView, SystemHealth, Who
from provider_console.tui.app import ConsoleApp
from provider_console.tui.link import Preview
from provider_console.tui.themes import load_themes

MOMENT: Final = 1_795_356_131.0
"""22 November 2026, 14:02:11 UTC."""

_NOTHING: Final[Mapping[str, Any]] = {
    "alert_rules": (),
    "alerts": (),
    "analytics": None,
    "audit": (),
    "check": (),
    "config": ConfigView(revision="1", file="config.toml", settings=()),
    "config_history": (),
    "coverage": (),
    "doctor": (),
    "executions": (),
    "figures": FiguresView(
        window_ms=300_000.0,
        executions=0,
        succeeded=0,
        success_rate=None,
        saved_by_fallback=0,
        median_ms=None,
        cost=None,
    ),
    "health": SystemHealth(
        overall_health=0.0,
        healthy=0,
        degraded=0,
        unhealthy=0,
        unknown=0,
        held=0,
        off=0,
        last_health_check=None,
        next_health_check=None,
        prober=True,
        providers=(),
    ),
    "history": HistoryView(
        since="2026-11-21T14:02:00.000Z",
        until="2026-11-22T14:02:11.000Z",
        step_ms=3_600_000.0,
        before_since="2026-11-20T14:01:00.000Z",
        total=None,
        before=None,
        trend=(),
        providers=(),
    ),
    "kinds": (),
    "log": (),
    "notices": (),
    "outages": OutagesView(since="2026-11-21T14:02:11.000Z", until="2026-11-22T14:02:11.000Z", checks=(), outages=()),
    "plugins": (),
    "providers": (),
    "recent_checks": {},
    "secrets": (),
    "survey": SurveyView(
        config_file="config.toml", config_exists=True, keyring="none", keyring_names=0, plugins=0, drivers=(), found=()
    ),
    "trends": {},
    "whoami": Who(actor="alice", role="super_admin", front_end="tui", may={}),
}
"""What a console without providers answers."""


class FrozenClock:
    """Wall time that moves only by `advance`; who sleeps wakes when his time has come."""

    def __init__(self, now: float = MOMENT) -> None:
        self._now = now
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def wall(self) -> float:
        """Now, in seconds since 1970."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait for the clock to be moved so far."""
        woken = asyncio.Event()
        self._sleepers.append((self._now + seconds, woken))
        await woken.wait()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._now]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._now]
        for _at, woken in due:
            woken.set()


class FrozenConsole:
    """A `Console` whose methods answer what was given for them.

    `answers` are by method: a value, an exception that is raised, or a function (async or not) that is called with the
    method's arguments. `asked` keeps every call: the method, its arguments by place and by name.
    """

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.answers: dict[str, Any] = {**_NOTHING, "provider": self._provider, **(answers or {})}
        self.asked: list[tuple[str, tuple[Any, ...], Mapping[str, Any]]] = []
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)

        async def answered(*args: Any, **named: Any) -> Any:
            self.asked.append((method, args, named))
            return await self._answer(method, *args, **named)

        return answered

    async def _answer(self, method: str, *args: Any, **named: Any) -> Any:
        if method not in self.answers:
            raise ConsoleError(f"nothing was given for {method}; name it in the answers of FrozenConsole")
        answer = self.answers[method]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(*args, **named)
        return await answer if inspect.isawaitable(answer) else answer

    async def _provider(self, provider_id: str) -> Any:
        health = await self._answer("health")
        for view in health.providers:
            if view.id == provider_id:
                return view
        raise BadRequest(f"no provider is called {provider_id!r}")

    def happen(self, *events: Event) -> None:
        """Tell of events."""
        for event in events:
            self._events.put_nowait(event)

    async def events(self) -> AsyncIterator[Event]:
        """What happens, from now on."""
        while True:
            yield await self._events.get()

    def times(self, method: str) -> int:
        """How often a method was called."""
        return sum(asked == method for asked, _args, _named in self.asked)


def frozen_app(console: FrozenConsole, *, clock: FrozenClock | None = None, **preview: Any) -> ConsoleApp:
    """The terminal console on a frozen one; `preview` are fields of `tui.link.Preview`."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Console]:
        yield cast(Console, console)

    app = ConsoleApp(opener=opened, preview=Preview(**preview), clock=clock or FrozenClock(), themes=load_themes([]))
    # Notices stay: they go by a clock that does not stand still, and a picture must not depend on it.
    app.NOTIFICATION_TIMEOUT = 3_600  # type: ignore[misc]  # of this app alone
    return app
