"""Config on the engine itself and a real file: comments kept, two editors, a way back, and no secret anywhere."""

from __future__ import annotations

import os
import sys
from asyncio import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.api.far import Engine
from tests.api.served import KEY

from provider_console.bootstrap import Situation
from provider_console.testing.operator import open_mode
from provider_console.testing.workflow import Stage, Step, Workflow, do, enter, expect, play, press, see, see_no
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.state import State
from provider_console.tui.themes import load_themes

pytestmark = pytest.mark.limit(60)
"""A whole console starts in each."""

TEXT = """\
# ours
[engine]
max_retries = 5  # attempts a provider
max_providers = 3

[health]
health_check_interval = 3600000

[dynamic_ai]
discover_local = false
"""


def environ(home: Path) -> dict[str, str]:
    """The environment of a console in a folder of its own, without a keyring."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROVIDER_")}
    return {
        **kept,
        "PROVIDER_CONSOLE_HOME": str(home),
        "PROVIDER_CONSOLE__API__KEY_FILE": str(home / "token.key"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }


Steps = Callable[..., Awaitable[ConsoleApp]]


@pytest.fixture
def steps(at: Engine) -> Steps:
    """Play steps from the open configuration on."""

    async def played(home: Path, *steps_: Step) -> ConsoleApp:
        async with at(Situation(home=home, environ=environ(home)), home) as opener:
            preview = Preview(names=("x",))
            app = ConsoleApp(opener=opener, preview=preview, clock=WallClock(), themes=load_themes([]))
            opened = (open_mode("config"), see("config.toml · revision", "max_retries", limit_s=30.0))
            await play(Workflow("the configuration of a real file", [*opened, *steps_], size=(120, 40)), app)
        return app

    return played


def value(key: str, wanted: Any) -> Step:
    """A setting is in force with a value."""

    def claim(state: State) -> bool:
        settings = () if state.config is None else state.config.settings
        return any(each.key == key and each.value == wanted for each in settings)

    return expect(f"{key} is {wanted}", claim)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a configuration in it, and a key for tokens."""
    (tmp_path / "config.toml").write_text(TEXT, "utf-8")
    key = tmp_path / "token.key"
    key.touch(mode=0o600)
    key.write_text(KEY)
    return tmp_path


RETRIES_TO_3 = (press("enter", "ctrl+u"), enter("3"), see("ok"), press("enter"), see("1 change, not saved."))


async def test_a_setting_is_saved_and_the_comments_stay(home: Path, steps: Steps) -> None:
    await steps(home, *RETRIES_TO_3, press("ctrl+s"), see("Ways on"), press("s"), value("engine.max_retries", 3))

    assert (home / "config.toml").read_text("utf-8") == TEXT.replace("max_retries = 5", "max_retries = 3")


async def test_bounds_that_move_together_are_saved_together(home: Path, steps: Steps) -> None:
    (home / "config.toml").write_text("[engine]\nbase_delay = 1000\nmax_delay = 2000\n", "utf-8")
    await steps(
        home,
        press("down", "enter", "ctrl+u"),
        enter("5000"),
        see("engine.max_delay"),
        see_no("must be a whole number"),
    )


async def test_two_editors_lose_nothing(home: Path, steps: Steps) -> None:
    def others(_stage: Stage) -> None:
        file = home / "config.toml"
        file.write_text(file.read_text("utf-8").replace("max_providers = 3", "max_providers = 2  # theirs"), "utf-8")

    await steps(
        home,
        *RETRIES_TO_3,
        do("somebody else saves", others),
        press("ctrl+s"),
        see("saved meanwhile", "max_providers = 2  # theirs", "Ways on"),
        press("s"),
        value("engine.max_retries", 3),
        value("engine.max_providers", 2),
    )

    text = (home / "config.toml").read_text("utf-8")
    assert "max_retries = 3  # attempts a provider" in text
    assert "max_providers = 2  # theirs" in text


async def test_who_saves_between_the_look_and_the_save_is_seen_as_well(home: Path, steps: Steps) -> None:
    def others(_stage: Stage) -> None:
        file = home / "config.toml"
        file.write_text(file.read_text("utf-8").replace("max_providers = 3", "max_providers = 2"), "utf-8")

    await steps(
        home,
        *RETRIES_TO_3,
        press("ctrl+s"),
        see("Ways on"),
        do("somebody else saves", others),
        press("s"),
        see("saved meanwhile", "max_providers = 2"),
        press("s"),
        value("engine.max_retries", 3),
        value("engine.max_providers", 2),
    )


async def test_a_change_on_trial_is_kept_by_a_key_in_another_mode(home: Path, steps: Steps) -> None:
    await steps(
        home,
        *RETRIES_TO_3,
        press("ctrl+s"),
        see("Ways on"),
        press("t"),
        see("on trial,"),
        press("1"),
        see("on trial,", "K keeps it"),
        press("K"),
        see_no("on trial,"),
        expect("nothing is on trial", lambda state: state.config.trial is None),
    )
    await steps(home, value("engine.max_retries", 3))


async def test_a_change_on_trial_whose_console_ended_is_taken_back_at_the_next_start(home: Path, steps: Steps) -> None:
    await steps(home, *RETRIES_TO_3, press("ctrl+s"), see("Ways on"), press("t"), see("on trial,"))
    assert "max_retries = 3" in (home / "config.toml").read_text("utf-8")

    await steps(home, value("engine.max_retries", 5), see_no("on trial,"))

    assert (home / "config.toml").read_text("utf-8") == TEXT


async def test_a_broken_file_is_said_with_its_line_and_the_last_good_one_stays(home: Path, steps: Steps) -> None:
    def broken(_stage: Stage) -> None:
        (home / "config.toml").write_text(TEXT.replace("max_retries", "max_retrys"), "utf-8")

    await steps(
        home,
        do("somebody breaks the file", broken),
        see("The file cannot be used. The last good configuration is in force.", "Mend config.toml line 3, column 1"),
        value("engine.max_retries", 5),
    )


async def test_an_earlier_version_is_compared_and_restored(home: Path, steps: Steps) -> None:
    await steps(home, *RETRIES_TO_3, press("ctrl+s"), see("Ways on"), press("s"), value("engine.max_retries", 3))

    await steps(
        home,
        press("h"),
        see("2 versions.", "set engine.max_retries", "in force"),
        press("down"),
        see("+ max_retries = 5"),
        press("r"),
        see("Restore revision 1?", "1 setting would be other than now."),
        press("y"),
        value("engine.max_retries", 5),
        see("3 versions."),
    )

    assert (home / "config.toml").read_text("utf-8") == TEXT


async def test_the_panel_and_config_show_agree(home: Path, steps: Steps) -> None:
    app = await steps(home)

    process = await subprocess.create_subprocess_exec(
        str(Path(sys.executable).with_name("provider-console")),
        *("config", "show", "--json"),
        env=environ(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    assert app.state.config is not None
    assert msgspec.json.decode(printed)["settings"] == msgspec.json.decode(
        msgspec.json.encode(app.state.config.settings)
    )
