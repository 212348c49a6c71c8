"""Recent executions: one line each, newest first, the running ones with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provider_console.console.views import ExecutionSummary, iso
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, key, left, line, muted, right, row
from provider_console.tui.pages.strips import merged
from provider_console.tui.pages.trace import RUNNING, mark
from provider_console.tui.pages.words import MISSING, clock, plural, wall
from provider_console.tui.state import Run, State

STATUS: Final = {
    "ok": "ok",
    "failed": "failed",
    "partial": "broken off",
    "cancelled": "cancelled",
    "outcome_unknown": "outcome unknown",
    "unknown_crashed": "outcome unknown",
    RUNNING: "running",
}
"""The status of an execution in a list."""


def entries(state: State, needle: str = "", found: Sequence[ExecutionSummary] = ()) -> list[ExecutionSummary]:
    """Every execution that is known or was found, newest first, as far as it matches the filter."""
    stored = {entry.execution_id: entry for entry in (*found, *state.recent, *state.older)}
    seen = {key: _live(run) for key, run in state.runs.items() if key not in stored or stored[key].status is None}
    known = sorted({**stored, **seen}.values(), key=lambda entry: (entry.started_at, entry.execution_id), reverse=True)
    return [entry for entry in known if matches(entry, state, needle)]


def matches(entry: ExecutionSummary, state: State, needle: str) -> bool:
    """Whether an execution has all words of the filter."""
    words = needle.casefold().split()
    return not words or all(word in _haystack(entry, state) for word in words)


def _live(run: Run) -> ExecutionSummary:
    report = run.report
    attempts = run.attempts if report is None else report.attempts
    return ExecutionSummary(
        execution_id=run.execution_id,
        operation=run.operation,
        category=run.category,
        started_at=iso(run.started),
        status=RUNNING if report is None else report.status,
        provider=None if report is None else report.provider,
        elapsed_ms=None if report is None else report.elapsed_ms,
        outcomes=tuple(each.error_class or each.status if each.status == "error" else each.status for each in attempts),
    )


def status_of(entry: ExecutionSummary) -> str:
    """The status in a word; one that was begun by another process and has no end yet is running there."""
    return STATUS.get(entry.status or RUNNING, entry.status or RUNNING)


def _haystack(entry: ExecutionSummary, state: State) -> str:
    name = state.name_of(entry.provider) if entry.provider else ""
    saved = "saved by fallback" if entry.status == "ok" and len(entry.outcomes) > 1 else ""
    words = (entry.execution_id, entry.operation, entry.category, name, entry.provider or "", status_of(entry), saved)
    return " ".join((*words, *entry.outcomes)).casefold()


def header(width: int, glyphs: Glyphs) -> list[Line]:
    """The names of the columns."""
    at = _columns(width)
    margin = at[0]
    return [
        row(
            left(margin, muted("Started")),
            left(at[1], muted("Operation")),
            left(at[2], muted("Attempts")),
            left(at[3], muted("Answered by")),
            right(width - margin, muted("s")),
            width=width,
        ),
        row(left(margin, Span(glyphs.rule * (width - 2 * margin), "rule")), width=width),
    ]


def _columns(width: int) -> tuple[int, int, int, int]:
    margin = 1 if width < 100 else 2
    if width >= 100:
        return margin, 13, 33, 57
    return margin, 11, 26, 43


def entry_row(entry: ExecutionSummary, state: State, width: int, glyphs: Glyphs, *, selected: bool) -> Line:
    """One execution: when, what, how each attempt ended, who answered, and how long it took."""
    margin, what, how, who = _columns(width)
    name = state.name_of(entry.provider) if entry.provider else ""
    status = entry.status or RUNNING
    said = (
        Span(name, "head" if selected else "text", bold=selected)
        if status == "ok"
        else Span(status_of(entry), mark(status, glyphs).ink)
    )
    took = faint(MISSING) if entry.elapsed_ms is None else Span(f"{entry.elapsed_ms / 1000:,.2f}")
    operation = Span(entry.operation, "head" if selected else "text", bold=selected)
    return row(
        left(margin, muted(clock(entry.started_at))),
        left(what, operation, width=how - what - 2),
        left(how, *marks(entry, who - how - 2, glyphs)),
        left(who, said, width=max(8, width - margin - who - 9)),
        right(width - margin, took),
        width=width,
    )


def marks(entry: ExecutionSummary, cells: int, glyphs: Glyphs) -> Line:
    """A mark for each attempt, the last of them where there is not room for all."""
    outcomes = list(entry.outcomes)
    if (entry.status or RUNNING) == RUNNING:
        outcomes.append(RUNNING)
    spans = [mark(outcome, glyphs) for outcome in outcomes[-cells:]]
    if len(outcomes) > cells:
        spans[0] = faint(glyphs.ellipsis)
    return merged(spans) if spans else line(mark(entry.status or RUNNING, glyphs))


def place_of(execution_id: str, known: list[ExecutionSummary], *, every: bool) -> Line:
    """Which of the known ones this is; `every`: no others are stored."""
    keys = [entry.execution_id for entry in known]
    if execution_id not in keys:
        return ()
    return line(muted(f"{keys.index(execution_id) + 1} of {'' if every else 'the last '}{len(keys):,}"))


def headline(
    state: State, known: list[ExecutionSummary], needle: str, width: int, *, every: bool, looked: int | None = 0
) -> list[Line]:
    """What became of them in one sentence; `every`: no others are stored.

    `looked` is how many a filter that found none was tried on; None: more are being looked through.
    """
    margin = 1 if width < 100 else 2
    if needle and not known and looked is None:
        return [row(left(margin, head("Looking through what is stored"), muted("   / "), needle), width=width), ()]
    if needle and not known:
        none = " matches no execution." if every else f" matches none of the last {looked:,}."
        said = line(head("Filter found nothing"), muted("   / "), needle, muted(none))
        return [row(left(margin, *said, key(" esc"), muted(" clears the filter")), width=width), ()]
    ended = [entry for entry in known if (entry.status or RUNNING) != RUNNING]
    bad = sum(entry.status not in ("ok", "cancelled") for entry in ended)
    stopped = sum(entry.status == "cancelled" for entry in ended)
    saved = sum(entry.status == "ok" and set(entry.outcomes) > {"ok"} for entry in ended)
    going = len(known) - len(ended)
    many = plural(len(ended), "execution")
    many = many if every else f"the last {many}"
    first = (
        Span(f"{bad} of {many} came to no good end.", "head", bold=True)
        if bad
        else head(f"None of {many} failed." if ended else "Nothing has ended yet.")
    )
    parts = [f"{saved} saved by fallback"]
    parts += [f"{stopped} cancelled"] * bool(stopped) + [f"{going} running"] * bool(going)
    if known:
        oldest = wall(known[-1].started_at) or state.now
        parts.append(f"since {clock(oldest)}")
    return [row(left(margin, first), width=width), row(left(margin, muted(" · ".join(parts))), width=width)]
