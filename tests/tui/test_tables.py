"""Alert rules and providers in Config: new ones, changed ones and removed ones, on an engine and a real file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.tui.config_scene import SECTIONS, ConfigDesk
from tests.tui.test_config_live import Steps, home, steps
from textual.events import Paste

from provider_console.adapters.settings_values import tables as kinds_of
from provider_console.console.views import TableView
from provider_console.engine.settings_desk import table_view
from provider_console.testing.workflow import Stage, Step, do, expect, press, see, see_no, together
from provider_console.tui.pages import tables
from provider_console.tui.pages.tables import Item
from provider_console.tui.pages.unsaved import Unsaved, Written

__all__ = ["home", "steps"]

pytestmark = pytest.mark.limit(60)
"""A whole console starts in each."""

TEXT = """\
# ours
[health]
health_check_interval = 3600000

# what rings
[[alerts.rules]]
name = "errors"  # the first
when = "failure_rate > 20"

[[alerts.rules]]
name = "slow"
when = "p95 > 4000"  # ms

[translation.providers.here]
driver = "apertium"  # on this machine
base_url = "http://127.0.0.1:2737"
network = "loopback"

[dynamic_ai]
discover_local = false
"""


def section(name: str) -> Step:
    """The tables of a section."""
    rows = ["engine", "health", "history", "plugins", "api", "network", "appearance", "alerts"]
    rows += ["telemetry", "log", "translation"]
    down = ["down"] * rows.index(name)
    return together(f"the tables of {name}", press("left", *down), press("n"), see(f" in {name}"))


def table(home: Path) -> None:
    """The file of these tests."""
    (home / "config.toml").write_text(f"[engine]\nmax_retries = 5\n\n{TEXT}", "utf-8")


SAVE = together("save", press("escape"), press("ctrl+s"), see("Ways on"), press("s"), see("settings set;"))


def paste(text: str) -> Step:
    """Paste a text where the focus is: one message, and not a key for each letter."""

    async def pasted(stage: Stage) -> None:
        focused = stage.app.focused
        assert focused is not None
        focused.post_message(Paste(text))
        await stage.pilot.pause()

    return do(f"paste {text!r}", pasted)


def in_force(key: str, wanted: Any) -> Step:
    """A setting is in force with a value."""
    return expect(
        f"{key} is {wanted}",
        lambda state: (
            state.config is not None and any(each.key == key and each.value == wanted for each in state.config.settings)
        ),
    )


async def test_a_rule_is_made_checked_while_it_is_typed_and_saved(home: Path, steps: Steps) -> None:
    table(home)
    await steps(
        home,
        section("alerts"),
        see("2 tables in alerts.", "errors", "slow"),
        press("n"),
        see("A new rule."),
        paste("few"),
        press("tab"),
        paste("helthy_providers < 2"),
        see("column 1: expected a quantity", "rule is not watched", limit_s=10.0),
        press("ctrl+s"),
        see("A new rule."),
        press("ctrl+u"),
        paste("healthy_providers < 2"),
        see_no("rule is not watched"),
        press("ctrl+s"),
        see("3 tables in alerts.", "healthy_providers < 2"),
        SAVE,
        expect("it is watched", lambda state: state.config is not None and not state.config.warnings),
    )

    text = (home / "config.toml").read_text("utf-8")
    assert text.index('name = "few"') > text.index('when = "p95 > 4000"  # ms')
    assert 'name = "errors"  # the first' in text
    assert text.count("[[alerts.rules]]") == 3


async def test_a_rule_is_changed_and_another_one_removed_and_comments_stay(home: Path, steps: Steps) -> None:
    table(home)
    await steps(
        home,
        section("alerts"),
        press("enter"),
        see("alerts.rules[0].", "failure_rate > 20"),
        press("tab", "ctrl+u"),
        paste("failure_rate > 30"),
        press("ctrl+s"),
        see("2 tables in alerts.", "failure_rate > 30"),
        press("down", "delete"),
        see("1 table in alerts."),
        SAVE,
    )

    text = (home / "config.toml").read_text("utf-8")
    assert 'name = "errors"  # the first\nwhen = "failure_rate > 30"' in text
    assert "slow" not in text


async def test_a_provider_is_added_in_a_form_and_asked_from_then_on(home: Path, steps: Steps) -> None:
    table(home)
    await steps(
        home,
        section("translation"),
        see("1 table in translation.", "here", "driver apertium"),
        press("n"),
        see("A new provider."),
        press("ctrl+s"),
        see("is needed, without dots", limit_s=10.0),
        paste("lt"),
        press("tab"),
        paste("libretranslate"),
        press("tab", "tab"),
        paste("x"),
        see("must be a text", limit_s=10.0),
        press("ctrl+u"),
        paste("http://127.0.0.1:5000"),
        see_no("must be a text"),
        press("tab"),
        press("right", "right", "right"),
        press("ctrl+s"),
        see("2 tables in translation.", "driver libretranslate"),
        SAVE,
        in_force("translation.providers.lt.driver", "libretranslate"),
        expect("it is known", lambda state: "lt" in state.providers, limit_s=15.0),
    )

    assert 'driver = "apertium"  # on this machine' in (home / "config.toml").read_text("utf-8")


async def test_a_provider_is_removed_and_its_settings_say_so_until_it_is_put_back(home: Path, steps: Steps) -> None:
    table(home)
    await steps(
        home,
        section("translation"),
        press("delete"),
        see("No table in translation yet."),
        press("escape"),
        see("1 change, not saved.", "removed"),
        press("right", "end", "z"),
        see_no("not saved", "removed"),
        press("n", "delete"),
        SAVE,
        expect("it is gone", lambda state: "here" not in state.providers, limit_s=15.0),
    )

    assert "apertium" not in (home / "config.toml").read_text("utf-8")


# --- by themselves -----------------------------------------------------------------------------------------------

KINDS = {each.key: table_view(each) for each in kinds_of(SECTIONS)}
WRITTEN = Written.of(TEXT, "r1")


def test_every_kind_of_table_has_its_fields_from_the_table_of_settings() -> None:
    assert {key: kind.named for key, kind in KINDS.items()} == {
        "engine.categories": True,
        "alerts.rules": False,
        "translation.providers": True,
        "dynamic_ai.catalogues": False,
        "dynamic_ai.providers": True,
    }
    assert [field.key for field in KINDS["alerts.rules"].fields] == ["name", "when", "enabled"]
    assert "cost.input" in [field.key for field in KINDS["translation.providers"].fields]
    assert {tables.one_of(kind) for kind in KINDS.values()} == {"category", "rule", "provider", "catalogue"}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.key)
def test_a_form_that_nobody_touched_changes_nothing(kind: TableView) -> None:
    for item in tables.items(kind, Unsaved(), WRITTEN):
        typed = {field.key: tables.entry_of(item, field) for field in kind.fields}
        values, wrong = tables.read_all(kind.fields, typed)
        made = tables.made(item, str(item.name), values, tables.items(kind, Unsaved(), WRITTEN), saved=True)
        assert not wrong
        assert not Unsaved().with_tables(made, WRITTEN)


def test_a_field_in_a_table_of_its_own_is_set_and_taken_out_with_it() -> None:
    kind = KINDS["translation.providers"]
    (item,) = tables.items(kind, Unsaved(), WRITTEN)
    values = {field.key: tables.value_of(item, field) for field in kind.fields} | {"cost.input": 2.5}
    made = tables.made(item, "here", values, [item], saved=True)
    assert made == {"translation.providers.here.cost.input": 2.5}
    (changed,) = tables.items(kind, Unsaved().with_tables(made, WRITTEN), WRITTEN)
    assert changed.values["cost"] == {"input": 2.5}

    empty = Item(kind, None, {})
    values = {field.key: tables.value_of(empty, field) for field in kind.fields} | {"driver": "deepl", "cost.input": 2}
    fresh = tables.made(empty, "new", values, [item], saved=False)
    after = Unsaved().with_tables(fresh, WRITTEN)
    assert fresh == {"translation.providers.new": {"driver": "deepl", "cost": {"input": 2}}}
    assert [each.name for each in tables.items(kind, after, WRITTEN)] == ["here", "new"]
    gone = after.with_tables(tables.removed(changed, [changed]), WRITTEN)
    assert [each.name for each in tables.items(kind, gone, WRITTEN)] == ["new"]


def test_a_whole_table_forgets_what_was_changed_in_it_and_is_put_back_whole() -> None:
    kind = KINDS["translation.providers"]
    (item,) = tables.items(kind, Unsaved(), WRITTEN)
    changed = Unsaved().with_tables({"translation.providers.here.tier": "primary"}, WRITTEN)
    gone = changed.with_tables(tables.removed(item, [item]), WRITTEN)
    assert gone.changes == {"translation.providers.here": None}
    assert gone.changed_by("translation.providers.here.driver") == "translation.providers.here"
    assert not gone.without("translation.providers.here")


def test_the_scene_has_the_kinds_too() -> None:
    assert {each.key for each in ConfigDesk().config().tables} == set(KINDS)
