"""Standard streams that are closed, full or of another encoding: an answer or a sentence, never a traceback."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest
from tests.e2e.home import PROGRAM, Finished, Home, clean_stderr
from tests.tui.pseudo_terminal import PseudoTerminal

# Each of these tests starts several processes, and a busy machine takes its time for that.
pytestmark = pytest.mark.limit(60)

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def redirected(home: Home, *arguments: str, how: str) -> Finished:
    """A command whose streams a shell has redirected."""
    ended = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {how}', "sh", str(PROGRAM), *arguments],
        env=home.environ,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    return Finished(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


@pytest.mark.parametrize("arguments", [(), ("--help",), ("--version",), ("health", "--help"), ("health",)])
def test_a_reader_that_leaves_at_once_hears_no_complaint(home: Home, arguments: tuple[str, ...]) -> None:
    assert home.run_unread(*arguments) == Finished(0, "", "")


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("health", "--help"), ("health",)])
def test_output_that_cannot_be_written_is_a_sentence(home: Home, arguments: tuple[str, ...]) -> None:
    finished = redirected(home, *arguments, how=">/dev/full")

    assert finished.code == 1, finished
    assert clean_stderr(finished) == [
        "provider-console: the output cannot be written (No space left on device); send it somewhere else"
    ]


def test_messages_that_cannot_be_written_change_no_exit_code(home: Home) -> None:
    assert redirected(home, "helth", how="2>/dev/full").code == 2


@pytest.mark.parametrize("how", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("arguments", [(), ("config", "get", "log.level")])
def test_closed_streams_change_nothing_else(home: Home, arguments: tuple[str, ...], how: str) -> None:
    finished = redirected(home, *arguments, how=how)

    assert (finished.code, finished.err) == (0, "")
    assert bool(finished.out) is (">&-" not in how.split())


def test_what_an_encoding_has_not_is_escaped(home: Home) -> None:
    told = home.run("health", environ=ASCII)
    shown = home.run("config", "show", "--json", environ=ASCII)

    assert told.code == shown.code == 0, (told, shown)
    assert "overall \\u2013" in told.out
    assert json.loads(shown.out) == home.run("config", "show", "--json").json()


def test_a_name_without_end_is_not_repeated_whole(home: Home) -> None:
    finished = home.run("providers", "--category", "x" * 100_000)

    assert finished.code == 2
    assert len(clean_stderr(finished)[-1]) < 10_000


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_hidden_prompt_ends_with_a_signal_and_shows_again_what_is_typed(home: Home, name: str) -> None:
    with PseudoTerminal([str(PROGRAM), "secrets", "set", "PRIMARY_KEY"], home.environ) as terminal:
        terminal.until("not shown")
        terminal.process.send_signal(getattr(signal, name))

        assert terminal.end() == 130
        assert terminal.echoes
        assert "interrupted" in terminal.text()


def test_what_is_typed_at_a_hidden_prompt_is_not_shown(home: Home) -> None:
    with PseudoTerminal([str(PROGRAM), "secrets", "set", "PRIMARY_KEY"], home.environ) as terminal:
        terminal.until("not shown")
        terminal.type("typed-and-unseen-0000\n")

        # There is no keyring to keep it.
        assert terminal.end() == 4
        assert "typed-and-unseen" not in terminal.text()
        assert terminal.echoes


def test_bytes_that_are_no_text_are_no_credential(home: Home) -> None:
    finished = home.run("secrets", "set", "PRIMARY_KEY", stdin=b"\xff\xfe")

    assert finished.code == 2, finished
    assert "bytes that are not" in clean_stderr(finished)[-1]


def test_the_terminal_is_painted_though_errors_go_into_a_file(home: Home, tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", 'exec "$@" 2>"$0"', str(tmp_path / "errors"), str(PROGRAM)]
    with PseudoTerminal(command, home.environ) as terminal:
        terminal.until("No provider yet")
        terminal.type("q")
        terminal.end()

    assert (tmp_path / "errors").read_text() == ""


def test_a_terminal_of_another_encoding_is_a_sentence(home: Home) -> None:
    with PseudoTerminal([str(PROGRAM)], {**home.environ, **ASCII}) as terminal:
        assert terminal.end() == 1
        assert "the terminal console needs UTF-8" in terminal.text()
