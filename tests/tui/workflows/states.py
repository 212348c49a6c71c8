"""Workflows of what is not usual: nothing known yet, no provider, the engine or the configuration gone, no room."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from tests.tui.workflows import fleet
from textual.app import App

from provider_console.console import events
from provider_console.console.views import TroubleView, Who, iso
from provider_console.testing.frozen import MOMENT
from provider_console.testing.operator import select, tell
from provider_console.testing.workflow import Workflow, expect, press, resize, see, see_no, snapshot, theme
from provider_console.tui.changes import Read, Unanswered

OPENING: Final = Workflow(
    "the names stand there before anything is known",
    [
        see("Checking 14 providers.", "Starting", "Azure Translator", "checking"),
        expect("nothing is known yet", lambda state: state.health is None),
        snapshot("states-first-paint-120x40-dark"),
    ],
)
STALE: Final = Workflow(
    "an engine that does not answer is said, and its figures stay",
    [
        see("down 2 m"),
        tell(Unanswered(MOMENT)),
        see("without the engine", "99.6 %"),
        expect("it has not answered", lambda state: state.stale_since == MOMENT),
        snapshot("states-stale-120x40-dark"),
    ],
)
BROKEN: Final = Workflow(
    "a broken configuration and a full disk are said, and the last good one stays in force",
    [
        see("down 2 m"),
        tell(events.SettingsRejected(at=MOMENT, problem="config.toml line 14, column 9: unknown key max_retrys.")),
        see("line 14, column 9", "stays in force"),
        expect("it is a problem", lambda state: "max_retrys" in state.config_problem),
        theme("console-light"),
        snapshot("states-config-120x40-light"),
        tell(events.StoreTroubled(at=MOMENT, problem="console.db: disk is full", dropped=0)),
        see("disk is full"),
        expect("both are problems", lambda state: state.store_problem and state.config_problem),
        theme("console-contrast"),
        snapshot("states-disk-120x40-contrast"),
    ],
)
NARROW: Final = Workflow(
    "a terminal of 20x5 says one sentence, and the selection is there again afterwards",
    [
        select("deepl"),
        resize(20, 5),
        see_no("Provider"),
        expect("nothing left the map", lambda state: len(state.providers) == 14),
        snapshot("states-20x5-dark"),
        resize(60, 16),
        see("DeepL"),
        expect("nothing left the map", lambda state: len(state.providers) == 14),
        snapshot("states-60x16-dark"),
        resize(120, 40),
        see("DeepL  ● healthy"),
    ],
)
FAILING: Final = Workflow(
    "a source that fails is said with its time and the way on, and no longer once it answers",
    [
        see("since 09:11", "dynamic_ai_catalogue", "and 1 more   D doctor", "down 2 m"),
        expect("the newest stands first", lambda state: state.health.troubles[0].subject.startswith("source")),
        snapshot("states-source-120x40-dark"),
        resize(80, 24),
        see("since 09:11", "and 1 more   D doctor"),
        theme("console-mono"),
        expect("both are known", lambda state: len(state.health.troubles) == 2),
        snapshot("states-source-80x24-mono"),
        tell(Read(MOMENT, {"health": fleet.health()})),
        see_no("since 09:11", "D doctor"),
    ],
)
ASCII: Final = Workflow(
    "every state has its word and its own mark in ASCII",
    [
        see("v LibreTranslate", "~ OpenAI", "? Gemini", "* DeepL", "down 2 m", "degraded", "quota used", "needs a key"),
        expect("the setting is ascii", lambda state: state.glyphs == "ascii"),
        snapshot("ascii-120x40-mono"),
    ],
)
ROLE: Final = Workflow(
    "what a role may not do stays visible and says why",
    [
        see("down 2 m"),
        press("c"),
        see("needs the role super admin"),
        expect("nothing is checked", lambda state: state.checking is None),
        snapshot("role-120x40-dark"),
    ],
)


def _opening() -> App[Any]:
    async def never(*_args: object) -> None:
        await asyncio.Event().wait()

    return fleet.app(fleet.console(whoami=never))


def _held() -> App[Any]:
    who = Who(actor="bob", role="admin", front_end="tui", may={"check": "needs the role super admin"})
    return fleet.app(fleet.console(whoami=who))


def _troubled() -> App[Any]:
    troubles = (
        TroubleView(
            subject="source dynamic_ai_catalogue",
            what="source dynamic_ai_catalogue: the catalogue https://platform.example/api/providers answered HTTP 503; "
            "what it said before is used",
            since=iso(MOMENT - 17_471),
        ),
        TroubleView(
            subject="plugin weather", what="plugin weather is put aside: it raised", since=iso(MOMENT - 90_000)
        ),
    )
    return fleet.app(fleet.console(health=msgspec.structs.replace(fleet.health(), troubles=troubles)))


ALL: Final = (
    (OPENING, _opening),
    (STALE, fleet.app),
    (BROKEN, fleet.app),
    (FAILING, _troubled),
    (NARROW, fleet.app),
    (ASCII, lambda: fleet.app(glyphs="ascii", theme="console-mono")),
    (ROLE, _held),
)
