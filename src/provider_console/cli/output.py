"""Prints: data on stdout, messages and progress on stderr, tables as wide as what is in them."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from provider_console.console.story import story
from provider_console.console.views import ExecutionReport
from provider_console.console.words import clean_text

CELL: Final = 300
"""Longer cells are cut wherever they are shown."""

NARROWEST: Final = 8

_UNSAFE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")
"""What a terminal would obey: control characters, a return that is no line's end, bidi overrides."""


def shown(text: str) -> str:
    """Text as a terminal may have it: the last filter, for what came in by an argument or a file name too.

    >>> shown("uno\\r\\n\\x1b[2Jdos\\rtres")
    'uno\\r\\n\ufffd[2Jdos\ufffdtres'
    """
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


class Output:
    """Where a command writes."""

    def __init__(self, *, json: bool, quiet: bool = False) -> None:
        self.json = json
        self._quiet = quiet

    def data(self, value: object) -> None:
        """A view, or views, as JSON."""
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        # JSON may hold most of it as it is; escaped, it is the same value and harmless.
        self.line(_UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text))

    def line(self, text: str = "") -> None:
        """One line on stdout."""
        sys.stdout.write(shown(text) + "\n")
        sys.stdout.flush()

    def write(self, text: str) -> None:
        """A piece of text on stdout, at once."""
        sys.stdout.write(shown(text))
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """A message for the person, on stderr."""
        sys.stderr.write(f"provider-console: {shown(text)}\n")
        sys.stderr.flush()

    def progress(self, text: str) -> None:
        """What long work is doing, on stderr, unless it was asked to be quiet."""
        if not self._quiet:
            sys.stderr.write(f"{shown(text)}\n")
            sys.stderr.flush()

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table, cells cleaned. On a terminal it fits: the widest columns give way; into a pipe nothing is cut."""
        lines = [list(header), *([_cell(value) for value in row] for row in rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
        if sys.stdout.isatty():
            widths = fitted(widths, shutil.get_terminal_size().columns)
        for line in lines:
            cells = (f"{_cut(cell, width):<{width}}" for cell, width in zip(line, widths, strict=True))
            self.line("  ".join(cells).rstrip())

    def report(self, report: ExecutionReport, *, hint: bool = True, excluded: bool = True) -> None:
        """What happened in an execution: as JSON, or as its story.

        `hint` and `excluded` False: a message says what to try, the explanation has said who was not considered.
        """
        if self.json:
            self.data(report)
            return
        for line in story(report if hint else msgspec.structs.replace(report, hint=None), excluded=excluded):
            self.line(line)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.1f}"
    return clean_text(str(value), CELL)


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else cell[: width - 1] + "…"


def fitted(widths: Sequence[int], columns: int) -> list[int]:
    """Widths that fit into so many columns, two between each: always the widest one gives way, down to 8.

    >>> fitted([10, 40, 60], 80), fitted([4, 5], 80)
    ([10, 33, 33], [4, 5])
    """
    room = columns - 2 * (len(widths) - 1)
    fit = list(widths)
    while sum(fit) > room and max(fit) > NARROWEST:
        fit[fit.index(max(fit))] -= 1
    return fit
