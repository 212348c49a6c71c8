"""The real engine on the living sandbox, driven by keys: six questions of somebody whose providers are in trouble."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from provider_console.console.console import Console
from provider_console.sandbox import Fault
from provider_console.sandbox.living import living_sandbox
from provider_console.sandbox.script import Cue
from provider_console.testing.workflow import Stage, Workflow, do, expect, play, press, see
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.state import State
from provider_console.tui.themes import load_themes

SCRIPT = (Cue(0.0, 200.0, ("libretranslate",), Fault("refuse")),)
"""LibreTranslate, the only one who serves Serbian, is gone from the start."""


@asynccontextmanager
async def living() -> AsyncIterator[Console]:
    async with living_sandbox(script=SCRIPT, errands=False) as sandbox:
        yield sandbox.console


def app() -> ConsoleApp:
    return ConsoleApp(opener=living, preview=Preview(user="alice"), clock=WallClock(), themes=load_themes([]))


def known_down(state: State) -> bool:
    view = state.providers.get("libretranslate")
    return view is not None and view.health.state == "unhealthy"


async def ask(stage: Stage) -> None:
    """Somebody translates while it is down: LibreTranslate is asked first, and another one answers."""
    console: Any = stage.app.link.console  # type: ignore[attr-defined]
    payload = {"text": "The house is red.", "from": "en", "to": "es"}
    operation = await console.operation("translate", payload, options={"providers": ("libretranslate", "apertium")})
    await console.execute(operation)


async def since(stage: Stage) -> None:
    said = re.compile(r"down (\d+ [dhm] )?\d+ [hms]")
    assert await stage.until(lambda: said.search(stage.text) is not None), "since when is not said"


SIX = Workflow(
    "six answers within twelve keys",
    [
        see("Health"),
        expect("the engine is open", lambda state: state.open and bool(state.providers), limit_s=15.0),
        do("a request falls back", ask),
        expect("it is known to be down", known_down, limit_s=15.0),
        # What is down, and since when.
        press("home"),
        see("Served, except", "en›sr", "LibreTranslate", "down "),
        do("since when", since),
        # What to try first, and which requests it hurt.
        see("first try", "Then press c to check", "affects", "translate en›sr has no other provider"),
        # What breaks if one more dies.
        press("end", "v"),
        see("nobody", "translate en›sr"),
        press("escape"),
        # Who took over.
        press("2"),
        see("Saved by fallback", "Apertium answered", "LibreTranslate", "network"),
        expect("one execution was saved", lambda state: any(r.provider == "apertium" for r in state.reports.values())),
    ],
)


@pytest.mark.limit(60)
async def test_six_answers_stand_on_the_screen_within_twelve_keys() -> None:
    pressed: list[int] = []
    count = do("count", lambda stage: pressed.append(stage.keys))
    await play(Workflow(SIX.name, [*SIX.steps, count], SIX.size), app())

    assert pressed[0] <= 12
