"""History as files for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

import msgspec

from provider_console.console.history_views import HistoryView, TrendPoint
from provider_console.console.views import PeriodFigures

ALL: Final = "all"

_FIGURES: Final = (
    "total_requests",
    "success_rate",
    "average_response_time",
    "p50",
    "p95",
    "p99",
    "attempts_per_execution",
    "absorbed_failures",
    "reached_caller",
    "time_lost_ms",
    "cost",
)


def json_of(view: HistoryView) -> str:
    """The period whole, as the command line prints it with `--json`."""
    return msgspec.json.format(msgspec.json.encode(view), indent=2).decode() + "\n"


def csv_of(view: HistoryView) -> str:
    """A row for each provider and for all: of the period, of the one before, and of each step of the trend.

    Names are those of the JSON; durations are milliseconds, rates percentages; empty is not known.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [PeriodFigures.__struct_encode_fields__[PeriodFigures.__struct_fields__.index(name)] for name in _FIGURES]
    writer.writerow(("provider", "of", "at", *names, "errorClasses", "units"))
    for row in _rows(view):
        writer.writerow(row)
    return text.getvalue()


def _rows(view: HistoryView) -> Iterator[tuple[object, ...]]:
    told = [(one.provider, one.figures, one.before, one.trend) for one in view.providers]
    for name, figures, before, trend in [*told, (ALL, view.total, view.before, view.trend)]:
        if figures is not None:
            yield (name, "period", view.since, *_cells(figures))
        if before is not None:
            yield (name, "before", view.before_since, *_cells(before))
        for point in trend:
            yield (name, "step", point.at, *_cells(point))


def _cells(figures: PeriodFigures | TrendPoint) -> Iterator[object]:
    for name in _FIGURES:
        yield getattr(figures, name, None)
    for name in ("error_classes", "units"):
        counts = getattr(figures, name, None)
        yield msgspec.json.encode(counts).decode() if counts else None
