"""The result of an execution: how much there is of it, its beginning, and the whole of it in lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec
from rich.cells import cell_len, set_cell_size

from provider_console.console.words import unit_words
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, key, left, line, muted, right, row
from provider_console.tui.pages.trace import Trace
from provider_console.tui.pages.words import figure, plural
from provider_console.tui.state import TEXT_KEPT, State


def text_of(trace: Trace) -> str | None:
    """What there is to be read: the result's text, else the result as JSON, else what has arrived; at most a MiB."""
    result = None if trace.report is None else trace.report.result
    if result is None:
        return trace.text or None
    text = result.get("text")
    if isinstance(text, str):
        return text[:TEXT_KEPT]
    value = {name: each for name, each in result.items() if name != "units"}
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()[:TEXT_KEPT]


def facts(trace: Trace, state: State) -> Line:
    """How much there is, in what units, and what it cost."""
    text = text_of(trace)
    if text is None:
        return ()
    shown = plural(len(text), "character")
    parts = [f"the first {shown}" if len(text) >= TEXT_KEPT else shown if not trace.running else f"{shown} so far"]
    result: Mapping[str, Any] = {} if trace.report is None else trace.report.result or {}
    units = result.get("units")
    if isinstance(units, Mapping):
        parts += [f"{figure(count)} {_unit(name)}" for name, count in units.items() if isinstance(count, int | float)]
    spans = [muted(" · ".join(parts))]
    cost = _cost(trace, state, units if isinstance(units, Mapping) else {})
    if cost is not None:
        spans += [muted(" · "), Span(_dollars(cost))]
    detected = result.get("detected")
    if isinstance(detected, str):
        spans.append(muted(f" · from {detected}"))
    return line(*spans)


def _dollars(cost: float) -> str:
    """A cost with four decimals; one that is smaller, with its first two figures."""
    return f"${cost:,.4f}" if cost >= 0.0001 or not cost else f"${cost:.{1 - math.floor(math.log10(cost))}f}"


def _unit(name: str) -> str:
    """A unit in words; the characters of the result are told from those paid for."""
    return "characters charged" if name == "characters" else unit_words(name)


def _cost(trace: Trace, state: State, units: Mapping[str, Any]) -> float | None:
    """What the units of a result cost at the price of the one who answered; None where no price is known."""
    view = state.providers.get(trace.provider or "")
    if view is None or view.cost is None or not units:
        return None
    outgoing = units.get("outputTokens", 0.0)
    return float((sum(units.values()) - outgoing) * view.cost.input + outgoing * view.cost.output) / 1_000_000


def brief(trace: Trace, state: State, width: int, most: int, glyphs: Glyphs) -> list[Line]:
    """The section: a title with the facts, a rule, and the first `most` lines; nothing where there is no result."""
    text = text_of(trace)
    margin = 1 if width < 100 else 2
    if text is None or most < 1:
        return []
    title = row(
        left(margin, head("Result"), Span("   "), *facts(trace, state)),
        right(width - margin, key("o"), muted(" open")),
        width=width,
    )
    if trace.running:
        rows = list(broken(text[-most * width :], width - 2 * margin))[-most:]
    else:
        rows = list(islice(broken(text[: most * width * 4], width - 2 * margin), most + 1))
    rule = row(left(margin, Span(glyphs.rule * (width - 2 * margin), "rule")), width=width)
    lines = [title, rule, *(row(left(margin, each), width=width) for each in rows[:most])]
    if len(rows) > most and not trace.running:
        last = rows[most - 1][: width - 2 * margin - 2].rstrip()
        lines[-1] = row(left(margin, last, faint(" …")), width=width)
    return lines


def faint_end(width: int, margin: int) -> Any:
    """The mark of more below, at the right margin."""
    return right(width - margin, faint("…"))


def whole(trace: Trace, width: int) -> Iterator[Line]:
    """All that is kept of the result, line by line."""
    margin = 1 if width < 100 else 2
    # One cell is the scroll bar's.
    return ((Span(" " * margin + each),) for each in broken(text_of(trace) or "", width - 2 * margin - 1))


def broken(text: str, cells: int) -> Iterator[str]:
    """Text broken into lines of at most `cells` cells, at spaces where it can be.

    >>> list(broken("La casa es roja.\\n\\nEs grande.", 9))
    ['La casa', 'es roja.', '', 'Es', 'grande.']
    """
    cells = max(2, cells)
    for paragraph in text.expandtabs(4).splitlines():
        at = 0
        while True:
            end = at + _fits(paragraph[at : at + cells + 1], cells)
            if end >= len(paragraph):
                yield paragraph[at:]
                break
            space = paragraph.rfind(" ", at + 1, end + 1)
            yield paragraph[at : space if space > 0 else end].rstrip()
            at = space + 1 if space > 0 else end


def _fits(part: str, cells: int) -> int:
    """How many characters from the front fit into so many cells; there are at most one more."""
    if part.isascii():
        return min(cells, len(part))
    if cell_len(part) <= cells:
        return len(part)
    return max(1, len(set_cell_size(part, cells).rstrip(" ")))
