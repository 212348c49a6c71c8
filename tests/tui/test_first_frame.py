"""The first frame stands on the terminal before Textual is loaded, and is the one that Textual paints then."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from tests.tui.pseudo_terminal import PseudoTerminal
from tests.tui.scene import NOW
from tests.tui.test_app import app

from provider_console.tui.first_frame import color_system, escaped, rows
from provider_console.tui.ink import plain
from provider_console.tui.link import Preview
from provider_console.tui.themes import in_256, load_themes

NAMES = tuple(f"provider {number:02}" for number in range(50))


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_it_is_the_frame_that_textual_paints_first(size: tuple[int, int]) -> None:
    width, height = size
    state = Preview(names=NAMES, user="alice", environment="production").state(NOW)
    early = [plain(content).rstrip() for content, _selected in rows(state, width, height)]

    running = app(names=NAMES, environment="production")
    async with running.run_test(size=size) as pilot:
        await pilot.pause()
        strips = pilot.app.screen._compositor.render_strips()
        painted = [strip.text.rstrip() for strip in strips]

    # The keys come with the program that answers them.
    assert painted[:-1] == early[:-1]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, ColorSystem.TRUECOLOR),
        ({"TERM": "tmux-256color"}, ColorSystem.EIGHT_BIT),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, None),
        ({"TERM": "linux"}, None),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, None),
        ({}, None),
    ],
)
def test_colours_are_those_that_the_terminal_says_it_has(environ: dict[str, str], expected: ColorSystem | None) -> None:
    assert color_system(environ) is expected


def test_with_256_colours_rules_and_the_selected_row_are_grey() -> None:
    for name in ("console-dark", "console-light"):
        coarse = in_256(load_themes([]).themes[name])
        for token in ("bg", "sel", "rule", "line"):
            number = Color.parse(coarse[token]).downgrade(ColorSystem.EIGHT_BIT).number
            assert number is not None
            # The greys of the 256, and the black and white of its cube.
            assert number >= 232 or number in (16, 231), (name, token, coarse[token], number)


def test_a_paper_that_means_its_colour_keeps_it_with_256() -> None:
    theme = load_themes([]).themes["console-contrast"]

    assert in_256(theme)["sel"] == theme["sel"] == "#002a7a"


@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT])
def test_a_name_from_the_file_cannot_steer_the_terminal(system: ColorSystem) -> None:
    state = Preview(names=("\x1b]0;owned\x07\x9b31m\u202eLPED",)).state(NOW)
    page = escaped(rows(state, 120, 40), 120, load_themes([]).themes["console-dark"], system)
    assert "owned" in page
    assert not {"\x07", "\x9b", "\u202e"} & set(page)
    assert "\x1b]" not in page


PROGRAM = textwrap.dedent(
    """
    import asyncio, sys, termios
    from contextlib import asynccontextmanager
    from provider_console.cli.terminal import show

    @asynccontextmanager
    async def never(crash):
        await asyncio.Event().wait()
        yield

    asyncio.run(show(never))
    print("cooked" if termios.tcgetattr(0)[3] & termios.ICANON and termios.tcgetattr(0)[3] & termios.ECHO else "raw")
    """
)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[PseudoTerminal]:
    tables = "\n".join(f'[translation.providers.p{number:02}]\ndriver = "apertium"\n' for number in range(30))
    (tmp_path / "config.toml").write_text(tables, "utf-8")
    with PseudoTerminal([sys.executable, "-c", PROGRAM], {"PROVIDER_CONSOLE_HOME": str(tmp_path)}) as opened:
        yield opened


def test_the_screen_is_entered_once_and_left_as_it_was(terminal: PseudoTerminal) -> None:
    terminal.until("p07")
    assert b"commands" not in terminal.written
    terminal.until("commands")
    terminal.type("q")

    assert terminal.end() == 0
    assert terminal.written.count(b"\x1b[?1049h") == 1
    assert terminal.text().rstrip().endswith("cooked")


def test_keys_typed_before_the_program_answers_are_taken_by_it(terminal: PseudoTerminal) -> None:
    terminal.until("p07")
    terminal.type("?")

    terminal.until("leave the console")


def test_an_interrupt_before_the_program_answers_leaves_the_terminal_as_it_was(terminal: PseudoTerminal) -> None:
    terminal.until("p07")
    os.kill(terminal.process.pid, 2)

    assert terminal.end() != 0
    assert terminal.written.count(b"\x1b[?1049l") == 1


CLOSING = textwrap.dedent(
    """
    import asyncio, sys
    from contextlib import asynccontextmanager
    from pathlib import Path
    from provider_console.cli.terminal import show
    from provider_console.engine.lifecycle import outlast
    from provider_console.testing.frozen import FrozenConsole

    @asynccontextmanager
    async def opened(crash):
        try:
            yield FrozenConsole()
        finally:
            async def write():
                await asyncio.sleep(0.3)
                Path(sys.argv[1]).write_text("the end of what ran")
            await outlast(asyncio.ensure_future(write()))

    asyncio.run(show(opened))
    """
)


def test_leaving_waits_until_the_console_has_written_its_records(tmp_path: Path) -> None:
    records = tmp_path / "records"
    command = [sys.executable, "-c", CLOSING, str(records)]
    with PseudoTerminal(command, {"PROVIDER_CONSOLE_HOME": str(tmp_path)}) as opened:
        opened.until("commands")
        opened.type("q")
        assert opened.end() == 0

    assert records.read_text() == "the end of what ran"
