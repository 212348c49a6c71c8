"""First run: what the console does, three ways on, and where was looked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from provider_console.console.views import ProviderView, SurveyView
from provider_console.tui.glyphs import Glyphs
from provider_console.tui.ink import BLANK, Line, Span, faint, head, key, left, line, muted, right, row, wrap
from provider_console.tui.pages.words import short_path
from provider_console.tui.state import State

COLUMN: Final = 72
"""Cells of the column that everything stands in."""
EDGE: Final = 3
"""Cells on each side of it that belong to the cursor's bar and background."""
_TEXT: Final = EDGE + 4
_FEW: Final = 3
"""Names that are told before the rest is counted."""


class Way(NamedTuple):
    """One way on: its key, what it costs in time, two sentences, and why this person may not go it."""

    key: str
    title: str
    cost: str
    what: str
    leaves: str
    refused: str | None = None


def needed(state: State) -> bool:
    """Whether nobody has configured a provider yet."""
    return state.open and state.health is not None and not any(view.configured for view in state.providers.values())


def found(state: State) -> list[ProviderView]:
    """Providers that were found by themselves and are used by nobody, by name."""
    views = [view for view in state.providers.values() if not view.configured]
    return sorted(views, key=lambda view: view.name.casefold())


def ways(state: State, *, sandbox: bool) -> list[Way]:
    """The ways on, each with its own key."""
    survey, views = state.survey, found(state)
    adding = state.may("set_secret") or state.may("adopt_provider")
    ways = [
        Way(
            "a",
            "Add a credential",
            "1 min",
            f"{_listed([] if survey is None else [one.title for one in survey.known])}. Your requests then go there.",
            _keeping(survey),
            adding or (None if survey is None else survey.keyring_problem),
        )
    ]
    if views:
        told = _listed([f"{view.name} {_where(view)}" for view in views], most=2)
        sends = "Sent nothing so far. Adopting writes it into the configuration."
        ways.append(Way("l", "Use what was found here", "1 s", f"{told}.", sends, state.may("adopt_provider")))
    else:
        looks = "Servers such as Ollama and LM Studio on 127.0.0.1, keys by name."
        ways.append(Way("l", "Look again on this machine", "1 s", looks, "Nothing leaves this machine."))
    if sandbox:
        plays = "14 pretend providers that slow down, fail and recover."
        ways.append(Way("s", "Start the sandbox", "now", plays, "Nothing is written, nothing leaves this machine."))
    return ways


def figure(glyphs: Glyphs) -> list[Line]:
    """What the console is for, in the marks that it uses everywhere."""
    work, hop = glyphs.work, glyphs.hop
    return [
        row(
            left(EDGE, muted("one provider fails")),
            left(26, Span(work * 14, "badf"), Span(f" {glyphs.failed}", "bad"), muted("  503")),
            width=COLUMN + 2 * EDGE,
        ),
        row(right(42, muted(f"0.4 s later {hop}")), width=COLUMN + 2 * EDGE),
        row(
            left(EDGE, muted("the next one answers")),
            left(42, Span(work * 20, "okf"), Span(f" {glyphs.healthy}", "ok"), muted("  answered")),
            width=COLUMN + 2 * EDGE,
        ),
    ]


def top(ways: Sequence[Way], width: int, glyphs: Glyphs, *, short: bool) -> list[Line]:
    """The figure, and the sentence that says how many ways are open."""
    count = sum(way.refused is None for way in ways)
    said = {0: "No way on is open to you.", 1: "There is one way on."}.get(count)
    said = said or f"There are {({2: 'two', 3: 'three'}).get(count, count)} ways on."
    sentence = row(left(EDGE, head("No provider yet. "), Span(said)), width=width)
    if short:
        return [sentence, BLANK]
    about = row(left(EDGE, muted("Provider Console keeps AI and translation providers working.")), width=width)
    drawing = figure(glyphs) if width >= COLUMN + EDGE else []
    return [about, BLANK, *drawing, BLANK, BLANK, sentence, BLANK]


def way_rows(way: Way, width: int, *, selected: bool, short: bool) -> Sequence[Line]:
    """One way as two or three rows; why it is closed stands in its last one."""
    closed = way.refused is not None
    title = faint(way.title) if closed else Span(way.title, "head" if selected else "text", bold=True)
    mark = faint(way.key) if closed else key(way.key)
    first = row(left(EDGE, mark), left(_TEXT, title), right(width - EDGE, muted(way.cost)), width=width)
    room = width - _TEXT - EDGE
    if closed:
        why = (way.refused or "").rstrip(".")
        reason = wrap(line(Span(f"{why[:1].upper()}{why[1:]}.")), room)
        return [first, *(row(left(_TEXT, *part), width=width) for part in reason)]
    said = [way.leaves] if short else [way.what, way.leaves]
    return [first, *(row(left(_TEXT, muted(text), width=room), width=width) for text in said)]


def looked(state: State, width: int, glyphs: Glyphs, *, short: bool) -> list[Line]:
    """Where was looked, and what was there."""
    survey = state.survey
    if survey is None:
        return [BLANK, row(left(EDGE, faint("looking …")), width=width)]
    names = list(survey.found)
    ours = _count(survey.keyring_names, "name") if survey.keyring_names else "nothing"
    keyring = [Span(survey.keyring), muted(f", {ours} of ours in it")]
    if survey.keyring_problem is not None:
        keyring = [Span("none"), muted(" that may hold credentials")]
    rows: list[tuple[str, list[Span]]] = [
        (
            "found",
            [Span(_listed(names))]
            if names
            else [Span("none"), muted(f" of {_count(len(survey.known), 'key')}, no server")],
        ),
        ("keyring", keyring),
        (
            "config",
            [Span("there" if survey.config_exists else "not there"), muted(f"  {short_path(survey.config_file)}")],
        ),
        (
            "plugins",
            [Span(str(survey.plugins)), muted(f" loaded, ready for {_count(len(survey.drivers), 'protocol')}")],
        ),
    ]
    table = [
        row(left(EDGE, muted(name)), left(EDGE + 12, *words, width=width - 2 * EDGE - 12), width=width)
        for name, words in rows
    ]
    if short:
        return [BLANK, *table]
    rule = row(left(EDGE, Span(glyphs.rule * (width - 2 * EDGE), "rule")), width=width)
    return [BLANK, BLANK, row(left(EDGE, muted("Looked so far")), width=width), rule, *table]


def found_rows(view: ProviderView, width: int, *, selected: bool) -> Sequence[Line]:
    """A provider that was found: what it is called, where it is, and what would open it."""
    title = Span(view.name, "head" if selected else "text", bold=True)
    state = muted("in use") if view.configured else muted(view.driver)
    return [
        row(left(EDGE, title), right(width - EDGE, state), width=width),
        row(left(EDGE, muted(_place(view))), width=width),
    ]


def _keeping(survey: SurveyView | None) -> str:
    place = "the keyring" if survey is None else f"the keyring ({survey.keyring})"
    return f"Kept in {place}, tested, and never shown again."


def _where(view: ProviderView) -> str:
    if view.credential is not None and view.credential.present:
        return f"by {view.credential.name}"
    return f"at {(view.base_url or '').partition('://')[2].partition('/')[0]}"


def _place(view: ProviderView) -> str:
    place = view.base_url or "the vendor's own address"
    if view.credential is None:
        return place
    return f"{place} · {view.credential.name}" + (f" from {view.credential.backend}" if view.credential.backend else "")


def _listed(names: Sequence[str], *, most: int = _FEW) -> str:
    """Some names, and how many more.

    >>> _listed(["a", "b", "c"], most=2), _listed(["a", "b"]), _listed([])
    ('a, b and 1 more', 'a and b', '')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")
