"""Plugins: what is loaded, what is not, and why; the sentence, the figures, and the rows, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from provider_console.console.views import HealthState, PluginView
from provider_console.console.words import clean_text, did_you_mean
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, key, left, line, muted, right, row, strong
from provider_console.tui.pages import headline as of_health
from provider_console.tui.pages.words import MISSING, ORDER, glyph, listed, plural
from provider_console.tui.state import State

WORDS: Final = {
    HealthState.UNHEALTHY: Span("put aside", "bad", bold=True),
    HealthState.DEGRADED: Span("works in part", "warn"),
    HealthState.HEALTHY: muted("works"),
    HealthState.OFF: faint("off"),
}
"""The state of a plugin in words."""

_NARROW: Final = 80
_FROM: Final = 116
"""From this width on the package stands in a column of its own."""


def condition(view: PluginView) -> HealthState:
    """The state that a plugin's mark and place in the list stand for."""
    if view.state == "quarantined":
        return HealthState.UNHEALTHY
    if view.state == "disabled":
        return HealthState.OFF
    return HealthState.DEGRADED if view.problems else HealthState.HEALTHY


def ordered(state: State, needle: str = "") -> list[PluginView]:
    """The plugins, worst first and then as they were loaded, as far as they match all words of the filter."""
    words = needle.casefold().split()
    known = [view for view in state.plugins or () if all(word in _haystack(view) for word in words)]
    return sorted(known, key=lambda view: ORDER[condition(view)])


def _haystack(view: PluginView) -> str:
    brought = (*view.sources, *view.drivers, *view.operations, *view.orders, *view.settings, *view.hooks)
    word = WORDS[condition(view)].text
    return " ".join((view.name, view.package, view.module, word, view.news or "", *brought)).casefold()


def troubled(view: PluginView) -> bool:
    """Whether something is wrong with it."""
    return condition(view) in (HealthState.UNHEALTHY, HealthState.DEGRADED)


# --- what it brings ------------------------------------------------------------------------------------------------


def brought(view: PluginView) -> list[tuple[str, tuple[str, ...]]]:
    """What a plugin brings: the word for one of a sort, and the names."""
    themes = tuple(path.rpartition("/")[2].removesuffix(".toml") for path in view.themes)
    every = [
        ("source", view.sources),
        ("driver", view.drivers),
        ("kind", view.operations),
        ("order", view.orders),
        ("theme", themes),
    ]
    return [(what, names) for what, names in every if names]


def counted(view: PluginView) -> str:
    """What it brings, in numbers."""
    said = ", ".join(plural(len(names), what) for what, names in brought(view))
    return said or (plural(len(view.hooks), "hook") if view.hooks else MISSING)


def since_last_start(view: PluginView) -> str:
    """`new`, or what it was before; empty where nothing changed.

    >>> was = "was 0.9 at the last start"
    >>> since_last_start(PluginView(name="a", package="a", version="1", state="loaded", news=was))
    'was 0.9'
    """
    news = clean_text(view.news or "", 60)
    return news.removesuffix(" at the last start").removesuffix(" since the last start").removeprefix("is ")


def next_start(view: PluginView, state: State) -> str:
    """What is other from the next start on; empty where nothing is."""
    off = view.name in state.plugins_off
    if off == (view.state == "disabled"):
        return ""
    return "off at the next start" if off else "on at the next start"


# --- the top -------------------------------------------------------------------------------------------------------


def headline(state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """The sentence that answers the question, and the figures under it."""
    if state.failure is not None and not state.open:
        return of_health.headline(state, width, glyphs)
    margin = 1 if width < 100 else 2
    lines = (_sentence(state), _figures(state))
    return [row(left(margin, *said, width=width - 2 * margin), width=width) for said in lines]


def _sentence(state: State) -> Line:
    if state.plugins is None:
        return line(head("Looking for plugins."), faint(" Starting …"))
    if not state.plugins:
        return line(head("No plugin is installed:"), " nothing can be found and nobody can be asked.")
    aside = [view for view in state.plugins if view.state == "quarantined"]
    partly = [view for view in state.plugins if condition(view) is HealthState.DEGRADED]
    names = listed((clean_text(view.name, 40) for view in aside or partly), most=3)
    if len(aside) == 1:
        return line(Span(f"{names} is put aside:", "head", bold=True), f" {clean_text(aside[0].reason or MISSING)}")
    if aside:
        return line(
            Span(f"{len(aside)} of {len(state.plugins)} plugins are put aside:", "head", bold=True), f" {names}."
        )
    if len(partly) == 1:
        return line(Span(f"{names} works in part:", "head", bold=True), f" {clean_text(partly[0].problems[0])}")
    if partly:
        return line(
            Span(f"{len(partly)} of {len(state.plugins)} plugins work in part:", "head", bold=True), f" {names}."
        )
    on = [view for view in state.plugins if view.state == "loaded"]
    off = len(state.plugins) - len(on)
    if not on:
        return line(Span("Every plugin is off:", "head", bold=True), " nothing can be found and nobody can be asked.")
    if off:
        return line(head(f"{plural(len(on), 'plugin')} {'works' if len(on) == 1 else 'work'}."), f" {off} off.")
    return line(head("The one plugin works." if len(on) == 1 else f"All {len(on)} plugins work."))


def _figures(state: State) -> Line:
    plugins = state.plugins
    if plugins is None:
        return line(faint(MISSING))
    if not plugins:
        return line("provider-console plugins new NAME", muted(" begins one of your own."))
    totals: dict[str, int] = {}
    for view in plugins:
        for what, names in brought(view) if view.state == "loaded" else ():
            totals[what] = totals.get(what, 0) + len(names)
    parts = [", ".join(plural(count, what) for what, count in totals.items()) or "nothing is brought"]
    news = sum(bool(view.news) for view in plugins)
    changes = sum(bool(next_start(view, state)) for view in plugins)
    parts += [f"{news} new or changed since the last start"] * bool(news)
    parts += [f"{changes} other at the next start"] * bool(changes)
    return line(muted(" · ".join(parts)))


# --- the rows ------------------------------------------------------------------------------------------------------


class Columns(NamedTuple):
    """Where the columns stand; None where one has no room."""

    mark: int
    name: int
    state: int
    version: int
    brings: int | None
    package: int | None


def columns(width: int) -> Columns:
    """The columns of a width."""
    if width >= _FROM:
        return Columns(2, 4, 24, 55, 65, width - 2)
    if width >= 100:
        return Columns(2, 4, 24, 55, 65, None)
    if width >= _NARROW:
        return Columns(1, 3, 19, 49, 58, None)
    return Columns(1, 3, 19, 49, None, None)


def header(width: int, glyphs: Glyphs, *, ruled: bool) -> list[Line]:
    """The names of the columns, and the rule under them where there is room."""
    at = columns(width)
    cells = [left(at.name, muted("Plugin")), left(at.state, muted("State")), left(at.version, muted("Version"))]
    if at.brings is not None:
        cells.append(left(at.brings, muted("Brings")))
    if at.package is not None:
        cells.append(right(at.package, muted("Package")))
    lines = [row(*cells, width=width)]
    if ruled:
        lines.append(row(left(at.mark, Span(glyphs.rule * (width - 2 * at.mark), "rule")), width=width))
    return lines


def plugin_row(view: PluginView, state: State, width: int, glyphs: Glyphs, *, selected: bool) -> Line:
    """One plugin: its state in words with what is new and what the next start changes."""
    at = columns(width)
    which = condition(view)
    bold = selected or troubled(view)
    cells = [
        left(at.mark, glyph(which, glyphs)),
        left(at.name, Span(clean_text(view.name, 80), "head" if bold else "text", bold), width=at.state - at.name - 2),
        left(at.state, *state_words(view, state), width=at.version - at.state - 2),
        left(
            at.version, Span(clean_text(view.version, 40) or MISSING), width=(at.brings or width - 1) - at.version - 2
        ),
    ]
    edge = width - at.mark
    package = clean_text(view.package, 80)
    if at.package is not None:
        edge -= 24
    if at.brings is not None:
        off = view.state != "loaded"
        cells.append(left(at.brings, faint(counted(view)) if off else Span(counted(view)), width=edge - at.brings))
    if at.package is not None:
        cells.append(right(at.package, muted(package), width=22))
    return row(*cells, width=width)


def state_words(view: PluginView, state: State) -> Line:
    """A state in words, with what is new since the last start and what is other from the next one on."""
    news, coming = since_last_start(view), next_start(view, state)
    parts: list[Span] = [WORDS[condition(view)]]
    parts += [muted(" · "), strong(coming)] if coming else [muted(" · "), strong(news)] if news else []
    return line(*parts)


def nothing_found(state: State, needle: str, width: int) -> Sequence[Line]:
    """What a filter that matches nothing says."""
    hint = did_you_mean(needle, [view.name for view in state.plugins or ()]).strip(" ;,.()?")
    margin = 1 if width < 100 else 2
    parts: list[Span | str] = [head("Filter found nothing"), muted("   / "), needle, muted(" matches no plugin. ")]
    if hint:
        parts.append(muted(f"{hint[:1].upper()}{hint[1:]}. "))
    return [(), row(left(margin, *parts, key("esc"), muted(" clears the filter")), width=width)]
