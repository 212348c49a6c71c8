"""The configuration in the person's own editor, from the terminal: a real one, a real program in it, a real file."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from tests.tui.pseudo_terminal import PseudoTerminal
from tests.tui.test_config_live import TEXT
from tests.tui.workflows import config

from provider_console.testing.workflow import Workflow, play, press, see

pytestmark = pytest.mark.limit(60)
"""A whole console starts in each."""

PROGRAM = str(Path(sys.executable).with_name("provider-console"))
Opened = Callable[..., AbstractContextManager[PseudoTerminal]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a configuration in it."""
    folder = tmp_path / "console"
    folder.mkdir()
    (folder / "config.toml").write_text(TEXT, "utf-8")
    return folder


@pytest.fixture
def opened(home: Path) -> Opened:
    """The terminal console with Config shown, and an editor that is a Python program (None: there is none)."""

    @contextmanager
    def console(code: str | None) -> Iterator[PseudoTerminal]:
        editor = home.parent / "editor.py"
        editor.write_text(f"import os, pathlib, sys, termios\ndraft = pathlib.Path(sys.argv[1])\n{code}\n")
        environ = {
            "PROVIDER_CONSOLE_HOME": str(home),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "VISUAL": "",
            "EDITOR": "" if code is None else f"{sys.executable} {editor}",
            "TMPDIR": str(home.parent),
        }
        with PseudoTerminal([PROGRAM], environ) as terminal:
            terminal.until("commands")
            terminal.type("4")
            terminal.until("max_retries", limit_s=30)
            terminal.settle()
            yield terminal

    return console


def edit(terminal: PseudoTerminal) -> int:
    """Open the editor; where in what is written that was."""
    at = len(terminal.written)
    terminal.type("e")
    return at


def save(terminal: PseudoTerminal) -> None:
    """Save what is looked at, and leave the console once it is in force."""
    terminal.settle()
    at = len(terminal.written)
    terminal.type("s")
    terminal.until("settings set", since=at)
    terminal.type("q")
    assert terminal.end() == 0


def test_what_is_written_in_the_editor_is_looked_at_and_then_saved(opened: Opened, home: Path) -> None:
    code = """
print("cooked" if termios.tcgetattr(0)[3] & termios.ICANON else "raw", input("ready? "))
draft.write_text(draft.read_text().replace("max_retries = 5", "max_retries = 2"))
"""
    with opened(code) as terminal:
        at = edit(terminal)
        terminal.until("ready?", since=at)
        terminal.type("yes\n")
        terminal.until("cooked yes", since=at)
        terminal.until("A new text to save.", since=at)
        terminal.until("max_retries = 2", since=at)
        terminal.until("Ways on", since=at)
        save(terminal)

    assert (home / "config.toml").read_text("utf-8") == TEXT.replace("max_retries = 5", "max_retries = 2")
    assert not list(home.parent.glob("provider-console-*"))


def test_what_could_not_be_used_is_said_with_its_line_and_edited_again(opened: Opened, home: Path) -> None:
    code = """
text = draft.read_text()
draft.write_text(text.replace("max_retries = 99", "max_retries = 4") if "= 99" in text else
                 text.replace("max_retries = 5", "max_retries = 99"))
"""
    with opened(code) as terminal:
        at = edit(terminal)
        terminal.until("It could not be used.", since=at)
        terminal.until("engine.max_retries", since=at)
        again = edit(terminal)
        terminal.until("max_retries = 4", since=again)
        assert (home / "config.toml").read_text("utf-8") == TEXT
        save(terminal)

    assert "max_retries = 4" in (home / "config.toml").read_text("utf-8")


def test_an_editor_that_fails_leaves_the_terminal_to_the_console_and_keeps_the_text(opened: Opened, home: Path) -> None:
    with opened("draft.write_text('half'); sys.exit(3)") as terminal:
        at = edit(terminal)
        terminal.until("ended with code 3", since=at)
        terminal.type("1")
        terminal.until("Health", since=at)
        terminal.type("q")
        assert terminal.end() == 0

    assert (home / "config.toml").read_text("utf-8") == TEXT
    kept = list(home.parent.glob("provider-console-*/config.toml"))
    assert [each.read_text("utf-8") for each in kept] == ["half"]


def test_without_an_editor_it_says_which_variable_names_one(opened: Opened, home: Path) -> None:
    with opened(None) as terminal:
        at = edit(terminal)
        terminal.until("no editor is named; set VISUAL or EDITOR", since=at)

    assert (home / "config.toml").read_text("utf-8") == TEXT
    assert not list(home.parent.glob("provider-console-*"))


def test_who_saves_while_the_editor_is_open_is_seen_before_the_save(opened: Opened, home: Path) -> None:
    code = f"""
theirs = pathlib.Path({str(home / "config.toml")!r})
if "theirs" not in theirs.read_text():
    theirs.write_text(theirs.read_text().replace("max_providers = 3", "max_providers = 2  # theirs"))
draft.write_text(draft.read_text().replace("max_retries = 5", "max_retries = 2"))
"""
    with opened(code) as terminal:
        at = edit(terminal)
        terminal.until("saved meanwhile", since=at)
        terminal.until("max_providers = 2  # theirs", since=at)
        terminal.until("It is not in your text: e edits it again.", since=at)

    assert "max_retries = 5" in (home / "config.toml").read_text("utf-8")


async def test_where_the_file_is_elsewhere_the_key_says_so() -> None:
    await play(Workflow("elsewhere", [config.OPEN, press("e"), see("no file of this")]), config.app())


def test_a_console_goes_on_while_the_terminal_is_somebody_elses() -> None:
    # Textual's writer takes thirty writes and then makes the one who writes wait: with it waited every provider.
    program = textwrap.dedent(
        """
        from tests.tui.workflows import fleet
        from provider_console.tui.clock import WallClock

        app = fleet.app(fleet.console(), clock=WallClock())

        def leave():
            with app.suspend():
                for _ in range(100):
                    app._driver.write("never seen")
            app.exit()

        app.call_later(lambda: app.call_after_refresh(leave))
        app.run()
        """
    )
    root = Path(__file__).parents[2]
    with PseudoTerminal([sys.executable, "-c", program], {"PYTHONPATH": str(root)}) as terminal:
        assert terminal.end() == 0
        assert b"never seen" not in terminal.written
