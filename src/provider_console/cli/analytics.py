"""`analytics`: figures of any period beside the one before, providers side by side, outages; CSV and JSON."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from provider_console.cli.command import Command, console_for
from provider_console.cli.exits import DONE
from provider_console.cli.output import Output
from provider_console.console.errors import BadRequest
from provider_console.console.exports import csv_of
from provider_console.console.history_views import HistoryView, OutagesView, ProviderHistory, culprits
from provider_console.console.views import PeriodFigures
from provider_console.console.words import unit_words

NOTHING: Final = "–"

_Measure = tuple[str, Callable[[PeriodFigures], str]]

MEASURES: Final[Sequence[_Measure]] = (
    ("REQUESTS", lambda f: f"{f.total_requests:,}"),
    ("SUCCESS %", lambda f: _number(f.success_rate, 1)),
    ("P50 S", lambda f: _seconds(f.p50)),
    ("P95 S", lambda f: _seconds(f.p95)),
    ("P99 S", lambda f: _seconds(f.p99)),
    ("CALLS/EXEC", lambda f: _number(f.attempts_per_execution, 2)),
    ("ABSORBED", lambda f: f"{f.absorbed_failures:,}"),
    ("FAILED", lambda f: f"{f.reached_caller:,}"),
    ("COST", lambda f: _number(f.cost, 2)),
)
"""The columns of the table; `FAILED` are the failures that reached the caller."""

MORE: Final[Sequence[_Measure]] = (
    ("MEAN S", lambda f: _seconds(f.average_response_time)),
    ("LOST S", lambda f: _seconds(f.time_lost_ms)),
    ("UNITS", lambda f: ", ".join(f"{amount:,.0f} {unit_words(name)}" for name, amount in f.units.items()) or NOTHING),
)
"""What a comparison tells besides."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("provider", nargs="?", help="one provider with its trend and outages; without it, all")
    period = parser.add_mutually_exclusive_group()
    period.add_argument("--window", metavar="SPAN", help="the last so much, such as 5m")
    period.add_argument("--since", metavar="WHEN", help="a span such as 7d, or a time such as 2026-01-31T10:00 (24h)")
    parser.add_argument("--until", metavar="WHEN", help="where the period ends; without it, now")
    parser.add_argument("--step", metavar="SPAN", help="the steps of the trend, such as 15m, 1h or 1d")
    parser.add_argument("--category", help="only this category")
    parser.add_argument("--kind", help="only this kind of operation, such as translate")
    parser.add_argument("--compare", metavar="A,B", help="these providers side by side")
    parser.add_argument("--outages", action="store_true", help="health checks and outages of the period instead")
    parser.add_argument("--export", choices=("csv", "json"), help="everything, for another program")


async def _run(arguments: argparse.Namespace, output: Output) -> int:
    since = arguments.window or arguments.since or "24h"
    compared = [name.strip() for name in (arguments.compare or "").split(",") if name.strip()]
    if arguments.compare is not None and (len(set(compared)) < 2 or arguments.provider):
        raise BadRequest("--compare takes two providers or more, such as deepl,apertium, and no other", field="compare")
    if arguments.outages and (compared or arguments.export):
        raise BadRequest("--outages goes with a provider and a period only", field="outages")
    one = arguments.provider
    async with console_for(arguments, output) as console:
        outages = await console.outages(one, since=since, until=arguments.until) if one or arguments.outages else None
        if outages is not None and arguments.outages:
            output.data(outages) if output.json else _show_outages(outages, output)
            return DONE
        view = await console.history(
            providers=compared or ([one] if one else []),
            category=arguments.category,
            kind=arguments.kind,
            since=since,
            until=arguments.until,
            step=arguments.step,
        )
    if output.json or arguments.export == "json":
        output.data(view)
    elif arguments.export == "csv":
        output.write(csv_of(view))
    elif compared:
        _show_period(view, output)
        _show_comparison(view.providers, output)
    else:
        _show(view, outages, output)
    for note in view.notes:
        output.say(note)
    return DONE


def _show(view: HistoryView, outages: OutagesView | None, output: Output) -> None:
    _show_period(view, output)
    if view.total is None and view.before is None:
        output.line("no request in this period, and none in the one before")
    else:
        rows = [(one.name, one.figures, one.before) for one in view.providers]
        whole = [] if outages is not None else [(f"all {len(view.providers)}", view.total, view.before)]
        output.table(
            ("PROVIDER", *(name for name, _ in MEASURES), "P95 BEFORE"),
            [
                (name, *(_told(measure, figures) for _, measure in MEASURES), _p95(before))
                for name, figures, before in (*rows, *whole)
            ],
        )
    _show_errors(view, output)
    if outages is not None:
        _show_trend(view, output)
        output.line()
        _show_outages(outages, output)


def _show_period(view: HistoryView, output: Output) -> None:
    output.line(f"{_minute(view.since)} to {_minute(view.until)} UTC, before: since {_minute(view.before_since)}")


def _show_errors(view: HistoryView, output: Output) -> None:
    if view.total is None or not view.total.error_classes:
        return
    output.line()
    output.table(
        ("ERROR CLASS", "REQUESTS", "FAILED", "MOSTLY FROM"),
        [
            (name, f"{count:,}", f"{view.total.reached_classes.get(name, 0):,}", _culprits(view, name))
            for name, count in view.total.error_classes.items()
        ],
    )


def _culprits(view: HistoryView, error_class: str) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in culprits(view, error_class))


def _show_trend(view: HistoryView, output: Output) -> None:
    if not view.trend:
        return
    output.line()
    output.table(
        ("FROM (UTC)", "REQUESTS", "SUCCESS %", "P50 S", "P95 S", "P99 S", "COST"),
        [
            (
                _minute(point.at),
                f"{point.total_requests:,}",
                _number(point.success_rate, 1),
                _seconds(point.p50),
                _seconds(point.p95),
                _seconds(point.p99),
                _number(point.cost, 2),
            )
            for point in view.trend
        ],
    )


def _show_comparison(providers: Sequence[ProviderHistory], output: Output) -> None:
    header = [""]
    for one in providers:
        header += [one.name, "before"]
    output.table(header, [(name, *_beside(measure, providers)) for name, measure in (*MEASURES, *MORE)])


def _beside(measure: Callable[[PeriodFigures], str], providers: Iterable[ProviderHistory]) -> list[str]:
    return [_told(measure, figures) for one in providers for figures in (one.figures, one.before)]


def _show_outages(view: OutagesView, output: Output) -> None:
    if not view.checks:
        output.line("no health check in this period")
        return
    output.table(
        ("PROVIDER", "CHECKS", "FAILED", "OUTAGES", "DOWN"),
        [
            (
                one.provider,
                f"{one.checks:,}",
                f"{one.failed:,}",
                one.outages,
                span(one.down_ms) if one.outages else NOTHING,
            )
            for one in view.checks
        ],
    )
    if view.outages:
        output.line()
        output.table(
            ("DOWN SINCE (UTC)", "PROVIDER", "UNTIL", "FOR", "NOT WATCHED", "WHY"),
            [
                (
                    _minute(one.started_at),
                    one.provider,
                    "goes on" if one.ended_at is None else _minute(one.ended_at),
                    span(one.duration_ms),
                    _lasting(one.unwatched_ms),
                    one.message or one.error_class,
                )
                for one in view.outages
            ],
        )
    for note in view.notes:
        output.say(note)


def span(ms: float) -> str:
    """A duration in its two largest units.

    >>> span(29_600), span(125_000), span(7_260_000), span(200_000_000)
    ('30 s', '2 m 05 s', '2 h 01 m', '2 d 7 h')
    """
    whole = round(ms / 1000)
    if whole >= 86_400:
        return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"
    if whole >= 3_600:
        return f"{whole // 3_600} h {whole % 3_600 // 60:02d} m"
    return f"{whole // 60} m {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def _lasting(ms: float) -> str:
    return span(ms) if ms else NOTHING


def _told(measure: Callable[[PeriodFigures], str], figures: PeriodFigures | None) -> str:
    return NOTHING if figures is None else measure(figures)


def _p95(figures: PeriodFigures | None) -> str:
    return NOTHING if figures is None else _seconds(figures.p95)


def _seconds(ms: float | None) -> str:
    return NOTHING if ms is None else f"{ms / 1000:,.2f}"


def _number(value: float | None, decimals: int) -> str:
    return NOTHING if value is None else f"{value:,.{decimals}f}"


def _minute(moment: str) -> str:
    """An ISO time, to the minute."""
    return moment[:16].replace("T", " ")


COMMAND = Command(_arguments, _run, "provider-console analytics --since 7d --compare deepl,apertium")
