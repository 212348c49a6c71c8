"""What is to be known of the provider that is selected: why, what to try first, what it affects, how it scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provider_console.console.views import HealthState, ProviderView
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import BLANK, Line, Span, head, key, left, line, muted, right, row, strong, width_of, wrap
from provider_console.tui.pages import strips
from provider_console.tui.pages.health import down_for, state_words
from provider_console.tui.pages.questions import affects, place_of
from provider_console.tui.pages.words import (
    MISSING,
    clock,
    duration,
    glyph,
    wall,
)
from provider_console.tui.state import State

ASIDE: Final = 180
"""From this width on the detail stands beside the table."""
TRY: Final = "first try"
KEPT: Final = 24
"""Cells for where a credential is kept and since when: `in keyring, set 12 d ago`."""


def brief(view: ProviderView, state: State, width: int) -> list[Line]:
    """Two lines, for a terminal that is not tall."""
    margin = 1 if width < 100 else 2
    first = line(head(view.name), Span(" "), muted(why(view)))
    first_try = view.health.first_try
    second = line(muted("First: "), first_try, *_press(view)) if first_try else ()
    hurt = affects(view, state)
    if hurt:
        second = line(*second, Span("  "), *hurt)
    return [row(left(margin, *said, width=width - 2 * margin), width=width) for said in (first, second)]


def below(view: ProviderView, state: State, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The detail under the table, from its rule down; what has no room is left out from the bottom."""
    margin = 1 if width < 100 else 2
    lines: list[Line] = [ruled(width, margin, glyphs), _title(view, state, width, margin, glyphs), ()]
    label, at = margin, margin + 11
    beside = width >= 100
    edge = min(width * 7 // 10, width - margin - 10 - KEPT)
    about = _about(view, width - margin - edge - 10)
    room = (edge - at - 2) if beside else width - at - margin
    said: list[tuple[str, Line]] = []
    for name, value in facts(view, state):
        # What to do is never cut.
        first, *rest = wrap(value, room) if name == TRY else [value]
        said += [(name, first), *(("", part) for part in rest)]
    for number in range(max(len(said), len(about) if beside else 0)):
        name, value = said[number] if number < len(said) else ("", BLANK)
        cells = [left(label, muted(name)), left(at, *value, width=room)]
        if beside and number < len(about):
            cells += [
                left(edge, muted(about[number][0])),
                left(edge + 10, *about[number][1], width=width - margin - edge - 10),
            ]
        lines.append(row(*cells, width=width))
    room = height - len(lines) - 1
    if room > 0:
        lines += [(), *happened(view, state, width, margin, min(room, 4))]
    return lines[:height]


# --- facts ---------------------------------------------------------------------------------------------------------


def why(view: ProviderView) -> str:
    """Why it is as it is: the class of the error, its words, where, and how often in a row."""
    health = view.health
    if health.state is HealthState.HEALTHY:
        return "nothing is wrong"
    parts = [health.last_error_class, health.last_error, place_of(view.base_url)]
    if not health.last_error_class and not health.last_error:
        parts = [health.why]
    if health.failures_in_a_row > 1:
        parts.append(f"{health.failures_in_a_row} checks in a row")
    return " · ".join(part for part in parts if part)


def facts(view: ProviderView, state: State) -> list[tuple[str, Line]]:
    """Why, what to try first, what it affects, how it scores."""
    tried = view.health.first_try
    return [
        ("why", line(why(view))),
        (TRY, line(strong(tried), *_press(view)) if tried else line(muted("nothing to do"))),
        ("affects", affects(view, state) or line(muted("nobody asks it for anything"))),
        ("score", _sum(view)),
    ]


def _press(view: ProviderView) -> Line:
    match view.health.state:
        case HealthState.HEALTHY | HealthState.UNKNOWN:
            return ()
        case HealthState.OFF:
            return line(muted(" Press "), key("d"), muted("."))
        case HealthState.HELD if view.credential is not None and not view.credential.present:
            return line(muted(" Press "), key("s"), muted("."))
    return line(muted(" Then press "), key("c"), muted(" to check."))


def _sum(view: ProviderView) -> Line:
    health, terms = view.health, view.health.terms
    if health.state not in (HealthState.HEALTHY, HealthState.DEGRADED):
        return line(muted("not ranked now · would be "), f"{health.score:.0f}")
    said = f"base {terms.base:.0f} + response {terms.response:.1f} + reliability {terms.reliability:.1f} = "
    return line(muted(said), strong(f"{health.score:.0f}"))


def _about(view: ProviderView, room: int) -> list[tuple[str, Line]]:
    whole, (name, rest) = credential(view), credential_parts(view)
    fits = width_of(whole) <= room or not rest
    about = [
        ("kind", line(", ".join(view.categories))),
        ("source", line(", ".join(view.sources) or MISSING)),
        ("tier", line(view.tier)),
        ("key", whole if fits else wrap(name, room)[0]),
    ]
    # The name is what one looks for: where it is kept goes below it before either is cut.
    return about if fits else [*about, *(("", more) for more in wrap(name, room)[1:]), ("", rest)]


def credential(view: ProviderView) -> Line:
    """Name, place and age of its credential."""
    name, rest = credential_parts(view)
    return line(*name, " " if rest else "", *rest)


def credential_parts(view: ProviderView) -> tuple[Line, Line]:
    """The name of its credential, and what is known of that."""
    known = view.credential
    if known is None:
        return line(muted("none needed")), BLANK
    if not known.present:
        return line(known.name), line(Span("is missing", "held"))
    age = "" if known.age_ms is None else f", set {duration(known.age_ms)} ago"
    return line(known.name), line(muted(f"in {known.backend or 'the environment'}{age}"))


def titled(view: ProviderView, state: State, glyphs: Glyphs) -> Line:
    """Name and state; since when where it is down."""
    words = state_words(view, state)
    if view.health.state is HealthState.UNHEALTHY and not words.text.startswith("checking"):
        words = words._replace(text=down_for(view, state.now))
    return line(head(view.name), Span("  "), glyph(view.health.state, glyphs), Span(" "), words)


def _title(view: ProviderView, state: State, width: int, margin: int, glyphs: Glyphs) -> Line:
    said = titled(view, state, glyphs)
    at = wall(view.health.retry_at)
    if at is None or at <= state.now or width < 100:
        return row(left(margin, *said), right(width - margin, muted("breaker "), view.health.breaker), width=width)
    left_s = at - state.now
    countdown = line(muted("retry in "), duration(left_s * 1000), Span(" "))
    return row(
        left(margin, *said),
        right(width - margin, *countdown, *strips.bar(min(1.0, left_s / 60), 20, glyphs, "muted")),
        width=width,
    )


def happened(view: ProviderView, state: State, width: int, margin: int, most: int) -> Sequence[Line]:
    """The last things that happened to it, newest first."""
    own = [happening for happening in state.happenings if happening.subject == view.id][-most:]
    return [
        row(
            left(margin, muted(clock(happening.at))),
            left(margin + 11, happening.sort),
            left(margin + 21, muted(happening.words), width=max(10, width - 2 * margin - 21)),
            width=width,
        )
        for happening in reversed(own)
    ]


def ruled(width: int, margin: int, glyphs: Glyphs) -> Line:
    """A rule between the margins."""
    return row(left(margin, Span(glyphs.rule * (width - 2 * margin), "rule")), width=width)
