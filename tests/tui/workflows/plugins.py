"""Workflows of Plugins and of the doctor: what is loaded, what is not and why, and what mends it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from tests.tui.plugin_scene import FINDINGS, PLUGINS, disabled
from tests.tui.workflows import fleet
from textual.app import App

from provider_console.console.views import Who
from provider_console.testing.frozen import FrozenConsole
from provider_console.testing.operator import filter_by, open_mode, select
from provider_console.testing.workflow import Workflow, expect, press, resize, see, see_no, snapshot, theme
from provider_console.tui.state import State


def _aside(state: State) -> bool:
    return any(view.state == "quarantined" for view in state.plugins or ())


READ: Final = Workflow(
    "a plugin that was put aside is read at every size and in every theme",
    [
        see("down 2 m"),
        open_mode("plugins"),
        see("weather is put aside:", "RuntimeError: the forecast is not what it was", "works · new", "forecast.py"),
        expect("one is put aside", _aside),
        snapshot("plugins-120x40-dark"),
        resize(200, 60),
        see("Update or mend it, then restart."),
        expect("one is put aside", _aside),
        snapshot("plugins-200x60-dark"),
        resize(80, 24),
        theme("console-light"),
        see("weather", "put aside"),
        expect("one is put aside", _aside),
        snapshot("plugins-80x24-light"),
        theme("console-mono"),
        resize(120, 40),
        expect("one is put aside", _aside),
        snapshot("plugins-120x40-mono"),
    ],
)
PAGE: Final = Workflow(
    "the whole traceback is scrolled through, and a filter finds who brings a driver",
    [
        see("down 2 m"),
        open_mode("plugins"),
        select("weather"),
        press("enter"),
        see("Traceback (most recent call last):"),
        expect("one is put aside", _aside),
        snapshot("plugin-80x24-dark"),
        press("end"),
        see("RuntimeError: the forecast is not what it was"),
        press("escape"),
        filter_by("openai"),
        see("dynamic_ai"),
        see_no("weather  "),
        expect("nothing left the list", lambda state: len(state.plugins) == len(PLUGINS)),
        snapshot("plugins-filter-80x24-dark"),
    ],
    size=(80, 24),
)
SWITCH: Final = Workflow(
    "a plugin is kept out after a question that says what goes with it, and let in again",
    [
        see("down 2 m"),
        open_mode("plugins"),
        select("translation"),
        press("d"),
        see("Disable translation?", "from the next start on it is not loaded", "Nobody can execute translate."),
        expect("nothing is kept out", lambda state: "translation" not in state.plugins_off),
        snapshot("plugin-disable-120x40-dark"),
        press("y"),
        see("works · off at the next start"),
        theme("console-contrast"),
        expect("the next start keeps it out", lambda state: "translation" in state.plugins_off),
        snapshot("plugin-off-120x40-contrast"),
        press("d", "y"),
        see_no("off at the next start"),
    ],
)
ROLE: Final = Workflow(
    "a role that may not switch plugins sees the key, and why",
    [
        see("down 2 m"),
        open_mode("plugins"),
        select("translation"),
        press("d"),
        see("switching a plugin on or off needs the role super admin"),
        expect("nothing is kept out", lambda state: "translation" not in state.plugins_off),
        snapshot("plugins-admin-80x24-dark"),
    ],
    size=(80, 24),
)
DOCTOR: Final = Workflow(
    "the doctor is called from the palette",
    [
        see("down 2 m"),
        press("ctrl+p"),
        *(press(letter) for letter in "doctor"),
        press("enter"),
        see("2 of 8 things need mending.", "do: provider-console secrets set AZURE_OPENAI_KEY"),
        expect("it has looked", lambda state: state.examination is not None and state.examination.ended is not None),
        snapshot("doctor-120x40-dark"),
        resize(80, 24),
        expect("it has looked", lambda state: state.examination is not None and state.examination.ended is not None),
        snapshot("doctor-80x24-dark"),
        press("escape"),
        see_no("need mending"),
    ],
)
LOOKING: Final = Workflow(
    "a doctor that still looks shows how far it is",
    [
        see("down 2 m"),
        press("D"),
        see("Looking at files, keyring, plugins and every enabled provider.", "0 of 14"),
        expect("it looks", lambda state: state.examination is not None and state.examination.ended is None),
        snapshot("doctor-looking-120x40-light"),
        press("escape"),
        expect("it was told to stop", lambda state: state.examination is None),
    ],
)


def console(**answers: Any) -> FrozenConsole:
    """The fleet's console with its plugins; which of them the next start keeps out is remembered."""
    off = {"archive"}

    def switch(name: str, *, enabled: bool) -> Any:
        (off.discard if enabled else off.add)(name)
        return disabled(*sorted(off))

    return fleet.console(
        **{
            "plugins": PLUGINS,
            "config": lambda: disabled(*sorted(off)),
            "set_plugin_enabled": switch,
            "doctor": FINDINGS,
            **answers,
        }
    )


def _admin() -> App[Any]:
    who = Who(actor="bob", role="admin", front_end="tui", may={"set_plugin_enabled": "needs the role super admin"})
    return fleet.app(console(whoami=who))


async def _never() -> None:
    await asyncio.Event().wait()


ALL: Final = (
    (READ, lambda: fleet.app(console())),
    (PAGE, lambda: fleet.app(console())),
    (SWITCH, lambda: fleet.app(console())),
    (ROLE, _admin),
    (DOCTOR, lambda: fleet.app(console())),
    (LOOKING, lambda: fleet.app(console(doctor=_never), theme="console-light")),
)
