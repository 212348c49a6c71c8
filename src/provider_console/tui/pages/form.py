"""The form of an operation: its entries as people type them, read into a payload, with what is wrong beside each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from provider_console.console.views import KindView
from provider_console.sdk.operation import Field
from provider_console.tui.ink import Line, Span, head, left, line, muted, right, row
from provider_console.tui.pages.words import plural
from provider_console.tui.state import State

STREAMED: Final = "as it arrives"
WHOLE: Final = "whole"
NONE: Final = "–"
"""The choice that leaves a field out."""
YES_NO: Final = ("yes", "no")

ONLY: Final = Field(name="providers", label="Ask only", help="provider ids; empty: any")
DEADLINE: Final = Field(
    name="deadline_s", label="Deadline", type="number", minimum=0.1, maximum=3600, help="seconds; empty: the setting"
)
ANSWER: Final = Field(
    name="answer",
    label="Answer",
    type="choice",
    default=STREAMED,
    choices=(STREAMED, WHOLE),
    help="whole: long texts are split",
)
OPTIONS: Final = (ONLY, DEADLINE, ANSWER)
"""What every form asks beside the fields of its kind."""


class Mistyped(ValueError):
    """An entry cannot be read as its field's type."""


def words_of(field: Field) -> tuple[str, ...]:
    """The choices of a field that has some; empty where it is typed."""
    if field.type == "boolean":
        return YES_NO if field.required or field.default is not None else (NONE, *YES_NO)
    if field.type != "choice":
        return ()
    return field.choices if field.required or field.default is not None else (NONE, *field.choices)


def first_entry(field: Field) -> str:
    """What stands in a field before anybody typed."""
    words = words_of(field)
    if field.type == "boolean":
        return words[0] if field.default is None else YES_NO[not field.default]
    if words:
        return str(field.default) if field.default in words else words[0]
    if field.default is None:
        return ""
    return f"{field.default:g}" if isinstance(field.default, float) else str(field.default)


def value_of(field: Field, typed: str) -> Any:
    """What was typed as the field's type; None leaves the field out.

    Raises:
        Mistyped: it cannot be read so; the engine checks the rest.
    """
    if typed == NONE and NONE in words_of(field):
        return None
    if not typed.strip():
        if field.required:
            raise Mistyped("is needed")
        return None
    match field.type:
        case "boolean":
            return typed == YES_NO[0]
        case "number":
            return _number(field, typed)
        case "list":
            return _list(typed)
    return typed if field.type == "text" else typed.strip()


def _number(field: Field, typed: str) -> float:
    try:
        value = float(typed.replace(",", "."))
    except ValueError:
        raise Mistyped("is a number, like 2 or 0.5") from None
    low, high = field.minimum, field.maximum
    if value != value or (low is not None and value < low) or (high is not None and value > high):
        raise Mistyped(f"is from {low or 0:g} to {high:g}" if high is not None else f"is at least {low or 0:g}")
    return value


def _list(typed: str) -> list[Any]:
    """A JSON list, or the lines that are not empty."""
    if typed.lstrip().startswith("["):
        try:
            return msgspec.json.decode(typed, type=list)
        except msgspec.DecodeError as error:
            raise Mistyped(f"is no JSON list: {error}") from error
    return [each for each in typed.splitlines() if each.strip()]


def read(fields: Sequence[Field], typed: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values of what was typed, and what is wrong by field."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for field in fields:
        try:
            value = value_of(field, typed.get(field.name, ""))
        except Mistyped as error:
            wrong[field.name] = str(error)
            continue
        if value is not None:
            values[field.name] = value
    return values, wrong


def options(values: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an operation from the values of `OPTIONS`."""
    known = {name: values[name] for name in ("deadline_s",) if name in values}
    if "providers" in values:
        known["providers"] = tuple(str(values["providers"]).replace(",", " ").split())
    return known


# --- what stands around the entries --------------------------------------------------------------------------------


def headline(kind: KindView | None, state: State, width: int) -> list[Line]:
    """The sentence of the form, and who could be asked."""
    margin = 1 if width < 100 else 2
    if kind is None:
        return [row(left(margin, head("Reading what can be executed …")), width=width), ()]
    able = [view for view in state.providers.values() if view.enabled and kind.category in view.categories]
    who = f"{plural(len(able), 'provider')} of {kind.category} could be asked" if able else "nobody could be asked now"
    refused = state.may("execute")
    beside = () if refused is None else line(muted("run "), Span(refused, "held"))
    first = line(head(f"{kind.title}: "), "fill in and run it, or see the plan without calling anybody.")
    return [
        row(left(margin, *first), width=width),
        row(left(margin, muted(who)), right(width - margin, *beside), width=width),
    ]


def note(field: Field, wrong: str | None) -> Line:
    """What stands beside an entry: what is wrong with it, else what helps to fill it in."""
    if wrong is not None:
        return line(Span("× ", "bad"), Span(wrong, "bad"))
    helps = [field.help] if field.help else []
    if field.type == "list":
        helps.append("one a line, or a JSON list")
    if field.required and not helps:
        helps.append("needed")
    return line(muted(" · ".join(helps)))
