"""Settings from the environment and the command line, laid over those of the file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec import inspect

from provider_console.adapters.settings_schema import Path, kind_at, peel
from provider_console.adapters.toml_scan import TooMuch, scan
from provider_console.core.settings import MISSION_ENVIRONMENT

PREFIX: Final = "PROVIDER_CONSOLE__"
COMMAND_LINE: Final = "command line"
FILE_ONLY: Final = frozenset({"access"})
"""Tables that whoever starts the console must not lay anything over: nobody gives themselves a role."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """One setting from outside the file. `value` is still text where it came as text; `source` names its origin."""

    path: tuple[str, ...]
    value: object
    source: str


def overlays(environ: Mapping[str, str], overrides: Mapping[str, object]) -> Iterator[Overlay]:
    """Every setting outside the file, the weakest first, so that the last one laid over wins.

    The mission's own names are weaker than `PROVIDER_CONSOLE__SECTION__KEY`, the command line is strongest.
    A variable set to nothing is an empty value, not an unset one.
    """
    for name, key in MISSION_ENVIRONMENT.items():
        if name in environ:
            yield Overlay(tuple(key.split(".")), environ[name], name)
    for name in sorted(environ):
        parts = name.removeprefix(PREFIX).lower().split("__")
        if name.startswith(PREFIX) and all(parts):
            yield Overlay(tuple(parts), environ[name], name)
    for key, value in overrides.items():
        yield Overlay(split_key(key), value, COMMAND_LINE)


def split_key(key: str) -> tuple[str, ...]:
    """The parts of a dotted key; a part with a dot in it is written in quotes.

    >>> split_key('translation.prefer."en>es"')
    ('translation', 'prefer', 'en>es')

    Raises:
        ValueError: the key has an empty part or a quote that does not end.
    """
    parts, rest = [], key
    while True:
        quote = rest[:1]
        if quote in {'"', "'"} and quote:
            end = rest.find(quote, 1)
            if end < 0:
                raise ValueError(f"the key {key} has a quotation mark that does not end")
            part, rest = rest[1:end], rest[end + 1 :]
        else:
            end = rest.find(".")
            end = len(rest) if end < 0 else end
            part, rest = rest[:end], rest[end:]
        if not part or (rest and (rest[0] != "." or len(rest) == 1)):
            raise ValueError(f'"{key}" is not a key; one looks like engine.max_retries')
        parts.append(part)
        if not rest:
            return tuple(parts)
        rest = rest[1:]


def typed(value: object, kind: inspect.Type | None) -> object:
    """A text from outside as the value it means: TOML where it reads as TOML, else the text itself.

    Where the setting is a text, `true` and `123` stay texts.
    """
    if not isinstance(value, str):
        return value
    if "\n" in value or "\r" in value:
        return value
    try:
        scan(f"v = {value}")
        read = tomllib.loads(f"v = {value}")
    except (TooMuch, ValueError, RecursionError):
        return value
    if list(read) != ["v"]:
        return value
    textual = kind is not None and isinstance(peel(kind).kind, inspect.StrType | inspect.LiteralType)
    return value if textual and not isinstance(read["v"], str) else read["v"]


def laid_over(
    raw: Mapping[str, Any], overlay: Overlay, tables: Mapping[str, inspect.Type]
) -> tuple[dict[str, Any], Path] | None:
    """A new tree with one setting replaced, and the path it took; None where the file has a value on the way.

    A name from the environment meets the key of the file that it can only mean: `MY_PROVIDER` is `my-provider`.
    """
    path = _met(raw, overlay) if overlay.source != COMMAND_LINE else overlay.path
    tree = dict(raw)
    step = tree
    for part in path[:-1]:
        inner = step.get(part, {})
        if not isinstance(inner, dict):
            return None
        step[part] = dict(inner)
        step = step[part]
    step[path[-1]] = typed(overlay.value, kind_at(tables, path))
    return tree, path


def _met(raw: Mapping[str, Any], overlay: Overlay) -> tuple[str, ...]:
    path, step = [], raw
    for part in overlay.path:
        same = [key for key in step if key.lower().replace("-", "_") == part]
        chosen = part if part in step or len(same) != 1 else same[0]
        path.append(chosen)
        inner = step.get(chosen)
        step = inner if isinstance(inner, dict) else {}
    return tuple(path)
