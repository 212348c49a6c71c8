"""Coverage: who could serve what now, and what breaks if one dies."""

from __future__ import annotations

from provider_console.console.views import CoverageEntry
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, head, key, left, line, muted, right, row, strong
from provider_console.tui.pages.words import glyph, listed, pair, seconds
from provider_console.tui.state import State

_STATE = {"not served": "unhealthy", "breaks if it dies": "degraded", "served": "healthy"}
_WORST = ("not served", "breaks if it dies", "served")


def ordered(state: State, chosen: str | None = None) -> list[CoverageEntry]:
    """The entries, worst first; before all others those that nobody would serve without the chosen provider."""
    return sorted(
        state.coverage,
        key=lambda entry: (not breaks(entry, chosen), _WORST.index(entry.status), entry.category, entry.capability),
    )


def breaks(entry: CoverageEntry, chosen: str | None) -> bool:
    """Whether the chosen provider is the only one that serves it."""
    return entry.providers == (chosen,)


def headline(state: State, chosen: str | None = None) -> Line:
    """The sentence: what breaks without the chosen provider, or how much hangs on one provider, or on none."""
    if chosen is not None and any(chosen in entry.providers for entry in state.coverage):
        return _without(state, chosen)
    nobody = sum(entry.status == "not served" for entry in state.coverage)
    alone = sum(entry.status == "breaks if it dies" for entry in state.coverage)
    said = f"{len(state.coverage)} things to serve: "
    if not nobody and not alone:
        return line(Span("Any one provider may die.", "head", bold=True), f" {said}each has another one.")
    counts = [f"{nobody} served by nobody"] if nobody else []
    counts += [f"{alone} by one provider alone" if counts else f"{alone} served by one provider alone"] if alone else []
    first = Span(f"{', '.join(counts)}.", "head", bold=True)
    return line(first, muted(f" {said}{len(state.coverage) - nobody - alone} have another one."))


def _without(state: State, chosen: str) -> Line:
    lost = [pair(entry.capability) for entry in state.coverage if breaks(entry, chosen)]
    first = sum(entry.providers[:1] == (chosen,) and len(entry.providers) > 1 for entry in state.coverage)
    name = state.name_of(chosen)
    if lost:
        said = line(head(f"Without {name} nobody serves "), Span(listed(lost, most=2), "bad", bold=True), head("."))
    else:
        said = line(head(f"Without {name} everything that is served stays served."))
    return line(*said, f" {first} {'goes' if first == 1 else 'go'} to the next one." if first else "")


def entry_row(entry: CoverageEntry, state: State, width: int, glyphs: Glyphs, *, chosen: str | None) -> Line:
    """One thing to serve; what would break with the chosen provider is said."""
    able, every = len(entry.providers), len(entry.providers) + len(entry.down)
    name = state.name_of
    if not able:
        words = line(Span("nobody now", "bad"), muted(f" · {_lost(entry, state)}"))
    elif able == 1:
        words = line(f"{name(entry.providers[0])} alone", muted(f" · {_lost(entry, state)}" if entry.down else ""))
    else:
        words = line(muted(f"{name(entry.providers[0])}, then {listed(map(name, entry.providers[1:]), most=3)}"))
    if breaks(entry, chosen):
        words = line(
            Span("nobody takes over", "bad", bold=True), muted(f" · {_lost(entry, state)}" if entry.down else "")
        )
    elif chosen is not None and entry.providers[:1] == (chosen,):
        words = line(f"{name(entry.providers[1])} takes over", muted(_at(entry, entry.providers[1], state)))
    elif chosen is not None and chosen in entry.providers:
        words = line(muted(f"{name(entry.providers[0])} serves it anyway"))
    return row(
        left(2, glyph(_STATE[entry.status], glyphs)),
        left(4, pair(entry.capability), width=26),
        right(40, strong(f"{able}"), muted(f" of {every}")),
        left(43, *words, width=max(10, width - 45)),
        width=width,
    )


def _at(entry: CoverageEntry, heir: str, state: State) -> str:
    """At which latency and cost the one that takes over answers, as far as they are known."""
    view = state.providers.get(heir)
    latency_ms, cost = (entry.latency_ms, entry.cost) if heir == entry.takes_over else (None, None)
    if view is not None:
        latency_ms, cost = latency_ms or view.health.p50_ms, cost or view.cost
    said = "" if latency_ms is None else f" · in {seconds(latency_ms)} s"
    if cost is None:
        return f"{said} · cost unknown"
    return (
        f"{said} · {cost.input:g} in, {cost.output:g} out a million units"
        if cost.output
        else f"{said} · {cost.input:g} a million units"
    )


def more(state: State, shown: int) -> Line:
    """How many there are in all, and the key to them, where not all of them are shown."""
    return line(key("v"), muted(f" all {len(state.coverage):,}")) if len(state.coverage) > shown else ()


def _lost(entry: CoverageEntry, state: State) -> str:
    if not entry.down:
        return "no provider offers it"
    names = listed((state.name_of(name) for name in entry.down), most=2)
    if len(entry.down) == 1 and not entry.providers:
        return f"{names} is the only one and is out"
    return f"{names} {'is' if len(entry.down) == 1 else 'are'} out"


def lines(state: State, width: int, most: int, glyphs: Glyphs) -> list[Line]:
    """The worst entries, for the space beneath the table."""
    return [entry_row(entry, state, width, glyphs, chosen=None) for entry in ordered(state)[:most]]
