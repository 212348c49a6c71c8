"""Execution: the sentence that says what became of it, what the chosen attempt said itself, and the sections below."""

from __future__ import annotations

from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import (
    BLANK,
    Line,
    Span,
    faint,
    head,
    key,
    left,
    line,
    muted,
    right,
    row,
    strong,
    width_of,
    wrap,
)
from provider_console.tui.pages import order, result, waterfall
from provider_console.tui.pages.trace import RUNNING, Call, Trace, mark, outcome_words, spent
from provider_console.tui.pages.words import clock, duration, listed, plural
from provider_console.tui.state import State

# --- the sentence --------------------------------------------------------------------------------------------------


def headline(trace: Trace, state: State, width: int, place: Line) -> list[Line]:
    """The sentence, the line of facts, and where something went wrong what to try first; `place` stands right."""
    margin = 1 if width < 100 else 2
    room = width - 2 * margin - width_of(place) - 2
    lines = [row(left(margin, *sentence(trace, state), width=room), right(width - margin, *place), width=width)]
    lines.append(row(left(margin, *_facts(trace)), width=width))
    if trace.hint and trace.status not in ("ok", "cancelled"):
        words = line(muted("First: "), _named(trace.hint, trace, state))
        lines += [row(left(margin, *part), width=width) for part in wrap(words, width - 2 * margin, limit=2)]
    return lines


def _named(hint: str, trace: Trace, state: State) -> str:
    """A hint with providers called by their names, its first letter a capital."""
    for provider in (
        *trace.providers,
        *(entry.provider for entry in trace.plan),
        *(out.provider for out in trace.excluded),
    ):
        if provider in hint.split():
            hint = " ".join(state.name_of(provider) if word == provider else word for word in hint.split(" "))
    return f"{hint[:1].upper()}{hint[1:]}"


def sentence(trace: Trace, state: State) -> Line:
    """What became of it, in one sentence."""
    name = state.name_of(trace.provider) if trace.provider else "nobody"
    took = strong(spent(trace.elapsed_ms))
    tries = len(trace.calls)
    match trace.status:
        case "running":
            return _now(trace, state)
        case "ok" if len(trace.providers) > 1:
            return line(
                head("Saved by fallback:"), f" {name} answered on the {ordinal(tries)} attempt, after ", took, "."
            )
        case "ok" if tries > 1:
            return line(head(f"{name} answered"), f" on the {ordinal(tries)} attempt, after ", took, ".")
        case "ok":
            return line(head(f"{name} answered"), " at once, in ", took, ".")
        case "partial":
            last = state.name_of(trace.providers[-1]) if trace.providers else name
            return line(Span("Broken off:", "bad", bold=True), f" {last} stopped in the middle, after ", took, ".")
        case "cancelled":
            where = f", {_during(trace, state)}" if trace.calls else ", before anybody was asked"
            return line(head("Cancelled"), " after ", took, where, ".")
        case "outcome_unknown":
            last = state.name_of(trace.providers[-1]) if trace.providers else name
            return line(
                Span("Outcome unknown:", "held", bold=True), f" {last} may have done it, so nobody was asked again."
            )
        case "unknown_crashed":
            return line(Span("Outcome unknown:", "held", bold=True), " the console stopped before it ended.")
    failed = Span("Failed:", "bad", bold=True)
    if not trace.calls:
        return line(failed, " nobody could be asked.")
    if tries == 1:
        return line(failed, f" {state.name_of(trace.providers[0])} was asked once, for ", took, ".")
    asked = plural(len(trace.providers), "provider")
    return line(failed, f" {tries} attempts at {asked} and no answer, after ", took, ".")


def _now(trace: Trace, state: State) -> Line:
    """What goes on at this moment."""
    elapsed = strong(spent(trace.elapsed_ms))
    last = trace.calls[-1] if trace.calls else None
    if last is None:
        return line(head("Running:"), " nobody has been asked yet, for ", elapsed, ".")
    if last.outcome == RUNNING:
        name = state.name_of(last.provider)
        if trace.text:
            return line(head(f"{name} answers"), f", {plural(len(trace.text), 'character')} so far, ", elapsed, ".")
        return line(head(f"{name} is asked"), f" in the {ordinal(last.number)} attempt, ", elapsed, " in all.")
    waited = strong(spent(max(0.0, trace.elapsed_ms - last.started_ms - last.duration_ms)))
    return line(head("Waiting"), " for ", waited, f" since attempt {last.number} at {state.name_of(last.provider)}.")


def _during(trace: Trace, state: State) -> str:
    last = trace.calls[-1]
    when = "in" if last.outcome == "cancelled" else "after"
    return f"{when} attempt {last.number} at {state.name_of(last.provider)}"


def _facts(trace: Trace) -> Line:
    report = trace.report
    parts = [trace.operation, trace.category]
    if report is not None and report.parent is not None:
        parts.append("a piece of a longer one")
    if report is not None and report.children:
        parts.append(f"in {plural(len(report.children), 'piece')}")
    parts.append(clock(trace.started))
    return line(muted(" · ".join(parts) + " · "), faint(trace.execution_id))


def ordinal(number: int) -> str:
    """A place.

    >>> [ordinal(number) for number in (1, 2, 3, 4, 11, 22)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd']
    """
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


# --- the selected attempt ------------------------------------------------------------------------------------------


def own_words(trace: Trace, place: int, state: State, width: int, glyphs: Glyphs) -> list[Line]:
    """What the attempt at a place said itself, with the times and limits it was held to."""
    if not 0 <= place < len(trace.calls):
        return []
    call, margin = trace.calls[place], 1 if width < 100 else 2
    at = line(muted("at "), spent(call.started_ms), muted(f", {clock(trace.started + call.started_ms / 1000)}"))
    title = line(
        mark(call.outcome, glyphs),
        Span(" "),
        head(f"{state.name_of(call.provider)}, attempt {call.number}"),
        Span("  "),
        muted(outcome_words(call)),
    )
    lines = [row(left(margin, *title), right(width - margin, *at), width=width)]
    for words, most in ((line(_said(call, state)), 3), (line(muted(_held_to(call))), 2)):
        lines += [row(left(margin, *part), width=width) for part in wrap(words, width - 2 * margin, limit=most)]
    return lines


def _said(call: Call, state: State) -> str:
    view = call.view
    if view is None:
        return ""
    # Drivers name the provider in their messages; here it stands above them already.
    name = state.name_of(call.provider)
    parts = [(view.message or "").removeprefix(f"{call.provider}: ").removeprefix(f"{name}: ")]
    if view.provider_code:
        parts.append(f"code {view.provider_code}")
    if view.retry_after_ms is not None:
        parts.append(f"asked to wait {duration(view.retry_after_ms)}")
    return " · ".join(filter(None, parts))


def _held_to(call: Call) -> str:
    parts = [f"waited {spent(call.delay_before_ms)} before it"] if call.delay_before_ms else []
    done = "has had" if call.view is None else "took"
    parts.append(f"{done} {spent(call.duration_ms)} of the {duration(call.timeout_ms)} it is given")
    if call.view is not None and call.view.absorbed:
        parts.append("absorbed: the caller got an answer")
    return " · ".join(parts)


# --- below the attempts --------------------------------------------------------------------------------------------


def sections(
    trace: Trace, chosen: int, state: State, width: int, room: int, glyphs: Glyphs, *, moved: bool
) -> list[Line]:
    """What stands below the attempts, as far as there is room: the total, the words of the chosen attempt, the order,
    the result.

    `moved`: somebody chose the attempt, so its words go before the order. Else it is the last one, and where that
    answered, it has nothing to say that the page does not say already.
    """
    lines: list[Line] = []
    if len(trace.calls) > 1 or (trace.calls and trace.work_ms < trace.elapsed_ms / 2):
        lines += waterfall.total(trace, state, width, glyphs)
    words = own_words(trace, chosen, state, width, glyphs)
    beside = line(key("e"), muted(" explain"))
    why = order.page(order.order_of(trace), trace, state, width, glyphs, beside=beside)
    made = result.brief(trace, state, width, 2, glyphs)
    left_over = room - len(lines)
    parts: list[list[Line]] = []
    if trace.calls and not moved and trace.calls[-1].outcome == "ok":
        words = []
    if words and (moved or len(words) + len(why) + len(made) + 3 <= left_over):
        parts.append(words)
    left_over -= sum(len(part) + 1 for part in parts)
    if left_over >= 4 and (trace.plan or trace.excluded):
        parts.append(_fitted(why, left_over - (left_over != len(why)), width))
        left_over -= len(parts[-1]) + 1
    if left_over >= 4:
        made = result.brief(trace, state, width, left_over - 3, glyphs)
        if made:
            parts.append(made)
    if lines and len(lines) + sum(len(part) + 1 for part in parts) < room:
        lines.insert(0, BLANK)
    for part in parts:
        lines += [BLANK, *part] if len(lines) + 1 + len(part) <= room else part
    return lines[:room]


def _fitted(lines: list[Line], most: int, width: int) -> list[Line]:
    if len(lines) <= most:
        return lines
    margin = 1 if width < 100 else 2
    more = row(
        left(margin, faint(f"… {plural(len(lines) - most + 1, 'line')} more:"), muted(" "), key("e")), width=width
    )
    return [*lines[: most - 1], more]


def beginning(width: int) -> list[Line]:
    """What stands there until the first is known of what was started."""
    margin = 1 if width < 100 else 2
    waits = muted("Either its providers are chosen, or it waits for one to come back.")
    return [row(left(margin, head("Beginning …")), width=width), row(left(margin, waits), width=width)]


def empty(state: State, width: int) -> list[Line]:
    """What stands there where nothing has been executed."""
    margin = 1 if width < 100 else 2
    if state.failure is not None and not state.open:
        return [
            row(left(margin, Span("The engine could not be opened. ", "bad", bold=True), state.failure), width=width)
        ]
    if not state.open:
        return [row(left(margin, head("Starting."), muted(" The engine opens.")), width=width)]
    first = line(head("Nothing has been executed yet."), " ", key("n"), muted(" makes the first one."))
    providers = [view.name for view in state.providers.values() if view.enabled]
    able = line(muted(f"Could be asked: {listed(providers, most=5)}" if providers else "No provider is there to ask."))
    return [row(left(margin, *first), width=width), row(left(margin, *able), width=width)]
