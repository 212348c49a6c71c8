"""Everything that is known of one provider: beside the table of a wide terminal, and as a page of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from provider_console.console.views import ProviderView
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, left, line, muted, right, row, strong, wrap
from provider_console.tui.pages import detail, explained, strips
from provider_console.tui.pages.chart import chart
from provider_console.tui.pages.words import MISSING, clock, duration, figure, listed, pair, quiet, seconds, wall
from provider_console.tui.state import State

VALUE = 13
"""Cells from a label to its value."""
TWO_COLUMNS = 110
"""From this width on the page has two columns."""
GAP = 6
"""Cells between them."""


def aside(view: ProviderView, state: State, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The detail beside the table, for a wide terminal: what has no room is left out from the bottom."""
    lines = [
        *_title(view, state, width, glyphs),
        (),
        *_todo(view, state, width),
        (),
        *explained.score(view, state, width, glyphs),
        (),
        *response(view, state, width, glyphs, height=8 if height >= 48 else 4),
        (),
        *checks(view, state, width, glyphs),
        (),
        *errors(view, state, width, glyphs),
        *_about(view, width),
    ]
    happened = detail.happened(view, state, width, 0, 4)
    if happened:
        lines += [(), line(head("Just now")), *happened]
    return lines[:height]


def page(view: ProviderView, state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """The page of one provider, as long as it is."""
    wide = width >= TWO_COLUMNS
    column = (width - GAP) // 2 if wide else width
    first = [
        *_todo(view, state, column),
        (),
        *explained.together(view, state, column, glyphs),
        (),
        *response(view, state, column, glyphs, height=6),
        (),
        *checks(view, state, column, glyphs),
    ]
    second = [
        *_breaker(view, state, column),
        (),
        *errors(view, state, column, glyphs),
        *_about(view, column),
        (),
        *_provenance(view, column),
        *_contradictions(view, column, glyphs),
    ]
    lines = [*_title(view, state, width, glyphs), ()]
    lines += beside(first, second, column, width) if wide else [*first, (), *second]
    happened = detail.happened(view, state, width, 0, 20)
    return [*lines, (), line(head("Last events")), *(happened or [line(muted("none since this console was opened"))])]


def beside(first: Sequence[Line], second: Sequence[Line], column: int, width: int) -> list[Line]:
    """Two columns of lines."""
    return [
        row(left(0, *one, width=column), left(column + GAP, *other), width=width)
        for one, other in zip_longest(first, second, fillvalue=())
    ]


# --- parts ---------------------------------------------------------------------------------------------------------


def _title(view: ProviderView, state: State, width: int, glyphs: Glyphs) -> list[Line]:
    breaker = (muted("breaker "), view.health.breaker)
    first = row(left(0, *detail.titled(view, state, glyphs)), right(width, *breaker), width=width)
    return [first, *wrap(line(muted(detail.why(view))), width, limit=2)]


def _pairs(pairs: Iterable[tuple[str, Line]], width: int, *, most: int = 3) -> list[Line]:
    """Labels and their values, which go on in the next row where they are long."""
    lines = []
    for name, value in pairs:
        wrapped = wrap(value, width - VALUE, limit=most) or [()]
        lines.append(row(left(0, muted(name)), left(VALUE, *wrapped[0]), width=width))
        lines += [row(left(VALUE, *more), width=width) for more in wrapped[1:]]
    return lines


def _todo(view: ProviderView, state: State, width: int) -> list[Line]:
    return [line(head("What to do")), *_pairs(detail.facts(view, state)[1:3], width)]


def _breaker(view: ProviderView, state: State, width: int) -> list[Line]:
    health = view.health
    retry = wall(health.retry_at)
    pairs = [("state", line(health.breaker)), ("failed", line(f"{health.failures_in_a_row} checks in a row"))]
    if retry is not None and retry > state.now:
        pairs.append(("tried again", line(f"in {duration((retry - state.now) * 1000)}")))
    since = wall(health.since)
    if since is not None:
        pairs.append(("down since", line(clock(since))))
    last = "never" if health.last_check is None else f"{clock(health.last_check)}"
    return [line(head("Breaker and checks")), *_pairs([*pairs, ("last check", line(last))], width)]


def response(view: ProviderView, state: State, width: int, glyphs: Glyphs, *, height: int) -> list[Line]:
    """Quantiles, and the medians of the last hour as a line."""
    health, figures = view.health, state.analytics.get(view.id)
    said = [muted("p50 "), quiet(seconds(health.p50_ms)), muted("  p95 "), quiet(seconds(health.p95_ms))]
    if figures is not None:
        said += [muted("  p99 "), quiet(seconds(figures.recent.p99))]
    lines = [row(left(0, head("Response time, s")), right(width, *said), width=width)]
    trend = state.trends.get(view.id)
    medians = () if trend is None else trend.medians
    drawn = chart(
        [None if median is None else median / 1000 for median in medians],
        width=width,
        height=height,
        glyphs=glyphs,
        style=state.charts if state.glyphs == "unicode" else "block",
    )
    if drawn:
        axis = row(left(7, faint("an hour ago")), right(width, faint("now")), width=width)
        return [*lines, *drawn, axis]
    return [*lines, line(muted("nothing was measured in the last hour"))]


def checks(view: ProviderView, state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """The last checks as a strip, counted."""
    seen = state.checks.get(view.id, ())
    failed = sum(check.passed is False for check in seen)
    good = sum(check.passed is True for check in seen)
    counted = (
        strong(str(good)),
        muted(" passed · "),
        Span(str(failed), "bad" if failed else "faint"),
        muted(" failed"),
    )
    size = min(60, width)
    begun = "" if not seen else f"since {clock(seen[-size:][0].at)}"
    return [
        row(left(0, head(f"Last {len(seen)} checks")), right(width, *counted), width=width),
        strips.checks(seen, size, glyphs),
        row(left(0, faint(begun)), right(size, faint("now")), width=width),
    ]


def errors(view: ProviderView, state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """What failed in the window, class by class, and a blank row; nothing where nothing did."""
    known = state.analytics.get(view.id)
    if known is None or not known.recent.error_classes:
        return []
    figures = known.recent
    total = sum(figures.error_classes.values())
    absorbed = f" of {figure(figures.total_requests)} · {figure(figures.absorbed_failures)} absorbed by others"
    title = f"Errors, last {duration(known.window_ms).replace(' m', ' min')}"
    lines = [row(left(0, head(title)), right(width, strong(figure(total)), muted(absorbed)), width=width)]
    worst = sorted(figures.error_classes.items(), key=lambda each: (-each[1], each[0]))[:5]
    for name, count in worst:
        size = max(1, round(20 * count / worst[0][1]))
        lines.append(
            row(
                left(0, muted(name), width=18),
                right(24, figure(count)),
                left(26, Span(glyphs.bar * size, "badf")),
                width=width,
            )
        )
    return [*lines, ()]


def _about(view: ProviderView, width: int) -> list[Line]:
    pairs = [
        ("kind", line(", ".join(view.categories))),
        ("sources", line(", ".join(view.sources) or faint(MISSING))),
        ("tier", line(view.tier, muted(f" · region {view.region}") if view.region else "")),
        ("credential", detail.credential(view)),
        ("driver", line(view.driver)),
        ("address", line(view.base_url or faint(MISSING), muted(f" · {view.network} network"))),
        ("models", line(listed(view.models, most=4)) if view.models else line(muted("the provider's own"))),
        ("serves", line(listed(map(pair, view.capabilities), most=6) or faint(MISSING))),
        ("cost", _cost(view)),
    ]
    return [line(head("About")), *_pairs(pairs, width)]


def _cost(view: ProviderView) -> Line:
    if view.cost is None:
        return line(faint(MISSING))
    return line(f"{view.cost.input:g}", muted(" in · "), f"{view.cost.output:g}", muted(" out, a million units"))


def _provenance(view: ProviderView, width: int) -> list[Line]:
    if not view.provenance:
        return []
    pairs = [(name.replace("_", " "), line(muted(source))) for name, source in sorted(view.provenance.items())]
    return [line(head("Where each fact comes from")), *_pairs(pairs, width, most=1), ()]


def _contradictions(view: ProviderView, width: int, glyphs: Glyphs) -> list[Line]:
    if not view.contradictions:
        return []
    lines = [line(head("Sources contradict each other"))]
    for said in view.contradictions[:10]:
        lines += [
            row(left(0, Span(glyphs.degraded, "warn")), left(2, *part), width=width)
            for part in wrap(line(said), width - 2)
        ]
    return lines
