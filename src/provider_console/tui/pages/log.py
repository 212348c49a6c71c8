"""The live log: what the console itself says, line by line, newest last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provider_console.console.views import LogLine
from provider_console.console.words import clean_text
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, key, left, line, muted, right, row, wrap
from provider_console.tui.pages.words import ago, clock, plural
from provider_console.tui.state import State

LEVELS: Final = ("debug", "info", "warning", "error")
"""What can be left out, from the least on."""
_INKS: Final = {"debug": "faint", "info": "muted", "warning": "warn", "error": "bad", "critical": "bad"}
_RANK: Final = {level: place for place, level in enumerate((*LEVELS, "critical"))}
TRACEBACK_LINES: Final = 400
"""Lines of a traceback that are shown."""


def entries(known: Sequence[LogLine], level: str, needle: str = "") -> list[LogLine]:
    """The lines from a level on that match all words of the filter, oldest first."""
    words = needle.casefold().split()
    return [
        each
        for each in known
        if _RANK.get(each.level, 0) >= _RANK[level] and all(word in _haystack(each) for word in words)
    ]


def _haystack(each: LogLine) -> str:
    return f"{each.level} {each.source} {each.message}".casefold()


def joined(known: Sequence[LogLine], newer: Sequence[LogLine], kept: int) -> tuple[LogLine, ...]:
    """What was known and then the newer lines, which come newest first; the last `kept` of them.

    A console that was opened anew counts its lines from one again: what was known is of the one before.
    """
    last = known[-1].seq if known else 0
    added = tuple(each for each in reversed(newer) if each.seq > last)
    return (*known, *added)[-kept:] if added else tuple(known)


# --- sentences -------------------------------------------------------------------------------------------------------


def sentence(state: State) -> Line:
    """What the log complains of, in one sentence."""
    wrong = [each for each in state.log if _RANK.get(each.level, 0) >= _RANK["warning"]]
    if not state.log:
        return line(head("The log is empty so far." if state.open else "The log is not known yet."))
    of = f" in the last {plural(len(state.log), 'line')}"
    if not wrong:
        return line(head("No warning"), f"{of}.")
    errors = sum(_RANK.get(each.level, 0) >= _RANK["error"] for each in wrong)
    said: list[Span | str] = []
    if errors:
        said.append(Span(plural(errors, "error"), "bad", bold=True))
    if len(wrong) > errors:
        said += [" and "] * bool(errors)
        said.append(Span(plural(len(wrong) - errors, "warning"), "warn", bold=True))
    return line(*said, f"{of}, the newest {ago(wrong[-1].at, state.now)} ago.")


def standing(level: str, *, paused: bool, below: int, width: int) -> Line:
    """From which level on lines are shown, and whether new ones are followed."""
    spans: list[Span] = [key("[ ]"), muted(" from ")]
    for each in LEVELS:
        spans += [Span(each, "head", underline=True) if each == level else muted(each), Span("  ")]
    if width < 100:
        spans = [key("[ ]"), muted(" from "), Span(level, "head", underline=True), Span("  ")]
    if paused:
        spans += [Span("paused", "head", bold=True), muted(f", {below:,} new" if below else "")]
    else:
        spans.append(muted("following") if below == 0 else muted(f"{below:,} below"))
    return tuple(spans)


# --- rows ------------------------------------------------------------------------------------------------------------


def _columns(width: int) -> tuple[int, int, int]:
    """Level, source, message; no source where that is 0."""
    if width >= 100:
        return 14, 24, 50 if width >= 140 else 46
    return 12, 0, 21


def header(width: int, glyphs: Glyphs) -> list[Line]:
    """The names of the columns."""
    at = _columns(width)
    margin = 1 if width < 100 else 2
    cells = [left(margin + 2 if width >= 100 else 2, muted("When")), left(at[0], muted("Level"))]
    cells += [left(at[1], muted("From"))] if at[1] else []
    return [
        row(*cells, left(at[2], muted("What")), width=width),
        row(left(margin, Span(glyphs.rule * (width - 2 * margin), "rule")), width=width),
    ]


def line_row(each: LogLine, width: int, glyphs: Glyphs, *, selected: bool) -> Line:
    """One line; only warnings and errors have colour."""
    at = _columns(width)
    margin = 1 if width < 100 else 2
    ink = _INKS.get(each.level, "muted")
    loud = ink in ("warn", "bad")
    cells = [
        left(margin + 2 if width >= 100 else 2, faint(clock(each.at))),
        left(at[0], Span(clean_text(each.level), ink, bold=ink == "bad"), width=8),
    ]
    if at[1]:
        cells.append(left(at[1], muted(clean_text(each.source)), width=at[2] - at[1] - 2))
    said = Span(clean_text(each.message), "head" if selected else "text" if loud else "muted")
    more = right(width - margin, faint(glyphs.ellipsis)) if each.traceback else None
    edge = width - margin - (2 if more else 0)
    cells.append(left(at[2], said, width=edge - at[2]))
    return row(*cells, *([more] if more else []), width=width)


def brief(each: LogLine, width: int) -> list[Line]:
    """Two lines of the selected one."""
    margin = 1 if width < 100 else 2
    parts = wrap(line(clean_text(each.message, 1_000)), width - 2 * margin, limit=2)
    return [row(left(margin, *part), width=width) for part in parts]


def nothing(state: State, level: str, needle: str, width: int) -> list[Line]:
    """What stands there where no line is to be shown."""
    margin = 1 if width < 100 else 2
    if not state.log:
        return []
    if needle:
        said = line(head("Filter found nothing"), muted("   / "), needle, muted(" is in no line. "))
        return [row(left(margin, *said, key("esc"), muted(" clears the filter")), width=width)]
    said = line(
        head(f"No line from {level} on."), muted(f" {len(state.log):,} below it: "), key("["), muted(" shows them")
    )
    return [row(left(margin, *said), width=width)]


def whole(each: LogLine, width: int) -> list[Line]:
    """One line with all that it says, and its traceback."""
    margin = 1 if width < 100 else 2
    at = margin + 13
    facts = (("when", each.at), ("level", each.level), ("from", each.source), ("what", each.message))
    lines: list[Line] = []
    for name, value in facts:
        for number, part in enumerate(wrap(line(clean_text(value, 1_000)), width - at - margin, limit=50)):
            lines.append(row(left(margin, muted("" if number else name)), left(at, *part), width=width))
    if each.traceback:
        lines.append(())
        for said in each.traceback.splitlines()[-TRACEBACK_LINES:]:
            indent = min(len(said) - len(said.lstrip(" ")), 40)
            lines.append(row(left(margin + indent, muted(clean_text(said, 1_000))), width=width))
    return lines
