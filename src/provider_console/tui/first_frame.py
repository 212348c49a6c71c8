"""The first frame, on the terminal before Textual is loaded: names stand there at once.

Textual alone takes longer to import than a person takes to wonder whether the program has started. What is painted
here is the frame that it paints first, from the same pages; the keys come with the program that answers them, and
what is typed meanwhile waits in the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, TextIO

from rich.color import Color, ColorSystem

from provider_console.tui.bar import navigation
from provider_console.tui.glyphs import glyphs, in_ascii
from provider_console.tui.ink import BLANK, Line, Span, cut, harmless, width_of
from provider_console.tui.keymap import TITLES
from provider_console.tui.pages import detail, frame, headline, health
from provider_console.tui.pages.beneath import beneath
from provider_console.tui.state import State
from provider_console.tui.themes import Theme, in_256

LARGEST: Final = (1_000, 500)
"""Columns and rows that are filled at most: every cell costs memory, and a size is only what somebody says."""
ENTER: Final = "\x1b[?1049h"
ASIDE_WIDTH: Final = 78
"""Of the detail beside the table on wide terminals, as in health.tcss."""
_BEGIN: Final = f"{ENTER}\x1b[?25l\x1b[?2026h\x1b[H"
_END: Final = "\x1b[?2026l"
_LEAVE: Final = "\x1b[0m\x1b[?25h\x1b[?1049l"


def rows(state: State, width: int, height: int) -> list[tuple[Line, bool]]:
    """The rows of the first frame, and whether each is the selected one."""
    marks = glyphs(state.glyphs)
    short = height < frame.SHORT
    top = navigation(
        TITLES,
        TITLES[0][0],
        frame.standing(state, width, marks),
        width=width,
        rule=marks.rule,
        accent=marks.bar,
        notice=frame.notice(state, marks),
    )
    column = width - ASIDE_WIDTH if width >= detail.ASIDE else width
    blank: Sequence[Line] = () if short else (BLANK,)
    lines = [*top, *blank, *headline.headline(state, column, marks), BLANK]
    lines += health.header(column, marks, ruled=not short)
    found = [(content, False) for content in lines]
    entries = health.entries(state, "")
    under = beneath(state, column, height, len(entries), marks) if column < width else []
    for entry in entries[: max(0, height - len(found) - len(under) - (1 if short else 2))]:
        selected = len(found) == len(lines)
        content = health.provider_row(entry, state, column, marks, selected=selected)
        if selected and content:
            content = (Span(marks.cursor, "accent"), content[0]._replace(text=content[0].text[1:]), *content[1:])
        found.append((content, selected))
    found += [(content, False) for content in under]
    return found + [(BLANK, False)] * (height - len(found))


def escaped(painted: Sequence[tuple[Line, bool]], width: int, theme: Theme, system: ColorSystem) -> str:
    """Rows as a terminal takes them, in the colours of a theme."""
    codes: dict[tuple[str, str, bool], str] = {}

    def style(ink: str, paper: str, *, bold: bool) -> str:
        wanted = (ink, paper, bold)
        if wanted not in codes:
            text = Color.parse(theme[ink]).downgrade(system).get_ansi_codes()
            page = Color.parse(theme[paper]).downgrade(system).get_ansi_codes(foreground=False)
            codes[wanted] = f"\x1b[{';'.join(('0', *(('1',) if bold else ()), *text, *page))}m"
        return codes[wanted]

    lines = []
    for content, selected in painted:
        paper = "sel" if selected else "bg"
        content = cut(content, width)
        spans = [*content, Span(" " * (width - width_of(content)))]
        lines.append("".join(style(span.ink, paper, bold=span.bold) + harmless(span.text) for span in spans))
    return "\r\n".join(lines)


def color_system(environ: Mapping[str, str]) -> ColorSystem | None:
    """The colours that a terminal says it has, by the variables that Textual goes by; None where it has none."""
    if "NO_COLOR" in environ or environ.get("TERM", "dumb") in ("dumb", "unknown") or "TEXTUAL_COLOR_SYSTEM" in environ:
        return None
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return ColorSystem.TRUECOLOR
    colours = environ["TERM"].rpartition("-")[2]
    return ColorSystem.EIGHT_BIT if colours in ("256color", "kitty") else None


def size_of(descriptor: int) -> tuple[int, int]:
    """Columns and rows of a terminal that are filled. Raises: OSError: it is none."""
    width, height = os.get_terminal_size(descriptor)
    return min(width, LARGEST[0]), min(height, LARGEST[1])


class FirstFrame:
    """The first frame on a terminal that has colours and is large enough; elsewhere nothing is shown."""

    def __init__(self) -> None:
        self.coarse = False
        """Whether the terminal has 256 colours."""
        self._shown = False
        self._leave: Callable[[], None] = lambda: None

    def leave(self) -> None:
        """Make the terminal's keyboard what it was before, for somebody else who uses it meanwhile."""
        self._leave()

    def take_over(self) -> bool:
        """The program has the screen from now on, and clears it up itself. True where the first frame is on it."""
        shown, self._shown = self._shown, False
        return shown

    @contextmanager
    def show(self, state: State, theme: Theme, environ: Mapping[str, str]) -> Iterator[None]:
        """Paint, and leave the terminal as it was in the end."""
        system = color_system(environ)
        self.coarse = system is ColorSystem.EIGHT_BIT
        if sys.platform == "win32" or system is None or sys.__stdin__ is None or (screen := terminal()) is None:
            yield
            return
        import termios
        import tty

        keyboard = sys.__stdin__.fileno()
        try:
            before = termios.tcgetattr(keyboard)
            width, height = size_of(screen.fileno())
        except (OSError, termios.error):
            yield
            return
        if width < frame.MINIMUM[0] or height < frame.MINIMUM[1]:
            yield
            return
        page = escaped(rows(state, width, height), width, in_256(theme) if self.coarse else theme, system)

        def leave() -> None:
            with suppress(termios.error):
                termios.tcsetattr(keyboard, termios.TCSADRAIN, before)

        # Keys that are typed now are neither shown nor lost: they wait for the program.
        tty.setcbreak(keyboard, termios.TCSANOW)
        self._leave = leave
        try:
            _write(screen, _BEGIN + (in_ascii(page) if state.glyphs == "ascii" else page) + _END)
            self._shown = True
            yield
        finally:
            if self._shown:
                _write(screen, _LEAVE)
            leave()


def terminal() -> TextIO | None:
    """The stream that paints: standard error, as Textual has it, or standard output where errors go elsewhere."""
    streams = (sys.__stderr__, sys.__stdout__)
    return next((stream for stream in streams if stream is not None and stream.isatty()), None)


def _write(screen: TextIO, text: str) -> None:
    """Write to a terminal, which may be gone by now."""
    with suppress(OSError):
        screen.write(text)
        screen.flush()
