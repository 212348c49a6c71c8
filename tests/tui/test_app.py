"""The terminal program on states that are handed to it: keys, the cursor, dialogs, sizes."""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import pty
import select
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.tui.scene import COVERAGE, DOWN, NOW, PROVIDERS, health, provider
from textual.binding import Binding
from textual.dom import DOMNode
from textual.widgets import Input

from provider_console import tui
from provider_console.console.console import Console
from provider_console.console.views import Who
from provider_console.tui.app import ConsoleApp
from provider_console.tui.changes import Read
from provider_console.tui.ink import plain
from provider_console.tui.link import Preview
from provider_console.tui.screens.base import ConsoleScreen
from provider_console.tui.screens.coverage import CoverageScreen
from provider_console.tui.screens.dialogs import ConfirmScreen
from provider_console.tui.screens.help import HelpScreen
from provider_console.tui.themes import load_themes
from provider_console.tui.widgets.form import Entry
from provider_console.tui.widgets.lines import Lines
from provider_console.tui.widgets.table import Table


class StoppedClock:
    """It stands still, and never wakes who sleeps."""

    def wall(self) -> float:
        return NOW

    async def sleep(self, _seconds: float) -> None:
        await asyncio.Event().wait()


@asynccontextmanager
async def never() -> AsyncIterator[Console]:
    await StoppedClock().sleep(0)
    yield None  # type: ignore[misc]


def app(**preview: Any) -> ConsoleApp:
    return ConsoleApp(
        opener=never,
        preview=Preview(**{"names": ("acme", "DeepL", "OpenAI"), "user": "alice", **preview}),
        clock=StoppedClock(),
        themes=load_themes([]),
    )


def show(running: ConsoleApp, **fields: Any) -> None:
    everything = {"open": True, "health": health(), "coverage": COVERAGE, **fields}
    running.change(Read(NOW, everything))


def lines(running: ConsoleApp, name: str) -> str:
    return "\n".join(plain(line) for line in running.screen.query_one(f"#{name}", Lines).lines)


async def test_fields_that_come_before_the_first_screen_find_no_selection_to_clear() -> None:
    # From Python 3.12 on Textual's tasks begin at once, and so do the fields of a screen that is not shown yet.
    running = app()
    assert not running.screen_stack

    running.clear_selection()

    async with running.run_test():
        running.clear_selection()
        assert running.screen_stack


async def test_the_first_frame_has_the_names_and_the_keys() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert pilot.app.screen.query_one(Table).keys == ["acme", "DeepL", "OpenAI"]


async def test_the_cursor_stays_in_sight_below_the_first_page() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        show(pilot.app, health=health(tuple(provider(f"p{number:03}") for number in range(100))))
        await pilot.pause()
        await pilot.press("pagedown", "pagedown", "pagedown", "down")
        table = pilot.app.screen.query_one(Table)
        assert table.keys.index(str(table.cursor)) > 60
        seen = [table.render_line(y).text for y in range(table.size.height)]
        assert [line for line in seen if line.startswith(f"▌ ● {table.cursor}")]


async def test_the_cursor_stays_on_its_provider_while_rows_move() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        show(pilot.app)
        await pilot.pause()
        await pilot.press("end")
        table = pilot.app.screen.query_one(Table)
        assert table.cursor == "deepl"
        show(pilot.app, health=health((provider("DeepL", score=100.0), *PROVIDERS[:4])))
        await pilot.pause()
        assert table.keys.index("deepl") == 3
        assert table.cursor == "deepl"


async def test_no_key_is_lost_or_doubled() -> None:
    many = tuple(provider(f"Provider {number:03}", score=99.0 - number / 10) for number in range(100))
    async with app().run_test(size=(120, 40)) as pilot:
        show(pilot.app, health=health(many))
        await pilot.pause()
        await pilot.press(*["down"] * 20)
        table = pilot.app.screen.query_one(Table)
        assert table.cursor == table.keys[20]


async def test_resizing_keeps_the_selection_and_the_detail_follows_it() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        show(pilot.app)
        await pilot.pause()
        await pilot.press("home")
        for size in ((80, 24), (200, 60), (20, 5), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert pilot.app.screen.query_one(Table).cursor == "libretranslate"
        assert "Is the server running there?" in lines(pilot.app, "under")


async def test_a_filter_is_typed_and_cleared() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        show(pilot.app)
        await pilot.pause()
        await pilot.press("slash", *"deepl")
        await pilot.pause()
        assert pilot.app.screen.query_one(Table).keys == ["deepl"]
        await pilot.press("escape")
        await pilot.pause()
        assert len(pilot.app.screen.query_one(Table).keys) == 5
        assert not pilot.app.screen.query_one(Input).has_focus


async def test_disabling_asks_first_and_says_what_it_affects() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        show(pilot.app)
        await pilot.pause()
        await pilot.press("home", "d")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ConfirmScreen)
        said = lines(pilot.app, "question")
        assert "Disable LibreTranslate?" in said
        assert "translate en›sr has no other provider" in said
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, ConfirmScreen)


async def test_coverage_thinks_through_the_end_of_the_selected_one() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        show(pilot.app)
        await pilot.pause()
        await pilot.press("end", "v")
        await pilot.pause()
        assert isinstance(pilot.app.screen, CoverageScreen)
        assert "Without DeepL everything that is served stays served. 1 goes to the next one." in lines(
            pilot.app, "headline"
        )


async def test_help_lists_every_key_that_does_something_here() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        active = [each.binding for each in pilot.app.screen.active_bindings.values()]
        bindings = [each for each in active if each.tooltip and not each.system]
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HelpScreen)
        said = lines(pilot.app, "keys")
        for binding in bindings:
            assert binding.tooltip in said, binding
        assert len(said.strip().splitlines()) == len({each.action for each in bindings}) + 2


def _own_bindings() -> list[tuple[str, Binding]]:
    """What every screen and widget of the terminal says of its keys."""
    for module in pkgutil.walk_packages(tui.__path__, f"{tui.__name__}."):
        importlib.import_module(module.name)
    found, classes = [], list(DOMNode.__subclasses__())
    while classes:
        each = classes.pop()
        classes += each.__subclasses__()
        if each.__module__.startswith(tui.__name__):
            found += [(each.__name__, binding) for binding in vars(each).get("BINDINGS", ())]
    return found


def test_every_key_of_ours_says_in_a_tooltip_what_it_does() -> None:
    own = _own_bindings()

    assert len(own) > 50
    assert [(name, each.key) for name, each in own if not each.system and not each.tooltip] == []


async def test_what_a_role_may_not_do_stays_visible_and_does_nothing() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        show(
            pilot.app, who=Who(actor="bob", role="admin", front_end="tui", may={"check": "needs the role super admin"})
        )
        await pilot.pause()
        active = {each.binding.action: each.enabled for each in pilot.app.screen.active_bindings.values()}
        assert active["check"] is False
        assert active["switch"] is True


@pytest.mark.parametrize("name", ["console-dark", "console-light", "console-contrast", "console-mono"])
async def test_every_theme_paints_the_selected_row(name: str) -> None:
    async with app(theme=name).run_test(size=(80, 24)) as pilot:
        show(pilot.app)
        await pilot.pause()
        assert pilot.app.theme == name
        table = pilot.app.screen.query_one(Table)
        backgrounds = {segment.style.bgcolor for segment in table.render_line(1) if segment.style is not None}
        assert len(backgrounds) == 1
        assert backgrounds != {segment.style.bgcolor for segment in table.render_line(2) if segment.style is not None}


HOSTILE = [
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b]52;c;aGk=\x07",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x9b2J",
    "\x90q\x9c",
    "\u202egnp.exe",
    "\x07",
    "\x00",
    "[/]",
    "[@click=app.quit]x[/]",
]


async def test_hostile_names_reach_no_segment() -> None:
    rows = tuple(provider(f"{number}{words}") for number, words in enumerate(HOSTILE))
    async with app().run_test(size=(120, 40)) as pilot:
        show(pilot.app, health=health((DOWN, *rows)))
        await pilot.pause()
        filters = pilot.app.get_line_filters()
        table = pilot.app.screen.query_one(Table)
        for y in range(table.size.height):
            segments = list(table.render_line(y))
            for each in filters:
                segments = each.apply(segments, pilot.app.screen.styles.background)
            painted = "".join(segment.text for segment in segments)
            assert not set(painted) & set("\x00\x07\x1b\x90\x9b\x9c\u202e")


CRASHING = """
from provider_console.tui.app import ConsoleApp
from provider_console.tui.link import Preview
from provider_console.tui.clock import WallClock
from provider_console.tui.themes import load_themes
from contextlib import asynccontextmanager
@asynccontextmanager
async def opener():
    password = "canary" + "-4711"
    raise RuntimeError("a defect")
    yield
app = ConsoleApp(opener=opener, preview=Preview(), clock=WallClock(), themes=load_themes([]))
app.run()
raise SystemExit(app.return_code)
"""


def test_a_crash_shows_no_local_variable_and_exits_with_one() -> None:
    master, slave = pty.openpty()
    with tempfile.TemporaryDirectory() as home:
        program = Path(home) / "crashing.py"
        program.write_text(textwrap.dedent(CRASHING))
        process = subprocess.Popen(
            [sys.executable, program],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "PROVIDER_CONSOLE_HOME": home},
        )
        os.close(slave)
        seen, end = b"", time.monotonic() + 15
        while time.monotonic() < end:
            ready, _, _ = select.select([master], [], [], 0.2)
            if ready:
                try:
                    seen += os.read(master, 1 << 16)
                except OSError:
                    break
            elif process.poll() is not None:
                break
        code = process.wait(10)
        os.close(master)
    assert code == 1
    assert b"a defect" in seen
    assert b"canary-4711" not in seen


async def test_a_screen_that_goes_asks_nothing_more_while_its_widgets_leave_one_by_one() -> None:
    left: list[int] = []

    async def waiting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.append(len(screen.walk_children()))

    async with app().run_test(size=(120, 40)) as pilot:
        screen = ConsoleScreen()
        await pilot.app.push_screen(screen)
        whole = len(screen.walk_children())
        screen.ask(waiting())
        await pilot.pause()
        await pilot.app.pop_screen()
        assert left == [whole]


async def test_an_entry_can_be_read_before_it_is_on_the_screen() -> None:
    async with app().run_test():
        assert Entry("port", "Port", (), typed="8750").typed == "8750"
        assert Entry("kind", "Kind", (), typed="b", words=("a", "b")).typed == "b"
        assert Entry("text", "Text", (), typed="one\ntwo", rows=3).typed == "one\ntwo"


async def test_control_and_c_name_the_key_that_leaves() -> None:
    async with app().run_test(size=(120, 40)) as pilot:
        await pilot.press("ctrl+c")
        assert [each.message for each in pilot.app._notifications] == ["q leaves the console"]
        assert pilot.app._exit is False
