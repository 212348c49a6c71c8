"""What a change does: the lines of the file that differ, and who would be asked instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final

from provider_console.console.views import ConfigImpact
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, cut, faint, head, left, line, muted, row, strong, width_of
from provider_console.tui.pages.words import plural
from provider_console.tui.state import State

_HUNK: Final = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)")
NUMBER: Final = 4
"""Cells of a line's number and the blank behind it."""


def difference(before: str, after: str) -> list[str]:
    """The lines in which two texts differ, with what stands around them, as `diff -u` shows them."""
    return list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm=""))


def diff_lines(diff: Sequence[str], at: int, width: int, most: int, glyphs: Glyphs) -> list[Line]:
    """A difference from column `at` on, line by line; at most `most` lines, the rest counted."""
    made = list(_drawn(diff, at, width, glyphs))
    if len(made) <= most:
        return made
    shown = made[: max(0, most - 1)]
    return [*shown, row(left(at, muted(f"{len(made) - len(shown)} more lines; they are in the review")), width=width)]


def _drawn(diff: Sequence[str], at: int, width: int, glyphs: Glyphs) -> Iterator[Line]:
    old = new = 0
    begun = False
    for each in diff:
        hunk = _HUNK.match(each)
        if hunk is not None:
            old, new = int(hunk[1]), int(hunk[2])
            if begun:
                yield row(left(at, faint(glyphs.ellipsis)), width=width)
            begun = True
        elif begun and each[:1] == "-":
            yield _written(old, each, at, width, ("bad", "del", glyphs.left_out))
            old += 1
        elif begun and each[:1] == "+":
            yield _written(new, each, at, width, ("ok", "add", "+"))
            new += 1
        elif begun:
            yield row(left(at, faint(f"{new:>{NUMBER - 1}}"), Span("   "), muted(each[1:])), width=width)
            old, new = old + 1, new + 1


def _written(number: int, text: str, at: int, width: int, look: tuple[str, str, str]) -> Line:
    """A line that is taken away or added, on a paper of its own up to the margin."""
    ink, paper, sign = look
    cells = width - at - (1 if width < 100 else 2)
    said = cut(
        line(
            Span(f"{number:>{NUMBER - 1}} ", "muted", paper=paper),
            Span(f"{sign} ", ink, bold=True, paper=paper),
            Span(text[1:], "text", paper=paper),
        ),
        cells,
    )
    return row(left(at, *said, Span(" " * (cells - width_of(said)), paper=paper)), width=width)


def impact_line(impact: ConfigImpact) -> Line:
    """What it comes to, in one sentence."""
    if not impact.changed:
        return line("No setting would be other than it is.")
    if not impact.plans:
        return line("Nobody else would be asked.")
    gone = [plan.what for plan in impact.plans if plan.before and not plan.after]
    if gone:
        return line(Span(f"Nobody could be asked for {', '.join(gone)}.", "bad", bold=True))
    return line(Span(f"{plural(len(impact.plans), 'plan')} would change.", "warn", bold=True))


def impact_lines(impact: ConfigImpact, state: State, at: int, width: int, most: int) -> list[Line]:
    """Who would be asked for each category and pair whose plan changes: now, and then."""
    margin = 1 if width < 100 else 2
    if not impact.plans:
        return [row(left(at, *impact_line(impact)), width=width)]
    room = max(12, (width - at - margin - 22) // 2)
    then = at + 22 + room
    lines = [
        row(left(at, muted("Asked, in order")), left(at + 22, muted("Now")), left(then, muted("Then")), width=width),
        *(
            row(
                left(at, plan.what, width=20),
                left(at + 22, muted(_names(plan.before, state)), width=room - 2),
                left(then, strong(_names(plan.after, state))),
                width=width,
            )
            for plan in impact.plans[:most]
        ),
    ]
    if len(impact.plans) > most:
        lines.append(row(left(at, muted(f"{len(impact.plans) - most} more")), width=width))
    return lines


def _names(providers: Sequence[str], state: State) -> str:
    return ", ".join(state.name_of(each) for each in providers) or "nobody"


def block(title: str, content: Sequence[Line], width: int) -> list[Line]:
    """Lines whose first one has the name of the block at the left margin, before its own indent."""
    margin = 1 if width < 100 else 2
    first, *rest = content or [()]
    indent = len(first[0].text) if first and not first[0].text.strip() else 0
    name = line(Span(" " * margin), head(title))
    if indent < width_of(name) + 1:
        return [name, first, *rest]
    return [(*name, Span(" " * (indent - width_of(name))), *first[1:]), *rest]
