"""What failed in a period: error classes as bars with the part that reached the caller, and a provider in two lines."""

from __future__ import annotations

from typing import Final

from provider_console.console.history_views import HistoryView, ProviderHistory, culprits
from provider_console.console.views import PeriodFigures
from provider_console.console.words import unit_words
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, left, muted, right, row, strong
from provider_console.tui.pages.analytics import amount
from provider_console.tui.pages.words import MISSING, figure, plural, seconds

CLASSES: Final = 5
"""Error classes shown on the page of all."""
NAMES_CULPRITS: Final = 100
"""So wide, a class names the providers that it came from."""


def errors(view: HistoryView, width: int, most: int, glyphs: Glyphs) -> list[Line]:
    """Error classes as bars, the part that reached the caller at their ends, and who they came from."""
    total = view.total
    margin = 1 if width < 100 else 2
    if total is None or not total.error_classes:
        said = (head("Errors by class"), muted("   no request failed")) if total is not None else ()
        return [row(left(margin, *said), width=width)] if said else []
    failed = sum(total.error_classes.values())
    parts = [
        head("Errors by class"),
        muted(f"  {plural(failed, 'failed request')} · "),
        Span(figure(total.absorbed_failures)),
    ]
    parts += [muted(" absorbed, "), strong(figure(total.reached_caller)), muted(" reached the caller")]
    hidden = len(total.error_classes) - most
    aside = " · ".join([f"{hidden} more"] * (hidden > 0) + ["mostly from"] * (width >= NAMES_CULPRITS))
    lines = [row(left(margin, *parts), right(width - margin, muted(aside)), width=width)]
    return lines + class_bars(total, width, most, glyphs, view=view)


def class_bars(
    figures: PeriodFigures, width: int, most: int, glyphs: Glyphs, *, view: HistoryView | None = None
) -> list[Line]:
    """A bar for each class. With a `view`, its culprits stand at the right."""
    margin = 0 if view is None else 1 if width < 100 else 2
    start = margin + 25
    room = max(4, min(width * 42 // 100, width - start - 12))
    worst = max(figures.error_classes.values(), default=1)
    lines = []
    for name, count in list(figures.error_classes.items())[:most]:
        reached = figures.reached_classes.get(name, 0)
        size = max(1, round(room * count / worst))
        bad = min(size, max(1, round(size * reached / count))) if reached else 0
        bar = [Span(glyphs.bar * (size - bad), "muted"), Span(glyphs.bar * bad, "badf")]
        if reached:
            bar.append(Span(f" {reached:,} failed", "bad"))
        cells = [left(margin, name, width=17), right(start - 2, figure(count)), left(start, *bar)]
        if view is not None and width >= NAMES_CULPRITS:
            who = " · ".join(f"{who} {many:,}" for who, many in culprits(view, name))
            cells.append(right(width - margin, muted(who)))
        lines.append(row(*cells, width=width))
    return lines


def brief(one: ProviderHistory, width: int) -> list[Line]:
    """Two lines of one provider, for where there is room for no more."""
    margin, f = 1 if width < 100 else 2, one.figures
    if f is None:
        return [row(left(margin, head(one.name), muted("   no request in this period")), width=width), ()]
    parts = [
        head(one.name),
        muted("   p50 "),
        seconds(f.p50),
        muted("  p95 "),
        seconds(f.p95),
        muted("  p99 "),
        seconds(f.p99),
    ]
    parts += [muted(" s   absorbed "), figure(f.absorbed_failures), muted("  failed "), figure(f.reached_caller)]
    units = ", ".join(f"{amount(count)} {unit_words(name)}" for name, count in f.units.items())
    classes = ", ".join(f"{name} {count:,}" for name, count in list(f.error_classes.items())[:3])
    said = [muted("errors "), classes or faint("0"), muted("   units "), units or faint(MISSING)]
    return [row(left(margin, *each, width=width - 2 * margin), width=width) for each in (parts, said)]
