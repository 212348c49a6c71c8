"""A long page: it scrolls, and paints what is seen."""

from __future__ import annotations

import itertools
import time

import pytest
from textual import events
from textual.app import App, ComposeResult

from provider_console.tui.ink import line
from provider_console.tui.themes import load_themes, textual_theme
from provider_console.tui.widgets.pager import Pager


class Watched(Pager):
    """Knows how much was laid out when a key came."""

    laid_before_key = 0

    def action_page_down(self) -> None:
        self.laid_before_key = len(self.lines)
        super().action_page_down()


class Reading(App[None]):
    def __init__(self, lines: int = 500) -> None:
        super().__init__()
        self._lines = lines
        self.register_theme(textual_theme(load_themes([]).themes["console-dark"]))
        self.theme = "console-dark"

    def on_mount(self) -> None:
        self.query_one(Pager).focus()

    def compose(self) -> ComposeResult:
        yield Watched(lambda _width: (line(f"line {number}") for number in range(self._lines)))


async def test_a_page_scrolls_to_its_end_and_back() -> None:
    async with Reading().run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        pager = pilot.app.query_one(Pager)
        for key, first in (("pagedown", 20), ("down", 21), ("end", 480), ("up", 479), ("home", 0)):
            await pilot.press(key)
            assert pager.render_line(0).text.startswith(f"line {first} "), key


async def test_a_key_is_heard_before_a_long_page_is_laid_out() -> None:
    async with Reading(20_000).run_test(size=(60, 20)) as pilot:
        pager = pilot.app.query_one(Watched)
        await pilot.pause()
        pager.show(lambda _width: (line(f"page {number}") for number in range(20_000)))
        pilot.app.post_message(events.Key("pagedown", None))
        while not (pager.is_laid and pager.laid_before_key):
            await pilot.pause()

        assert pager.laid_before_key < len(pager.lines) == 20_000
        assert pager.render_line(0).text.startswith("page 20 ")


async def test_the_end_is_the_end_of_what_is_laid_out_later_unless_somebody_moves_on() -> None:
    async with Reading().run_test(size=(60, 20)) as pilot:
        pager = pilot.app.query_one(Pager)
        pager.show(lambda _width: (line(f"page {number}") for number in range(5_000)))
        pager.action_scroll_end()
        assert not pager.is_laid
        while not pager.is_laid:
            await pilot.pause()
        assert pager.render_line(0).text.startswith("page 4980 ")
        await pilot.press("up")
        assert pager.render_line(0).text.startswith("page 4979 ")


async def test_a_page_is_laid_out_to_its_end_on_a_machine_that_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    # A single timer that was late was left out, and the page ended in the middle.
    looks = itertools.count()
    async with Reading().run_test(size=(60, 20)) as pilot:
        pager = pilot.app.query_one(Pager)
        await pilot.pause()
        monkeypatch.setattr("textual._time.get_time", lambda: time.monotonic() + min(next(looks), 20) * 0.01)
        pager.show(lambda _width: (line(f"page {number}") for number in range(3_000)))
        while not pager.is_laid:
            await pilot.pause()

        assert len(pager.lines) == 3_000
