"""The navigation as lines: the modes, the accent under the active one, and what stands at the right end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from provider_console.tui.ink import Line, Span, left, right, row, width_of


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


def places(modes: Sequence[tuple[str, str]], width: int) -> list[Place]:
    """The modes, names and titles in the order of their digits, at their places."""
    at = margin(width)
    found = []
    for digit, (name, title) in enumerate(modes, start=1):
        found.append(Place(name, at, len(title) + 2, str(digit), title))
        at += len(title) + 2 + (2 if width < 100 else 3)
    return found


def navigation(
    modes: Sequence[tuple[str, str]], active: str, aside: Line, *, width: int, rule: str, accent: str
) -> tuple[Line, Line]:
    """The row of the modes, with `aside` at its right end where there is room, and the rule under it."""
    cells = []
    under: Line = (Span(rule * width, "rule"),)
    for name, at, size, digit, title in places(modes, width):
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
        if here:
            under = (
                Span(rule * at, "rule"),
                Span(accent * size, "accent"),
                Span(rule * max(0, width - at - size), "rule"),
            )
    end = cells[-1].at + width_of(cells[-1].content) if cells else 0
    if end + 2 + width_of(aside) <= width - margin(width):
        cells.append(right(width - margin(width), *aside))
    return row(*cells, width=width), under
