"""Versions of the configuration as they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from provider_console.console.views import ConfigImpact, RevisionView
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import BLANK, Line, Span, faint, head, left, line, muted, right, row, wrap
from provider_console.tui.pages.difference import block, diff_lines, impact_line, impact_lines
from provider_console.tui.pages.words import ago, day, plural
from provider_console.tui.state import State

SHORT: Final = 30
"""Below so many rows the blank ones go."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What restoring a version would change, or why it can no longer be used."""

    impact: ConfigImpact | None = None
    problem: str | None = None


def headline(known: tuple[RevisionView, ...] | None, state: State, width: int) -> list[Line]:
    """How many versions are kept, and whose the newest is."""
    margin = 1 if width < 100 else 2
    if known is None:
        return [row(left(margin, head("Reading the versions …")), width=width), ()]
    if not known:
        said = muted("Every version that is saved from now on is kept.")
        return [row(left(margin, head("No version is kept yet.")), width=width), row(left(margin, said), width=width)]
    newest = known[0]
    return [
        row(
            left(
                margin,
                head(f"{plural(len(known), 'version')}. "),
                _who(newest),
                f" made the newest {ago(newest.at, state.now)} ago.",
            ),
            width=width,
        ),
        row(left(margin, muted("Restoring one makes it the newest; nothing is lost.")), width=width),
    ]


def _who(revision: RevisionView) -> str:
    return {"file": "An editor", "provider-console": "The console itself"}.get(revision.author, revision.author)


def header(width: int, glyphs: Glyphs) -> list[Line]:
    """The names of the columns."""
    margin = 1 if width < 100 else 2
    cells = (
        right(margin + 8, muted("Revision")),
        left(margin + 11, muted("When")),
        left(margin + 31, muted("Who")),
        left(margin + 49, muted("What")),
    )
    rule = left(margin, Span(glyphs.rule * (width - 2 * margin), "rule"))
    return [row(*cells, width=width), row(rule, width=width)]


def revision_row(revision: RevisionView, state: State, width: int, *, selected: bool) -> Line:
    """One version: its number, when, who, and what they did."""
    margin = 1 if width < 100 else 2
    now = state.config is not None and revision.hash == state.config.revision
    number = Span(str(revision.id), "head" if selected else "text", bold=selected or now)
    beside = [muted("in force")] if now else []
    return row(
        right(margin + 8, number),
        left(margin + 11, muted(day(revision.at))),
        left(margin + 31, Span(revision.author, "head" if selected else "text", bold=selected), width=16),
        left(margin + 49, revision.reason, width=width - 2 * margin - 49 - (10 if now else 0)),
        right(width - margin, *beside),
        width=width,
    )


def compared(
    revision: RevisionView, found: Compared | None, state: State, width: int, height: int, glyphs: Glyphs
) -> list[Line]:
    """What restoring it would change, in at most `height` lines."""
    at = 12 if width < 100 else 20
    margin = 1 if width < 100 else 2
    if found is None:
        return [BLANK, row(left(at, faint("comparing with the present one …")), width=width)]
    if found.impact is None:
        first = line(
            Span(f"Revision {revision.id} can no longer be used: ", "bad", bold=True), Span(found.problem or "", "bad")
        )
        parts = wrap(first, width - at - margin, limit=height - 1)
        return [BLANK, *block("Problem", [row(left(at, *each), width=width) for each in parts], width)]
    if not found.impact.diff:
        return [BLANK, row(left(at, muted("It is the same as the file is now.")), width=width)]
    impact = impact_lines(found.impact, state, at, width, max(1, height // 3))
    diff = diff_lines(found.impact.diff, at, width, max(3, height - len(impact) - 3), glyphs)
    return [BLANK, *block("Diff", diff, width), BLANK, *block("Impact", impact, width)]


def restores(revision: RevisionView, found: Compared, state: State) -> list[Line]:
    """What happens where it is restored."""
    changed = 0 if found.impact is None else len(found.impact.changed)
    lines = [
        line(f"It is of {day(revision.at)}, by {_who(revision)}: {revision.reason}."),
        line(plural(changed, "setting"), muted(" would be other than now.")),
    ]
    if found.impact is not None:
        lines.append(impact_line(found.impact))
    if state.config is not None and state.config.trial is not None:
        lines.append(line(Span("The change that is on trial ends with it.", "warn")))
    return lines
