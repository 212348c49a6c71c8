"""Alerts: what rings, since when, what to try first and with which key; what is kept quiet, and what is over."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from provider_console.console.views import AlertView, HealthState
from provider_console.console.words import clean_text
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import Cell, Line, Span, faint, head, key, left, line, muted, right, row, wrap
from provider_console.tui.pages.words import STATE, clock, duration, plural, wall
from provider_console.tui.state import State

_DAY_S: Final = 86_400.0
_SEVERITY: Final = {"bad": 0, "warn": 1, "held": 2}


class Step(NamedTuple):
    """What can be done about an alert right here: the key, its word, and the action behind it."""

    key: str
    label: str
    action: str


class Columns(NamedTuple):
    """Where the columns stand; `step` says whether the key has room at the right margin."""

    mark: int
    title: int
    since: int
    first: int
    step: bool


def columns(width: int) -> Columns:
    """The columns of a width."""
    if width >= 160:
        return Columns(2, 4, 52, 66, step=True)
    if width >= 100:
        return Columns(2, 4, 36, 48, step=True)
    return Columns(1, 3, 33, 43, step=False)


# --- which, in which order -------------------------------------------------------------------------------------------


def entries(state: State, needle: str = "") -> list[AlertView]:
    """What rings, the worst first; then what is kept quiet; then what is over, the newest first."""
    words = needle.casefold().split()
    known = [alert for alert in state.alerts if all(word in _haystack(alert) for word in words)]
    return sorted(known, key=lambda alert: (group(alert), _SEVERITY[ink_of(alert, state)] * (group(alert) == 0)))


def group(alert: AlertView) -> int:
    """0 rings, 1 is kept quiet, 2 is over."""
    return {"firing": 0, "cleared": 2}.get(alert.state, 1)


def _haystack(alert: AlertView) -> str:
    words = (alert.title, alert.rule, alert.subject, alert.state, alert.evidence, alert.acknowledged_by or "")
    return " ".join(words).casefold()


def ink_of(alert: AlertView, state: State) -> str:
    """How bad it is: `bad` where something is down or served by nobody, `held` where a person is waited for."""
    view = state.providers.get(alert.subject)
    if view is not None:
        found = STATE[view.health.state][1]
        return found if found in _SEVERITY else "warn"
    if any(
        entry.status == "not served" and alert.subject == f"{entry.category} {entry.capability}"
        for entry in state.coverage
    ):
        return "bad"
    return "warn"


def mark(alert: AlertView, state: State, glyphs: Glyphs) -> Span:
    """The glyph of an alert. One that is kept quiet keeps its colour, one that is over has none."""
    if alert.state == "cleared":
        return faint(glyphs.unknown)
    ink = ink_of(alert, state)
    which = {"bad": HealthState.UNHEALTHY, "held": HealthState.HELD}.get(ink, HealthState.DEGRADED)
    return Span(glyphs.of(which), ink)


def step_of(alert: AlertView, state: State) -> Step | None:
    """The key that does what is to be tried first, or goes where it is done."""
    if alert.state == "cleared":
        return None
    view = state.providers.get(alert.subject)
    command = (alert.command or "").split()
    if view is None:
        return Step("enter", "coverage", "detail")
    if command[1:2] == ["secrets"] and view.credential is not None:
        return Step("s", "set key", "set_credential")
    if command[1:2] == ["config"] or view.health.state is HealthState.HELD:
        return Step("enter", "go there", "detail")
    return Step("c", "check", "check")


# --- the sentence ----------------------------------------------------------------------------------------------------


def sentence(state: State) -> Line:
    """What rings, in one sentence."""
    ringing = [alert for alert in entries(state) if alert.state == "firing"]
    if not ringing:
        return line(head("Nothing rings."))
    worst = ringing[0]
    said = Span(clean_text(worst.title), ink_of(worst, state), bold=True)
    since = f" since {when(worst.fired_at, state.now)}."
    if len(ringing) == 1:
        return line(head("1 alert rings: "), said, since)
    return line(head(f"{len(ringing):,} alerts ring."), " The worst: ", said, since)


def tally(state: State, cells: int) -> Line:
    """How many are kept quiet, and how many ended in the last day; as much of it as has room."""
    quiet = {word: sum(alert.state == word for alert in state.alerts) for word in ("acknowledged", "snoozed")}
    ended = [wall(alert.cleared_at) for alert in state.alerts if alert.cleared_at is not None]
    today = sum(at is not None and state.now - at < _DAY_S for at in ended)
    parts = [f"{count:,} {word}" for word, count in quiet.items() if count]
    parts += [f"{today:,} ended in 24 h"] if today else []
    while parts and len(" · ".join(parts)) > cells:
        del parts[-1]
    return line(muted(" · ".join(parts)))


def when(moment: str | float, now: float) -> str:
    """The time of day; of another day its date. A time to come is told to the minute."""
    at = wall(moment) or 0.0
    there, here = datetime.fromtimestamp(at).astimezone(), datetime.fromtimestamp(now).astimezone()
    if there.date() != here.date():
        return f"{there.day} {there:%b}" if at < now else f"{there:%a %H:%M}"
    return clock(moment) if at <= now else clock(moment)[:5]


# --- the rows --------------------------------------------------------------------------------------------------------


def header(width: int, glyphs: Glyphs, *, ruled: bool) -> list[Line]:
    """The names of the columns."""
    at = columns(width)
    lines = [
        row(
            left(at.title, muted("Alert")),
            left(at.since, muted("Since")),
            left(at.first, muted("What to try first")),
            width=width,
        )
    ]
    margin = 1 if width < 100 else 2
    if ruled:
        lines.append(row(left(margin, Span(glyphs.rule * (width - 2 * margin), "rule")), width=width))
    return lines


def alert_row(alert: AlertView, state: State, width: int, glyphs: Glyphs, *, selected: bool) -> Line:
    """The first line of an alert, and the only one of what is over."""
    at = columns(width)
    margin = 1 if width < 100 else 2
    loud = alert.state == "firing"
    ink = "head" if selected else "text" if loud else "muted"
    cells = [
        left(at.mark, mark(alert, state, glyphs)),
        left(at.title, Span(clean_text(alert.title), ink, bold=selected), width=at.since - at.title - 2),
        left(at.since, Span(when(alert.fired_at, state.now), "text" if loud else "muted")),
    ]
    if alert.state == "cleared":
        ended = "" if alert.cleared_at is None else f"over at {when(alert.cleared_at, state.now)}"
        said = faint(f"{ended} · lasted {_lasted(alert, state)}")
        return row(*cells, left(at.first, said, width=width - margin - at.first), width=width)
    edge = width - margin
    found = step_of(alert, state)
    if at.step and found is not None:
        edge -= len(found.key) + len(found.label) + 3
    first = Span(clean_text(alert.first_try), ink, bold=selected and loud)
    cells.append(left(at.first, first, width=edge - at.first))
    if at.step and found is not None:
        cells.append(right(width - margin, key(found.key), muted(f" {found.label}")))
    return row(*cells, width=width)


def second_row(alert: AlertView, state: State, width: int) -> Line:
    """The second line: for how long, who keeps it quiet, and how it is known."""
    at = columns(width)
    margin = 1 if width < 100 else 2
    said = " · ".join(filter(None, (_kept_quiet(alert, state), clean_text(alert.evidence))))
    cells: list[Cell] = [left(0, " "), left(at.since, muted(_lasted(alert, state)), width=at.first - at.since - 1)]
    cells.append(left(at.first, muted(said), width=width - margin - at.first))
    return row(*cells, width=width)


def _lasted(alert: AlertView, state: State) -> str:
    start = wall(alert.fired_at) or state.now
    end = state.now if alert.cleared_at is None else wall(alert.cleared_at) or state.now
    # Clocks jump: nothing has lasted a negative time.
    return duration(max(0.0, end - start) * 1000)


def _kept_quiet(alert: AlertView, state: State) -> str:
    if alert.state == "acknowledged":
        at = "" if alert.acknowledged_at is None else f" at {when(alert.acknowledged_at, state.now)}"
        return f"acknowledged by {clean_text(alert.acknowledged_by or 'somebody')}{at}"
    if alert.state == "snoozed" and alert.snoozed_until is not None:
        return f"snoozed until {when(alert.snoozed_until, state.now)}"
    return ""


def brief(alert: AlertView, state: State, width: int) -> list[Line]:
    """Two lines about the selected one, for a terminal that is not tall."""
    margin = 1 if width < 100 else 2
    found = step_of(alert, state)
    said = [_kept_quiet(alert, state), clean_text(alert.evidence)]
    for_ = f"for {_lasted(alert, state)}" if alert.cleared_at is None else f"lasted {_lasted(alert, state)}"
    facts = line(muted(" · ".join([for_, *filter(None, said)])))
    if alert.state == "cleared":
        first = line(muted("It is over."))
    else:
        press = () if found is None else (Span("  "), key(found.key), muted(f" {found.label}"))
        first = line(muted("First: "), clean_text(alert.first_try), *press)
    return [
        row(left(margin, *facts, width=width - 2 * margin), width=width),
        row(left(margin, *first, width=width - 2 * margin), width=width),
    ]


# --- nothing to show -------------------------------------------------------------------------------------------------


def nothing(state: State, needle: str, width: int, glyphs: Glyphs) -> list[Line]:
    """What stands there while there is no alert: what is watched, and what is wrong with a rule that is not."""
    margin = 1 if width < 100 else 2
    if needle:
        said = line(head("Filter found nothing"), muted("   / "), needle, muted(" matches no alert. "))
        return [row(left(margin, *said, key("esc"), muted(" clears the filter")), width=width)]
    if not state.open:
        return [row(left(margin, faint("not known yet …" if state.failure is None else "not known")), width=width)]
    rules = state.rules
    if rules is None:
        return []
    at = margin + 26
    watched = sum(rule.watched for rule in rules)
    title = f"No alert is on record. {plural(watched, 'rule is', 'rules are')} watched:"
    lines = [row(left(margin, head(title)), width=width), ()]
    for rule in rules:
        state_of = HealthState.HEALTHY if rule.watched else HealthState.OFF
        glyph = Span(glyphs.of(HealthState.DEGRADED), "warn") if rule.problem else Span(glyphs.of(state_of), "faint")
        lines.append(
            row(
                left(margin, glyph),
                left(margin + 2, Span(clean_text(rule.name), "text" if rule.watched else "faint"), width=22),
                left(at, muted(clean_text(rule.when)), width=width - at - margin),
                width=width,
            )
        )
        problem = (
            wrap(line(Span(clean_text(rule.problem), "warn")), width - at - margin, limit=2) if rule.problem else []
        )
        lines += [row(left(at, *part), width=width) for part in problem]
    return lines
