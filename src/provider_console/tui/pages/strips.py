"""Strips and bars: one cell a check or a twelfth of an hour, and bars in half cells."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Final

from provider_console.console.views import CheckView, TrendView
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span

STEPS: Final = (1.3, 1.6, 2.0, 2.4, 3.2)
"""Ratios to the usual latency at which a strip rises by a step."""
SLOW: Final = 2.0
"""A check that took so many times its usual latency was slow."""
_USUAL, _SLOW, _FAILED = 0, 2, 5


def trend(view: TrendView | None, cells: int, glyphs: Glyphs) -> Line:
    """The last hour's medians against the provider's own of the day, newest at the right; blank where nothing was."""
    if view is None:
        return ()
    known = [median for median in view.medians if median is not None]
    usual = view.median_day_ms or (statistics.median(known) if known else None)
    if not usual:
        return ()
    spans = []
    for median in view.medians[-cells:]:
        if median is None:
            spans.append(Span(" "))
            continue
        step = sum(median / usual >= limit for limit in STEPS)
        spans.append(Span(glyphs.strip[step], "warnf" if step else "line"))
    return merged([Span(" " * (cells - len(spans))), *spans])


def checks(seen: Sequence[CheckView], cells: int, glyphs: Glyphs) -> Line:
    """The last checks, newest at the right: usual, slow, failed, and a dot where nobody looked."""
    shown = seen[-cells:] if cells else ()
    latencies = [check.latency_ms for check in seen if check.passed and check.latency_ms is not None]
    usual = statistics.median(latencies) if len(latencies) > 2 else None
    spans = [Span(glyphs.unknown * (cells - len(shown)), "line")]
    for check in shown:
        if check.passed is False:
            spans.append(Span(glyphs.strip[_FAILED], "badf"))
        elif check.passed is None:
            spans.append(Span(glyphs.unknown, "line"))
        elif usual and check.latency_ms is not None and check.latency_ms >= max(SLOW * usual, usual + 50.0):
            spans.append(Span(glyphs.strip[_SLOW], "warnf"))
        else:
            spans.append(Span(glyphs.strip[_USUAL], "line"))
    return merged(spans)


def bar(share: float, cells: int, glyphs: Glyphs, ink: str = "accent") -> Line:
    """A share (0 to 1) of some cells, rounded down to half a cell: never full unless full.

    >>> from provider_console.tui.glyphs import UNICODE
    >>> "".join(span.text for span in bar(0.5, 5, UNICODE))
    '━━╸╌╌'
    """
    halves = int(max(0.0, min(1.0, share)) * cells * 2 + 1e-9)
    full, half = divmod(halves, 2)
    return merged(
        [
            Span(glyphs.bar * full + glyphs.half * half, ink),
            Span(glyphs.rest * (cells - full - half), "line"),
        ]
    )


def merged(spans: Sequence[Span]) -> Line:
    """The same line with neighbours of one ink joined."""
    joined: list[Span] = []
    for span in spans:
        if not span.text:
            continue
        if joined and joined[-1][1:] == span[1:]:
            joined[-1] = joined[-1]._replace(text=joined[-1].text + span.text)
        else:
            joined.append(span)
    return tuple(joined)
