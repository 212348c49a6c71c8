"""A change on trial in the open terminal: taken back on time or at once where it does harm, said, and on record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from tests.e2e.home import KEY, Home, deepl, translation

from provider_console.bootstrap import open_front_end
from provider_console.console.console import Console
from provider_console.sandbox import DeepLSandbox, serve
from provider_console.testing.operator import open_mode
from provider_console.testing.workflow import Stage, Step, Workflow, do, enter, expect, play, press, see, see_no
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.state import State
from provider_console.tui.themes import load_themes

pytestmark = pytest.mark.limit(60)


def well(state: State, names: tuple[str, ...]) -> bool:
    return all(state.providers[name].health.state == "healthy" for name in names if name in state.providers)


async def watched(home: Home, *steps: Step, names: tuple[str, ...] = ("only",)) -> None:
    """Play steps in Config, with providers that serve, each of them checked once a second."""
    async with AsyncExitStack() as servers:
        tables = {
            name: deepl((await servers.enter_async_context(serve(DeepLSandbox(key=KEY), name=name))).base_url)
            for name in names
        }
        often = {"health_check_interval": 1_000}
        home.configure(translation(tables, engine={"max_retries": 5}, health=often))

        @asynccontextmanager
        async def opened() -> AsyncIterator[Console]:
            async with open_front_end("tui", home.situation, grace_s=0.1) as console:
                yield console

        app = ConsoleApp(opener=opened, preview=Preview(), clock=WallClock(), themes=load_themes([]))
        served = expect(
            "all of them serve",
            lambda state: any(entry.status != "not served" for entry in state.coverage) and well(state, names),
            limit_s=20.0,
        )
        opening = [served, open_mode("config"), see("max_retries", limit_s=15.0)]
        await play(Workflow("on trial", [*opening, *steps], size=(120, 40)), app)


async def test_what_nobody_confirms_is_taken_back_while_somebody_looks_and_the_trail_has_it(home: Home) -> None:
    async def tried(stage: Stage) -> None:
        console: Console = stage.app.link.console  # type: ignore[attr-defined]  # ConsoleApp's
        await console.set_config("engine.max_retries", 2, confirm_within_s=10.0)

    await watched(
        home,
        do("a change is put on trial", tried),
        see("on trial,", "K keeps it"),
        see("was taken back:", "confirmed", limit_s=25.0),
        see_no("on trial,"),
        expect(
            "it is as before",
            lambda state: any(each.key == "engine.max_retries" and each.value == 5 for each in state.config.settings),
        ),
    )

    assert "max_retries = 5" in (home.path / "config.toml").read_text("utf-8")
    assert [one for one in home.audited() if one[1] == "outcome"] == [
        ("set_config", "outcome", "done"),
        ("take_back_config", "outcome", "done"),
    ]


async def test_a_change_that_takes_a_service_away_is_back_at_once_and_the_screen_says_why(home: Home) -> None:
    await watched(
        home,
        press("slash", *"only.enabled"),
        see("1 setting of"),
        press("enter", "enter", "right", "enter"),
        see("1 change, not saved."),
        press("ctrl+s"),
        see("Ways on", limit_s=10.0),
        press("t"),
        see("was no longer served", limit_s=15.0),
        see_no("on trial,"),
        expect("it is on", lambda state: state.providers["only"].enabled, limit_s=15.0),
    )

    assert "enabled" not in (home.path / "config.toml").read_text("utf-8")
    assert ("take_back_config", "outcome", "done") in home.audited()


async def test_a_change_after_which_the_health_drops_is_back_and_the_screen_says_from_what_to_what(home: Home) -> None:
    before = ""

    async def remembered(_stage: Stage) -> None:
        nonlocal before
        before = (home.path / "config.toml").read_text("utf-8")

    await watched(
        home,
        do("what is in force is remembered", remembered),
        press("slash", *"second.base_url"),
        see("1 setting of"),
        # Nobody listens there; the first one still serves everything, so that nothing but the health tells.
        press("enter", "enter", "ctrl+u"),
        enter("http://127.0.0.1:9"),
        see("ok"),
        press("enter"),
        see("1 change, not saved."),
        press("ctrl+s"),
        see("Ways on", limit_s=10.0),
        press("t"),
        see("on trial,"),
        see("was taken back:", "the overall health dropped from 100.0 % to", limit_s=30.0),
        see_no("on trial,"),
        expect("what is served never changed", lambda state: all(e.status == "served" for e in state.coverage)),
        expect("both are well again", lambda state: well(state, ("first", "second")), limit_s=20.0),
        names=("first", "second"),
    )

    assert (home.path / "config.toml").read_text("utf-8") == before
    assert [one for one in home.audited() if one[1] == "outcome"] == [
        ("replace_config", "outcome", "done"),
        ("take_back_config", "outcome", "done"),
    ]
