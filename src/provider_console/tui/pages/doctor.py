"""What the doctor found: what is wrong with its evidence and the command that mends it, then what is well."""

from __future__ import annotations

from typing import Final

from provider_console.console.views import Finding, HealthState
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, left, line, muted, row, strong, wrap
from provider_console.tui.pages.progress import progress
from provider_console.tui.pages.words import MISSING, clock, glyph, plural
from provider_console.tui.state import Examination, State

LOOKING: Final = "Looking at files, keyring, plugins and every enabled provider."


def headline(state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """The sentence that answers the question, and how far the doctor is, or when it looked."""
    margin = 1 if width < 100 else 2
    known = state.examination
    if known is None:
        said, under = line(head("The doctor has not looked yet.")), line(faint(MISSING))
    elif known.ended is None:
        return [row(left(margin, head(LOOKING)), width=width), _underway(known, state, width, margin, glyphs)]
    else:
        wrong = sum(not finding.ok for finding in known.findings)
        looked = plural(len(known.findings), "thing")
        if not known.findings:
            said = line(head("Nothing was looked at."))
        elif wrong:
            said = line(Span(f"{wrong} of {looked} {'needs' if wrong == 1 else 'need'} mending.", "head", bold=True))
        else:
            said = line(head("Nothing is wrong."), f" {looked} looked at.")
        under = line(muted(f"Looked at {clock(known.ended)}, as provider-console doctor does."))
    return [row(left(margin, *each), width=width) for each in (said, under)]


def _underway(known: Examination, state: State, width: int, margin: int, glyphs: Glyphs) -> Line:
    checking = state.checking
    if checking is None:
        return row(left(margin, muted("The providers have answered; the rest is looked at.")), width=width)
    return progress(
        checking.total - len(checking.waiting), checking.total, state.now - known.began, width, margin, glyphs
    )


def findings(known: Examination | None, width: int, glyphs: Glyphs) -> list[Line]:
    """Every finding: what is wrong first, each with the command that mends it."""
    if known is None:
        return []
    margin = 1 if width < 100 else 2
    lines: list[Line] = []
    for finding in (each for each in known.findings if not each.ok):
        lines += [*_wrong(finding, width, margin, glyphs), ()]
    at = 36 if width >= 100 else 33
    for finding in (each for each in known.findings if each.ok):
        lines += _well(finding, width, margin, at, glyphs)
    return lines


def _wrong(finding: Finding, width: int, margin: int, glyphs: Glyphs) -> list[Line]:
    at, room = margin + 2, max(10, width - 2 * margin - 2)
    bad = glyph(HealthState.UNHEALTHY, glyphs)
    lines = [row(left(margin, bad), left(at, *part), width=width) for part in wrap(line(head(finding.check)), room)[:1]]
    lines += [row(left(at, *part), width=width) for part in wrap(line(finding.evidence), room)]
    if finding.mend:
        mend = wrap(line(muted("do: "), strong(finding.mend)), room)
        lines += [row(left(at, *part), width=width) for part in mend]
    return lines


def _well(finding: Finding, width: int, margin: int, at: int, glyphs: Glyphs) -> list[Line]:
    parts = wrap(line(muted(finding.evidence)), max(10, width - at - margin)) or [()]
    names = wrap(line(muted(finding.check)), at - margin - 4) or [()]
    ok = glyph(HealthState.HEALTHY, glyphs)
    return [
        row(
            left(margin, ok if not number else ""),
            left(margin + 2, *(names[number] if number < len(names) else ())),
            left(at, *(parts[number] if number < len(parts) else ())),
            width=width,
        )
        for number in range(max(len(parts), len(names)))
    ]
