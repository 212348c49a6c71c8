"""docs/configuration.md: what is generated, and what is written by hand about settings, drivers and roles."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Mapping

import pytest
from tests.documentation import generate
from tests.documentation.pages import Block, blocks, codes, rows, text

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.toml_settings import TomlSettings
from provider_console.console.access import ACTIONS
from provider_console.engine.plugins import discover
from provider_console.sdk import Driver, PluginContext
from provider_console.testing.fakes import FakeContext
from provider_console.tui.themes import GATES, TOKENS, checked

PAGE = "docs/configuration.md"


def context(plugin: str) -> PluginContext:
    return FakeContext(plugin=plugin)


@pytest.fixture(scope="module")
def drivers() -> Mapping[str, tuple[Driver, str]]:
    """The built-in drivers by name, each with the section of its providers."""
    plugins = discover((), on_trouble=lambda _: None).start(context)
    return {
        name: (driver, plugins.driver_section[name])
        for name, driver in plugins.drivers.items()
        if plugins.driver_plugin[name] in generate.BUILT_IN
    }


@pytest.mark.parametrize("page", generate.PARTS)
def test_the_generated_tables_are_those_of_the_program(page: str):
    current = text(page)
    assert current == generate.page(page, current), "run python -m tests.documentation.generate"


def test_every_driver_has_its_row_with_section_credential_and_address(drivers: Mapping[str, tuple[Driver, str]]):
    shown = {
        codes(driver)[0]: (codes(section)[0], need, address) for driver, section, need, address in rows(PAGE, "driver")
    }
    assert {name: (section, driver.credential) for name, (driver, section) in drivers.items()} == {
        name: (section, need) for name, (section, need, _) in shown.items()
    }
    for name, (driver, _) in drivers.items():
        address = codes(shown[name][2])[0]
        assert address == (driver.default_base_url or "base_url"), name


def test_every_action_has_its_role_and_says_whether_it_is_audited():
    shown = {name: (role, audited) for cell, role, audited in rows(PAGE, "action") for name in codes(cell)}
    known = {
        name: (action.role.value.replace("_", " "), "yes" if action.audited else "no")
        for name, action in ACTIONS.items()
    }
    assert shown == known


def configurations() -> list[Block]:
    return [block for block in blocks("toml") if "[project." not in block.text and block not in themes()]


def themes() -> list[Block]:
    return [block for block in blocks("toml") if "[colours]" in block.text]


@pytest.mark.parametrize("block", themes(), ids=str)
def test_every_theme_shown_can_be_used(block: Block):
    assert checked(tomllib.loads(block.text), where=str(block)).name


def test_the_colours_and_gates_of_themes_are_those_of_the_program():
    shown = [name for cell, _words in rows("docs/themes.md", "colour") for name in codes(cell)]
    assert sorted(shown) == sorted(TOKENS)
    gates = {codes(gate)[0]: tuple(map(float, least)) for gate, *least in rows("docs/themes.md", "gate")}
    assert gates == GATES


@pytest.mark.parametrize("block", configurations(), ids=str)
def test_every_configuration_shown_is_valid(block: Block, tmp_path):
    async def read() -> None:
        registry = await asyncio.to_thread(discover, (), on_trouble=lambda _: None)
        store = TomlSettings(tmp_path / "config.toml", revisions=None, clock=SystemClock(), environ={}, overrides={})
        store.validate(block.text, registry.sections, file=str(block))

    asyncio.run(read())
