"""The guards of the tests themselves: what leaves loopback or takes too long does not pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.home import GUARD
from tests.nested import run_pytest

OUTSIDE = """
import socket

def test_it():
    try:
        socket.create_connection(("192.0.2.1", 80), 0.01)
    except Exception:
        pass
"""

SLOW = """
import threading

def test_it():
    threading.Event().wait(30)
"""

SLOW_COROUTINE = """
import asyncio

async def test_it():
    await asyncio.Event().wait()
"""


@pytest.mark.parametrize(
    ("text", "limit_s", "told"),
    [
        (OUTSIDE, "20", "this one reached for 192.0.2.1:80"),
        (SLOW, "0.2", "took over 0.2 s"),
        (SLOW_COROUTINE, "0.2", "took over 0.2 s"),
    ],
    ids=["outside", "slow", "slow coroutine"],
)
def test_a_test_that_breaks_the_rules_fails(tmp_path: Path, text: str, limit_s: str, told: str) -> None:
    file = tmp_path / "test_rules.py"
    file.write_text(text, "utf-8")

    arguments = ("-p", "tests.conftest", "-c", "pyproject.toml", "--rootdir", str(tmp_path), str(file))

    code, printed = run_pytest(*arguments, environ={"PROVIDER_CONSOLE_TEST_LIMIT_S": limit_s})

    assert code == 1, printed
    assert told in printed


def test_a_command_of_the_tests_stays_on_loopback_too() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import socket; socket.create_connection(('192.0.2.1', 80), 0.01)"],
        env={"PYTHONPATH": str(GUARD)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "tests stay on loopback" in ended.stderr
