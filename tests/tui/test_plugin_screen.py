"""Plugins and the doctor in the hand: filter, page, switching, roles, and a doctor that is asked once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.home import Home
from tests.tui.plugin_scene import FINDINGS, PLUGINS, WEATHER
from tests.tui.scene import NOW
from tests.tui.workflows import fleet
from tests.tui.workflows.plugins import console

from provider_console import open_console
from provider_console.console import events
from provider_console.console.console import Console
from provider_console.console.errors import ConsoleError
from provider_console.console.story import diagnosis
from provider_console.console.views import Who
from provider_console.testing.frozen import FrozenConsole
from provider_console.testing.operator import filter_by, open_mode, select, tell
from provider_console.testing.workflow import Stage, Workflow, click, do, expect, play, press, resize, see, see_no
from provider_console.tui.app import ConsoleApp
from provider_console.tui.changes import Unanswered
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.pages.plugins import WORDS, condition
from provider_console.tui.state import State
from provider_console.tui.themes import load_themes
from provider_console.tui.widgets.table import Table

OPEN = (see("down 2 m"), open_mode("plugins"), see("weather is put aside:"))


async def played(frozen: FrozenConsole, *steps: Any, size: tuple[int, int] = (120, 40)) -> ConsoleApp:
    app = fleet.app(frozen)
    await play(Workflow("plugins", [*OPEN, *steps], size=size), app)
    return app


async def test_the_cursor_stands_on_the_worst_and_stays_on_its_plugin_while_they_are_filtered() -> None:
    def cursor(stage: Stage) -> None:
        assert stage.app.screen.query_one(Table).cursor == "dynamic_ai"

    await played(
        console(),
        select("dynamic_ai"),
        filter_by("openai"),
        press("enter"),
        see_no("weather  "),
        press("escape"),
        see("acme-weather"),
        do("it stayed", cursor),
        filter_by("wether"),
        see("Filter found nothing", "weather"),
        press("escape"),
        see("acme-weather"),
    )


async def test_a_plugin_that_left_meanwhile_leaves_its_page_standing() -> None:
    frozen = console()

    def leave(_stage: Stage) -> None:
        frozen.answers["plugins"] = tuple(view for view in PLUGINS if view is not WEATHER)

    await played(
        frozen,
        press("enter"),
        see("Traceback (most recent call last):"),
        do("it is uninstalled", leave),
        press("c"),
        see("weather is not installed any more", "This plugin is gone"),
        press("d"),
        see("no plugin is known yet"),
    )


async def test_a_check_asks_again_and_says_what_became_of_it() -> None:
    frozen = console()
    before = 0

    def count(_stage: Stage) -> None:
        nonlocal before
        before = frozen.times("plugins")

    await played(
        frozen,
        do("count", count),
        press("c"),
        see("weather is put aside: provider_console_sources: RuntimeError"),
    )
    assert frozen.times("plugins") > before


async def test_nothing_is_switched_without_a_yes() -> None:
    frozen = console()

    await played(frozen, select("pager"), press("d"), see("Disable pager?"), press("escape"), see_no("Disable pager?"))

    assert frozen.times("set_plugin_enabled") == 0


async def test_switching_asks_for_what_was_shown_and_says_from_when_it_counts() -> None:
    frozen = console()

    await played(
        frozen,
        select("archive"),
        see("d enable"),
        press("d"),
        see("Enable archive?", "with the rights of its user"),
        press("y"),
        see("archive is on from the next start on", "off · on at the next start", "d disable"),
        press("d", "y"),
        see("archive is off from the next start on"),
    )

    asked = [(args, named["enabled"]) for method, args, named in frozen.asked if method == "set_plugin_enabled"]
    assert asked == [(("archive",), True), (("archive",), False)]


async def test_a_refusal_of_the_engine_is_said_and_nothing_changes() -> None:
    frozen = console(set_plugin_enabled=ConsoleError("config.toml cannot be written: the disk is full"))

    await played(
        frozen,
        select("pager"),
        press("d", "y"),
        see("the disk is full"),
        expect("nothing is kept out", lambda state: state.plugins_off == {"archive"}),
    )


async def test_a_quarantine_while_the_console_is_open_shows_itself() -> None:
    frozen = console(plugins=PLUGINS[:2])

    def fail(stage: Stage) -> None:
        frozen.answers["plugins"] = PLUGINS
        frozen.happen(events.PluginQuarantined(at=NOW, plugin="weather", reason="it hangs"))
        stage.app.clock.advance(1.0)  # type: ignore[attr-defined]

    await play(
        Workflow(
            "a plugin fails",
            [
                see("down 2 m"),
                open_mode("plugins"),
                see("All 2 plugins work."),
                do("it fails", fail),
                see("put aside:"),
            ],
        ),
        fleet.app(frozen),
    )


async def test_figures_of_an_engine_that_does_not_answer_stay_and_keys_answer() -> None:
    await played(
        console(),
        tell(Unanswered(NOW)),
        see("without the engine", "weather is put aside:"),
        press("enter"),
        see("the last of it, without values"),
    )


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40), (200, 60)])
async def test_the_selected_plugin_is_in_sight_with_its_reason_at_every_size(size: tuple[int, int]) -> None:
    await played(console(), press("home"), see("weather", "put aside", "RuntimeError"), size=size)


async def test_resizing_keeps_the_selection() -> None:
    def cursor(stage: Stage) -> None:
        assert stage.app.screen.query_one(Table).cursor == "prices"

    await played(console(), select("prices"), resize(60, 16), resize(200, 60), see("prices 0.3"), do("stays", cursor))


async def test_the_mouse_opens_a_page_and_presses_the_keys() -> None:
    await played(
        console(),
        click("translation", times=2),
        see("translation 0.1.0  ● works"),
        click("esc back"),
        see("weather is put aside:"),
        click("d disable"),
        see("Disable translation?"),
        click("esc leave"),
        see_no("Disable translation?"),
    )


# --- doctor --------------------------------------------------------------------------------------------------------


def looked(state: State) -> bool:
    return state.examination is not None and state.examination.ended is not None


async def test_a_doctor_that_looks_is_not_asked_a_second_time_and_blocks_no_key() -> None:
    go = asyncio.Event()

    async def doctor() -> Any:
        await go.wait()
        return FINDINGS

    frozen = console(doctor=doctor)
    await played(
        frozen,
        press("D", "r", "r", "r"),
        see("Looking at files"),
        press("question_mark"),
        see("Keys", "look at everything again"),
        press("escape"),
        do("it finds", lambda _stage: go.set()),
        see("2 of 8 things need mending."),
        press("r"),
        see("2 of 8 things need mending."),
        expect("it has looked", looked),
    )
    assert frozen.times("doctor") == 2


async def test_leaving_the_doctor_stops_it_and_the_next_visit_looks_anew() -> None:
    frozen = console(doctor=fleet.never)

    await played(
        frozen,
        press("D"),
        see("Looking at files"),
        press("escape"),
        expect("it stopped", lambda state: state.examination is None and state.checking is None),
        do("it answers now", lambda _stage: frozen.answers.update(doctor=FINDINGS)),
        press("D"),
        expect("it has looked", looked),
        see("2 of 8 things need mending."),
    )


async def test_a_doctor_that_fails_says_why_and_what_was_found_before_stays() -> None:
    frozen = console()

    await played(
        frozen,
        press("D"),
        expect("it has looked", looked),
        do("it breaks", lambda _stage: frozen.answers.update(doctor=ConsoleError("console.db: is locked"))),
        press("r"),
        see("console.db: is locked", "2 of 8 things need mending."),
    )


async def test_what_the_doctor_found_is_copied_as_the_command_prints_it() -> None:
    app = await played(console(), press("D"), expect("it has looked", looked), press("y"), see("is copied"))

    assert app.clipboard == "\n".join(diagnosis(FINDINGS))


async def test_a_role_that_may_not_ask_the_doctor_is_told_so() -> None:
    who = Who(actor="mia", role="metrics", front_end="tui", may={"doctor": "needs the role admin"})
    frozen = console(whoami=who)

    await played(
        frozen, press("D"), see("asking the doctor needs the role admin; you are metrics", "weather is put aside:")
    )

    assert frozen.times("doctor") == 0


# --- the same as the command line ----------------------------------------------------------------------------------


@pytest.mark.limit(60)
async def test_panel_and_command_line_say_the_same_of_real_plugins_and_a_real_doctor(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.configure({"plugins": {"disabled": ["dynamic_ai"]}})
    listed = (await asyncio.to_thread(home.run, "plugins", "list", "--json")).json()
    found = (await asyncio.to_thread(home.run, "doctor", "--json")).json()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Console]:
        async with open_console(home.situation) as real:
            yield real

    app = ConsoleApp(opener=opened, preview=Preview(), clock=WallClock(), themes=load_themes([]))

    def rows(stage: Stage) -> None:
        table = stage.app.screen.query_one(Table)
        assert sorted(table.keys) == sorted(each["name"] for each in listed)
        views = {view.name: view for view in stage.app.state.plugins}  # type: ignore[attr-defined]
        for each in listed:
            (row,) = [
                line for line in stage.text.splitlines() if f" {each['name']}  " in line and each["version"] in line
            ]
            assert WORDS[condition(views[each["name"]])].text in row
            assert each["state"] == views[each["name"]].state

    def same(stage: Stage) -> None:
        state: State = stage.app.state  # type: ignore[attr-defined]
        assert state.examination is not None
        shown = {(each.check, each.ok, each.mend) for each in state.examination.findings}
        assert shown == {(each["check"], each["ok"], each.get("mend")) for each in found}
        for each in found:
            assert " ".join(each["check"].split()[:2]) in stage.text

    await play(
        Workflow(
            "the same",
            [
                expect("plugins are known", lambda state: state.plugins, limit_s=20.0),
                press("escape"),
                open_mode("plugins"),
                see("2 plugins work. 1 off."),
                do("every row is one of the command's", rows),
                press("D"),
                expect("it has looked", looked, limit_s=20.0),
                do("the doctor says the same", same),
            ],
            size=(200, 60),
        ),
        app,
    )
