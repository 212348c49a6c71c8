"""Analytics: providers side by side in a period, their lines over time, and what failed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from provider_console.console.history_views import HistoryView, ProviderHistory
from provider_console.console.views import PeriodFigures
from provider_console.console.words import did_you_mean
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Cell, Line, Span, faint, head, key, left, line, muted, right, row, strong
from provider_console.tui.pages import curves, verdict
from provider_console.tui.pages.curves import Range
from provider_console.tui.pages.health import rule
from provider_console.tui.pages.words import MISSING, figure, percent, quiet, seconds, wall
from provider_console.tui.state import Asked

PERIODS: Final = (("5m", "5 m"), ("1h", "1 h"), ("24h", "24 h"), ("7d", "7 d"), ("30d", "30 d"))
"""The periods on one key: as the console is asked for them, and as they are shown."""
CUSTOM: Final = "custom"

_UNITS: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


class Measure(NamedTuple):
    """A figure of a provider: its key, its words in the header, how it is told, and its number to sort by."""

    key: str
    title: str
    told: Callable[[PeriodFigures], Span]
    number: Callable[[PeriodFigures], float | None]
    most_first: bool = True


def cost(value: float | None) -> Span:
    """Money to the cent; nothing known is a dash, nothing spent is faint."""
    return faint(MISSING if value is None else "0.00") if not value else Span(f"{value:,.2f}")


def amount(value: float) -> str:
    """A count in few cells.

    >>> amount(812), amount(12_400), amount(3_100_000), amount(0)
    ('812', '12.4k', '3.1M', '0')
    """
    for size, unit in _UNITS:
        if value >= size:
            return f"{value / size:.{1 if value < 100 * size else 0}f}{unit}"
    return f"{value:.0f}"


def _units(figures: PeriodFigures) -> float:
    return sum(figures.units.values())


REQUESTS: Final = Measure(
    "requests", "Requests", lambda f: quiet(figure(f.total_requests)), lambda f: float(f.total_requests)
)
SUCCESS: Final = Measure(
    "success", "Success %", lambda f: quiet(percent(f.success_rate)), lambda f: f.success_rate, most_first=False
)
P95: Final = Measure("p95", "p95 s", lambda f: quiet(seconds(f.p95)), lambda f: f.p95)
CALLS: Final = Measure(
    "calls",
    "Calls",
    lambda f: quiet(MISSING if f.attempts_per_execution is None else f"{f.attempts_per_execution:.2f}"),
    lambda f: f.attempts_per_execution,
)
ABSORBED: Final = Measure(
    "absorbed", "Absorbed", lambda f: quiet(figure(f.absorbed_failures)), lambda f: float(f.absorbed_failures)
)
UNITS: Final = Measure("units", "Units", lambda f: quiet(amount(_units(f))), _units)
COST: Final = Measure("cost", "Cost $", lambda f: cost(f.cost), lambda f: f.cost)

TURNED: Final = "success change"
DRIFT: Final = "p95 change"


class Sort(NamedTuple):
    """What rows are sorted by, a key of the columns; `turned` the other way round than the worst first."""

    key: str = "success"
    turned: bool = False


class Columns(NamedTuple):
    """Where the columns stand: measures with their right edges, the changes', and the range's start and width."""

    mark: int
    name: int
    name_width: int
    measures: tuple[tuple[Measure, int], ...]
    changes: tuple[tuple[str, int], ...]
    range: tuple[int, int] | None


def columns(width: int) -> Columns:
    """The columns of a width: units go first, then what was absorbed, then the range and the calls."""
    edge = width - (1 if width < 100 else 2)
    if width >= 116:
        edges: tuple[tuple[Measure, int], ...] = (
            (REQUESTS, 29),
            (SUCCESS, 40),
            (P95, 78),
            (CALLS, 93),
            (ABSORBED, 103),
            (UNITS, 110),
            (COST, edge),
        )
        return Columns(2, 4, 16, edges, ((TURNED, 48), (DRIFT, 86)), (50, 21))
    if width >= 100:
        edges = ((REQUESTS, 28), (SUCCESS, 39), (P95, 66), (CALLS, 81), (ABSORBED, 91), (COST, edge))
        return Columns(2, 4, 14, edges, ((TURNED, 47), (DRIFT, 74)), (49, 11))
    if width >= 78:
        edges = ((REQUESTS, 26), (SUCCESS, 32), (P95, 58), (CALLS, 72), (COST, edge))
        return Columns(1, 3, 13, edges, ((TURNED, 39), (DRIFT, 66)), (41, 11))
    return Columns(1, 3, 15, ((REQUESTS, 27), (SUCCESS, 34), (P95, 41), (COST, edge)), ((DRIFT, 49),), None)


def sorts(width: int) -> list[str]:
    """What can be sorted by, from the left."""
    at = columns(width)
    edges = [*((edge, measure.key) for measure, edge in at.measures), *((edge, key) for key, edge in at.changes)]
    return ["provider", *(key for _edge, key in sorted(edges))]


def sort_at(place: int, width: int) -> str | None:
    """What the word at a cell of the header sorts by; None where no word is.

    >>> [sort_at(place, 120) for place in (5, 28, 39, 60, 77, 117)]
    ['provider', 'requests', 'success', None, 'p95', 'cost']
    """
    at = columns(width)
    if at.name <= place < at.name + at.name_width:
        return "provider"
    words = [(measure.key, measure.title, edge) for measure, edge in at.measures]
    words += [(key, "change", edge) for key, edge in at.changes]
    # The arrow stands before the word.
    return next((key for key, title, edge in words if edge - len(title) - 1 <= place < edge), None)


# --- rows ----------------------------------------------------------------------------------------------------------


def entries(view: HistoryView, sort: Sort, needle: str = "") -> list[ProviderHistory]:
    """The providers that match, sorted; those without the figure last."""
    words = needle.casefold().split()
    shown = [one for one in view.providers if all(word in f"{one.name} {one.provider}".casefold() for word in words)]
    if sort.key == "provider":
        return sorted(shown, key=lambda one: one.name.casefold(), reverse=sort.turned)
    known = [(number, one) for one in shown if (number := _number(one, sort.key)) is not None]
    rest = [one for one in shown if _number(one, sort.key) is None]
    known.sort(key=lambda pair: (-pair[0] if sort.turned else pair[0], *_tie(pair[1])))
    return [*(one for _number, one in known), *sorted(rest, key=_tie)]


def _number(one: ProviderHistory, key: str) -> float | None:
    """Smaller is worse, or more."""
    turn = verdict.turn(one.figures, one.before)
    if key in (TURNED, DRIFT):
        return turn.points if key == TURNED else None if turn.ratio is None else -turn.ratio
    measure = next(each for each in (REQUESTS, SUCCESS, P95, CALLS, ABSORBED, UNITS, COST) if each.key == key)
    number = None if one.figures is None else measure.number(one.figures)
    return -number if number is not None and measure.most_first else number


def _tie(one: ProviderHistory) -> tuple[float, str]:
    p95 = None if one.figures is None else one.figures.p95
    return (-(p95 or 0.0), one.name.casefold())


def axis_of(view: HistoryView | None) -> Range:
    """The one axis that the ranges of all providers stand on."""
    figures = [] if view is None else [one.figures for one in view.providers if one.figures is not None]
    return curves.range_of([time for each in figures for time in (each.p50, each.p99) if time is not None])


def header(view: HistoryView | None, sort: Sort, width: int, glyphs: Glyphs, *, ruled: bool) -> list[Line]:
    """The names of the columns, an arrow at the one that sorts, and the axis of the ranges."""
    at = columns(width)

    def titled(key: str, title: str, *, upward: bool) -> Line:
        if key != sort.key:
            return (muted(title),)
        arrow = glyphs.up if upward != sort.turned else glyphs.down
        return (Span(f"{arrow}{title}", "accent", bold=True),)

    cells = [left(at.name, *titled("provider", "Provider", upward=True))]
    for measure, edge in at.measures:
        title = "Ok %" if measure is SUCCESS and width < 100 else measure.title
        cells.append(right(edge, *titled(measure.key, title, upward=not measure.most_first)))
    for which, edge in at.changes:
        cells.append(right(edge, *titled(which, "change", upward=which == TURNED)))
    if at.range is not None:
        cells.append(left(at.range[0], *curves.ticks(axis_of(view), at.range[1])))
    lines = [row(*sorted(cells, key=_at), width=width)]
    return [*lines, rule(width, glyphs)] if ruled else lines


def _at(cell: Cell) -> int:
    return cell.at


def provider_row(
    one: ProviderHistory, axis: Range, width: int, glyphs: Glyphs, *, selected: bool, picked: bool
) -> Line:
    """One provider."""
    turn = verdict.turn(one.figures, one.before)
    bold = selected or turn.worse
    at = columns(width)
    mark = Span(glyphs.picked, "accent" if selected else "text") if picked else faint(glyphs.unpicked)
    cells = [
        left(at.mark, mark),
        left(at.name, Span(one.name, "head" if bold else "text", bold=bold), width=at.name_width),
    ]
    cells += _figures(one.figures, at, turn)
    cells += _changes(turn, at, glyphs)
    if at.range is not None and one.figures is not None:
        start, size = at.range
        f = one.figures
        cells.append(left(start, *curves.ranged(f.p50, f.p95, f.p99, axis, size, glyphs)))
    return row(*sorted(cells, key=_at), width=width)


def _changes(turn: verdict.Turn, at: Columns, glyphs: Glyphs) -> list[Cell]:
    told = {TURNED: verdict.change_of_success, DRIFT: verdict.change_of_p95}
    return [right(edge, told[which](turn, glyphs.up, glyphs.down)) for which, edge in at.changes]


def _figures(figures: PeriodFigures | None, at: Columns, turn: verdict.Turn) -> list[Cell]:
    broke = {SUCCESS.key: turn.failing, P95.key: turn.slower}
    cells = []
    for measure, edge in at.measures:
        told = faint(MISSING) if figures is None else measure.told(figures)
        cells.append(right(edge, told._replace(ink="warn", bold=True) if broke.get(measure.key) else told))
    return cells


def total_row(view: HistoryView, width: int, glyphs: Glyphs) -> Line:
    """All providers together."""
    at = columns(width)
    cells = [left(at.name, muted(f"All {len(view.providers)}"))]
    for measure, edge in at.measures:
        told = faint(MISSING) if view.total is None else measure.told(view.total)
        cells.append(right(edge, told if told.ink == "faint" else told._replace(bold=True)))
    if at.range is not None and view.total is not None:
        turn = verdict.turn(view.total, view.before)
        cells += _changes(turn, at, glyphs)
    return row(*sorted(cells, key=_at), width=width)


def beside(asked: Asked, by: int) -> Asked:
    """The next longer period on the key, or the next shorter one; of the same requests."""
    keys = [key for key, _word in PERIODS]
    at = keys.index(asked.since) if asked.since in keys else -1 if by > 0 else 0
    return Asked(keys[(at + by) % len(keys)], category=asked.category, kind=asked.kind)


# --- above ---------------------------------------------------------------------------------------------------------


def spoken(asked: Asked) -> str:
    """The period before, in words."""
    return f"the {dict(PERIODS).get(asked.since, 'time')} before"


def moments(view: HistoryView, now: float) -> str:
    """From when until when, by the clock of this terminal; without days where both are today."""
    since, until = (datetime.fromtimestamp(wall(moment) or 0.0) for moment in (view.since, view.until))
    if since.date() == until.date() == datetime.fromtimestamp(now).date():
        return f"{since:%H:%M} to {until:%H:%M}"
    if since.date() == until.date():
        return f"{since.day} {since:%b %H:%M} to {until:%H:%M}"
    return f"{since.day} {since:%b %H:%M} to {until.day} {until:%b %H:%M}"


def about(view: HistoryView, asked: Asked, now: float, width: int) -> Line:
    """What stands right of the periods: which requests, from when until when, against what."""
    only = " ".join(filter(None, (asked.category, asked.kind)))
    said = moments(view, now)
    if width >= 100:
        said += f", against {spoken(asked)}"
    return line(*((strong(only), muted(" only · ")) if only else ()), muted(said))


def notes(view: HistoryView, width: int, glyphs: Glyphs) -> list[Line]:
    """What the period misses because it is no longer kept."""
    margin = 1 if width < 100 else 2
    return [
        row(left(margin, Span(f"{glyphs.degraded} ", "warn"), note, width=width - 2 * margin), width=width)
        for note in view.notes
    ]


def ways_on(asked: Asked, width: int) -> list[Line]:
    """What to try where a period has no request."""
    parts: list[Span | str] = [key("p"), muted(" a longer period   "), key("c"), muted(" another one   ")]
    if asked.category or asked.kind:
        parts += [key("f"), muted(" other requests   ")]
    return [row(left(1 if width < 100 else 2, *parts), width=width)]


def nothing_found(view: HistoryView, needle: str, width: int) -> Line:
    """What a filter that matches nothing says."""
    hint = did_you_mean(needle, [one.name for one in view.providers]).strip(" ;,.()?")
    said = f"{hint[:1].upper()}{hint[1:]}. " if hint else ""
    parts = (head("Filter found nothing"), muted("   / "), needle, muted(f" matches no provider. {said}"))
    return row(left(1 if width < 100 else 2, *parts), width=width)
