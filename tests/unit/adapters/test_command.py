"""The user's own command: a real process, its arguments as they are, and an end to it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from provider_console.adapters.command import Commands

ENVIRON = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "DEEPL_AUTH_KEY": "canary-4711"}


def python(code: str, *more: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *more)


async def test_arguments_arrive_as_they_are_and_no_shell_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "seen"
    strange = "$(touch /tmp/never) ; `id` 'x' \"y\" {title} -- \n*"

    problem = await Commands(ENVIRON).ring(
        python("import sys; open(sys.argv[1], 'w').write(sys.argv[2])", str(file), strange)
    )

    assert (problem, file.read_text()) == (None, strange)


async def test_a_command_sees_no_variable_that_may_be_a_credential(tmp_path: Path) -> None:
    file = tmp_path / "seen"

    await Commands(ENVIRON).ring(
        python("import os, sys; open(sys.argv[1], 'w').write(repr(dict(os.environ)))", str(file))
    )

    assert "canary-4711" not in file.read_text()
    assert "C.UTF-8" in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("/no/such/program",), "cannot be run (No such file or directory); put alerts.on_alert right"),
        (python("raise SystemExit(3)"), "ended with code 3"),
        (python("import sys; sys.exit('no bus \\x1b[2J here')"), "ended with code 1: no bus \ufffd here"),
        (("echo", "a\0b"), "an argument holds a null byte"),
    ],
)
async def test_a_failure_is_said_in_a_sentence(arguments: tuple[str, ...], said: str) -> None:
    problem = await Commands(ENVIRON).ring(arguments)

    assert problem is not None
    assert said in problem


async def test_a_command_that_writes_without_end_is_read_and_bounded() -> None:
    problem = await Commands(ENVIRON).ring(python("import sys; sys.stderr.write('x' * 10**7); sys.exit(1)"))

    assert problem is not None
    assert len(problem) < 400


async def test_a_command_that_hangs_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = (
        "import subprocess, sys, time; child = subprocess.Popen(['sleep', '600']); "
        "open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(600)"
    )

    problem = await Commands(ENVIRON, limit_s=2.0).ring(python(code, str(file)))

    assert problem is not None
    assert "did not end within 2 s and was stopped" in problem
    assert _gone(file.read_text())


def _gone(pid: str) -> bool:
    """Whether a process has ended, be it that nobody has asked for its code yet."""
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "State:\tZ" in status.read_text()
