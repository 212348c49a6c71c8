"""The lines of a period over time: response times and, on a log scale, failure rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from provider_console.console.history_views import HistoryView, ProviderHistory, TrendPoint
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, faint, left, row
from provider_console.tui.pages import curves
from provider_console.tui.pages.curves import Curve
from provider_console.tui.pages.words import MISSING, wall
from provider_console.tui.state import State

DRAWN: Final = 6
"""Lines drawn at most: more cannot be told apart."""
BESIDE: Final = 100
"""From this width on two charts stand beside each other."""


def steps(
    view: HistoryView, trend: Sequence[TrendPoint], value: Callable[[TrendPoint], float | None]
) -> list[float | None]:
    """A figure of each step of a period; None where nothing happened."""
    since, until, step = wall(view.since) or 0.0, wall(view.until) or 0.0, view.step_ms / 1000
    first = since // step
    values: list[float | None] = [None] * max(1, int((until - 0.001) // step - first) + 1)
    for point in trend:
        place = int((wall(point.at) or 0.0) // step - first)
        if 0 <= place < len(values):
            values[place] = value(point)
    return values


def curve(
    view: HistoryView,
    name: str,
    trend: Sequence[TrendPoint],
    value: Callable[[TrendPoint], float | None],
    *,
    chosen: bool = False,
) -> Curve:
    """One line of a period, with its last value at its end."""
    values = steps(view, trend, value)
    last = next((each for each in reversed(values) if each is not None), None)
    return Curve(name, values, MISSING if last is None else f"{last:.2f}", chosen)


def moments_of(view: HistoryView, count: int = 7) -> list[str]:
    """Moments of a period from its begin to its end: the time of day, or the day where it is longer."""
    since, until = wall(view.since) or 0.0, wall(view.until) or 0.0
    moment = [datetime.fromtimestamp(since + (until - since) * at / (count - 1)) for at in range(count)]
    if until - since <= 2 * 86_400:
        return [at.strftime("%H:%M") for at in moment]
    return [f"{at.day} {at.strftime('%b')}" for at in moment]


def drawn(view: HistoryView, picked: Sequence[str], selected: str | None) -> list[ProviderHistory]:
    """The providers whose lines are drawn: the selected one, then the picked ones."""
    wanted = [selected, *(key for key in picked if key != selected)][:DRAWN]
    known = {one.provider: one for one in view.providers}
    return [known[key] for key in wanted if key in known]


def failure_rate(point: TrendPoint) -> float | None:
    """Failed requests of a step in per cent."""
    return 100.0 - point.success_rate


def p95_s(point: TrendPoint) -> float | None:
    """The p95 of a step in seconds."""
    return None if point.p95 is None else point.p95 / 1000


def charts(
    view: HistoryView,
    shown: Sequence[ProviderHistory],
    selected: str | None,
    state: State,
    width: int,
    rows: int,
    glyphs: Glyphs,
) -> list[Line]:
    """Response times and failure rates over the period in some rows: side by side, below each other where narrow."""
    style = state.charts if state.glyphs == "unicode" else "block"
    p95 = [curve(view, one.name, one.trend, p95_s, chosen=one.provider == selected) for one in shown]
    failing = [curve(view, one.name, one.trend, failure_rate, chosen=one.provider == selected) for one in shown]
    beside = width >= BESIDE
    margin = 1 if width < 100 else 2
    room = (width - 2 * margin - 4) // 2 if beside else width - 2 * margin
    height = (rows if beside else rows // 2) - 2
    if height < 2:
        return []
    paint = partial(chart, view, width=room, height=height, glyphs=glyphs, style=style)
    times = paint("Response p95", "s", p95, curves.linear)
    rates = paint("Failed requests", "%, log scale", failing, curves.logarithmic)
    if not beside:
        return [row(left(margin, *each), width=width) for each in (*times, *rates)]
    return [
        row(left(margin, *a, width=room), left(width - margin - room, *b), width=width)
        for a, b in zip(times, rates, strict=True)
    ]


def chart(
    view: HistoryView,
    title: str,
    unit: str,
    series: Sequence[Curve],
    scale: Callable[[Sequence[float]], curves.Scale],
    *,
    width: int,
    height: int,
    glyphs: Glyphs,
    style: str,
) -> list[Line]:
    """A title, the lines, and the times under them: `height` rows and two."""
    known = [value for each in series for value in each.values if value is not None]
    lines = curves.curves(series, scale(known), width=width, height=height, glyphs=glyphs, style=style)
    if not lines:
        said = [(faint("nothing was measured"),), *[()] * height]
        return [curves.titled(title, unit, width), *said]
    return [curves.titled(title, unit, width), *lines, curves.axis(moments_of(view), series, width)]
