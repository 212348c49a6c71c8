"""The navigation as lines: the modes, the accent under the active one, and what stands at the right end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from provider_console.tui.ink import BLANK, Line, Span, cut, left, right, row, width_of

UNMARKED: Final[Mapping[str, Line]] = MappingProxyType({})
"""No mode has a mark."""


class Place(NamedTuple):
    """Where a mode stands in the first row: `at` is its first column, `width` its cells."""

    name: str
    at: int
    width: int
    digit: str
    title: str


def margin(width: int) -> int:
    """Cells left free at each side of a terminal."""
    return 1 if width < 100 else 2


def places(modes: Sequence[tuple[str, str]], width: int, marks: Mapping[str, Line] = UNMARKED) -> list[Place]:
    """The modes, names and titles in the order of their digits, at their places; `marks` stand behind the titles."""
    at = margin(width)
    found = []
    for digit, (name, title) in enumerate(modes, start=1):
        found.append(Place(name, at, len(title) + 2, str(digit), title))
        mark = width_of(marks.get(name, BLANK))
        at += len(title) + 2 + (mark + 1 if mark else 0) + (2 if width < 100 else 3)
    return found


def navigation(
    modes: Sequence[tuple[str, str]],
    active: str,
    aside: Line,
    *,
    width: int,
    rule: str,
    accent: str,
    marks: Mapping[str, Line] = UNMARKED,
    notice: Line = BLANK,
) -> tuple[Line, Line]:
    """The row of the modes, with as much of `aside` at its right end as has room, and the rule under it.

    `notice` lies on the rule, where it does not hide the accent.
    """
    cells = []
    start, length = 0, 0
    for name, at, size, digit, title in places(modes, width, marks):
        here = name == active
        cells.append(
            left(
                at,
                Span(digit, "accent" if here else "faint", bold=here),
                Span(" "),
                Span(title, "head" if here else "muted", bold=here),
                width=size,
            )
        )
        if marks.get(name):
            cells.append(left(at + size + 1, *marks[name]))
        if here:
            start, length = at, size
    end = cells[-1].at + width_of(cells[-1].content) if cells else 0
    cells.append(right(width - margin(width), *_fitting(aside, width - margin(width) - end - 2)))
    behind = max(0, width - start - length)
    if start > behind and width_of(notice) + 2 > behind - margin(width):
        before, after = _ruled(notice, start, margin(width), rule), _ruled(BLANK, behind, 0, rule)
    else:
        before, after = _ruled(BLANK, start, 0, rule), _ruled(notice, behind, margin(width), rule)
    return row(*cells, width=width), (*before, Span(accent * length, "accent"), *after)


def _fitting(aside: Line, room: int) -> Line:
    """As much of it as has room, from the left: the tally stays where the user does not."""
    while aside and (width_of(aside) > room or not aside[-1].text.strip()):
        aside = aside[:-1]
    return aside


def _ruled(notice: Line, cells: int, free: int, rule: str) -> Line:
    """A piece of the rule with what lies on it at its right end, `free` cells from there."""
    if not notice:
        return (Span(rule * cells, "rule"),)
    said = cut((Span(" "), *notice, Span(" ")), max(0, cells - free))
    rest = max(0, cells - free - width_of(said))
    return (Span(rule * rest, "rule"), *said, Span(rule * (cells - rest - width_of(said)), "rule"))
