"""Rules are parsed once, and every screen has its own."""

from __future__ import annotations

from pathlib import Path

from tests.tui.workflows import fleet
from textual.color import Color

from provider_console.tui.app import SHEETS
from provider_console.tui.keymap import TITLES
from provider_console.tui.stylesheet import Rules
from provider_console.tui.widgets.nav import Nav


def test_every_file_of_rules_is_loaded() -> None:
    folder = SHEETS[0].parent

    assert sorted(SHEETS) == sorted(folder.rglob("*.tcss"))
    assert all(isinstance(sheet, Path) and sheet.is_file() for sheet in SHEETS)


async def test_opening_a_mode_for_the_first_time_parses_no_rule_anew() -> None:
    app = fleet.app(fleet.console())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        before = app.stylesheet.rules
        for digit in range(2, len(TITLES) + 1):
            await pilot.press(str(digit))
            await pilot.pause()
        after = {id(rule) for rule in app.stylesheet.rules}

    assert isinstance(app.stylesheet, Rules)
    assert [rule.css for rule in before if id(rule) not in after] == []


async def test_modes_opened_before_and_after_a_change_of_theme_are_all_in_its_colours() -> None:
    app = fleet.app(fleet.console())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("2")
        app.theme = "console-light"
        await pilot.pause()
        colours = []
        for digit in range(1, len(TITLES) + 1):
            await pilot.press(str(digit))
            await pilot.pause()
            colours.append((app.screen.styles.background, app.screen.query_one(Nav).background_colors[1]))
        light = Color.parse(app.theme_variables["pc-bg"])

    assert app.theme == "console-light"
    assert colours == [(light, light)] * len(TITLES)


async def test_the_same_colours_again_leave_what_was_parsed() -> None:
    colours = {"pc-bg": "#000000"}
    rules = Rules(variables=colours)
    rules.add_source("Screen { background: $pc-bg; }", read_from=("a", "b"))
    (one,) = rules.rules

    rules.set_variables(dict(colours))
    rules.reparse()
    (same,) = rules.rules
    rules.set_variables({"pc-bg": "#ffffff"})
    rules.reparse()
    (other,) = rules.rules

    assert same is one
    assert other.styles.background == Color.parse("#ffffff")
