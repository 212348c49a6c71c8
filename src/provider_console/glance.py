"""What the first paint needs of a configuration, read without the engine: names, theme, marks, and who is here."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from provider_console.adapters.places import Places
from provider_console.adapters.user import os_user

LIMIT: Final = 256 * 1024
"""Bytes of a configuration that are looked at; the engine refuses a larger one."""
NAMES: Final = 10_000
"""Providers named at most."""


class Glance(NamedTuple):
    """What was seen. Nothing here has been validated: the engine does that, and says what is wrong."""

    names: tuple[str, ...]
    user: str
    themes: Path
    """The folder of the user's own themes."""
    appearance: Mapping[str, str]
    """Those settings of `[appearance]` that are set, environment over file."""
    ca_file: str
    """`network.ca_file`, empty where it is not set."""


def glance(environ: Mapping[str, str]) -> Glance:
    """Look at the configuration that this environment points to; one that cannot be read shows nothing."""
    places = Places.of(environ)
    tables = _tables(places.config_file)
    appearance = {key: value for key, value in _table(tables, "appearance").items() if isinstance(value, str)}
    for key in ("theme", "charts", "glyphs", "language", "environment"):
        value = environ.get(f"PROVIDER_CONSOLE__APPEARANCE__{key.upper()}")
        if value:
            appearance[key] = value
    names = sorted(_names(tables, appearance.get("language", "en")), key=str.casefold)
    ca_file = environ.get("PROVIDER_CONSOLE__NETWORK__CA_FILE") or _table(tables, "network").get("ca_file", "")
    return Glance(tuple(names[:NAMES]), os_user(), places.themes, appearance, str(ca_file))


def _tables(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as source:
            return tomllib.loads(source.read(LIMIT).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        # The engine reads the file again and says what is wrong with it.
        return {}


def _table(tables: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = tables.get(key)
    return table if isinstance(table, Mapping) else {}


def _names(tables: Mapping[str, Any], language: str) -> Iterator[str]:
    for section in tables:
        for key, provider in _table(_table(tables, section), "providers").items():
            name = provider.get("name") if isinstance(provider, Mapping) else None
            if isinstance(name, Mapping):
                name = name.get(language) or name.get("en")
            yield name if isinstance(name, str) else key
