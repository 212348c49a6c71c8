"""The frame: the right end of the navigation, and under it what is wrong with the console itself."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from provider_console.console.events import AlertFired
from provider_console.console.views import HealthState
from provider_console.console.words import clean_text
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, head, key, left, line, muted, row, wrap
from provider_console.tui.pages.words import clock, duration, plural, wall
from provider_console.tui.state import State

MINIMUM: Final = (60, 16)
"""Below this size one sentence says so."""
SHORT: Final = 30
"""Below so many rows the blank ones and the rules go."""
NOTICE_S: Final = 10.0
"""How long the frame says that an alert began or ended."""
WORST_FIRST: Final = (
    (HealthState.UNHEALTHY, "down", "bad"),
    (HealthState.DEGRADED, "degraded", "warn"),
    (HealthState.HELD, "held", "held"),
    (HealthState.HEALTHY, "healthy", "ok"),
)
"""States in the order of every list and tally: state, its word, its ink."""


def standing(state: State, width: int, glyphs: Glyphs) -> Line:
    """How many are in which state, and who is here where; what has no room is left out.

    Of an engine elsewhere its address says more than its environment, and stands on the rule below.
    """
    parts: list[Span] = []
    counts = Counter(view.health.state for view in state.providers.values())
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
    environment = "" if state.address else state.environment
    if width >= 100 and (environment or state.user):
        parts.append(muted("     " if parts else ""))
        parts.append(muted(" · ".join(filter(None, (environment, state.user)))))
        if width >= 160 and state.who is not None:
            parts.append(muted(f" {state.who.role.replace('_', ' ')}"))
    return line(*parts)


def timed(state: State) -> bool:
    """Whether the frame counts seconds, or will say less in a moment."""
    rang = state.rang
    return (
        state.stale_since is not None
        or (state.config is not None and state.config.trial is not None)
        or (rang is not None and 0 <= state.now - rang.at < 2 * NOTICE_S)
    )


def rings(state: State, glyphs: Glyphs) -> Line:
    """How many alerts ring, for the title of Activity; nothing where none does."""
    count = sum(alert.state == "firing" for alert in state.alerts)
    return line(Span(glyphs.rings, "bad"), f"{count:,}") if count else ()


def notice(state: State, glyphs: Glyphs) -> Line:
    """What has just begun to ring or ended; a while later, or once somebody has looked after it, where the engine is.

    Nothing of an engine here.
    """
    return _rang(state, glyphs) or (line(muted(state.address)) if state.address else ())


def _rang(state: State, glyphs: Glyphs) -> Line:
    event = state.rang
    if event is None or not 0 <= state.now - event.at < NOTICE_S:
        return ()
    now = next((alert.state for alert in state.alerts if alert.id == event.alert.id), "cleared")
    title = clean_text(event.alert.title)
    if isinstance(event, AlertFired):
        return line(Span(f"{glyphs.rings} ", "bad"), head(title)) if now == "firing" else ()
    return line(Span(f"{glyphs.healthy} ", "ok"), muted("over: "), title)


def banners(state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """What is wrong with the console itself: the configuration, the engine, the database."""
    margin = 1 if width < 100 else 2
    lines: list[Line] = []
    if state.stale_since is not None and state.open:
        answered_at = state.answered_at or state.stale_since
        title = f"{max(0.0, state.now - answered_at):.1f} s without the engine"
        said = line(muted("figures are from "), clock(answered_at), muted("; keys still answer."))
        if state.failure:
            said = line(f"{state.failure} ", *said)
        lines += _banner(Span(f"{glyphs.degraded} {title}", "warn", bold=True), said, width, margin)
    if state.config_problem:
        place, problem, others = first_problem(state.config_problem)
        more = f" {plural(others, 'other problem')}." if others else ""
        said = line(
            problem if problem.endswith("?") else f"{problem}.",
            muted(f"{more} The last good configuration stays in force."),
        )
        lines += _banner(Span(f"{glyphs.unhealthy} {place}", "bad", bold=True), said, width, margin)
    trial = None if state.config is None else state.config.trial
    if trial is not None:
        left_s = max(0.0, (wall(trial.until) or state.now) - state.now)
        said = line(
            f"{trial.reason} by {trial.author}.", key(" K"), muted(" keeps it; else it is taken back by itself.")
        )
        title = f"{glyphs.degraded} on trial, {duration(left_s * 1000)} left"
        lines += _banner(Span(title, "warn", bold=True), said, width, margin)
    if state.store_problem:
        said = line(f"{state.store_problem}.", muted(" The rest goes on; rows wait in memory."))
        lines += _banner(Span(f"{glyphs.degraded} nothing is recorded", "warn", bold=True), said, width, margin)
    return lines


def _banner(title: Span, said: Line, width: int, margin: int) -> list[Line]:
    """A title and what is to be said of it beside, in at most two lines; in one where the terminal is narrow."""
    if width < 100:
        return [row(left(margin, title, Span("  "), *said, width=width - 2 * margin), width=width)]
    at = margin + 36
    first, *rest = wrap(said, width - margin - at, limit=2)
    return [row(left(margin, title), left(at, *first), width=width), *(row(left(at, *p), width=width) for p in rest)]


_PLACE: Final = re.compile(r"(?P<file>[^:\n]*?):(?P<line>\d+):(?:(?P<column>\d+):)? ?(?P<said>.*)", re.DOTALL)


def first_problem(problem: str) -> tuple[str, str, int]:
    """The place of the first of some problems, what it is, and how many others there are.

    >>> first_problem("/etc/pc/config.toml:14:9: engine.max_retrys: unknown key\\nconfig.toml:15:1: no")
    ('config.toml line 14, column 9', 'engine.max_retrys: unknown key', 1)
    """
    first, *others = problem.splitlines() or [problem]
    found = _PLACE.fullmatch(first)
    if found is None:
        return "configuration", first.rstrip("."), len(others)
    place = f"{found['file'].rpartition('/')[2]} line {found['line']}"
    if found["column"]:
        place += f", column {found['column']}"
    return place, found["said"].rstrip("."), len(others)
