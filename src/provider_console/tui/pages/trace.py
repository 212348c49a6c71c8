"""One run of an operation as it is shown, stored or still going on: its calls, its outcome, its times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from provider_console.console.views import AttemptView, Excluded, ExecutionReport, Left, PlanEntry
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Span
from provider_console.tui.pages.words import duration, wall
from provider_console.tui.state import Run, State

RUNNING: Final = "running"
"""The status of what has not ended."""

HELD_CLASSES: Final = frozenset({"authentication", "permission", "quota"})
"""Error classes that wait for a person or a reset."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one provider, ended or not. Times are milliseconds from the start of the execution.

    `outcome` is `ok`, `cancelled`, `running` or an error class; `view` is None while it runs.
    """

    provider: str
    number: int
    started_ms: float
    duration_ms: float
    delay_before_ms: float
    timeout_ms: float
    outcome: str
    view: AttemptView | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """An execution as it is shown. `status` is that of a report, or `running`; `elapsed_ms` grows while it runs."""

    execution_id: str
    operation: str
    category: str
    status: str
    started: float
    elapsed_ms: float
    calls: tuple[Call, ...] = ()
    left: tuple[Left, ...] = ()
    plan: tuple[PlanEntry, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    provider: str | None = None
    hint: str | None = None
    text: str = ""
    """What of a streamed result has arrived."""
    report: ExecutionReport | None = None

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status == RUNNING

    @property
    def providers(self) -> tuple[str, ...]:
        """Who was called, in order."""
        return tuple(dict.fromkeys(call.provider for call in self.calls))

    @property
    def work_ms(self) -> float:
        """Time in which somebody worked on it; the rest was waiting."""
        return sum(call.duration_ms for call in self.calls)


# --- making one ----------------------------------------------------------------------------------------------------


def trace_of(execution_id: str, state: State, now: float) -> Trace | None:
    """An execution of the state at a moment (wall seconds); None where nothing is known of it yet."""
    run, report = state.runs.get(execution_id), state.reports.get(execution_id)
    if report is None and run is not None:
        report = run.report
    if run is not None and run.report is None:
        return _of_run(run, report, now)
    if report is None:
        return None
    if run is None and any(entry.execution_id == execution_id and entry.status is None for entry in state.recent):
        # It began before anybody listened, and its report says how far it had come.
        begun = Run(report.execution_id, report.operation, report.category, wall(report.started_at) or now)
        return _of_run(replace(begun, attempts=report.attempts, left=report.left), report, now)
    return _of_report(report, "" if run is None else run.text)


def _of_report(report: ExecutionReport, text: str) -> Trace:
    return Trace(
        report.execution_id,
        report.operation,
        report.category,
        report.status,
        wall(report.started_at) or 0.0,
        report.elapsed_ms,
        tuple(_ended(attempt) for attempt in report.attempts),
        report.left,
        report.plan,
        report.excluded,
        report.provider,
        report.hint,
        text,
        report,
    )


def _of_run(run: Run, known: ExecutionReport | None, now: float) -> Trace:
    """A running one; its plan is what `known`, a report of its beginning, says."""
    elapsed_ms = max(0.0, now - run.started) * 1000
    calls = [_ended(attempt) for attempt in run.attempts]
    under = run.underway
    if under is not None:
        started_ms = max(0.0, under.started - run.started) * 1000
        calls.append(
            Call(
                under.provider,
                under.attempt,
                started_ms,
                max(0.0, elapsed_ms - started_ms),
                under.delay_before_ms,
                under.timeout_ms,
                RUNNING,
            )
        )
    return Trace(
        run.execution_id,
        run.operation,
        run.category,
        RUNNING,
        run.started,
        elapsed_ms,
        tuple(calls),
        run.left,
        () if known is None else known.plan,
        () if known is None else known.excluded,
        text=run.text,
    )


def _ended(view: AttemptView) -> Call:
    outcome = view.status if view.status != "error" else view.error_class or "unknown"
    return Call(
        view.provider,
        view.attempt,
        view.started_ms,
        view.duration_ms,
        view.delay_before_ms,
        view.timeout_ms,
        outcome,
        view,
    )


# --- outcomes ------------------------------------------------------------------------------------------------------


def mark(outcome: str, glyphs: Glyphs) -> Span:
    """The mark of an outcome in its ink."""
    match outcome:
        case "ok":
            return Span(glyphs.healthy, "ok")
        case "rate_limited" | "partial":
            return Span(glyphs.degraded, "warn")
        case "cancelled":
            return Span(glyphs.off, "muted")
        case "running":
            return Span(glyphs.work, "accent")
    if outcome in HELD_CLASSES or outcome in ("outcome_unknown", "unknown_crashed"):
        return Span(glyphs.held, "held")
    return Span(glyphs.failed, "bad")


def fill(outcome: str) -> str:
    """The ink of an outcome's bar."""
    match outcome:
        case "ok":
            return "okf"
        case "rate_limited":
            return "warnf"
        case "cancelled":
            return "line"
        case "running":
            return "accent"
    return "held" if outcome in HELD_CLASSES else "badf"


def outcome_words(call: Call) -> str:
    """The outcome column: the class, and the status or the provider's code where there is one."""
    if call.outcome == RUNNING:
        return "asked now"
    view = call.view
    if view is None or view.status != "error":
        return call.outcome
    code = "" if view.provider_code is None or len(view.provider_code) > 12 else view.provider_code
    return f"{call.outcome} {view.http_status or code}".rstrip()


def spent(ms: float) -> str:
    """How long something took.

    >>> spent(6020.4), spent(273.2), spent(126_000)
    ('6.02 s', '273 ms', '2 m 06 s')
    """
    if ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.2f} s" if ms < 60_000 else duration(ms)
