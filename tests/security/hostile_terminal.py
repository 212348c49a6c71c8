"""The terminal console on a console that answers every question with hostile text. Run in a pseudo-terminal.

Nothing on the way in has cleaned the texts: what keeps them from the terminal is its own doing alone.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import ClassVar, Final, cast

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
from provider_console.console.history_views import HistoryView, OutagesView, OutageView, ProviderHistory
from provider_console.console.views import (
    AlertRuleView,
    AlertView,
    AttemptView,
    AuditEntry,
    ConfigImpact,
    ConfigView,
    CoverageEntry,
    CredentialView,
    Excluded,
    Finding,
    HealthState,
    KindView,
    KnownCredential,
    Left,
    LogLine,
    PeriodFigures,
    PlanChange,
    PluginView,
    ProviderView,
    RevisionView,
    SecretView,
    SettingChange,
    SettingView,
    SurveyView,
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


def hostile_alert(number: int, text: str) -> AlertView:
    """An alert all of whose texts are hostile."""
    return AlertView(
        id=f"a{number:02}",
        rule=text,
        subject=PROVIDERS[number].id if number % 2 else text,
        title=text,
        evidence=text,
        first_try=text,
        command=text,
        state="cleared" if number % 3 == 2 else "firing",
        fired_at=iso(NOW - number),
        cleared_at=iso(NOW) if number % 3 == 2 else None,
    )


def deed(number: int, text: str) -> AuditEntry:
    """A row of the trail all of whose texts are hostile."""
    return AuditEntry(
        seq=len(WHOLE) - number,
        at=iso(NOW - number),
        actor=text,
        role=text,
        front_end=text,
        action=text,
        subject=text,
        phase="intent",
        refers_to=None,
        result=text,
        before=text,
        after=text,
    )


def figures(number: int, text: str) -> PeriodFigures:
    """Figures whose classes and units have hostile names."""
    other = WHOLE[(number + 1) % len(WHOLE)]
    return PeriodFigures(
        total_requests=100 + number,
        success_rate=90.0,
        average_response_time=500.0,
        p50=400.0,
        p95=900.0,
        p99=1200.0,
        attempts_per_execution=1.1,
        absorbed_failures=8,
        reached_caller=2,
        time_lost_ms=100.0,
        error_classes={text: 6, other: 4},
        reached_classes={text: 2},
        units={text: 12.0},
        cost=0.1,
    )


def past(
    *, providers: Sequence[str] = (), since: str = "24h", until: str | None = None, **_only: str | None
) -> HistoryView:
    """A past of providers, failures and units with hostile names."""
    shown = tuple(
        ProviderHistory(
            provider=view.id, name=text, figures=figures(number, text), before=figures(number, text), trend=()
        )
        for number, (view, text) in enumerate(zip(PROVIDERS, WHOLE, strict=True))
        if not providers or view.id in providers
    )
    return HistoryView(
        since=iso(NOW - 86_400),
        until=iso(NOW),
        step_ms=3_600_000.0,
        before_since=iso(NOW - 172_800),
        total=figures(0, WHOLE[0]),
        before=figures(0, WHOLE[0]),
        trend=(),
        providers=shown,
    )


def outages(provider: str, **_period: str | None) -> OutagesView:
    """Outages that were told of in hostile words."""
    return OutagesView(
        since=iso(NOW - 86_400),
        until=iso(NOW),
        checks=(),
        outages=tuple(
            OutageView(
                provider=provider,
                started_at=iso(NOW - 600 * number - 300),
                ended_at=iso(NOW - 600 * number),
                duration_ms=300_000.0,
                unwatched_ms=0.0,
                recovered=True,
                error_class=text,
                message=text,
            )
            for number, text in enumerate(WHOLE)
        ),
    )


CONFIG: Final = ConfigView(
    revision=WHOLE[0],
    file=WHOLE[1],
    problem=None,
    settings=tuple(
        SettingView(
            key=f"engine.{text}",
            value=text,
            default=text,
            origin=text,
            unit=text,
            allowed=text,
            description=text,
            type="str",
        )
        for text in WHOLE
    ),
)
CHANGE: Final = SettingChange(key=WHOLE[12], before=WHOLE[13], after=WHOLE[14])
IMPACT: Final = ConfigImpact(
    changed=(CHANGE,),
    plans=(PlanChange(what=WHOLE[15], before=(WHOLE[16],), after=(WHOLE[17],)),),
    line=WHOLE[18],
    diff=tuple(f"{mark}{text}" for mark, text in zip(cycle(" +-"), WHOLE, strict=False)),
)
SURVEY: Final = SurveyView(
    config_file=WHOLE[0],
    config_exists=False,
    keyring=WHOLE[1],
    keyring_names=1,
    plugins=1,
    drivers=tuple(WHOLE),
    found=tuple(WHOLE),
    known=tuple(KnownCredential(name=text, title=text) for text in WHOLE),
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


def app(*, first_run: bool = False) -> ConsoleApp:
    """The console on hostile answers; at the first run, all of them are about what was found on the machine."""
    found = [msgspec.structs.replace(view, configured=False, enabled=False) for view in PROVIDERS]
    console = FrozenConsole(
        {
            "survey": SURVEY,
            "providers": lambda **_named: found,
            "alerts": tuple(hostile_alert(number, text) for number, text in enumerate(WHOLE)),
            "alert_rules": tuple(
                AlertRuleView(name=text, when=text, shipped=False, watched=False, problem=text) for text in WHOLE
            ),
            "audit": lambda **page: () if page.get("before") else tuple(map(deed, range(len(WHOLE)), WHOLE)),
            "log": lambda *, after=0, **_named: tuple(
                LogLine(seq=number, at=iso(NOW), level="error", source=text, message=text, traceback=text)
                for number, text in reversed(list(enumerate(WHOLE, start=1)))
                if number > after
            ),
            "verify_audit": refused,
            "acknowledge_alert": refused,
            "snooze_alert": refused,
            "history": past,
            "outages": outages,
            "config": CONFIG,
            "config_text": ("\n".join(WHOLE), WHOLE[0]),
            "edited_config": lambda _wanted: "\n".join(reversed(WHOLE)),
            "config_impact": lambda _text: IMPACT,
            "config_history": tuple(
                RevisionView(id=number, at=iso(NOW), author=text, reason=text, hash=text, valid=True)
                for number, text in enumerate(WHOLE)
            ),
            "revision_text": lambda number: WHOLE[number],
            "secrets": tuple(
                SecretView(name=text, present=True, backend=text, age_ms=1.0, last_success_age_ms=None, used_by=(text,))
                for text in WHOLE
            ),
            "secret_backend": refused,
            "delete_secret": refused,
            "health": fleet.health(found if first_run else PROVIDERS),
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
    running = app(first_run="--first-run" in sys.argv)
    running.run()
    raise SystemExit(running.return_code or 0)
