"""Values of settings as they are shown, as they stand in a field, and as they are read from what was typed.

What is allowed comes from the table of settings, by way of `SettingView`; what only the whole configuration can tell
(a pattern, two settings that contradict each other) is the console's to say.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from provider_console.console.views import SettingView
from provider_console.tui.pages.words import plural

UNSET: Final = "unset"
"""The choice that leaves an optional setting out."""
YES_NO: Final = ("true", "false")
WHOLE: Final = "whole number"
NUMBER: Final = "number"
TEXT: Final = "text"
CHOICE: Final = "choice"
BOOLEAN: Final = "true or false"
TEXTS: Final = "list of texts"


class Mistyped(ValueError):
    """What was typed cannot be the setting's value; the message says what it must be."""


def shown(value: Any) -> str:
    """A value in a table.

    >>> [shown(value) for value in (10000, True, None, "", ["a", "b"], [], 0.7)]
    ['10,000', 'true', 'unset', 'empty', 'a, b', 'none', '0.7']
    """
    match value:
        case None:
            return UNSET
        case bool():
            return YES_NO[0] if value else YES_NO[1]
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
        case str():
            return value or "empty"
    if isinstance(value, list | tuple | dict) and not value:
        return "none"
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    if isinstance(value, list | tuple) and all(isinstance(each, dict) for each in value):
        return plural(len(value), "table")
    return msgspec.json.encode(value).decode()


def same(one: Any, other: Any) -> bool:
    """Whether two values are one in the file: a list and a tuple are."""
    return (type(one) is type(other) and one == other) or msgspec.json.encode(one) == msgspec.json.encode(other)


def typed_of(value: Any) -> str:
    """A value as it stands in a field, so that reading it gives the same again."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return YES_NO[0] if value else YES_NO[1]
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(each, str) and _plain(each) for each in value):
        return ", ".join(value)
    return in_toml(value)


def _plain(text: str) -> bool:
    """Whether a text can stand in a row of texts without quotes."""
    return bool(text) and text == text.strip() and "," not in text and not text.startswith("[")


def in_toml(value: Any) -> str:
    """A value as TOML writes it on one line.

    >>> in_toml({"en>es": ["deepl"], "on": True})
    '{ "en>es" = ["deepl"], "on" = true }'
    """
    if isinstance(value, dict):
        inner = ", ".join(f"{in_toml(str(key))} = {in_toml(each)}" for key, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_toml, value))}]"
    # Texts, numbers and truth are written alike in JSON and TOML.
    return msgspec.json.encode(value).decode()


def words_of(setting: SettingView) -> tuple[str, ...]:
    """What can be chosen; empty where the value is typed."""
    if setting.type == BOOLEAN:
        return YES_NO
    if setting.type != CHOICE:
        return ()
    words = tuple(map(str, setting.choices))
    return (UNSET, *words) if setting.default is None else words


def editable(setting: SettingView) -> bool:
    """Whether a form can change it; tables of tables are written in an editor."""
    return bool(setting.type)


def allowed(setting: SettingView) -> str:
    """What it may be, as briefly as a column needs it."""
    words = words_of(setting)
    if words:
        return ", ".join(word for word in words if word != UNSET)
    low, high = setting.minimum, setting.maximum
    if low is not None and high is not None:
        return f"{low:,g} – {high:,g}" if high < 1 or not float(high).is_integer() else f"{low:,.0f} – {high:,.0f}"
    if low is not None or high is not None:
        return f"≥ {low:,.0f}" if low is not None else f"≤ {high:,.0f}"
    return setting.type or "tables"


def read(setting: SettingView, typed: str) -> Any:
    """The value that was typed; None leaves the key out.

    Raises:
        Mistyped: the setting cannot have it.
    """
    typed = typed.strip()
    match setting.type:
        case kind if words_of(setting):
            if typed not in words_of(setting):
                raise Mistyped(f"must be {setting.allowed}")
            return typed == YES_NO[0] if kind == BOOLEAN else None if typed == UNSET else _chosen(setting, typed)
        case kind if kind in (WHOLE, NUMBER):
            return _number(setting, typed)
        case kind if not typed and setting.default is None:
            return None
        case kind if kind == TEXT:
            return typed
        case kind if kind.startswith("list"):
            return _many(typed)
        case _:
            return _toml(typed) if typed.startswith(("{", "[")) or setting.type == "table" else typed


def _chosen(setting: SettingView, typed: str) -> str | int:
    return next(choice for choice in setting.choices if str(choice) == typed)


def _number(setting: SettingView, typed: str) -> float | None:
    if not typed and setting.default is None:
        return None
    text = typed.replace(",", "").replace("_", "").replace(" ", "")
    try:
        value: float = int(text) if setting.type == WHOLE else float(text)
    except ValueError:
        raise Mistyped(f"must be {setting.allowed}") from None
    low, high = setting.minimum, setting.maximum
    if value != value or (low is not None and value < low) or (high is not None and value > high):
        raise Mistyped(f"must be {setting.allowed}")
    return value


def _many(typed: str) -> Sequence[Any]:
    if typed.startswith("["):
        value = _toml(typed)
        if not isinstance(value, list):
            raise Mistyped("must be a list")
        return value
    return [each.strip() for each in typed.split(",") if each.strip()]


def _toml(typed: str) -> Any:
    try:
        return tomllib.loads(f"value = {typed or '{}'}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Mistyped(f"is not TOML: {error}") from None
