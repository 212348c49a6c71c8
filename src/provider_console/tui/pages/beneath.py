"""What stands under Health's table on a wide terminal: coverage, and what just happened."""

from __future__ import annotations

from typing import Final

from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import BLANK, Line
from provider_console.tui.pages import coverage, health
from provider_console.tui.state import State

TALL: Final = 50
"""From so many rows on two blank ones stand before a section."""


def beneath(state: State, width: int, height: int, listed: int, glyphs: Glyphs) -> list[Line]:
    """The sections for a terminal `height` rows high whose table lists so many providers."""
    room = max(0, height - listed - 17)
    covered = coverage.lines(state, width, max(3, room // 3), glyphs)
    happened = health.just_now(state, width, max(0, room - len(covered) - 2), glyphs)
    gap = [BLANK] * (2 if height >= TALL else 1)
    return [
        *gap,
        *health.section("Coverage", width, glyphs, aside=coverage.more(state, len(covered))),
        *covered,
        *gap,
        *health.section("Just now", width, glyphs),
        *happened,
    ]
