"""Lines over time, drawn in braille or in blocks: two dots across and four down to a cell, or eighths of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, left, right, row
from provider_console.tui.pages.strips import merged

LABEL: Final = 7
"""Cells left of a chart for the values of its grid."""
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"


def chart(
    values: Sequence[float | None], *, width: int, height: int, glyphs: Glyphs, style: str, ink: str = "accent"
) -> list[Line]:
    """One series from the left to the right margin, its grid behind it; nothing where nothing was measured.

    `style` is the setting `charts`. Values are in the unit of the labels.
    """
    known = [value for value in values if value is not None]
    if not known or width < LABEL + 8 or height < 2:
        return []
    top = ceiling(max(known))
    cells = width - LABEL
    draw = _braille if style == "braille" else _blocks
    drawn = draw(_spread(values, cells * 2 if style == "braille" else cells), top, height)
    lines = []
    for y, cells_of_row in enumerate(drawn):
        labelled = y in (0, height - 1)
        value = top if y == 0 else 0.0
        grid = Span(glyphs.rest, "rule")
        spans = [
            Span(cell, ink) if cell not in (" ", "\u2800") else (grid if labelled else Span(" "))
            for cell in cells_of_row
        ]
        cells_line = merged(spans)
        label = (faint(f"{value:.{_decimals(top)}f}"),) if labelled else ()
        lines.append(row(right(LABEL - 2, *label), left(LABEL, *cells_line), width=width))
    return lines


def ceiling(value: float) -> float:
    """The next of 1, 2, 5 and their tens.

    >>> [ceiling(value) for value in (0.12, 3.4, 5.0, 61.0, 0.0)]
    [0.2, 5.0, 5.0, 100.0, 1.0]
    """
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(float(f"{step * unit:.12g}") for step in (1, 2, 5, 10) if step * unit >= value * (1 - 1e-9))


def _decimals(top: float) -> int:
    return 0 if top >= 10 else 1 if top >= 1 else 2


def _spread(values: Sequence[float | None], columns: int) -> list[float | None]:
    """The values over so many columns, straight lines between neighbours that are both known."""
    last = len(values) - 1
    spread: list[float | None] = []
    for column in range(columns):
        at = column / max(1, columns - 1) * last
        before, after = values[math.floor(at)], values[math.ceil(at)]
        share = at - math.floor(at)
        if before is None or after is None:
            spread.append(before if share < 0.5 else after)
        else:
            spread.append(before + (after - before) * share)
    return spread


def _braille(values: Sequence[float | None], top: float, height: int) -> list[str]:
    bits = [[0] * (len(values) // 2) for _ in range(height)]
    for column, value in enumerate(values):
        if value is not None:
            dot = min(height * 4 - 1, round((1 - value / top) * (height * 4 - 1)))
            bits[dot // 4][column // 2] |= _DOTS[column % 2][dot % 4]
    return ["".join(chr(0x2800 + cell) for cell in cells) for cells in bits]


def _blocks(values: Sequence[float | None], top: float, height: int) -> list[str]:
    rows = []
    for y in range(height):
        floor = (height - 1 - y) * 8
        heights = [0 if value is None else max(1, round(value / top * height * 8)) - floor for value in values]
        rows.append("".join(_BLOCKS[max(0, min(8, eighths))] for eighths in heights))
    return rows
