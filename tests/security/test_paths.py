"""Names that would lead somewhere else if they were taken for paths: 300 of them, wherever something has a name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest
from tests.api.served import served

from provider_console.cli.plugin_template import make_plugin
from provider_console.console.errors import BadRequest
from provider_console.core.credentials import is_credential_name
from provider_console.core.unify import unify
from provider_console.sdk import ProviderDescriptor
from provider_console.tui.themes import ThemeInvalid, read_theme, shipped

STEPS: Final = (
    "../",
    "..\\",
    "/",
    "//",
    "\\\\",
    "./",
    "....//",
    "%2e%2e/",
    "..%2f",
    "..%00/",
    "~/",
    "~root/",
    "C:\\",
    "",
)
PLACES: Final = ("etc/passwd", "config.toml", "audit.db", ".ssh/id", "con.", "x\0.toml", "a b", "..", "\u2024\u2024/x")
TRAVERSALS: Final = tuple(
    dict.fromkeys(f"{step * times}{place}" for step, times, place in itertools.product(STEPS, (1, 2, 7), PLACES))
)


def test_there_are_three_hundred() -> None:
    assert len(TRAVERSALS) >= 300


def _provider(name: str) -> bool:
    found, problems = unify([("x", ProviderDescriptor(id=name, driver="d"))], drivers={})
    return bool(found) or not problems


def _plugin(name: str) -> bool:
    try:
        make_plugin(name, Path("never-made"))
    except BadRequest:
        return False
    return True


@pytest.mark.parametrize("taken", [_provider, _plugin, is_credential_name], ids=["provider", "plugin", "credential"])
def test_none_of_them_is_a_name(taken: Callable[[str], bool]) -> None:
    assert [name for name in TRAVERSALS if taken(name)] == []
    assert not Path("never-made").exists()


def test_none_of_them_is_the_name_of_a_theme(tmp_path: Path) -> None:
    text = (shipped() / "console-dark.toml").read_text("utf-8")
    for name in TRAVERSALS:
        file = tmp_path / "one.toml"
        escaped = name.replace("\\", "\\\\").replace("\0", "\\u0000")
        file.write_text(re.sub(r'(?m)^name = ".*"$', lambda _, said=escaped: f'name = "{said}"', text), "utf-8")
        with pytest.raises(ThemeInvalid):
            read_theme(file)


async def test_over_http_each_of_them_is_refused_and_none_is_a_defect(tmp_path: Path) -> None:
    async with served(tmp_path) as it:
        statuses = {(await it.get("/providers/" + quote(name, safe=""))).status_code for name in TRAVERSALS}

        assert statuses <= {400, 404, 405}
