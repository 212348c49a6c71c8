"""The waterfall: each attempt on one time axis, work and wait told apart, and why the engine went on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, head, left, line, muted, right, row, strong
from provider_console.tui.pages.strips import merged
from provider_console.tui.pages.trace import RUNNING, Call, Trace, fill, mark, outcome_words
from provider_console.tui.pages.words import duration, plural
from provider_console.tui.state import State

NOTES: Final = 90
"""From this width on the reason of a hop has a row of its own, and waits their length."""
GRID: Final = 6
"""Cells between two lines of the grid, at least."""
TICKS: Final = 9
"""Cells between two figures on the axis, at least."""
LONG_WAIT: Final = 9
"""Cells of a wait from which on its length stands in it."""


class Places(NamedTuple):
    """Columns: provider, the attempt's right edge, the axis from and to (exclusive), the outcome."""

    name: int
    number: int
    start: int
    end: int
    outcome: int

    @property
    def cells(self) -> int:
        """Cells of the axis."""
        return self.end - self.start


def places(width: int) -> Places:
    """The columns of a width."""
    if width < 100:
        return Places(1, 18, 20, width - 22, width - 19)
    outcome = 96 if 116 <= width < 120 else width - (24 if width >= 120 else 20)
    return Places(2, 22, 24, outcome - 4, outcome)


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear time axis: so many milliseconds on so many cells."""

    total_ms: float
    cells: int

    def at(self, ms: float) -> int:
        """The cell of a moment."""
        return max(0, min(self.cells, round(ms / self.total_ms * self.cells))) if self.total_ms else 0

    def steps(self, apart: int) -> list[float]:
        """Moments (ms) at a 1-2-5 step that leaves at least so many cells between two of them.

        >>> Axis(6020.0, 68).steps(9)
        [1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 6000.0]
        >>> Axis(214.0, 68).steps(9)
        [50.0, 100.0, 150.0, 200.0]
        """
        if not self.total_ms or self.cells < apart:
            return []
        least, step = self.total_ms * apart / self.cells, 1.0
        while step < least:
            step *= 2.5 if f"{step:e}".startswith("2") else 2.0
        return [step * number for number in range(1, int(self.total_ms / step) + 1)]

    @property
    def unit(self) -> str:
        """`ms` below a second, else `s`."""
        return "ms" if self.total_ms < 1000 else "s"

    def figure(self, ms: float, *, decimals: int = 2) -> str:
        """A time in the unit of the axis, without it."""
        return f"{ms:.0f}" if self.unit == "ms" else f"{ms / 1000:,.{decimals}f}"

    def tick(self, ms: float) -> str:
        """A time as a tick says it: no more decimals than it needs.

        >>> Axis(6020.0, 68).tick(2000.0), Axis(1200.0, 68).tick(200.0)
        ('2', '0.2')
        """
        return f"{ms:.0f}" if self.unit == "ms" else f"{ms / 1000:g}"


class _Canvas:
    """Cells of the axis, painted over each other."""

    def __init__(self, cells: int) -> None:
        self._cells: list[Span] = [Span(" ")] * cells

    def put(self, at: int, text: str, ink: str, *, bold: bool = False) -> None:
        for offset, character in enumerate(text):
            if 0 <= at + offset < len(self._cells):
                self._cells[at + offset] = Span(character, ink, bold)

    @property
    def line(self) -> Line:
        return merged(self._cells)


def axis_of(trace: Trace, width: int) -> Axis:
    """The axis of an execution: up to its end, or to now."""
    ends = [call.started_ms + call.duration_ms for call in trace.calls]
    return Axis(max(trace.elapsed_ms, 1.0, *ends), places(width).cells)


# --- rows ----------------------------------------------------------------------------------------------------------


def header(trace: Trace, width: int, glyphs: Glyphs, *, ruled: bool = True) -> list[Line]:
    """The axis with its ticks, the total bold at its end, and the rule."""
    at, axis = places(width), axis_of(trace, width)
    total = axis.figure(axis.total_ms)
    said = f"{total} {axis.unit}"
    canvas = _Canvas(at.cells)
    canvas.put(0, f"0 {axis.unit}", "muted")
    free = at.cells - len(said) - 1
    for moment in axis.steps(TICKS):
        figure = axis.tick(moment)
        cell = axis.at(moment) - len(figure) // 2
        if cell > 4 and cell + len(figure) < free:
            canvas.put(cell, figure, "muted")
    lines = [
        row(
            left(at.name, muted("Attempts")),
            left(at.start, *_upto(canvas.line, at.cells - len(said))),
            right(at.end, Span(said, "text", bold=True)),
            left(at.outcome, muted("Outcome")),
            width=width,
        )
    ]
    if ruled:
        lines.append(row(left(at.name, Span(glyphs.rule * (width - 2 * at.name), "rule")), width=width))
    return lines


def _upto(content: Line, cells: int) -> Line:
    kept: list[Span] = []
    for span in content:
        part = span.text[: max(0, cells)]
        cells -= len(part)
        if part:
            kept.append(span._replace(text=part))
    return tuple(kept)


def attempt_row(trace: Trace, place: int, state: State, width: int, glyphs: Glyphs, *, selected: bool) -> Line:
    """One attempt: its wait, its work, its outcome. The provider's name stands at its first."""
    at, call = places(width), trace.calls[place]
    before = trace.calls[place - 1] if place else None
    first = before is None or before.provider != call.provider
    deciding = call.outcome == "ok"
    bold = selected or deciding
    name = Span(state.name_of(call.provider), "head" if bold else "text", bold=bold)
    named = [left(at.name, name, width=at.number - at.name - 2)] if first else []
    said = outcome_words(call)
    ink = mark(call.outcome, glyphs).ink if deciding or call.outcome == RUNNING else "text"
    return row(
        *named,
        right(at.number, muted(str(call.number))),
        left(at.start, *_bars(trace, place, width, glyphs)),
        left(at.outcome, mark(call.outcome, glyphs), Span(" "), Span(said, ink, bold=deciding)),
        width=width,
    )


def _bars(trace: Trace, place: int, width: int, glyphs: Glyphs) -> Line:
    at, axis, call = places(width), axis_of(trace, width), trace.calls[place]
    canvas = _Canvas(at.cells)
    for moment in axis.steps(GRID):
        canvas.put(axis.at(moment), glyphs.grid, "rule")
    start = min(axis.at(call.started_ms), at.cells - 1)
    end = max(start + 1, axis.at(call.started_ms + call.duration_ms))
    if call.delay_before_ms:
        _wait(canvas, axis.at(call.started_ms - call.delay_before_ms), start, call.delay_before_ms, axis, width, glyphs)
    canvas.put(start, glyphs.work * (end - start), fill(call.outcome))
    if width >= NOTES:
        took = f" {axis.figure(call.duration_ms)} {axis.unit} "
        if end + len(took) <= at.cells + 1:
            canvas.put(end, took, "text")
        elif not call.delay_before_ms:
            canvas.put(start - len(took), took, "text")
    return canvas.line


def _wait(canvas: _Canvas, since: int, until: int, ms: float, axis: Axis, width: int, glyphs: Glyphs) -> None:
    canvas.put(since, glyphs.rest * (until - since), "muted")
    said = f" wait {axis.figure(ms)} "
    if width >= NOTES and until - since >= max(LONG_WAIT, len(said)):
        canvas.put(since + (until - since - len(said)) // 2, said, "muted")


def waiting_row(trace: Trace, width: int, glyphs: Glyphs) -> Line:
    """The wait that goes on now, since the last attempt ended."""
    at, axis, last = places(width), axis_of(trace, width), trace.calls[-1]
    canvas = _Canvas(at.cells)
    for moment in axis.steps(GRID):
        canvas.put(axis.at(moment), glyphs.grid, "rule")
    since_ms = last.started_ms + last.duration_ms
    since = axis.at(since_ms)
    _wait(canvas, since, at.cells, trace.elapsed_ms - since_ms, axis, width, glyphs)
    return row(left(at.start, *canvas.line), left(at.outcome, muted("waits")), width=width)


# --- why it went on ------------------------------------------------------------------------------------------------


def below(trace: Trace, place: int, state: State, width: int, glyphs: Glyphs) -> Line | None:
    """What stands under an attempt: the wait that goes on, or why the engine went on from there."""
    if trace.running and place == len(trace.calls) - 1 and trace.calls[place].outcome != RUNNING:
        return waiting_row(trace, width, glyphs)
    return hop_row(trace, place, state, width, glyphs)


def hop_row(trace: Trace, place: int, state: State, width: int, glyphs: Glyphs) -> Line | None:
    """Why the engine went on after an attempt, at the moment it did; None where it did not, or has no room."""
    words = hop_words(trace, place, state)
    if words is None or width < NOTES:
        return None
    at, axis, call = places(width), axis_of(trace, width), trace.calls[place]
    canvas = _Canvas(at.cells)
    for moment in axis.steps(GRID):
        canvas.put(axis.at(moment), glyphs.grid, "rule")
    onward = place + 1 < len(trace.calls) or trace.running
    said = f" {words}{f' {glyphs.hop}' if onward else ''} "
    end = axis.at(call.started_ms + call.duration_ms)
    start = max(0, min(at.cells, end + 1) - len(said) + 1)
    canvas.put(start, said, "muted")
    if onward:
        canvas.put(start + len(said) - 2, glyphs.hop, "text")
    return row(left(at.start, *canvas.line), width=width)


def hop_words(trace: Trace, place: int, state: State) -> str | None:
    """Why the engine went on after an attempt; None where the next one is at the same provider, or none was left."""
    call = trace.calls[place]
    if place + 1 < len(trace.calls) and trace.calls[place + 1].provider == call.provider:
        return None
    reasons = {entry.provider: entry.reason for entry in trace.left}
    own = reasons.get(call.provider)
    if own is None:
        return None
    words = reason_words(call, own, sum(1 for each in trace.calls if each.provider == call.provider))
    order = list(reasons)
    skipped = []
    for name in order[order.index(call.provider) + 1 :]:
        if name in trace.providers:
            break
        skipped.append(f"{state.name_of(name)}: {_REASONS.get(reasons[name], reasons[name])}")
    return " · ".join((words, *skipped))


_REASONS: Final = {
    "deadline": "no time left before the deadline",
    "budget": "no retry budget left",
    "slot": "all of its slots stayed taken",
    "disabled": "switched off meanwhile",
    "no larger context": "takes no longer text",
    "breaker": "its breaker opened",
    "permit taken": "another call was trying it out",
    "cooling": "asked to be left alone",
    "suspended": "suspended for failing too often",
    "quota": "its quota is used up",
    "needs a key": "it needs a key",
}
_NOT_AGAIN: Final = {
    "authentication": "its key was refused",
    "permission": "it does not allow the model",
    "quota": "its quota is used up",
    "bad_result": "its answer was of no use",
    "invalid_request": "it says that the request is wrong",
    "content_refused": "it refused the content",
    "context_too_long": "the text is too long for it",
    "cancelled": "cancelled",
}


def reason_words(call: Call, reason: str, attempts: int) -> str:
    """Why the engine went on from a provider, of its last call there and how many it had."""
    asked = None if call.view is None else call.view.retry_after_ms
    if asked is not None and reason in ("no retry for class", "cooling", "deadline", "attempts exhausted"):
        return f"asked to wait {duration(asked)}, over the limit"
    if reason == "attempts exhausted":
        return f"{plural(attempts, 'attempt')}, no more allowed" if attempts > 1 else "one attempt, no more allowed"
    if reason == "breaker":
        return f"{plural(attempts, 'failure')} opened its breaker"
    if reason == "no retry for class":
        return _NOT_AGAIN.get(call.outcome, f"{call.outcome} is not tried again")
    return _REASONS.get(reason, reason)


# --- the total -----------------------------------------------------------------------------------------------------


def total(trace: Trace, state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """Work against wait, and what the shortest path had taken."""
    at, axis = places(width), axis_of(trace, width)
    work = min(trace.work_ms, axis.total_ms)
    wait = max(0.0, axis.total_ms - work)

    def said_as(ms: float) -> str:
        return f"{axis.figure(ms)} {axis.unit}"

    rule = row(left(at.name, Span(glyphs.rule * (width - 2 * at.name), "rule")), width=width)
    said = (strong(said_as(work)), muted(" work"))
    rest = (strong(said_as(wait)), muted(" wait"))
    best = next((call for call in trace.calls if call.outcome == "ok"), None)
    name = "" if best is None else state.name_of(best.provider)
    if width < 100:
        alone = () if best is None else (muted(f" · {name} alone takes "), strong(said_as(best.duration_ms)))
        return [
            rule,
            row(left(at.name, muted("In total")), left(at.start, *said, Span("  "), *rest, *alone), width=width),
        ]
    done = axis.at(work)
    bar = (Span(glyphs.work * done, "line"), Span(glyphs.rest * (at.cells - done), "muted"))
    under = max(at.start + len(said_as(work)) + 7, min(at.start + done, at.end - len(said_as(wait)) - 5))
    ends = [] if best is None else [left(at.outcome, muted(f"{name} alone"))]
    takes = [] if best is None else [left(at.outcome, muted("takes "), strong(said_as(best.duration_ms)))]
    return [
        rule,
        row(left(at.name, muted("In total")), left(at.start, *bar), *ends, width=width),
        row(left(at.start, *said), left(under, *rest), *takes, width=width),
    ]


def title(words: str, width: int, *parts: Span, beside: Line = ()) -> Line:
    """The title of a section, with what stands right of it."""
    margin = 1 if width < 100 else 2
    return row(left(margin, head(words), *parts), right(width - margin, *line(*beside)), width=width)
