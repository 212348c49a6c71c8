"""The right end of the navigation: the tally of states, the environment and the user."""

from __future__ import annotations

from typing import Final

from provider_console.console.views import HealthState
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, line, muted
from provider_console.tui.state import State

WORST_FIRST: Final = (
    (HealthState.UNHEALTHY, "down", "bad"),
    (HealthState.DEGRADED, "degraded", "warn"),
    (HealthState.HELD, "held", "held"),
    (HealthState.HEALTHY, "healthy", "ok"),
)
"""States in the order of every list and tally: state, its word, its ink."""


def standing(state: State, width: int, glyphs: Glyphs) -> Line:
    """How many are in which state, and who is here where; what has no room is left out."""
    parts: list[Span] = []
    counts = {which: sum(view.health.state is which for view in state.providers.values()) for which, *_ in WORST_FIRST}
    known = state.health is not None
    for which, word, ink in WORST_FIRST:
        if not known or not counts[which] or (which is HealthState.HEALTHY and width < 100):
            continue
        if parts:
            parts.append(Span("   " if width >= 180 else "  " if width >= 100 else " "))
        parts.append(Span(glyphs.of(which), ink))
        parts.append(Span(f" {counts[which]}" if width >= 100 else f"{counts[which]}"))
        if width >= 180:
            parts.append(muted(f" {word}"))
    if width >= 100 and (state.environment or state.user):
        parts.append(muted("     " if parts else ""))
        parts.append(muted(" · ".join(filter(None, (state.environment, state.user)))))
        if width >= 160 and state.who is not None:
            parts.append(muted(f" {state.who.role.replace('_', ' ')}"))
    return line(*parts)
