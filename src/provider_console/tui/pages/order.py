"""Why this order: the candidates with the three terms of their scores, who was left out, and what would change it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from provider_console.console.views import Excluded, Explanation, PlanEntry
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Cell, Line, Span, faint, head, key, left, line, muted, right, row, strong, wrap
from provider_console.tui.pages import strips
from provider_console.tui.pages.trace import RUNNING, Trace
from provider_console.tui.pages.words import duration, listed, pair, plural, wall
from provider_console.tui.state import State

TIER: Final = 22
"""The column of the tier: two cells after the longest name that is shown."""
BARS: Final = 116
"""From this width on the terms are drawn as bars too."""
NOT_ASKED: Final = "not among the providers asked for"
"""Who was left out by name needs no line."""
UNABLE: Final = ("category is ", "lacks ")
"""Reasons of those that do other work: they share a line."""
TERMS: Final = (("base", 40), ("response", 30), ("reliability", 30))


class Order(NamedTuple):
    """A plan, who is not in it, and who answered (None: nobody did, or nobody was asked)."""

    plan: tuple[PlanEntry, ...]
    excluded: tuple[Excluded, ...]
    chosen: str | None = None
    notes: tuple[str, ...] = ()


def order_of(trace: Trace) -> Order:
    """The order of an execution as it was."""
    return Order(trace.plan, trace.excluded, trace.provider)


def order_now(explanation: Explanation) -> Order:
    """The order as it would be now."""
    return Order(explanation.plan, explanation.excluded, notes=explanation.notes)


def page(order: Order, trace: Trace | None, state: State, width: int, glyphs: Glyphs, *, beside: Line) -> list[Line]:
    """The section: its header with the formula, a line a candidate, and a line each for those left out."""
    lines = [_header(width, beside), _rule(width, glyphs)]
    if not order.plan and not order.excluded:
        said = "The order is not kept of what ended without a report." if trace is None or not trace.running else "…"
        return [*lines, row(left(_margin(width), faint(said)), width=width)]
    lines += [candidate_row(entry, order, trace, state, width, glyphs) for entry in order.plan]
    lines += left_out(order, state, width, glyphs)
    return lines


def _margin(width: int) -> int:
    return 1 if width < 100 else 2


def _rule(width: int, glyphs: Glyphs) -> Line:
    margin = _margin(width)
    return row(left(margin, Span(glyphs.rule * (width - 2 * margin), "rule")), width=width)


def _header(width: int, beside: Line) -> Line:
    margin = _margin(width)
    if width < BARS:
        said = line(muted("tier, then "), strong("score"), muted(" = base + response + reliability"))
        return row(left(margin, head("Why this order")), left(20, *said), right(width - margin, *beside), width=width)
    return row(
        left(margin, head("Why this order")),
        left(TIER, muted("tier")),
        right(36, muted("score")),
        left(38, muted("= base "), faint("40")),
        left(57, muted("+ response "), faint("30")),
        left(73, muted("+ reliability "), faint("30")),
        right(width - margin, *beside),
        width=width,
    )


def candidate_row(
    entry: PlanEntry, order: Order, trace: Trace | None, state: State, width: int, glyphs: Glyphs
) -> Line:
    """One candidate: rank, name, tier, score and its terms, and why it stands there."""
    margin, chosen = _margin(width), entry.provider == order.chosen
    tier = _tier(entry.provider, state)
    cells = [
        left(margin, f"{entry.rank} "),
        left(margin + 2, Span(state.name_of(entry.provider), "head" if chosen else "text", bold=chosen), width=16),
        left(TIER, muted(tier)),
        right(36 if width >= BARS else 34, strong(f"{entry.score.total:.0f}")),
    ]
    why = why_words(entry, order, state)
    if width >= BARS:
        cells += _terms(entry, glyphs, "accent" if chosen else "text")
        cells.append(left(89, why if chosen else muted(why), width=width - margin - 89))
    else:
        score = entry.score
        cells.append(left(36, muted(f"{score.base:.0f} + {score.response:.1f} + {score.reliability:.1f}")))
        outcome = None if trace is None else outcome_of(entry.provider, trace)
        cells.append(left(54, muted(outcome or why), width=width - margin - 54))
    return row(*cells, width=width)


def _terms(entry: PlanEntry, glyphs: Glyphs, ink: str) -> list[Cell]:
    cells = []
    for (name, most), at, size in zip(TERMS, (38, 57, 73), (12, 9, 9), strict=True):
        value = getattr(entry.score, name)
        cells += [left(at, f"{value:4.1f}"), left(at + 5, *strips.bar(value / most, size, glyphs, ink))]
    return cells


def _tier(provider: str, state: State) -> str:
    view = state.providers.get(provider)
    return "" if view is None else view.tier


def why_words(entry: PlanEntry, order: Order, state: State) -> str:
    """Why a candidate stands where it does, in few words.

    The engine's own words repeat tier and score, which stand in their columns; what it says beyond them stays.
    """
    if entry.why.startswith("preferred"):
        return entry.why
    _tier_words, _, kept = entry.why.partition(", keeps the lead over ")
    if kept:
        return f"keeps the lead over {state.name_of(kept)}"
    if not entry.why.startswith("tier "):
        return entry.why
    tiers = [_tier(other.provider, state) for other in order.plan]
    place = order.plan.index(entry)
    first = order.plan[0].score.total
    peers = [other.score.total for other, tier in zip(order.plan, tiers, strict=True) if tier == tiers[0]]
    best = max(other.score.total for other in order.plan)
    if place == 0:
        if max(peers) > first:
            return "keeps the lead"
        return f"{tiers[0]} tier, so first" if len(set(tiers)) > 1 else "best score"
    if tiers[place] == tiers[0]:
        if entry.score.total > first:
            return "not 5 ahead, twice"
        return "lower score" if entry.score.total < first else "same score"
    if entry.score.total == best and best > first:
        return f"best score, but {tiers[place]} tier"
    return f"{tiers[place]} tier"


def outcome_of(provider: str, trace: Trace) -> str | None:
    """What became of a candidate; None while that is open."""
    own = [place for place, call in enumerate(trace.calls) if call.provider == provider]
    if provider == trace.provider and trace.status == "ok":
        return "answered"
    if not own:
        reason = next((entry.reason for entry in trace.left if entry.provider == provider), None)
        if reason is not None or trace.running:
            return reason
        return "not needed" if trace.status == "ok" else "not asked"
    last = trace.calls[own[-1]]
    if last.outcome == RUNNING:
        return "asked now"
    return f"{plural(len(own), 'attempt')}, {last.outcome}"


def left_out(order: Order, state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """Who was not considered, and why; those that do other work share a line."""
    margin = _margin(width)
    lines, unable = [], []
    for out in order.excluded:
        if out.reason == NOT_ASKED:
            continue
        if out.reason.startswith(UNABLE):
            unable.append(out)
            continue
        name = left(margin + 2, muted(state.name_of(out.provider)), width=16)
        tier = left(TIER, faint(_tier(out.provider, state)))
        why = left(38 if width >= BARS else 36, muted(f"left out: {_out(out, state)}"), width=width - margin - 36)
        lines.append(row(left(margin, faint(glyphs.left_out)), name, tier, why, width=width))
    if unable:
        names = listed((state.name_of(out.provider) for out in unable), most=3)
        reasons = sorted({pair(out.reason) for out in unable})
        said = f"{names}: {listed(reasons, most=2)}"
        lines.append(
            row(
                left(margin, faint(glyphs.left_out)),
                left(margin + 2, faint(said), width=width - 2 * margin - 2),
                width=width,
            )
        )
    return lines


def _out(out: Excluded, state: State) -> str:
    view = state.providers.get(out.provider)
    if out.reason == "credential missing" and view is not None and view.credential is not None:
        return f"no credential {view.credential.name}"
    return out.reason


# --- what would change it ------------------------------------------------------------------------------------------


def changes(order: Order, trace: Trace | None, state: State, width: int) -> list[Line]:
    """What would have to happen for another one to be asked first, and how it stands now."""
    margin = _margin(width)
    facts: list[tuple[str, Line]] = [
        (state.name_of(entry.provider), line(muted("first, if "), _needs(entry, order, state)))
        for entry in order.plan[1:4]
    ]
    for out in order.excluded:
        back = _back(out, state)
        if back:
            facts.append((state.name_of(out.provider), line(muted("in the order, once "), back)))
    if trace is not None:
        for entry in order.plan[:3]:
            now = state.providers.get(entry.provider)
            if now is not None and abs(now.health.score - entry.score.total) >= 1:
                moved = f"{entry.score.total:.0f} then, {now.health.score:.0f} now"
                facts.append((state.name_of(entry.provider), line(muted(moved))))
    lines: list[Line] = []
    for name, words in facts[:8]:
        parts = wrap(words, width - margin - 20 - margin, limit=2)
        lines += [
            row(*([left(margin, name, width=16)] if not number else []), left(20, *part), width=width)
            for number, part in enumerate(parts)
        ]
    lines += [row(left(margin, muted(note)), width=width) for note in order.notes]
    return lines


def _needs(entry: PlanEntry, order: Order, state: State) -> str:
    first = order.plan[0]
    leader = state.name_of(first.provider)
    tiers = (_tier(first.provider, state), _tier(entry.provider, state))
    if first.why.startswith("preferred"):
        return f"`prefer` named it before {leader}"
    if tiers[0] != tiers[1]:
        if entry.score.total > first.score.total:
            return f"its tier were {tiers[0]}, or the order `score`"
        before = listed((state.name_of(each.provider) for each in order.plan[: order.plan.index(entry)]), most=3)
        return f"{before} were out, or its tier were {tiers[0]} and its score the best"
    short = first.score.total - entry.score.total + 5
    room_response = 30 - entry.score.response
    room_reliability = 30 - entry.score.reliability
    where = "response" if room_response >= room_reliability else "reliability"
    return f"its score were {short:.0f} higher (5 ahead of {leader}, twice); most room is in its {where}"


def _back(out: Excluded, state: State) -> str:
    view = state.providers.get(out.provider)
    match out.reason:
        case "credential missing":
            named = None if view is None or view.credential is None else view.credential.name
            return "its credential is named" if named is None else f"{named} is stored"
        case "disabled":
            return "it is switched on"
        case "found, not adopted":
            return "it is adopted"
        case "breaker" | "cooling" | "suspended" | "quota" | "permit taken":
            at = None if view is None else wall(view.health.retry_at)
            if at is not None and at > state.now:
                return f"it is tried again, in {duration((at - state.now) * 1000)}"
            return "a check passes"
    return ""


def explained(order: Order, trace: Trace | None, state: State, width: int, glyphs: Glyphs) -> Sequence[Line]:
    """The whole page: the sentence, the order, who was left out, and what would change it."""
    margin = _margin(width)
    first = order.plan[0] if order.plan else None
    if first is None:
        sentence = line(Span("Nobody can be asked.", "bad", bold=True), f" {len(order.excluded)} were left out.")
    elif trace is None:
        sentence = line(head(f"{state.name_of(first.provider)} would be asked first."), f" {_others(order, state)}")
    else:
        sentence = line(head(f"{state.name_of(first.provider)} came first."), f" {_others(order, state)}")
    said = (
        "Nobody is called for this." if trace is None else f"Scores as they were at the start of {trace.execution_id}."
    )
    lines = [
        row(left(margin, *sentence), width=width),
        row(left(margin, muted(said)), width=width),
        (),
        *page(order, trace, state, width, glyphs, beside=line(key("esc"), muted(" back"))),
    ]
    would = changes(order, trace, state, width)
    if would:
        lines += [(), row(left(margin, head("What would change it")), width=width), _rule(width, glyphs), *would]
    return lines


def _others(order: Order, state: State) -> str:
    rest = [state.name_of(entry.provider) for entry in order.plan[1:]]
    if not rest:
        return "Nobody else could take over."
    out = sum(entry.reason != NOT_ASKED for entry in order.excluded)
    return (
        f"Then {listed(rest, most=3)}; {plural(out, 'provider')} left out." if out else f"Then {listed(rest, most=3)}."
    )
