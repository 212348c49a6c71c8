"""Several series over one time, their names at their right ends: braille dots, or blocks where dots are not wanted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Cell, Line, Span, cut, faint, left, line, muted, right, row
from provider_console.tui.pages.chart import ceiling
from provider_console.tui.pages.strips import merged

LABEL: Final = 6
"""Cells left of the lines for the values of the grid."""
NAME: Final = 14
"""Cells of a name at the end of its line."""
LOWEST: Final = 0.01
"""Failure rates (%) below this one are drawn as none: one request in ten thousand."""
_DOTS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


class Curve(NamedTuple):
    """One series: its name, its values by step, and its last value in words. The chosen one is drawn over the rest."""

    name: str
    values: Sequence[float | None]
    said: str
    chosen: bool = False


class Scale(NamedTuple):
    """Where a value stands between the bottom (0) and the top (1), and the values named beside the grid."""

    place: Callable[[float], float]
    ticks: Sequence[tuple[float, str]]


def linear(values: Sequence[float]) -> Scale:
    """From 0 to a round value above all of them, in four to six parts.

    >>> [said for _value, said in linear([3.41]).ticks]
    ['0', '1', '2', '3', '4']
    """
    most = max(values, default=0.0)
    step = ceiling(most / 5 if most > 0 else 0.2)
    parts = max(2, math.ceil(most / step * (1 - 1e-9)))
    decimals = 0 if step >= 1 else 1 if step >= 0.1 else 2 if step >= 0.01 else 3
    top = step * parts
    return Scale(lambda value: value / top, [(step * part, f"{step * part:.{decimals}f}") for part in range(parts + 1)])


def logarithmic(values: Sequence[float]) -> Scale:
    """Rates in per cent by their decades, none at the bottom: 99.4 and 99.8 % of success are told apart.

    >>> [said for _value, said in logarithmic([0.2, 2.9]).ticks]
    ['0', '0.1', '1', '10']
    """
    some = [max(value, LOWEST) for value in values if value > 0] or [1.0]
    first = math.floor(math.log10(min(some)) + 1e-9)
    last = max(first + 1, math.ceil(math.log10(max(some)) - 1e-9))
    # Half a decade below the first one keeps the least rate apart from none.
    bottom, top = first - 0.5, float(last)

    def place(value: float) -> float:
        return 0.0 if value <= 0 else max(0.0, (math.log10(max(value, LOWEST)) - bottom) / (top - bottom))

    decades = [(10.0**power, f"{10.0**power:.{max(0, -power)}f}") for power in range(first, last + 1)]
    return Scale(place, [(0.0, "0"), *decades])


def curves(
    shown: Sequence[Curve], scale: Scale, *, width: int, height: int, glyphs: Glyphs, style: str
) -> Sequence[Line]:
    """The series from the left edge, the grid behind them. `style` is the setting `charts`."""
    said = [each for each in shown if any(value is not None for value in each.values)]
    ends = max((len(each.said) for each in said), default=0)
    name = min(NAME, max((len(each.name) for each in said), default=0))
    cells = width - LABEL - name - ends - 3
    if not said or cells < 10 or height < 2:
        return []
    # Whoever is chosen is drawn last, over the others.
    drawn: dict[tuple[int, int], Span] = {}
    for each in sorted(said, key=lambda each: each.chosen):
        ink = "accent" if each.chosen else "faint"
        draw = _braille if style == "braille" else _blocks
        drawn |= {at: Span(mark, ink) for at, mark in draw(each, scale, cells, height, glyphs).items()}
    ticks = {_row(scale.place(value), height): text for value, text in reversed(scale.ticks)}
    names = _ends(said, scale, height)
    lines = []
    for y in range(height):
        behind = Span(glyphs.rest if y in ticks else " ", "rule")
        spans = merged([drawn.get((x, y), behind) for x in range(cells)])
        parts: list[Cell] = [right(LABEL - 2, faint(ticks[y])), left(LABEL, *spans)] if y in ticks else []
        parts = parts or [left(LABEL, *spans)]
        if y in names:
            each = names[y]
            said_in = Span("", "accent" if each.chosen else "muted", each.chosen)
            parts += [
                left(LABEL + cells + 1, said_in._replace(text=each.name), width=name),
                right(width, said_in._replace(text=each.said)),
            ]
        lines.append(row(*parts, width=width))
    return lines


def axis(labels: Sequence[str], shown: Sequence[Curve], width: int) -> Line:
    """The times under the lines: the first at their left end, the last at their right."""
    ends = max((len(each.said) for each in shown), default=0)
    cells = width - LABEL - min(NAME, max((len(each.name) for each in shown), default=0)) - ends - 3
    most = max(2, min(len(labels), cells // (max(map(len, labels), default=1) + 4)))
    picked = [labels[round(at * (len(labels) - 1) / (most - 1))] for at in range(most)]
    parts = [left(LABEL, faint(picked[0]))]
    for number, label in enumerate(picked[1:-1], 1):
        parts.append(left(LABEL + round(number * cells / (most - 1)) - len(label) // 2, faint(label)))
    return row(*parts, right(LABEL + cells, faint(picked[-1])), width=width)


def titled(title: str, unit: str, width: int) -> Line:
    """The title of a chart with its unit."""
    return cut(line(Span(title, "head", bold=True), muted(f", {unit}")), width)


def _row(place: float, height: int) -> int:
    return height - 1 - round(max(0.0, min(1.0, place)) * (height - 1))


def spread(values: Sequence[float | None], columns: int) -> list[float | None]:
    """The values over so many columns: the worst where several meet, straight lines where there are few.

    >>> spread([1.0, 3.0, 2.0, 4.0], 2), spread([1.0, 2.0], 3), spread([1.0, None, 2.0], 3)
    ([3.0, 4.0], [1.0, 1.5, 2.0], [1.0, None, 2.0])
    """
    count = len(values)
    if count > columns:
        pieces = (values[at * count // columns : (at + 1) * count // columns] for at in range(columns))
        return [max((value for value in piece if value is not None), default=None) for piece in pieces]
    shown: list[float | None] = []
    for column in range(columns):
        at = column / max(1, columns - 1) * (count - 1)
        before, after, share = values[math.floor(at)], values[math.ceil(at)], at - math.floor(at)
        if before is None or after is None:
            shown.append(before if share < 0.5 else after)
        else:
            shown.append(before + (after - before) * share)
    return shown


def _braille(each: Curve, scale: Scale, cells: int, height: int, _glyphs: Glyphs) -> dict[tuple[int, int], str]:
    bits: dict[tuple[int, int], int] = {}
    last = height * 4 - 1
    for column, value in enumerate(spread(each.values, cells * 2)):
        if value is None:
            continue
        dot = last - round(max(0.0, min(1.0, scale.place(value))) * last)
        thick = (dot, dot - 1 if dot == last else dot + 1) if each.chosen else (dot,)
        for y in thick:
            at = (column // 2, y // 4)
            bits[at] = bits.get(at, 0) | _DOTS[column % 2][y % 4]
    return {at: chr(0x2800 + cell) for at, cell in bits.items()}


def _blocks(each: Curve, scale: Scale, cells: int, height: int, glyphs: Glyphs) -> dict[tuple[int, int], str]:
    steps = len(glyphs.strip)
    drawn = {}
    for column, value in enumerate(spread(each.values, cells)):
        if value is not None:
            level = min(height * steps - 1, int(max(0.0, min(1.0, scale.place(value))) * height * steps))
            drawn[column, height - 1 - level // steps] = glyphs.strip[level % steps]
    return drawn


def _ends(shown: Sequence[Curve], scale: Scale, height: int) -> dict[int, Curve]:
    """The row of each name: that of its last value, moved apart where several meet; the chosen one always has one."""
    wanted = []
    for each in sorted(shown, key=lambda each: not each.chosen)[:height]:
        last = next(value for value in reversed(each.values) if value is not None)
        wanted.append((_row(scale.place(last), height), each))
    wanted.sort(key=lambda pair: pair[0])
    placed: list[int] = []
    for at, _each in wanted:
        placed.append(max(at, placed[-1] + 1 if placed else 0))
    for number in range(len(placed) - 1, -1, -1):
        below = placed[number + 1] if number + 1 < len(placed) else height
        placed[number] = min(placed[number], below - 1)
    return dict(zip(placed, (each for _at, each in wanted), strict=True))


# --- one range on a shared axis ------------------------------------------------------------------------------------


class Range(NamedTuple):
    """A logarithmic axis of response times, from `low` to `high` milliseconds."""

    low: float
    high: float

    def cell(self, ms: float, cells: int) -> int:
        """The cell of a time."""
        share = math.log(max(ms, self.low) / self.low) / math.log(self.high / self.low)
        return min(cells - 1, max(0, int(share * (cells - 1) + 0.5)))


def range_of(times: Sequence[float]) -> Range:
    """An axis that all of some times (ms) fit on, between round values.

    >>> range_of([190.0, 6200.0])
    Range(low=100.0, high=10000.0)
    """
    some = [max(time, 0.01) for time in times] or [100.0, 1000.0]
    low = ceiling(min(some))
    low = low if low <= min(some) else _below(low)
    return Range(low, max(ceiling(max(some)), low * 10))


def _below(value: float) -> float:
    unit = 10.0 ** math.floor(math.log10(value) + 1e-9)
    step = round(value / unit)
    return {1: 0.5, 2: 1.0, 5: 2.0}[step] * unit


def ranged(p50: float | None, p95: float | None, p99: float | None, axis: Range, cells: int, glyphs: Glyphs) -> Line:
    """A dot at p50, a bar to p95, dashes to p99.

    >>> from provider_console.tui.glyphs import UNICODE
    >>> "".join(span.text for span in ranged(100.0, 400.0, 1000.0, Range(100.0, 1000.0), 12, UNICODE))
    '●━━━━━━━╌╌╌╌'
    """
    if p50 is None or p95 is None or p99 is None:
        return ()
    start, middle, end = (axis.cell(ms, cells) for ms in (p50, p95, p99))
    return merged(
        [
            Span(" " * start),
            Span(glyphs.healthy, "text"),
            Span(glyphs.bar * (middle - start), "muted"),
            Span(glyphs.rest * (end - max(start, middle)), "line"),
        ]
    )


def ticks(axis: Range, cells: int) -> Line:
    """The round times of an axis at their places, in seconds."""
    values = [value for value in (0.01, 0.1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6) if axis.low <= value <= axis.high]
    if len(values) < 2:
        values = [axis.low, axis.high]
    parts: list[Span] = []
    at = 0
    for value in values:
        text = f"{value / 1000:g}" + (" s" if value == values[-1] else "")
        start = min(axis.cell(value, cells), cells - len(text))
        if start >= at + (1 if parts else 0):
            parts += [Span(" " * (start - at)), faint(text)]
            at = start + len(text)
    return tuple(part for part in parts if part.text)
