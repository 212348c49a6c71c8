"""Prints: data on stdout, messages and progress on stderr, tables as wide as what is in them."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

import msgspec

from provider_console.console.errors import ConsoleError
from provider_console.console.story import story
from provider_console.console.views import ExecutionReport
from provider_console.console.words import clean_text

CELL: Final = 300
"""Longer cells are cut wherever they are shown."""
MESSAGE: Final = 8_000
"""Longer messages repeat something that somebody typed or sent."""

NARROWEST: Final = 8

_UNSAFE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")
"""What a terminal would obey: control characters, a return that is no line's end, bidi overrides."""
_WIDE: Final = re.compile("[^\x00-\x7f]")


def shown(text: str) -> str:
    """Text as a terminal may have it: the last filter, for what came in by an argument or a file name too.

    >>> shown("uno\\r\\n\\x1b[2Jdos\\rtres")
    'uno\\r\\n\ufffd[2Jdos\ufffdtres'
    """
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def settle_streams() -> None:
    """Stand in for standard streams that are closed, and let the others escape what their encoding has not."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # Takes the free number too: a database must not get it, and with it whatever is printed.
            number = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        elif isinstance(stream, io.TextIOWrapper):
            # Bytes that are no text are told by who reads them, in a sentence.
            stream.reconfigure(errors="surrogateescape")


def put(text: str) -> None:
    """Text on stdout, at once.

    Raises:
        BrokenPipeError: the reader of a pipe has seen enough. ConsoleError: it cannot be written.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        _give_up(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        raise ConsoleError(f"the output cannot be written ({error.strerror}); send it somewhere else") from error


def _tell(text: str) -> None:
    """Text on stderr; where nobody can hear it, the work goes on."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _give_up(sys.stderr)


def _give_up(stream: TextIO) -> None:
    # What waits in the buffer would be tried again at exit, with a complaint of the interpreter's.
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Output:
    """Where a command writes."""

    def __init__(self, *, json: bool, quiet: bool = False) -> None:
        self.json = json
        self._quiet = quiet

    def data(self, value: object) -> None:
        """A view, or views, as JSON."""
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        # JSON may hold most of it as it is; escaped, it is the same value, harmless and good for every encoding.
        text = _UNSAFE.sub(_escaped, text)
        self.line(text if speaks_unicode() else _WIDE.sub(_escaped, text))

    def line(self, text: str = "") -> None:
        """One line on stdout."""
        put(shown(text) + "\n")

    def write(self, text: str) -> None:
        """A piece of text on stdout, at once."""
        put(shown(text))

    def say(self, text: str) -> None:
        """A message for the person, on stderr."""
        _tell(f"provider-console: {shown(_cut(text, MESSAGE))}\n")

    def progress(self, text: str) -> None:
        """What long work is doing, on stderr, unless it was asked to be quiet."""
        if not self._quiet:
            _tell(f"{shown(text)}\n")

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


def speaks_unicode() -> bool:
    """Whether every character can be written."""
    return (sys.stdout.encoding or "utf-8").lower().startswith("utf")


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


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
