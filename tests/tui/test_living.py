"""The real engine on the living sandbox, driven by keys: six questions of somebody whose providers are in trouble."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.api.far import Engine

from provider_console.sandbox import Fault
from provider_console.sandbox.living import living_place
from provider_console.testing.workflow import Stage, Workflow, do, expect, play, press, see
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.state import State
from provider_console.tui.themes import load_themes


def said_what_it_serves(state: State) -> bool:
    view = state.providers.get("libretranslate")
    return state.open and view is not None and "translate:en>sr" in view.capabilities


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


SIX = (
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
)


@pytest.mark.limit(60)
async def test_six_answers_stand_on_the_screen_within_twelve_keys(tmp_path: Path, at: Engine) -> None:
    pressed: list[int] = []
    async with living_place() as place, at(place.situation, tmp_path) as opener:
        only_one_for_serbian = place.servers["libretranslate"]
        steps = [
            see("Health"),
            expect("the engine is open", said_what_it_serves, limit_s=15.0),
            do("LibreTranslate goes away", lambda _stage: only_one_for_serbian.faults.set(Fault("refuse"))),
            *SIX,
            do("count", lambda stage: pressed.append(stage.keys)),
        ]
        app = ConsoleApp(opener=opener, preview=Preview(user="alice"), clock=WallClock(), themes=load_themes([]))
        await play(Workflow("six answers within twelve keys", steps), app)

    assert pressed[0] <= 12
