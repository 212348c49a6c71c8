"""A score explained: its three terms and what they come from, how sure it is, its rank, and what would change it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from provider_console.console.views import ProviderView
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, head, left, line, muted, right, row, strong, wrap
from provider_console.tui.pages import strips
from provider_console.tui.pages.health import ranked
from provider_console.tui.pages.words import percent, seconds
from provider_console.tui.state import State

MOST: Final = (("base", 40), ("response", 30), ("reliability", 30))
"""The three terms and what each can be."""
FASTEST_S: Final = 0.3
"""Answers this quick or quicker get every point of the response (docs/fallback.md)."""
_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def rivals(view: ProviderView, providers: Iterable[ProviderView]) -> list[ProviderView]:
    """Those of the same tier that serve the same kind of work, itself among them, best first."""
    same = [
        other
        for other in providers
        if ranked(other) and other.tier == view.tier and set(other.categories) & set(view.categories)
    ]
    return sorted(same, key=lambda other: (-other.health.score, other.id))


def rank(view: ProviderView, state: State) -> str:
    """`third of 3 primaries`, or why it has no rank."""
    if not ranked(view):
        return "not ranked now"
    order = rivals(view, state.providers.values())
    place = [other.id for other in order].index(view.id) if view in order else len(order)
    if len(order) == 1:
        return f"the only {view.tier}"
    ordinal = _ORDINALS[place] if place < len(_ORDINALS) else f"{place + 1}th"
    many = {"primary": "primaries", "secondary": "secondaries", "fallback": "fallbacks"}[view.tier]
    return f"{ordinal} of {len(order)} {many}"


def score(view: ProviderView, state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """The terms as bars, each with what it comes from."""
    total = (strong(f"{view.health.score:.1f}"), muted(f" of 100 · {rank(view, state)}"))
    lines = [row(left(0, head("Score")), right(width, *total), width=width)]
    bar = 20 if width >= 66 else 10
    for (name, most), value, basis in zip(MOST, _values(view), _bases(view), strict=True):
        lines.append(
            row(
                left(0, muted(name)),
                right(18, f"{value:.1f}"),
                left(18, muted(f" / {most}")),
                left(25, *strips.bar(value / most, bar, glyphs)),
                left(27 + bar, muted(basis), width=max(0, width - 27 - bar)),
                width=width,
            )
        )
    return lines


def _values(view: ProviderView) -> tuple[float, float, float]:
    terms = view.health.terms
    return terms.base, terms.response, terms.reliability


def _bases(view: ProviderView) -> tuple[str, str, str]:
    health = view.health
    stood = {40.0: "it passes its checks", 20.0: "nothing is known of it"}.get(health.terms.base, "it is down")
    took = "no answer yet" if health.latency_ms is None else f"answers in {seconds(health.latency_ms)} s"
    counted = "no call yet" if health.samples < 0.05 else f"{health.samples:.0f} calls count"
    return stood, took, counted


def sureness(view: ProviderView, width: int) -> list[Line]:
    """Between which bounds its success lies, and on how much that rests."""
    health = view.health
    if health.success_low is None or health.success_high is None or health.samples < 0.05:
        return wrap(line(muted("Nobody has called it lately: 90 % success is assumed, worth five calls.")), width)
    return wrap(
        line(
            muted("Success lies between "),
            percent(health.success_low),
            muted(" and "),
            f"{percent(health.success_high)} %",
            muted(f"; {health.samples:.0f} calls count, the newest most."),
        ),
        width,
    )


def changes(view: ProviderView, state: State, width: int) -> list[Line]:
    """What would raise the score, by how much, and whom it would pass."""
    health = view.health
    said: list[Line] = []
    if health.terms.base < 40:
        said.append(line("a passed check ", muted("adds "), strong(f"{40 - health.terms.base:.0f}")))
    if (gap := 30 - health.terms.response) >= 0.05:
        said.append(line(f"answers within {FASTEST_S} s ", muted("add "), strong(f"{gap:.1f}")))
    perfect = 30 * (health.samples + 4.5) / (health.samples + 5)
    if (gap := perfect - health.terms.reliability) >= 0.05:
        said.append(line("no failed call for some minutes ", muted("adds "), strong(f"{gap:.1f}")))
    order = rivals(view, state.providers.values())
    ahead = [other for other in order if other.health.score > health.score]
    if ranked(view) and ahead:
        missing = ahead[-1].health.score - health.score
        said.append(line(strong(f"{missing:.1f}"), muted(" more would pass "), ahead[-1].name))
    if not said:
        said.append(line(muted("nothing: it has every point that its calls can earn")))
    return [part for content in said for part in wrap(content, width)]


def together(view: ProviderView, state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """The whole explanation."""
    return [
        *score(view, state, width, glyphs),
        *sureness(view, width),
        (),
        line(Span("What would change it", "head", bold=True)),
        *changes(view, state, width),
        *([] if ranked(view) else wrap(line(muted(f"Left out of the order until then: {view.health.why}.")), width)),
    ]
