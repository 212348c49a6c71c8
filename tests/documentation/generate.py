"""Writes the tables of the pages that the program itself knows: python -m tests.documentation.generate"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.documentation.pages import ROOT

from provider_console.adapters.settings_schema import SettingInfo, describe
from provider_console.console.routes import PREFIX, ROUTES
from provider_console.console.wire import role_for, summary
from provider_console.core.settings import MISSION_ENVIRONMENT
from provider_console.engine.plugins import Trouble, discover

BUILT_IN: Final = ("dynamic_ai", "system_secrets", "translation")
SHORT: Final = 60
"""Characters of a pattern that a table can bear; a longer one is left to the message that quotes it."""


def settings_table() -> str:
    """Every setting of the console and of the built-in plugins, a table for each top-level section."""
    parts: dict[str, list[SettingInfo]] = {}
    for info in describe(_sections()):
        parts.setdefault(info.key.partition(".")[0], []).append(info)
    return "\n\n".join(_part(section, infos) for section, infos in parts.items())


def _part(section: str, infos: list[SettingInfo]) -> str:
    lines = [f"### `[{section}]`", "", "| key | value | default | what it is |", "|---|---|---|---|"]
    for info in infos:
        words = info.description + (" (required)" if info.required else "")
        lines.append(f"| `{info.key}` | {_expected(info)} | {_default(info)} | {words.strip()} |")
    return "\n".join(lines)


def _expected(info: SettingInfo) -> str:
    words = info.expected.removeprefix("a ").replace("|", "\\|")
    pattern = re.search(r"\(pattern (.*)\)$", words)
    if pattern is None:
        return words
    shown = f"(pattern `{pattern[1]}`)" if len(pattern[1]) <= SHORT else "(of a fixed pattern)"
    return words[: pattern.start()] + shown


def _default(info: SettingInfo) -> str:
    if info.required:
        return "–"
    return "unset" if info.default is None else f"`{json.dumps(info.default, ensure_ascii=False)}`"


def _sections() -> Any:
    """The sections of the built-in plugins; what else is installed here is not part of the page."""
    troubles: list[Trouble] = []
    registry = discover((), on_trouble=troubles.append)
    found = [
        section for plugin in BUILT_IN for section in registry.sections if section.name in _names(registry, plugin)
    ]
    assert not [trouble for trouble in troubles if trouble.plugin in BUILT_IN], troubles
    return sorted(found, key=lambda section: section.name, reverse=True)


def _names(registry: Any, plugin: str) -> tuple[str, ...]:
    return tuple(registry.sections_of(plugin))


def environment_table() -> str:
    """The environment names that have a name of their own."""
    lines = ["| variable | setting |", "|---|---|"]
    lines += [f"| `{name}` | `{key}` |" for name, key in MISSION_ENVIRONMENT.items()]
    return "\n".join(lines)


def routes_table() -> str:
    """Every route of the HTTP API, its role and what it does."""
    lines = ["| route | role | does |", "|---|---|---|"]
    for route in ROUTES:
        path = route.path.removeprefix(PREFIX)
        lines.append(f"| `{route.method} {path}` | {role_for(route).value.replace('_', ' ')} | {summary(route)} |")
    return "\n".join(lines)


PARTS: Final[Mapping[str, Mapping[str, Callable[[], str]]]] = {
    "docs/configuration.md": {"settings": settings_table, "environment": environment_table},
    "docs/api.md": {"routes": routes_table},
}


def page(name: str, current: str) -> str:
    """The page with its generated parts as they are now."""
    for part, make in PARTS[name].items():
        begin, end = f"<!-- generated: {part} -->", f"<!-- end of {part} -->"
        assert current.count(begin) == current.count(end) == 1, f"{name} needs one {begin} and one {end}"
        head, _, rest = current.partition(begin)
        _, _, tail = rest.partition(end)
        current = f"{head}{begin}\n\n{make()}\n\n{end}{tail}"
    return current


if __name__ == "__main__":
    for name in PARTS:
        (ROOT / name).write_text(page(name, (ROOT / name).read_text("utf-8")), "utf-8")
        sys.stdout.write(f"{name} is up to date\n")
