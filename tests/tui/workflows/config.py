"""Workflows of Config: what is set, changing it, and the way back."""

from __future__ import annotations

from typing import Any, Final

from tests.tui.config_scene import THEIRS, ConfigDesk
from tests.tui.workflows import fleet

from provider_console.console.views import RevisionView, Who, iso
from provider_console.testing.frozen import MOMENT
from provider_console.testing.operator import open_mode
from provider_console.testing.workflow import (
    Stage,
    Step,
    Workflow,
    do,
    enter,
    expect,
    press,
    resize,
    see,
    see_no,
    snapshot,
    theme,
    together,
)
from provider_console.tui.app import ConsoleApp
from provider_console.tui.state import State


def app(**more: Any) -> ConsoleApp:
    """The terminal of that moment on a configuration that can be changed."""
    desk = ConfigDesk()
    running = fleet.app(fleet.console(**desk.answers, **more))
    running.desk = desk  # type: ignore[attr-defined]  # for the steps below
    return running


def admin() -> ConsoleApp:
    """The same for somebody who may not change it."""
    needs = {
        "set_config": "needs the role super admin",
        "replace_config": "needs the role super admin",
        "secrets": "needs the role super admin",
    }
    return app(whoami=Who(actor="bob", role="admin", front_end="tui", may=needs))


def _desk(stage: Stage) -> ConfigDesk:
    desk: ConfigDesk = stage.app.desk  # type: ignore[attr-defined]  # set above
    return desk


def _theirs(stage: Stage) -> None:
    desk = _desk(stage)
    desk.text = THEIRS
    desk.revisions.insert(
        0,
        RevisionView(id=42, at=iso(MOMENT - 5), author="carol", reason="set engine.max_providers", hash="", valid=True),
    )


def _holds(text: str) -> Step:
    """The file holds a line, at once or within a time."""

    async def held(stage: Stage) -> None:
        assert await stage.until(lambda: text in _desk(stage).text), f"{text!r} is not in the file"

    return Step(f"the file holds {text!r}", held)


def set_to(value: str, *, rows: int = 0) -> Step:
    """Give the setting some rows below the cursor another value."""
    return together(f"set it to {value}", press(*["down"] * rows, "enter"), press("ctrl+u"), enter(value), see("ok"))


OPEN: Final = together("open the configuration", open_mode("config"), see("15 of 86 settings set", "max_retries"))
CHANGE: Final = Workflow(
    "a value that cannot be is said where it is typed",
    [
        OPEN,
        expect("it was read", lambda state: state.config is not None),
        snapshot("config-120x40-dark"),
        press("enter", "ctrl+u"),
        enter("33"),
        see("must be a whole number from 1 to 20"),
        press("enter"),
        see("must be a whole number from 1 to 20"),
        expect("nothing was saved", lambda state: state.config.settings[0].value == 5),
        snapshot("config-wrong-120x40-dark"),
        press("escape"),
        see("attempts a provider, the first one included"),
    ],
)
SAVE: Final = Workflow(
    "changes are collected, looked at and saved",
    [
        OPEN,
        set_to("3"),
        press("enter"),
        set_to("3", rows=5),
        press("enter"),
        see("2 changes, not saved. 1 plan would change.", "Impact"),
        expect("nothing was saved", lambda state: state.config.settings[0].value == 5),
        snapshot("config-unsaved-120x40-dark"),
        resize(200, 60),
        see("providers tried for one operation"),
        expect("nothing was saved", lambda state: state.config.settings[0].value == 5),
        snapshot("config-200x60-dark"),
        press("ctrl+s"),
        see("2 changes to save.", "Ways on"),
        press("s"),
        expect("it is in force", lambda state: state.config.settings[0].value == 3),
        _holds("max_retries = 3                # attempts a provider"),
        see_no("not saved"),
    ],
)


def _has_both(state: State) -> bool:
    keys = () if state.config is None else [each.key for each in state.config.settings]
    return {"translation.providers.deepl.driver", "translation.providers.libretranslate.driver"} <= {*keys}


TABLES: Final = Workflow(
    "providers are removed and made anew in a form",
    [
        OPEN,
        press("left", *["down"] * 11, "n"),
        see("2 tables in translation.", "driver deepl", "new provider"),
        expect("nothing was saved", _has_both),
        snapshot("config-tables-120x40-dark"),
        press("delete"),
        see("1 table in translation."),
        press("n"),
        see("A new provider.", "the protocol it speaks"),
        enter("deep"),
        press("tab"),
        enter("deepl"),
        press("ctrl+s"),
        see("2 tables in translation.", "deep  "),
        press("up", "enter"),
        see("translation.providers.deep."),
        expect("nothing was saved", _has_both),
        snapshot("config-table-120x40-dark"),
        resize(80, 24),
        see("translation.providers.deep."),
        expect("nothing was saved", _has_both),
        snapshot("config-table-80x24-dark"),
        press("escape", "escape"),
        see("2 changes, not saved."),
        press("ctrl+s", "s"),
        _holds("[translation.providers.deep]"),
        see_no("not saved"),
    ],
)
SMALL: Final = Workflow(
    "the configuration is read and changed at 80 by 24",
    [
        OPEN,
        expect("it was read", lambda state: state.config is not None),
        snapshot("config-80x24-dark"),
        press("slash"),
        enter("ENGINE swift"),
        see("1 setting of 86", "engine.retry"),
        see_no("max_retries"),
        press("enter", "enter", "right"),
        see("swift"),
        press("enter"),
        see("1 change, not saved."),
        expect("nothing was saved", lambda state: state.config.settings[0].value == 5),
        snapshot("config-filter-80x24-dark"),
        press("ctrl+s", "x", "y"),
        see_no("not saved"),
    ],
    size=(80, 24),
)
TWO: Final = Workflow(
    "the second editor sees the first one's change before saving",
    [
        OPEN,
        set_to("3", rows=5),
        press("enter"),
        see("1 change, not saved."),
        do("carol saves meanwhile", _theirs),
        press("ctrl+s"),
        see("carol saved meanwhile: set engine.max_providers.", "both changed engine.max_providers: theirs 2"),
        expect("nothing was saved", lambda state: state.config.settings[0].value == 5),
        snapshot("config-theirs-120x40-dark"),
        press("s"),
        expect("it is in force", lambda state: state.config.settings[5].value == 3),
        _holds("max_providers = 3"),
    ],
)
TRIAL: Final = Workflow(
    "a change is on trial and kept",
    [
        OPEN,
        set_to("3"),
        press("enter", "ctrl+s"),
        see("save for 10 m"),
        press("left", "t"),
        expect("it is on trial", lambda state: state.config.trial is not None),
        see("on trial, 5 m left", "K keeps it"),
        press("1"),
        see("on trial, 5 m left"),
        expect("it is on trial", lambda state: state.config.trial is not None),
        snapshot("config-trial-120x40-dark"),
        press("K"),
        expect("it is kept", lambda state: state.config.trial is None),
        see_no("on trial, 5 m left"),
    ],
)
THEMES: Final = Workflow(
    "unsaved changes are seen in every theme",
    [
        OPEN,
        set_to("3"),
        press("enter"),
        set_to("3", rows=5),
        press("enter"),
        see("2 changes, not saved. 1 plan would change.", "Impact"),
        theme("console-light"),
        expect("nothing was saved", lambda state: state.config.settings[0].value == 5),
        snapshot("config-120x40-light"),
        theme("console-mono"),
        expect("nothing was saved", lambda state: state.config.settings[0].value == 5),
        snapshot("config-120x40-mono"),
    ],
)
ADMIN: Final = Workflow(
    "an admin reads what a super admin may change",
    [
        OPEN,
        see("To change it needs the role super admin; you are admin."),
        press("enter"),
        see("changing the configuration needs the role super admin"),
        expect("nothing was saved", lambda state: state.config.settings[0].value == 5),
        snapshot("config-admin-120x40-dark"),
    ],
)
HISTORY: Final = Workflow(
    "an earlier version is looked at, refused, and another one restored",
    [
        OPEN,
        press("h"),
        see("3 versions.", "set engine.on_refusal"),
        press("down", "down"),
        see("Revision 39 can no longer be used"),
        press("r"),
        see("revision 39 can no longer be used"),
        expect("nothing was restored", lambda state: state.config.settings[8].value == "next"),
        snapshot("config-history-refused-120x40-dark"),
        press("up"),
        see('− on_refusal = "next"'),
        press("r"),
        see("Restore revision 40?", "1 setting would be other than now."),
        press("y"),
        expect("it is in force", lambda state: state.config.settings[8].value == "stop"),
    ],
)
SECRET: Final = Workflow(
    "a credential is deleted and stored again, its value never seen",
    [
        OPEN,
        press("left", "end"),
        see("Kept in", "AZURE_OPENAI_KEY", "nowhere"),
        press("right", "down", "down"),
        expect("the engine is open", lambda state: state.open),
        snapshot("config-secrets-120x40-dark"),
        press("delete"),
        see("Delete ", "for a key from then on."),
        press("n"),
        press("s"),
        see("What you type or paste is not shown."),
        enter("sk-canary-4711"),
        see_no("canary"),
        press("enter"),
        see("is stored in"),
        see_no("canary"),
    ],
)
ALL: Final = (
    *((workflow, app) for workflow in (CHANGE, SAVE, TABLES, SMALL, TWO, TRIAL, THEMES, HISTORY, SECRET)),
    (ADMIN, admin),
)
