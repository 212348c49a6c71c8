"""Health: the sentence, the figures, and the rows, worst first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, NamedTuple, TypeGuard

from provider_console.console.views import HealthState, ProviderView
from provider_console.console.words import did_you_mean
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Cell, Line, Span, faint, head, key, left, muted, right, row
from provider_console.tui.pages import strips
from provider_console.tui.pages.progress import shown_checking
from provider_console.tui.pages.words import (
    MISSING,
    ORDER,
    STATE,
    brief,
    clock,
    duration,
    glyph,
    percent,
    quiet,
    seconds,
    wall,
)
from provider_console.tui.state import State

TROUBLED: Final = frozenset({HealthState.UNHEALTHY, HealthState.DEGRADED, HealthState.HELD})
STEADY: Final = frozenset({HealthState.HEALTHY, HealthState.OFF})


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: a provider, or, before the engine is there, only its name."""

    key: str
    name: str
    view: ProviderView | None
    group: int = 0
    tied: bool = False
    """Whether two have the same score in whole points, so that a decimal is needed to tell them apart."""
    order: tuple[int, float, str] = (len(ORDER), 0.0, "")
    """Where it stands, worst first."""


NONE_BEFORE: Final[Mapping[str, Entry]] = MappingProxyType({})
"""No rows are known yet."""


class Columns(NamedTuple):
    """Where the columns stand; None where one has no room. `checks` is a start and a width."""

    mark: int
    name: int
    name_width: int
    state: int
    state_width: int
    score: int
    p50: int | None
    trend: int | None
    success: int | None
    checks: tuple[int, int] | None


def columns(width: int) -> Columns:
    """The columns of a width: what has no room goes in the order of the shrinking rules."""
    if width >= 116:
        return Columns(2, 4, 18, 23, 26, 52, 61, 65, 85, (90, min(28, width - 92)))
    if width >= 110:
        return Columns(2, 4, 18, 23, 26, 52, 61, 65, 85, (89, 20 if width >= 111 else 19))
    if width >= 100:
        return Columns(2, 4, 18, 23, 26, 52, 61, None, 73, (77, 20))
    if width >= 80:
        return Columns(1, 3, 17, 21, 26, 50, 58, None, 67, (69, width - 70 if width < 92 else 20))
    if width >= 72:
        return Columns(1, 3, 17, 21, 26, 50, None, None, 58, (61, 10))
    return Columns(1, 3, 17, 21, 26, 50, None, None, None, None)


# --- which rows, in which order ------------------------------------------------------------------------------------


def settled(state: State) -> bool:
    """Whether the first round of checks is over: each provider that is on has been heard of."""
    return state.health is not None and all(heard_of(view) for view in state.providers.values())


def calm(state: State) -> bool:
    """Whether nothing on the page counts seconds but the sentence: all that is known is well, and nobody asked."""
    views = state.providers.values()
    return (
        state.health is not None
        and state.checking is None
        and all(view.health.state in STEADY and view.health.retry_at is None for view in views)
    )


def heard_of(view: ProviderView) -> bool:
    """Whether a check has said anything of it, or none will."""
    health = view.health
    return not view.enabled or health.state is not HealthState.UNKNOWN or health.last_check is not None


def entries(state: State, needle: str = "", before: Mapping[str, Entry] = NONE_BEFORE) -> list[Entry]:
    """The rows: alphabetical until the first round is over, then worst first and by score.

    Those of `before`, by key, that say the same are taken over as they are.
    """
    if not state.providers:
        named = [Entry(name, name, None) for name in state.names]
    else:
        over = settled(state)
        named = [_entry(view, before.get(view.id), over=over) for view in state.providers.values()]
        named.sort(key=_order if over else _name)
    words = needle.casefold().split()
    left_over = [entry for entry in named if all(word in _haystack(entry) for word in words)] if words else named
    points = [round(entry.view.health.score) for entry in left_over if ranked(entry.view)]
    tied = len(set(points)) < len(points)
    return [entry if entry.tied is tied else replace(entry, tied=tied) for entry in left_over]


def _entry(view: ProviderView, before: Entry | None, *, over: bool) -> Entry:
    health = view.health
    group = int(over and health.state not in TROUBLED)
    if before is not None and before.view is view and before.group == group:
        return before
    order = (ORDER[health.state], -health.score, view.name.casefold())
    return Entry(view.id, view.name, view, group, before is not None and before.tied, order)


def _order(entry: Entry) -> tuple[int, float, str]:
    return entry.order


def _name(entry: Entry) -> str:
    return entry.order[2]


def ranked(view: ProviderView | None) -> TypeGuard[ProviderView]:
    """Whether a provider is in the order at all."""
    return view is not None and view.health.state in (HealthState.HEALTHY, HealthState.DEGRADED)


def _haystack(entry: Entry) -> str:
    view = entry.view
    if view is None:
        return entry.name.casefold()
    words = (view.id, view.name, view.driver, view.tier, STATE[view.health.state][0], *view.categories)
    return " ".join(words).casefold()


# --- the rows --------------------------------------------------------------------------------------------------


def made_of(entry: Entry, state: State) -> tuple[object, ...]:
    """What a row says: where that is equal, so is the row. One that is steady does not know the time.

    Never the state itself nor what else is known of a provider: a score fades by the second, far behind its point.
    """
    view = entry.view
    steady = view is not None and view.health.state not in TROUBLED and state.checking is None
    told: tuple[object, ...] = ()
    if view is not None:
        health = view.health
        told = (health.state, health.why, _score(view, tied=entry.tied), health.p50_ms, health.success_rate)
        told += (health.last_check is None, health.since, health.retry_at)
    seen = (state.checks.get(entry.key), state.trends.get(entry.key))
    moment = () if steady else (state.now, state.checking, state.failure)
    return (entry.name, *told, *seen, state.glyphs, *moment)


def header(width: int, glyphs: Glyphs, *, ruled: bool) -> list[Line]:
    """The names of the columns with their units, and the rule under them where there is room."""
    at = columns(width)
    narrow = width < 100
    cells = [left(at.name, muted("Provider")), left(at.state, muted("State")), right(at.score, muted("Score"))]
    if at.p50 is not None:
        cells.append(right(at.p50, muted("p50 s")))
    if at.trend is not None:
        cells.append(left(at.trend, muted("Trend 1 h")))
    if at.success is not None:
        cells.append(right(at.success, muted("Ok %" if narrow else "Success %")))
    if at.checks is not None:
        start, size = at.checks
        cells.append(left(start, muted("Checks" if size < 16 else f"Last {size} checks")))
    lines = [row(*cells, width=width)]
    if ruled:
        margin = 1 if narrow else 2
        lines.append(row(left(margin, Span(glyphs.rule * (width - 2 * margin), "rule")), width=width))
    return lines


def provider_row(entry: Entry, state: State, width: int, glyphs: Glyphs, *, selected: bool) -> Line:
    """One provider."""
    at = columns(width)
    view = entry.view
    if view is None:
        cells = [
            left(at.mark, faint(glyphs.unknown)),
            left(at.name, Span(entry.name, "head" if selected else "text", bold=selected), width=at.name_width),
            left(at.state, faint("checking …" if state.failure is None else "not known"), width=at.state_width),
            right(at.score, faint(MISSING)),
        ]
        return row(*cells, *_unknown(at, glyphs), width=width)
    health = view.health
    trouble = health.state in TROUBLED
    bold = trouble or selected
    cells = [
        left(at.mark, glyph(health.state, glyphs)),
        left(at.name, Span(entry.name, "head" if bold else "text", bold=bold), width=at.name_width),
        left(at.state, state_words(view, state), width=at.state_width),
        right(at.score, _score(view, tied=entry.tied)),
    ]
    cells += _measured(entry.key, view, state, at, glyphs)
    return row(*cells, width=width)


def _unknown(at: Columns, glyphs: Glyphs) -> list[Cell]:
    cells = []
    if at.p50 is not None:
        cells.append(right(at.p50, faint(MISSING)))
    if at.success is not None:
        cells.append(right(at.success, faint(MISSING)))
    if at.checks is not None:
        cells.append(left(at.checks[0], *strips.checks((), at.checks[1], glyphs)))
    return cells


def _measured(name: str, view: ProviderView, state: State, at: Columns, glyphs: Glyphs) -> list[Cell]:
    health = view.health
    slow = health.state is HealthState.DEGRADED and health.p50_ms is not None
    down = health.state is HealthState.UNHEALTHY
    cells = []
    if at.p50 is not None:
        p50 = Span("none", "bad") if down else quiet(seconds(health.p50_ms), "warn" if slow else "text", bold=slow)
        cells.append(right(at.p50, p50))
    if at.trend is not None and health.state not in (HealthState.HELD, HealthState.OFF, HealthState.UNHEALTHY):
        cells.append(left(at.trend, *strips.trend(state.trends.get(name), 10, glyphs)))
    if at.success is not None:
        ink = "bad" if down else "warn" if slow else "text"
        cells.append(right(at.success, quiet(percent(health.success_rate), ink, bold=down or slow)))
    if at.checks is not None:
        start, size = at.checks
        cells.append(left(start, *strips.checks(state.checks.get(name, ()), size, glyphs)))
    return cells


def _score(view: ProviderView, *, tied: bool) -> Span:
    if not ranked(view):
        return faint(MISSING)
    # Several that are nearly perfect would all show 100.
    return Span(f"{view.health.score:.{int(tied)}f}", bold=view.health.state is HealthState.DEGRADED)


def state_words(view: ProviderView, state: State) -> Span:
    """A state in words, with what happens next."""
    health = view.health
    _word, ink = STATE[health.state]
    if (checking := shown_checking(state)) is not None and view.id in checking.waiting:
        return faint("checking …")
    match health.state:
        case HealthState.HEALTHY:
            return muted("healthy")
        case HealthState.UNHEALTHY:
            return Span(f"{down_for(view, state.now, brief)}{_next(view, state.now)}", ink, bold=True)
        case HealthState.DEGRADED:
            return Span(f"degraded · {_degraded(view, state)}", ink)
        case HealthState.HELD:
            return Span(_held(view, state.now), ink)
        case HealthState.UNKNOWN:
            return faint("checking …" if health.last_check is None else "no news")
    return faint(health.why)


def down_for(view: ProviderView, now: float, spoken: Callable[[float], str] = duration) -> str:
    """`down 2 m 06 s`, counted from when it began."""
    since = wall(view.health.since)
    return "down" if since is None or now - since < 1 else f"down {spoken((now - since) * 1000)}"


def _next(view: ProviderView, now: float) -> str:
    at = wall(view.health.retry_at)
    return "" if at is None or at <= now else f" · retry in {brief((at - now) * 1000)}"


def _degraded(view: ProviderView, state: State) -> str:
    health = view.health
    at = wall(health.retry_at)
    if at is not None and at > state.now:
        return f"{health.why.partition(' · ')[0]} · back in {brief((at - state.now) * 1000)}"
    return health.why.removeprefix("slow, ")


def _held(view: ProviderView, now: float) -> str:
    why = view.health.why
    if why.startswith(("credential missing", "no credential")):
        return "needs a key"
    at = wall(view.health.retry_at)
    if why.startswith("quota") and at is not None and at > now:
        return f"quota used · back {clock(at)[:5]}"
    return why.partition(" · ")[0]


def none_yet(width: int) -> list[Line]:
    """What stands in the place of the providers before there is one."""
    said = (head("No provider yet."), muted("   "), key("w"), muted(" the ways on"))
    return [(), row(left(1 if width < 100 else 2, *said), width=width)]


def nothing_found(state: State, needle: str, width: int) -> list[Line]:
    """What a filter that matches nothing says."""
    names = [view.name for view in state.providers.values()] or list(state.names)
    hint = did_you_mean(needle, names).strip(" ;,.()?")
    margin = 1 if width < 100 else 2
    parts: list[Span | str] = [head("Filter found nothing"), muted("   / "), needle, muted(" matches no provider. ")]
    if hint:
        parts.append(muted(f"{hint[:1].upper()}{hint[1:]}. "))
    return [(), row(left(margin, *parts), width=width)]


def just_now(state: State, width: int, most: int, glyphs: Glyphs) -> Sequence[Line]:
    """The last things that happened, newest first."""
    lines = []
    for happening in reversed(state.happenings[-most:]):
        mark = glyph(happening.state, glyphs) if happening.state else faint(glyphs.unknown)
        lines.append(
            row(
                left(2, muted(clock(happening.at))),
                left(12, mark, Span(" "), Span(state.name_of(happening.subject)), width=20),
                left(33, muted(happening.words), width=max(10, width - 35)),
                width=width,
            )
        )
    return lines


def rule(width: int, glyphs: Glyphs) -> Line:
    """A line across the page, from margin to margin."""
    margin = 1 if width < 100 else 2
    return row(left(margin, Span(glyphs.rule * (width - 2 * margin), "rule")), width=width)


def section(title: str, width: int, glyphs: Glyphs, *, aside: Line = ()) -> list[Line]:
    """The title of a section with what stands at its right end, and the rule under it."""
    margin = 1 if width < 100 else 2
    return [row(left(margin, head(title)), right(width - margin, *aside), width=width), rule(width, glyphs)]
