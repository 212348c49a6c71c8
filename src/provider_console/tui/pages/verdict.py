"""Who got worse, who got better, who is fast and who fails least: the sentence of Analytics, computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from provider_console.console.history_views import HistoryView, ProviderHistory
from provider_console.console.views import PeriodFigures
from provider_console.tui.ink import Line, Span, head, line, muted, width_of
from provider_console.tui.pages.words import listed, percent, seconds

ENOUGH: Final = 20
"""Fewer requests say nothing of a provider."""
SLOWER: Final = 1.3
"""So many times the p95 of before is slower: the first step of the strips."""
POINTS: Final = 0.5
"""So many points of success are worth a word."""
SURE: Final = 3.0
"""And they are no chance: the z of two proportions, pooled; 3 is one in 700 by chance."""


class Turn(NamedTuple):
    """How a provider changed against the period before. `ratio` is of p95, `points` of success; None: not known."""

    ratio: float | None
    points: float | None
    slower: bool = False
    faster: bool = False
    failing: bool = False
    mending: bool = False
    judged: bool = False
    """Whether there were enough requests to say so."""

    @property
    def worse(self) -> bool:
        """Whether it got worse at all."""
        return self.slower or self.failing

    @property
    def better(self) -> bool:
        """Whether it only got better."""
        return (self.faster or self.mending) and not self.worse

    @property
    def weight(self) -> float:
        """How much worse, to put the worst first: ten points weigh as much as a p95 of e times."""
        slow = math.log(self.ratio) if self.ratio and self.slower else 0.0
        return max(slow, -(self.points or 0.0) / 10 if self.failing else 0.0)


def turn(now: PeriodFigures | None, before: PeriodFigures | None) -> Turn:
    """What changed from one period to another."""
    if now is None or before is None:
        return Turn(None, None)
    ratio = now.p95 / before.p95 if now.p95 and before.p95 else None
    points = None
    if now.success_rate is not None and before.success_rate is not None:
        points = now.success_rate - before.success_rate
    timed = min(_successes(now), _successes(before)) >= ENOUGH
    counted = min(now.total_requests, before.total_requests) >= ENOUGH
    sure = counted and points is not None and abs(points) >= POINTS and abs(_z(now, before)) >= SURE
    return Turn(
        ratio,
        points,
        slower=timed and ratio is not None and ratio >= SLOWER,
        faster=timed and ratio is not None and ratio <= 1 / SLOWER,
        failing=sure and points is not None and points < 0,
        mending=sure and points is not None and points > 0,
        judged=counted,
    )


def _successes(figures: PeriodFigures) -> float:
    return figures.total_requests * (figures.success_rate or 0.0) / 100


def _z(now: PeriodFigures, before: PeriodFigures) -> float:
    good, good_before = _successes(now), _successes(before)
    share = (good + good_before) / (now.total_requests + before.total_requests)
    if share <= 0.0 or share >= 1.0:
        return 0.0
    deviation = math.sqrt(share * (1 - share) * (1 / now.total_requests + 1 / before.total_requests))
    return (good / now.total_requests - good_before / before.total_requests) / deviation


def sentence(view: HistoryView, before: str, width: int) -> Line:
    """What the figures of a period come to in some cells; `before` names the period before."""
    if view.total is None:
        requests = 0 if view.before is None else view.before.total_requests
        earlier = f" {requests:,} in {before}." if requests else f" None in {before} either."
        return line(head("No request in this period."), muted(earlier))
    turns = [(turn(one.figures, one.before), one) for one in view.providers]
    worse = sorted((pair for pair in turns if pair[0].worse), key=lambda pair: -pair[0].weight)
    better = [one.name for each, one in turns if each.better]
    if len(worse) == 1:
        each, one = worse[0]
        said = line(head(f"{one.name} is getting worse: "), *_how(each, one))
    elif worse:
        names = [one.name for _turn, one in worse]
        named = " and ".join(names) if len(names) == 2 else listed(names, most=2)
        said = line(head(f"{named} got worse. "), f"{names[0]}: ", *_how(*worse[0]))
        if width_of(said) > width:
            said = line(head(f"{named} got worse. "), f"{names[0]}: ", *_how(*worse[0], short=True))
    elif view.before is None:
        said = line(head(f"Nothing to compare with: no request in {before}. "))
    elif not (judged := sum(each.judged for each, _one in turns)):
        said = line(head("Too few requests to say who got worse. "))
    elif judged < len(turns):
        said = line(head(f"Nobody got worse, of the {judged:,} with enough requests. "))
    else:
        said = line(head("Nobody got worse beyond chance. "))
    best = _best(view.providers)
    for more in ((f"{listed(better, most=2)} got better. ",) if better else ()), best:
        # One row: what was said first matters most.
        said = line(*said, *more) if width_of(said) + width_of(line(*more)) <= width else said
    return said


def _how(each: Turn, one: ProviderHistory, *, short: bool = False) -> Line:
    now, before = one.figures, one.before
    if now is None or before is None:
        return ()
    parts: list[Span | str] = []
    if each.failing:
        said = percent(before.success_rate)
        parts.append(f"success {said} › " if short else f"success fell from {said} to ")
        parts += [Span(f"{percent(now.success_rate)} %", "warn", bold=True)]
    if each.slower:
        said = seconds(before.p95)
        parts += [", " if parts else "", f"p95 {said} › " if short else f"p95 went from {said} to "]
        parts += [Span(f"{seconds(now.p95)} s", "warn", bold=True)]
    return line(*parts, "." if short else ". ")


def _best(providers: Sequence[ProviderHistory]) -> Line:
    """Who is fastest and who fails least, of those that had enough requests; nothing where there is nobody beside."""
    some = [
        (one.name, one.figures) for one in providers if one.figures is not None and one.figures.total_requests >= ENOUGH
    ]
    if len(some) < 2:
        return ()
    timed = [(figures.p50, name) for name, figures in some if figures.p50 is not None]
    parts: list[Span | str] = []
    if timed:
        parts.append(f"{min(timed)[1]} is fastest")
    flawless = [name for name, figures in some if figures.success_rate == 100.0]
    if len(flawless) == len(some):
        parts.append(" and nobody fails.")
    elif len(flawless) > 1:
        parts.append(f", {len(flawless):,} never failed.")
    else:
        least = max(some, key=lambda each: (each[1].success_rate or 0.0, each[0]))
        same = bool(timed) and least[0] == min(timed)[1]
        parts.append(" and fails least." if same else f", {least[0]} fails least.")
    return line(*(parts if timed else ()))


def change_of_success(each: Turn, up: str, down: str) -> Span:
    """Points of success won or lost, without the unit; nothing where it is as before."""
    if each.points is None:
        return Span("")
    if abs(each.points) < 0.05:
        return Span("=", "faint")
    ink = "warn" if each.failing else "muted"
    return Span(f"{up if each.points > 0 else down} {abs(each.points):.1f}", ink, each.failing)


def change_of_p95(each: Turn, up: str, down: str) -> Span:
    """How many times slower, or by how much faster or slower; nothing where it is not known."""
    if each.ratio is None:
        return Span("")
    if abs(each.ratio - 1) < 0.05:
        return Span("=", "faint")
    ink = "warn" if each.slower else "muted"
    arrow = up if each.ratio > 1 else down
    said = f"{each.ratio:.1f}×" if each.ratio >= 1.5 else f"{abs(each.ratio - 1) * 100:.0f} %"
    return Span(f"{arrow} {said}", ink, each.slower)
