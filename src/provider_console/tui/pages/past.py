"""The past of one provider: figures beside those of before, its long trend, outages; and several side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from provider_console.console.history_views import HistoryView, OutagesView, OutageView, ProviderHistory, TrendPoint
from provider_console.console.views import PeriodFigures
from provider_console.console.words import unit_words
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import (
    BLANK,
    Cell,
    Line,
    Span,
    cut,
    faint,
    head,
    left,
    line,
    muted,
    right,
    row,
    strong,
    wrap,
)
from provider_console.tui.pages import curves, verdict
from provider_console.tui.pages.analytics import PERIODS, amount, cost, spoken
from provider_console.tui.pages.failures import class_bars
from provider_console.tui.pages.portrait import beside
from provider_console.tui.pages.trends import chart, curve, failure_rate, p95_s
from provider_console.tui.pages.words import MISSING, duration, figure, glyph, percent, plural, quiet, seconds, wall
from provider_console.tui.state import Asked, State

MONTH: Final = "30d"
"""The period of a provider's long trend and of its outages."""
OUTAGES: Final = 12
"""Outages listed."""
_NAME: Final = 14
"""Cells of a figure's name."""
_COLUMN: Final = 11
"""Cells of a column of figures."""

_Told = tuple[str, Callable[[PeriodFigures], Span]]

MEASURES: Final[Sequence[_Told]] = (
    ("requests", lambda f: quiet(figure(f.total_requests))),
    ("success %", lambda f: quiet(percent(f.success_rate))),
    ("p50 s", lambda f: quiet(seconds(f.p50))),
    ("p95 s", lambda f: quiet(seconds(f.p95))),
    ("p99 s", lambda f: quiet(seconds(f.p99))),
    ("mean s", lambda f: quiet(seconds(f.average_response_time))),
    ("calls", lambda f: quiet(MISSING if f.attempts_per_execution is None else f"{f.attempts_per_execution:.2f}")),
    ("absorbed", lambda f: quiet(figure(f.absorbed_failures))),
    ("failed", lambda f: quiet(figure(f.reached_caller))),
    ("lost s", lambda f: quiet(seconds(f.time_lost_ms, 1))),
    ("cost $", lambda f: cost(f.cost)),
)
"""Every figure of a period, in the order of the command line."""


def month_of(provider: str) -> Asked:
    """The period of a provider's long trend."""
    return Asked(MONTH, provider=provider)


def page(
    one: ProviderHistory,
    view: HistoryView,
    asked: Asked,
    state: State,
    width: int,
    glyphs: Glyphs,
    *,
    tall: int = 6,
) -> list[Line]:
    """Everything that is known of the past of one provider; its charts are `tall` rows high."""
    wide = width >= 90
    column = (width - 6) // 2 if wide else width
    month, outages = state.history.get(month_of(one.provider)), state.outages.get(month_of(one.provider))
    figures = compared((one,), asked, column, glyphs)
    down = _outages(outages, column, glyphs)
    lines = [*_title(one, view, asked, state, width, glyphs), BLANK]
    lines += beside(figures, down, column, width) if wide else [*figures, BLANK]
    lines += [BLANK] if wide else []
    lines += _trends(month, state, width, tall, glyphs)
    lines += [BLANK, *_errors(one, asked, width, glyphs)]
    return lines if wide else [*lines, BLANK, *down]


def _title(
    one: ProviderHistory, view: HistoryView, asked: Asked, state: State, width: int, glyphs: Glyphs
) -> list[Line]:
    known = state.providers.get(one.provider)
    mark = faint(glyphs.unknown) if known is None else glyph(known.health.state, glyphs)
    period = dict(PERIODS).get(asked.since, asked.since)
    only = " ".join(filter(None, (asked.category, asked.kind)))
    aside = f"{f'{only} only · ' if only else ''}{period if asked.until is None else 'custom'}, against {spoken(asked)}"
    alone = HistoryView(
        since=view.since,
        until=view.until,
        step_ms=view.step_ms,
        before_since=view.before_since,
        total=one.figures,
        before=one.before,
        trend=(),
        providers=(one,),
    )
    first = row(left(0, mark, Span(" "), head(one.name)), right(width, muted(aside)), width=width)
    return [first, *wrap(verdict.sentence(alone, spoken(asked), 2 * width), width, limit=2)]


# --- figures beside each other -------------------------------------------------------------------------------------


def compared(
    providers: Sequence[ProviderHistory], asked: Asked, width: int, glyphs: Glyphs, *, named: bool = False
) -> list[Line]:
    """A row for each figure: of each provider now, before, and what changed. As many providers as have room."""
    each = 2 * _COLUMN + (9 if len(providers) == 1 else 0)
    fit = providers[: max(1, (width - _NAME) // each)]
    now = dict(PERIODS).get(asked.since, "now") if asked.until is None else "now"
    names: list[Cell] = []
    titles: list[Cell] = []
    for number, one in enumerate(fit):
        edge = _NAME + number * each
        names.append(right(edge + 2 * _COLUMN, head(one.name), width=2 * _COLUMN - 2))
        titles += [right(edge + _COLUMN, muted(now)), right(edge + 2 * _COLUMN, muted("before"))]
    if len(fit) == 1 and not named:
        titles.append(right(_NAME + each, muted("change")))
    lines = [row(*names, width=width)] if named else []
    lines.append(row(left(0, *(() if named else (head("Figures"),))), *titles, width=width))
    for title, told in MEASURES:
        cells: list[Cell] = [left(0, muted(title))]
        for number, one in enumerate(fit):
            edge = _NAME + number * each
            cells.append(right(edge + _COLUMN, faint(MISSING) if one.figures is None else told(one.figures)))
            before = faint(MISSING) if one.before is None else told(one.before)
            cells.append(right(edge + 2 * _COLUMN, before._replace(ink="faint" if before.ink == "faint" else "muted")))
            if len(fit) == 1 and not named:
                cells.append(right(_NAME + each, _change(title, one, glyphs)))
        lines.append(row(*cells, width=width))
    lines += _units(fit, each, width)
    return lines


def _change(title: str, one: ProviderHistory, glyphs: Glyphs) -> Span:
    turn = verdict.turn(one.figures, one.before)
    if title == "success %":
        return verdict.change_of_success(turn, glyphs.up, glyphs.down)
    return verdict.change_of_p95(turn, glyphs.up, glyphs.down) if title == "p95 s" else Span("")


def _units(providers: Sequence[ProviderHistory], each: int, width: int) -> list[Line]:
    """A row for each unit that any of them used."""
    names = sorted({name for one in providers for f in (one.figures, one.before) if f is not None for name in f.units})
    lines = []
    for name in names:
        cells: list[Cell] = [left(0, muted(unit_words(name)), width=_NAME)]
        for number, one in enumerate(providers):
            for place, f in enumerate((one.figures, one.before), 1):
                said = faint(MISSING) if f is None else quiet(amount(f.units.get(name, 0.0)))
                cells.append(right(_NAME + number * each + place * _COLUMN, said))
        lines.append(row(*cells, width=width))
    return lines


# --- the long trend ------------------------------------------------------------------------------------------------


def _trends(month: HistoryView | None, state: State, width: int, tall: int, glyphs: Glyphs) -> list[Line]:
    if month is None or not month.providers:
        return [line(head("Last 30 days")), line(muted("being read …"))]
    trend = month.providers[0].trend
    if not trend:
        return [line(head("Last 30 days")), line(muted("no request in this time"))]
    style = state.charts if state.glyphs == "unicode" else "block"

    times = [
        curve(month, "p50", trend, _p50_s),
        curve(month, "p95", trend, p95_s, chosen=True),
        curve(month, "p99", trend, _p99_s),
    ]
    failing = [curve(month, "failed", trend, failure_rate, chosen=True)]
    title = "30 days, response"
    two = width >= 70
    room = (width - 4) // 2 if two else width
    first = chart(month, title, "s", times, curves.linear, width=room, height=tall, glyphs=glyphs, style=style)
    second = chart(
        month,
        "30 days, failed",
        "%, log scale",
        failing,
        curves.logarithmic,
        width=room,
        height=tall,
        glyphs=glyphs,
        style=style,
    )
    noted = _notes(month.notes, width, glyphs)
    if not two:
        return [*first, BLANK, *second, *noted]
    both = [
        row(left(0, *a, width=room), left(width - room, *b), width=width) for a, b in zip(first, second, strict=True)
    ]
    return [*both, *noted]


def _p50_s(point: TrendPoint) -> float | None:
    return None if point.p50 is None else point.p50 / 1000


def _p99_s(point: TrendPoint) -> float | None:
    return None if point.p99 is None else point.p99 / 1000


def _errors(one: ProviderHistory, asked: Asked, width: int, glyphs: Glyphs) -> list[Line]:
    f = one.figures
    period = dict(PERIODS).get(asked.since, "the period") if asked.until is None else "the period"
    title = head(f"Errors by class, {period}")
    if f is None or not f.error_classes:
        return [line(title, muted("   none" if f is not None else "   no request"))]
    said = (strong(figure(f.absorbed_failures)), muted(" absorbed, "), strong(figure(f.reached_caller)))
    first = row(left(0, title), right(width, *said, muted(" reached the caller")), width=width)
    return [first, *class_bars(f, width, len(f.error_classes), glyphs)]


# --- checks and outages --------------------------------------------------------------------------------------------


def _outages(view: OutagesView | None, width: int, glyphs: Glyphs) -> list[Line]:
    title = head("Checks and outages, 30 days")
    if view is None:
        return [line(title), line(muted("being read …"))]
    if not view.checks:
        return [line(title), line(muted("no health check in this time"))]
    counts = view.checks[0]
    said: list[Span | str] = [
        strong(figure(counts.checks)),
        muted(" checks, "),
        figure(counts.failed),
        muted(" failed · "),
    ]
    said += [strong(plural(counts.outages, "outage"))]
    if counts.outages:
        said += [muted(", down "), duration(counts.down_ms)]
    lines = [line(title), cut(line(*said), width)]
    lines += [_outage(each, width, glyphs) for each in view.outages[:OUTAGES]]
    if len(view.outages) > OUTAGES:
        lines.append(line(muted(f"and {len(view.outages) - OUTAGES} before those")))
    return [*lines, *_notes(view.notes, width, glyphs)]


def _outage(each: OutageView, width: int, glyphs: Glyphs) -> Line:
    began = datetime.fromtimestamp(wall(each.started_at) or 0.0)
    goes_on = each.ended_at is None
    mark = Span(glyphs.unhealthy, "bad" if goes_on else "muted")
    why = each.message or each.error_class or ""
    unwatched = f"not watched {duration(each.unwatched_ms)} · " if each.unwatched_ms else ""
    return row(
        left(0, mark, Span(" "), muted(f"{began.day} {began.strftime('%b %H:%M')}")),
        right(27, Span(duration(each.duration_ms), "bad" if goes_on else "text")),
        left(29, muted(f"{'goes on · ' if goes_on else ''}{unwatched}{why}"), width=max(4, width - 29)),
        width=width,
    )


def _notes(notes: Sequence[str], width: int, glyphs: Glyphs) -> list[Line]:
    """What is missing because it is no longer kept."""
    return [
        part for note in notes for part in wrap(line(Span(f"{glyphs.degraded} ", "warn"), muted(note)), width, limit=3)
    ]


# --- several beside each other -------------------------------------------------------------------------------------


def comparison(
    providers: Sequence[ProviderHistory],
    view: HistoryView,
    asked: Asked,
    state: State,
    width: int,
    glyphs: Glyphs,
) -> list[Line]:
    """Providers side by side: every figure, and their lines over each other."""
    lines = compared(providers, asked, width, glyphs, named=True)
    fit = max(1, (width - _NAME) // (2 * _COLUMN))
    if len(providers) > fit:
        more = len(providers) - fit
        said = (
            "1 more has no room here; a wider terminal shows it"
            if more == 1
            else (f"{more} more have no room here; a wider terminal shows them")
        )
        lines.append(line(muted(said)))
    style = state.charts if state.glyphs == "unicode" else "block"
    room = (width - 4) // 2 if width >= 90 else width
    both = []
    for title, unit, value, scale in (
        ("Response p95", "s", p95_s, curves.linear),
        ("Failed requests", "%, log scale", failure_rate, curves.logarithmic),
    ):
        series = [curve(view, one.name, one.trend, value, chosen=number == 0) for number, one in enumerate(providers)]
        both.append(chart(view, title, unit, series, scale, width=room, height=8, glyphs=glyphs, style=style))
    if width < 90:
        return [*lines, BLANK, *both[0], BLANK, *both[1]]
    return [
        *lines,
        BLANK,
        *(row(left(0, *a, width=room), left(width - room, *b), width=width) for a, b in zip(*both, strict=True)),
    ]
