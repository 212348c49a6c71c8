"""What an alert says: what is wrong, how it is known, and what to try first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from provider_console.core.alerts import Rule, Value
from provider_console.engine.hints import first_try
from provider_console.engine.lane import NAMELESS
from provider_console.engine.observations import Observation


class FirstAction(NamedTuple):
    """What to try first in words, and the command that does it or shows more."""

    words: str
    command: str | None


def title(rule: Rule, seen: Observation, language: str) -> str:
    """The alert in one line, a provider by its name in a language."""
    name = _shown(seen.subject) if seen.lane is None else seen.lane.provider.name(language)
    return _TITLES[rule.subject_of](name, seen.values)


def evidence(rule: Rule, seen: Observation) -> str:
    """What was measured, beside the rule."""
    figures = [f"{one.quantity} {_figure(seen.values.get(one.quantity))}" for one in rule.comparisons]
    # A missing credential is named in why it is so; to repeat the figure would say less with more words.
    figures = [figure for figure in dict.fromkeys(figures) if seen.lane is None or not seen.why.startswith(figure)]
    said = [*figures, f"rule: {rule.when}"]
    if seen.lane is not None:
        said = [seen.why, *([seen.lane.last_error] if seen.lane.last_error else []), *said]
    return " · ".join(said)


def first_action(rule: Rule, seen: Observation, *, error_class: str | None, section: str, language: str) -> FirstAction:
    """What to try first. `error_class` is that of the last check, `section` the settings table of its driver."""
    lane = seen.lane
    if lane is None:
        if not seen.able:
            return FirstAction(
                "Nobody else could: enable or add a provider.", f"{_PROGRAM} providers --include-inactive"
            )
        names = ", ".join(one.name(language) for one in seen.able[:3])
        return FirstAction(f"Bring back {names}.", f"{_PROGRAM} check {seen.able[0].id}")
    name = lane.provider.id
    if rule.subject_of == "cost":
        return FirstAction(
            "See who calls it, or let another one go first.",
            f"{_PROGRAM} config set {section}.providers.{name}.tier fallback",
        )
    words = first_try(lane, seen.state, error_class) or "Look at it now."
    if lane.missing == NAMELESS:
        return FirstAction(words, f"{_PROGRAM} config set {section}.providers.{name}.credential NAME")
    if lane.missing is not None:
        return FirstAction(words, f"{_PROGRAM} secrets set {lane.missing}")
    if rule.subject_of == "p95":
        return FirstAction("Is it loaded? Give it a later tier while it is.", f"{_PROGRAM} check {name}")
    return FirstAction(words, f"{_PROGRAM} check {name}")


_PROGRAM: Final = "provider-console"


def _shown(subject: str) -> str:
    """A subject as people read it: a capability without its category, a pair with its arrow."""
    return subject.partition(" ")[2].replace(":", " ").replace(">", "›") or subject


def _figure(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return "unknown" if value is None else value


_Title = Callable[[str, Mapping[str, Value]], str]

_TITLES: Final[Mapping[str, _Title]] = {
    "state": lambda name, values: f"{name} is {values['state']}",
    "credential": lambda name, values: f"{name}: credential {values['credential']}",
    "failure_rate": lambda name, values: f"{_figure(values['failure_rate'])} % of calls to {name} fail",
    "p95": lambda name, values: f"{name} is slow: p95 {_figure(values['p95'])} ms",
    "requests": lambda name, values: f"{name} had {_figure(values['requests'])} calls",
    "score": lambda name, values: f"{name} scores {_figure(values['score'])}",
    "cost": lambda name, values: f"{name} cost {_figure(values['cost'])} in 24 hours",
    "healthy_providers": lambda name, values: f"{name} has {_figure(values['healthy_providers'])} healthy providers",
    "coverage": lambda name, values: (
        f"{name} is served by {_figure(values['coverage'])}" if values["coverage"] else f"nobody serves {name}"
    ),
}
