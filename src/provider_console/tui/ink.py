"""Lines of text with the ink each part is painted in: what screens say, before any terminal is involved.

An ink is a token of the theme (`visual.md` of the design, and docs/themes.md): `text`, `muted`, `faint`, `line`,
`rule`, `head`, `accent`, the states `ok`, `warn`, `bad`, `held`, and their fills `okf`, `warnf`, `badf`. Widths are
cells of the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size

INKS: Final = (
    "text", "muted", "faint", "line", "rule", "head", "accent",
    "ok", "warn", "bad", "held", "okf", "warnf", "badf",
)  # fmt: skip
"""Every ink there is."""


class Span(NamedTuple):
    """Text in one ink. It is data: never read as markup."""

    text: str
    ink: str = "text"
    bold: bool = False
    underline: bool = False
    paper: str = ""
    """What it is written on: `add` or `del` in a difference; empty is the page."""


Line = tuple[Span, ...]
"""One row of a page, from the left."""

BLANK: Final[Line] = ()


def line(*parts: Span | str) -> Line:
    """A line of spans; a plain string is in the ink of text."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts if part)


def muted(text: str) -> Span:
    """Labels, headers, explanations, and whatever is healthy."""
    return Span(text, "muted")


def faint(text: str) -> Span:
    """Ticks, identifiers, zeros, what is missing."""
    return Span(text, "faint")


def head(text: str) -> Span:
    """The first clause of a headline, a title, a name in trouble."""
    return Span(text, "head", bold=True)


def strong(text: str) -> Span:
    """Totals, and the figure that matters in a sentence."""
    return Span(text, "text", bold=True)


def key(text: str) -> Span:
    """What can be pressed."""
    return Span(text, "accent")


def width_of(content: Line) -> int:
    """Cells that a line takes.

    >>> width_of(line("en›es", muted(" 東京")))
    10
    """
    return sum(cell_len(span.text) for span in content)


def cut(content: Line, cells: int, *, ellipsis: str = "…") -> Line:
    """A line of at most `cells` cells; where something is lost, it ends in an ellipsis.

    >>> cut(line("LibreTranslate"), 8)[0].text
    'LibreTr…'
    """
    if width_of(content) <= cells:
        return content
    left = max(0, cells - cell_len(ellipsis))
    kept: list[Span] = []
    for span in content:
        size = cell_len(span.text)
        if size > left:
            kept.append(span._replace(text=set_cell_size(span.text, left).rstrip() + ellipsis[:cells]))
            break
        kept.append(span)
        left -= size
    return tuple(kept)


class Cell(NamedTuple):
    """A line at its place in a row: from column `at`, or with its right edge at it (exclusive)."""

    at: int
    content: Line
    width: int | None = None
    right: bool = False


def left(at: int, *parts: Span | str, width: int | None = None) -> Cell:
    """Text that starts at a column, cut to a width."""
    return Cell(at, line(*parts), width)


def right(edge: int, *parts: Span | str, width: int | None = None) -> Cell:
    """Figures that end at a column (exclusive), cut to a width."""
    return Cell(edge, line(*parts), width, right=True)


def row(*cells: Cell, width: int) -> Line:
    """Cells put at their columns, from the left; one that would overlap its neighbour is moved, a space behind, or cut.

    >>> "".join(span.text for span in row(left(2, "DeepL"), right(14, "100"), width=20))
    '  DeepL    100'
    >>> "".join(span.text for span in row(left(0, "1 failed"), right(14, "DeepL 9"), width=20))
    '1 failed DeepL 9'
    """
    spans: list[Span] = []
    at = 0
    for cell in cells:
        content = cell.content if cell.width is None else cut(cell.content, cell.width)
        size = width_of(content)
        start = cell.at - size if cell.right else cell.at
        if start < at:
            start = at + 1
        if start >= width:
            break
        if start > at:
            spans.append(Span(" " * (start - at)))
        content = cut(content, width - start)
        spans.extend(content)
        at = start + width_of(content)
    return tuple(spans)


_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""C0, C1, DEL and the marks that reorder text. A line that reaches the terminal needs none of them."""


def harmless(text: str) -> str:
    """Text in which nothing can steer the terminal, cell by cell."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def plain(content: Line) -> str:
    """A line's text alone."""
    return "".join(span.text for span in content)


def wrap(content: Line, cells: int, *, limit: int = 1_000) -> list[Line]:
    """A line broken at spaces into lines of at most `cells` cells; of more than `limit` the last one ends with `…`.

    >>> [plain(part) for part in wrap(line("La casa ", strong("es roja"), "."), 9)]
    ['La casa', 'es roja.']
    >>> [plain(part) for part in wrap(line("La casa es roja."), 9, limit=1)]
    ['La casa …']
    >>> [plain(part) for part in wrap(line(strong("8 providers go"), ": DeepL"), 14)]
    ['8 providers', 'go: DeepL']
    """
    cells = max(1, cells)
    lines: list[Line] = []
    current: list[Span] = []
    used = 0
    for word in _words(content):
        size = cell_len(word.text.rstrip())
        while used and used + size > cells:
            whole, begun = _parted(current)
            lines.append(_stripped(whole))
            current, used = begun, sum(cell_len(span.text) for span in begun)
            if len(lines) >= limit:
                return _broken_off(lines, cells)
        while cell_len(word.text.rstrip()) > cells:
            piece = set_cell_size(word.text, cells).rstrip() or word.text[:1]
            lines.append((word._replace(text=piece),))
            word = word._replace(text=word.text[len(piece) :])
            if len(lines) >= limit:
                return _broken_off(lines, cells)
        current.append(word)
        used += cell_len(word.text)
    if current:
        lines.append(_stripped(current))
    return lines


def _parted(spans: list[Span]) -> tuple[list[Span], list[Span]]:
    """What ends with a space, and the beginning of a word that goes on in another span; never nothing of the first."""
    at = len(spans)
    while at and not spans[at - 1].text.endswith(" "):
        at -= 1
    return (spans[:at], spans[at:]) if at else (spans, [])


def _broken_off(lines: list[Line], cells: int) -> list[Line]:
    *before, last = lines
    return [*before, cut((*last, last[-1]._replace(text=" …")), cells)]


def _words(content: Line) -> Iterable[Span]:
    for span in content:
        start = 0
        while start < len(span.text):
            end = span.text.find(" ", start)
            end = len(span.text) if end < 0 else end + 1
            while end < len(span.text) and span.text[end] == " ":
                end += 1
            yield span._replace(text=span.text[start:end])
            start = end


def _stripped(spans: list[Span]) -> Line:
    return (*spans[:-1], spans[-1]._replace(text=spans[-1].text.rstrip()))
