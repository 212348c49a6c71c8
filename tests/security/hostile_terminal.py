"""The terminal console on a console that answers every question with hostile text. Run in a pseudo-terminal.

Nothing on the way in has cleaned the texts: what keeps them from the terminal is its own doing alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from typing import ClassVar, cast

import msgspec
from rich.style import Style
from rich.text import Text
from tests.security.payloads import PAYLOADS
from tests.tui.execution_scene import SAVED, attempt, entry, summary
from tests.tui.scene import NOW, provider
from tests.tui.workflows import fleet
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from provider_console.console import events
from provider_console.console.console import Console
from provider_console.console.errors import BadRequest
from provider_console.console.views import (
    AttemptView,
    CoverageEntry,
    CredentialView,
    Excluded,
    Finding,
    HealthState,
    KindView,
    Left,
    PluginView,
    ProviderView,
    Who,
    iso,
)
from provider_console.sdk import Field
from provider_console.testing.frozen import FrozenConsole
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.themes import load_themes

WHOLE = [payload.whole for payload in PAYLOADS]
STATES = cycle((HealthState.UNHEALTHY, HealthState.DEGRADED, HealthState.HELD, HealthState.HEALTHY, HealthState.OFF))


def hostile(number: int, text: str) -> ProviderView:
    """A provider all of whose texts are hostile."""
    view = provider(
        f"p{number:02}",
        next(STATES),
        why=text,
        last_error=text,
        last_error_class=text,
        first_try=text,
        breaker=text,
        failures_in_a_row=3,
        since=iso(NOW - 60),
    )
    return msgspec.structs.replace(
        view,
        name=text,
        driver=text,
        base_url=f"http://{text}",
        region=text,
        models=(text, text),
        sources=(text,),
        categories=(text,),
        credential=CredentialView(name=text, present=True, backend=text, age_ms=1000.0),
    )


PROVIDERS = [hostile(number, text) for number, text in enumerate(WHOLE)]
COVERAGE = tuple(
    CoverageEntry(category=text, capability=text, status="not served", providers=(), down=(PROVIDERS[number].id,))
    for number, text in enumerate(WHOLE)
)


def failed(number: int) -> AttemptView:
    """A call that ended in hostile words."""
    text = WHOLE[number % len(WHOLE)]
    return attempt(PROVIDERS[number % 7].id, 1, number * 0.2, 0.1, error_class=text, provider_code=text, message=text)


REPORT = msgspec.structs.replace(
    SAVED,
    operation=WHOLE[8],
    category=WHOLE[9],
    provider=PROVIDERS[0].id,
    result={"text": "\n".join(WHOLE), WHOLE[0]: WHOLE[1]},
    plan=tuple(entry(view.id, rank, 20.0, 20.0, WHOLE[rank]) for rank, view in enumerate(PROVIDERS[:3], start=1)),
    attempts=tuple(failed(number) for number in range(8)),
    left=tuple(Left(provider=view.id, reason=WHOLE[20]) for view in PROVIDERS[:3]),
    excluded=tuple(Excluded(provider=view.id, reason=text) for view, text in zip(PROVIDERS, WHOLE, strict=True)),
    hint=WHOLE[21],
)
KIND = KindView(
    name=WHOLE[0],
    title=WHOLE[1],
    category=WHOLE[2],
    fields=tuple(
        Field(name=f"field{number}", label=text, default=text, help=text) for number, text in enumerate(WHOLE[:12])
    ),
)


def hostile_plugin(text: str) -> PluginView:
    """A plugin all of whose texts are hostile."""
    return PluginView(
        name=text,
        package=text,
        version=text,
        module=text,
        state="quarantined",
        hooks=(text,),
        sources=(text,),
        settings=(text,),
        reason=text,
        traceback=f"{text}\n  File {text}\n{text}",
        news=text,
        problems=(text,),
    )


def refused(*_args: object, **_named: object) -> None:
    """What a console refuses, it refuses in hostile words."""
    raise BadRequest(" ".join(WHOLE[:6]))


class Linked(ModalScreen[None]):
    """Texts whose style links to hostile addresses, as a careless widget might show them."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "back")]

    def compose(self) -> ComposeResult:
        yield Static(Text.assemble(*((f"linked-{number} ", Style(link=text)) for number, text in enumerate(WHOLE))))


class Hostile(ConsoleApp):
    """The console, and a key that shows links."""

    BINDINGS: ClassVar[list[BindingType]] = [("L", "linked", "links")]

    def action_linked(self) -> None:
        """Show links."""
        self.push_screen(Linked())


def app() -> ConsoleApp:
    """The console on hostile answers."""
    console = FrozenConsole(
        {
            "health": fleet.health(PROVIDERS),
            "coverage": COVERAGE,
            "whoami": Who(actor=WHOLE[2], role=WHOLE[3], front_end="tui", may={}),
            "executions": (summary(REPORT),),
            "execution": lambda _id: REPORT,
            "kinds": (KIND,),
            "operation": refused,
            "plugins": tuple(map(hostile_plugin, WHOLE)),
            "doctor": tuple(
                Finding(check=text, ok=bool(number % 2), evidence=text, mend=text) for number, text in enumerate(WHOLE)
            ),
            "check": refused,
            "set_provider_enabled": refused,
            "set_secret": refused,
            "test_secret": refused,
        }
    )
    console.happen(
        *(
            events.ProviderStateChanged(
                at=NOW, provider=view.id, before=HealthState.HEALTHY, after=HealthState.UNHEALTHY, why=text
            )
            for view, text in zip(PROVIDERS, WHOLE, strict=True)
        ),
        events.PluginQuarantined(at=NOW, plugin=WHOLE[4], reason=WHOLE[5]),
        events.SettingsRejected(at=NOW, problem=" ".join(WHOLE[10:16])),
        events.StoreTroubled(at=NOW, problem=" ".join(WHOLE[16:24]), dropped=0),
    )

    @asynccontextmanager
    async def opened() -> AsyncIterator[Console]:
        yield cast(Console, console)

    preview = Preview(names=tuple(WHOLE), user=WHOLE[6], environment=WHOLE[7])
    return Hostile(opener=opened, preview=preview, clock=WallClock(), themes=load_themes([]))


if __name__ == "__main__":
    running = app()
    running.run()
    raise SystemExit(running.return_code or 0)
