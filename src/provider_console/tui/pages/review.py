"""The page before a configuration is saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provider_console.console.views import RevisionView
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import BLANK, Line, Span, head, key, left, line, muted, row, strong, wrap
from provider_console.tui.pages.difference import block, diff_lines, difference, impact_line, impact_lines
from provider_console.tui.pages.unsaved import ABSENT, Unsaved, Written
from provider_console.tui.pages.values import shown
from provider_console.tui.state import State

SHORT: Final = 30
"""Below so many rows the blank ones go."""
DIFF_MOST: Final = 2_000
"""Lines of a difference that are shown."""


def meanwhile(unsaved: Unsaved, now: Written | None) -> bool:
    """Whether somebody else saved since the first change was made."""
    return now is not None and bool(unsaved.base.revision) and now.revision != unsaved.base.revision


def headline(unsaved: Unsaved, now: Written | None, newest: RevisionView | None, width: int) -> list[Line]:
    """How many changes there are, what they come to, and whether somebody else was here."""
    margin = 1 if width < 100 else 2
    first = head(f"{unsaved.said} to save. ")
    if now is None:
        said = line(first, muted("Reading the file …"))
    elif unsaved.problem is not None:
        said = line(first, Span("It could not be used.", "bad", bold=True))
    else:
        said = line(first, *(() if unsaved.impact is None else impact_line(unsaved.impact)))
    by_hand = unsaved.edited is not None
    second = line(muted("As you wrote it." if by_hand else "Comments and order of the file are kept."))
    if meanwhile(unsaved, now):
        who = "Somebody else" if newest is None else newest.author
        what = "" if newest is None else f": {newest.reason}"
        kept = "It is not in your text: e edits it again." if by_hand else "Their change is kept, see below."
        second = line(Span(f"{who} saved meanwhile{what}. ", "warn", bold=True), muted(kept))
    return [row(left(margin, *said), width=width), row(left(margin, *second), width=width)]


def page(
    unsaved: Unsaved,
    now: Written | None,
    minutes: int,
    choices: Sequence[int],
    state: State,
    width: int,
    glyphs: Glyphs,
) -> list[Line]:
    """Their change where there is one, ours, what it changes, and the ways on."""
    at = 12 if width < 100 else 20
    margin = 1 if width < 100 else 2
    if now is None:
        return []
    lines: list[Line] = []
    if meanwhile(unsaved, now):
        theirs = diff_lines(difference(unsaved.base.text, now.text), at, width, 20, glyphs)
        lines += [*block("Theirs", theirs, width), BLANK]
        for name in unsaved.both(now):
            said = line(
                Span("both changed ", "warn"),
                strong(name),
                muted(f": theirs {_said(now.value(name))}, "),
                muted("yours "),
                strong(_said(unsaved.changes[name])),
                muted(" is saved"),
            )
            lines += [row(left(at, *said), width=width), BLANK]
    if unsaved.problem is not None:
        parts = wrap(line(Span(unsaved.problem.replace("\n", "; "), "bad")), width - at - margin, limit=12)
        return [*lines, *block("Problem", [row(left(at, *each), width=width) for each in parts], width)]
    if unsaved.impact is not None:
        diff = diff_lines(unsaved.impact.diff, at, width, DIFF_MOST, glyphs)
        impact = impact_lines(unsaved.impact, state, at, width, 20)
        lines += [*block("Diff", diff, width), BLANK, *block("Impact", impact, width), BLANK]
    return [*lines, *block("Ways on", _ways(minutes, choices, at, width), width)]


def _said(value: object) -> str:
    return "none" if value is ABSENT else shown(value)


def _ways(minutes: int, choices: Sequence[int], at: int, width: int) -> list[Line]:
    spans: list[Span] = []
    for each in choices:
        spans += [Span(f"{each} m", "accent", bold=True, underline=True) if each == minutes else muted(f"{each} m")]
        spans += [Span("  ")]
    ways = (
        ("s", "save", line(muted("in force from the next execution on"))),
        ("t", "save on trial", line(muted("taken back by itself after  "), *spans[:-1], muted("  unless K keeps it"))),
        ("e", "editor", line(muted("the whole file in your editor, then back here"))),
        ("x", "discard", line(muted("forget the changes; the file stays as it is"))),
    )
    return [
        row(left(at, key(name)), left(at + 4, title), left(at + 20, *about), width=width) for name, title, about in ways
    ]


def discards(unsaved: Unsaved) -> list[Line]:
    """What is lost."""
    named = f": {', '.join(list(unsaved.changes)[:6])}" if unsaved.changes else ""
    return [line(f"{unsaved.said}{named}")]
