"""What is to be known of the provider that is selected: why, what to try first, what it affects, how it scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from provider_console.console.views import HealthState, ProviderView
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, key, left, line, muted, right, row, strong, wrap
from provider_console.tui.pages import strips
from provider_console.tui.pages.health import state_words
from provider_console.tui.pages.words import (
    MISSING,
    clock,
    duration,
    glyph,
    listed,
    pair,
    percent,
    plural,
    seconds,
    wall,
)
from provider_console.tui.state import State

ASIDE: Final = 180
"""From this width on the detail stands beside the table."""


def brief(view: ProviderView, state: State, width: int) -> list[Line]:
    """Two lines, for a terminal that is not tall."""
    margin = 1 if width < 100 else 2
    first = line(head(view.name), Span(" "), muted(why(view)))
    second = line(muted("First: "), view.health.first_try or "nothing.", *_press(view))
    hurt = affects(view, state)
    if hurt:
        second = line(*second, Span(" "), *hurt)
    return [row(left(margin, *first), width=width), row(left(margin, *second), width=width)]


def below(view: ProviderView, state: State, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The detail under the table, from its rule down; what has no room is left out from the bottom."""
    margin = 1 if width < 100 else 2
    lines: list[Line] = [_rule(width, margin, glyphs), _title(view, state, width, margin, glyphs), ()]
    about = _about(view)
    label, at = margin, margin + 11
    beside = width >= 100
    edge = width * 7 // 10
    for number, (name, value) in enumerate(_facts(view, state)):
        cells = [left(label, muted(name)), left(at, *value, width=(edge - at - 2) if beside else width - at - margin)]
        if beside and number < len(about):
            cells += [
                left(edge, muted(about[number][0])),
                left(edge + 10, *about[number][1], width=width - margin - edge - 10),
            ]
        lines.append(row(*cells, width=width))
    room = height - len(lines) - 1
    if room > 0:
        lines += [(), *_events(view, state, width, margin, min(room, 4))]
    return lines[:height]


def aside(view: ProviderView, state: State, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """The detail beside the table, for a wide terminal."""
    health = view.health
    lines: list[Line] = [
        row(
            left(0, head(view.name), Span("  "), glyph(health.state, glyphs), Span(" "), state_words(view, state)),
            right(width, muted("breaker "), health.breaker),
            width=width,
        )
    ]
    lines += wrap(line(muted(why(view))), width, limit=2)
    lines += [(), *_score(view, width, glyphs), (), *_response(view, state, width, glyphs)]
    seen = state.checks.get(view.id, ())
    failed = sum(check.passed is False for check in seen)
    counted = line(strong(f"{len(seen) - failed}"), muted(" good · "), Span(str(failed), "bad" if failed else "faint"))
    lines += [
        (),
        row(left(0, head("Last 60 checks")), right(width, *counted, muted(" failed")), width=width),
        strips.checks(seen, min(60, width), glyphs),
        (),
        line(head("About")),
    ]
    for name, value in (*_about(view), *_more(view)):
        lines.append(row(left(0, muted(name)), left(13, *value, width=width - 13), width=width))
    lines += [(), line(head("What to do"))]
    for name, value in _facts(view, state)[1:3]:
        lines.append(row(left(0, muted(name)), left(13, *value, width=width - 13), width=width))
    return lines[:height]


# --- facts ---------------------------------------------------------------------------------------------------------


def why(view: ProviderView) -> str:
    """Why it is as it is: the class of the error, its words, where, and how often in a row."""
    health = view.health
    if health.state is HealthState.HEALTHY:
        return "nothing is wrong"
    parts = [health.last_error_class, health.last_error, _place(view)]
    if not health.last_error_class and not health.last_error:
        parts = [health.why]
    if health.failures_in_a_row > 1:
        parts.append(f"{health.failures_in_a_row} checks in a row")
    return " · ".join(part for part in parts if part)


def _place(view: ProviderView) -> str | None:
    return None if view.base_url is None else view.base_url.partition("://")[2].partition("/")[0]


def affects(view: ProviderView, state: State) -> Line:
    """What nobody else serves, and who takes the rest; empty where it serves nothing that anybody wants."""
    alone, others = [], 0
    heirs: dict[str, None] = {}
    for entry in state.coverage:
        if view.id not in entry.providers and view.id not in entry.down:
            continue
        rest = [name for name in entry.providers if name != view.id]
        if rest:
            others += 1
            heirs[state.name_of(rest[0])] = None
        else:
            alone.append(pair(entry.capability))
    parts: list[Span | str] = []
    if alone:
        parts += [
            listed(alone, most=2),
            muted(" has no other provider" if len(alone) == 1 else " have no other provider"),
        ]
    if others:
        said = f"{others} more go to " if alone else f"{others} would go to "
        parts += [muted(f" · {said}" if alone else said), listed(heirs, most=2)]
    return line(*parts)


def _facts(view: ProviderView, state: State) -> list[tuple[str, Line]]:
    tried = view.health.first_try
    return [
        ("why", line(why(view))),
        ("first try", line(strong(tried), *_press(view)) if tried else line(muted("nothing to do"))),
        ("affects", affects(view, state) or line(muted("nobody asks it for anything"))),
        ("score", _sum(view)),
    ]


def _press(view: ProviderView) -> Line:
    match view.health.state:
        case HealthState.HEALTHY | HealthState.UNKNOWN:
            return ()
        case HealthState.OFF:
            return line(muted(" Press "), key("d"), muted("."))
        case HealthState.HELD if view.credential is not None and not view.credential.present:
            return line(muted(" Press "), key("s"), muted(" to store it."))
    return line(muted(" Then press "), key("c"), muted(" to check."))


def _sum(view: ProviderView) -> Line:
    health, terms = view.health, view.health.terms
    if health.state not in (HealthState.HEALTHY, HealthState.DEGRADED):
        return line(muted("not ranked now · would be "), f"{health.score:.0f}")
    said = f"base {terms.base:.0f} + response {terms.response:.1f} + reliability {terms.reliability:.1f} = "
    return line(muted(said), strong(f"{health.score:.0f}"))


def _about(view: ProviderView) -> list[tuple[str, Line]]:
    credential = view.credential
    stored = line(muted("none needed"))
    if credential is not None:
        age = "" if credential.age_ms is None else f", set {duration(credential.age_ms)} ago"
        there = f" in {credential.backend or 'the environment'}{age}" if credential.present else " is missing"
        stored = line(credential.name, muted(there))
    return [
        ("kind", line(", ".join(view.categories))),
        ("source", line(", ".join(view.sources) or MISSING)),
        ("tier", line(view.tier)),
        ("key", stored),
    ]


def _more(view: ProviderView) -> list[tuple[str, Line]]:
    models = line(muted("the provider's own")) if not view.models else line(listed(view.models, most=2))
    return [("driver", line(view.driver)), ("models", models), ("region", line(view.region or faint(MISSING)))]


def _title(view: ProviderView, state: State, width: int, margin: int, glyphs: Glyphs) -> Line:
    said = (head(view.name), Span("  "), glyph(view.health.state, glyphs), Span(" "), state_words(view, state))
    at = wall(view.health.retry_at)
    if at is None or at <= state.now or width < 100:
        return row(left(margin, *said), right(width - margin, muted("breaker "), view.health.breaker), width=width)
    left_s = at - state.now
    countdown = line(muted("retry in "), duration(left_s * 1000), Span(" "))
    return row(
        left(margin, *said),
        right(width - margin, *countdown, *strips.bar(min(1.0, left_s / 60), 20, glyphs, "muted")),
        width=width,
    )


def _score(view: ProviderView, width: int, glyphs: Glyphs) -> list[Line]:
    terms = view.health.terms
    lines = [
        row(left(0, head("Score")), right(width, strong(f"{view.health.score:.0f}"), muted(" of 100")), width=width)
    ]
    for name, value, most in (
        ("base", terms.base, 40),
        ("response", terms.response, 30),
        ("reliability", terms.reliability, 30),
    ):
        lines.append(
            row(
                left(0, muted(name)),
                right(18, f"{value:.1f}"),
                left(18, muted(f" / {most}")),
                left(25, *strips.bar(value / most, 20, glyphs)),
                width=width,
            )
        )
    return lines


def _response(view: ProviderView, state: State, width: int, glyphs: Glyphs) -> list[Line]:
    health = view.health
    figures = line(muted("p50 "), seconds(health.p50_ms), muted("  p95 "), seconds(health.p95_ms))
    lines = [row(left(0, head("Response time, s")), right(width, *figures), width=width)]
    drawn = strips.trend(state.trends.get(view.id), 12, glyphs)
    if drawn:
        lines.append(row(left(0, *drawn), left(14, muted("the last hour, 5 min a cell")), width=width))
    lines.append(row(left(0, muted("success")), left(13, f"{percent(health.success_rate)} %"), width=width))
    return lines


def _events(view: ProviderView, state: State, width: int, margin: int, most: int) -> Sequence[Line]:
    own = [happening for happening in state.happenings if happening.subject == view.id][-most:]
    return [
        row(
            left(margin, muted(clock(happening.at))),
            left(margin + 11, happening.sort),
            left(margin + 21, muted(happening.words), width=max(10, width - 2 * margin - 21)),
            width=width,
        )
        for happening in reversed(own)
    ]


def _rule(width: int, margin: int, glyphs: Glyphs) -> Line:
    return row(left(margin, Span(glyphs.rule * (width - 2 * margin), "rule")), width=width)


def dies(view: ProviderView, state: State) -> list[Line]:
    """What happens where a provider is switched off: the words of the question that is asked before."""
    hurt = affects(view, state)
    lines = [line(f"{view.name} gets no more requests and no more checks, until it is switched on again.")]
    if hurt:
        lines.append(hurt)
    running = sum(run.report is None and view.id in run.providers for run in state.runs.values())
    if running:
        lines.append(line(muted(f"{plural(running, 'execution')} under way may still end there.")))
    return lines
