"""The top of Health: the sentence that answers its question, and the figures under it."""

from __future__ import annotations

from typing import Final

from provider_console.console.words import clean_text
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Line, Span, faint, head, key, left, line, muted, right, row, width_of, wrap
from provider_console.tui.pages.health import TROUBLED, heard_of, settled
from provider_console.tui.pages.progress import progress, shown_checking
from provider_console.tui.pages.words import (
    MISSING,
    ago,
    duration,
    figure,
    moment,
    pair,
    percent,
    plural,
    seconds,
    wall,
)
from provider_console.tui.state import State

NEAR_S: Final = 5.0
"""A check that is so near is not counted to the second: where there are many, there is always one."""


def headline(state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """The sentence that answers the question, and the figures under it."""
    margin = 1 if width < 100 else 2
    if state.failure is not None and not state.open:
        said = Span(f"{glyphs.unhealthy} The engine could not be opened.", "bad", bold=True)
        again = (key("r"), muted(" try again"))
        whys = wrap(line(state.failure), width - 2 * margin, limit=3)
        return [
            row(left(margin, said), right(width - margin, *again), width=width),
            *(row(left(margin, *why), width=width) for why in whys),
        ]
    if not settled(state):
        return _checking(state, width, margin, glyphs)
    sentence = _served(state)
    trouble = sum(view.health.state in TROUBLED for view in state.providers.values())
    if trouble:
        needs = "needs" if trouble == 1 else "need"
        of = f" {trouble:,} of {plural(len(state.providers), 'provider')} {needs} attention."
        sentence = line(*sentence, of)
    checking = shown_checking(state)
    figures = row(left(margin, *_figures(state, width)), width=width)
    if checking is not None:
        done = checking.total - len(checking.waiting)
        figures = progress(done, checking.total, state.now - checking.started, width, margin, glyphs)
    return [
        row(left(margin, *sentence), right(width - margin, *_moments(state, width)), width=width),
        figures,
        *_troubles(state, width, margin, glyphs),
    ]


def _troubles(state: State, width: int, margin: int, glyphs: Glyphs) -> list[Line]:
    """What of the console itself does not work: the newest, since when, how many more, and who says what to do."""
    troubles = () if state.health is None else state.health.troubles
    if not troubles:
        return []
    newest = troubles[0]
    others = f"   and {len(troubles) - 1:,} more" if len(troubles) > 1 else ""
    way = line(muted(f"{others}   "), key("D"), muted(" doctor"))
    since = line(Span(f"{glyphs.degraded} ", "warn"), muted(f"since {moment(newest.since, state.now)}  "))
    at = margin + width_of(since)
    first, *rest = wrap(line(clean_text(newest.what)), width - margin - width_of(way) - at, limit=1 + (width >= 100))
    return [
        row(left(margin, *since), left(at, *first), right(width - margin, *way), width=width),
        *(row(left(at, *more), width=width) for more in rest),
    ]


def _checking(state: State, width: int, margin: int, glyphs: Glyphs) -> list[Line]:
    on = [view for view in state.providers.values() if view.enabled]
    total = len(on) or len(state.names)
    answered = sum(heard_of(view) for view in on)
    first = line(head("Starting …"))
    if total:
        first = line(
            head(f"Checking {plural(total, 'provider')}."), f" {answered:,} answered." if on else " Starting …"
        )
    elapsed_s = 0.0 if state.opened_at is None else state.now - state.opened_at
    return [
        row(left(margin, *first), width=width),
        progress(answered, total, elapsed_s, width, margin, glyphs),
    ]


def _served(state: State) -> Line:
    unserved = [pair(entry.capability) for entry in state.coverage if entry.status == "not served"]
    if not state.coverage:
        return line(head("Nothing to serve yet."))
    if not unserved:
        return line(head("Everything is served."))
    if len(unserved) == len(state.coverage):
        return line(Span("Nothing is served.", "bad", bold=True))
    named = ", ".join(unserved[:2]) + (f" and {len(unserved) - 2} more" if len(unserved) > 2 else "")
    return line(head("Served, except "), Span(named, "bad", bold=True), head("."))


def _moments(state: State, width: int) -> Line:
    health = state.health
    last = None if health is None else wall(health.last_health_check)
    if last is not None and last > state.now + 1:
        # The clock was put back: until the engine is read again, neither moment means anything.
        return ()
    due = None if health is None else wall(health.next_health_check)
    upcoming = "" if due is None or due - state.now < NEAR_S else duration((due - state.now) * 1000)
    if width < 100:
        return line(muted("next "), upcoming) if upcoming else ()
    parts: list[Span | str] = []
    if last is not None:
        counted = (ago(last, state.now), muted(" ago")) if state.now - last >= NEAR_S else ("just now",)
        parts += [muted("checked "), *counted]
    if upcoming:
        parts += [muted(" · next in " if parts else "next in "), upcoming]
    return line(*parts)


def _figures(state: State, width: int) -> Line:
    figures = state.figures
    if figures is None:
        return line(faint(MISSING))
    minutes = duration(figures.window_ms).replace(" m", " min")
    if not figures.executions:
        return line(muted(f"No execution in the last {minutes}."))
    if width < 110:
        parts: list[Span | str] = [f"{percent(figures.success_rate)} %", muted(" of "), figure(figures.executions)]
        parts += [muted(f" in {minutes} succeeded · "), figure(figures.saved_by_fallback), muted(" saved by fallback")]
        return line(*parts)
    parts = [muted(f"Last {minutes}: "), f"{percent(figures.success_rate)} %", muted(" of ")]
    word = "execution" if figures.executions == 1 else "executions"
    parts += [figure(figures.executions), muted(f" {word} succeeded · "), figure(figures.saved_by_fallback)]
    parts += [muted(" saved by fallback · median "), f"{seconds(figures.median_ms)} s"]
    if figures.cost is not None:
        parts += [muted(" · cost "), f"${figures.cost:,.2f}"]
    return line(*parts)
