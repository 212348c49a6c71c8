"""A long page: it scrolls, and paints what is seen."""

from __future__ import annotations

from textual.app import App, ComposeResult

from provider_console.tui.ink import line
from provider_console.tui.themes import load_themes, textual_theme
from provider_console.tui.widgets.pager import Pager


class Reading(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.register_theme(textual_theme(load_themes([]).themes["console-dark"]))
        self.theme = "console-dark"

    def on_mount(self) -> None:
        self.query_one(Pager).focus()

    def compose(self) -> ComposeResult:
        yield Pager(lambda _width: [line(f"line {number}") for number in range(500)])


async def test_a_page_scrolls_to_its_end_and_back() -> None:
    async with Reading().run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        pager = pilot.app.query_one(Pager)
        for key, first in (("pagedown", 20), ("down", 21), ("end", 480), ("up", 479), ("home", 0)):
            await pilot.press(key)
            assert pager.render_line(0).text.startswith(f"line {first} "), key
