"""Coverage: who could serve what now, and what breaks if one dies."""

from __future__ import annotations

from provider_console.console.views import CoverageEntry
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, left, line, muted, right, row, strong
from provider_console.tui.pages.words import glyph, listed, pair
from provider_console.tui.state import State

_STATE = {"not served": "unhealthy", "breaks if it dies": "degraded", "served": "healthy"}
_WORST = ("not served", "breaks if it dies", "served")


def ordered(state: State) -> list[CoverageEntry]:
    """The entries, worst first."""
    return sorted(state.coverage, key=lambda entry: (_WORST.index(entry.status), entry.category, entry.capability))


def headline(state: State) -> Line:
    """The sentence: how much of what is wanted hangs on one provider, or on none."""
    nobody = sum(entry.status == "not served" for entry in state.coverage)
    alone = sum(entry.status == "breaks if it dies" for entry in state.coverage)
    said = f"{len(state.coverage)} things to serve: "
    if not nobody and not alone:
        return line(Span("Any one provider may die.", "head", bold=True), f" {said}each has another one.")
    first = Span(f"{nobody} served by nobody, {alone} by one provider alone.", "head", bold=True)
    return line(first, muted(f" {said}{len(state.coverage) - nobody - alone} have another one."))


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
    if chosen is not None and chosen in entry.providers:
        rest = [other for other in entry.providers if other != chosen]
        verdict = f"{name(rest[0])} takes over" if rest else "nobody takes over"
        words = line(
            Span(f"without {name(chosen)}: {verdict}", "text" if rest else "bad", bold=not rest), muted(" · "), *words
        )
    return row(
        left(2, glyph(_STATE[entry.status], glyphs)),
        left(4, pair(entry.capability), width=26),
        right(40, strong(f"{able}"), muted(f" of {every}")),
        left(43, *words, width=max(10, width - 45)),
        width=width,
    )


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
