"""The calls that style.md bans, and the types that mypy insists on: a seeded line is caught."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
BIN: Final = Path(sys.executable).parent

BANNED: Final = [
    "time.time()",
    "time.monotonic()",
    "time.perf_counter()",
    "datetime.datetime.now()",
    "datetime.datetime.utcnow()",
    "asyncio.sleep(1)",
    "asyncio.wait_for(None, 1)",
    "asyncio.create_task(None)",
    "asyncio.ensure_future(None)",
    "random.random()",
    "random.choice([1])",
    "random.randint(1, 2)",
    "random.uniform(1, 2)",
]
ELSEWHERE: Final = [
    ("TID251", "from time import monotonic"),
    ("TID251", "from asyncio import sleep"),
    ("TID251", "from random import random"),
    ("BLE001", "def f():\n    try:\n        g()\n    except Exception:\n        return None"),
    ("SIM105", "try:\n    f()\nexcept ValueError:\n    pass"),
    ("T201", "print('here')"),
    ("FBT003", "f(True)"),
    ("ASYNC251", "import time\nasync def f():\n    time.sleep(1)"),
]


def found(text: str, place: str) -> set[str]:
    """The rules that a text breaks if it stood at a place."""
    finished = subprocess.run(
        [BIN / "ruff", "check", "--no-cache", "--output-format", "json", "--stdin-filename", ROOT / place, "-"],
        input=text,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return {broken["code"] for broken in json.loads(finished.stdout)}


def imported(call: str) -> str:
    return f"import {call.split('.')[0]}\n\n{call}\n"


@pytest.mark.parametrize("call", BANNED)
def test_a_banned_call_is_caught(call: str) -> None:
    assert "TID251" in found(imported(call), "src/provider_console/engine/seeded.py")


@pytest.mark.parametrize("place", ["src/provider_console/core/x.py", "plugins/translation/src/x.py"])
def test_the_bans_hold_in_every_source(place: str) -> None:
    assert "TID251" in found(imported("time.time()"), place)


@pytest.mark.parametrize(("code", "text"), ELSEWHERE, ids=[text.splitlines()[0] for _, text in ELSEWHERE])
def test_what_else_the_style_asks_for_is_caught(code: str, text: str) -> None:
    assert code in found(text, "src/provider_console/engine/seeded.py")


def test_the_table_of_bans_is_tried_whole() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]

    banned = set(ruff["lint"]["flake8-tidy-imports"]["banned-api"])
    assert {call.partition("(")[0] for call in BANNED} == banned


def test_only_the_clocks_may_read_the_clock() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]

    sources = {place: rules for place, rules in ruff["lint"]["per-file-ignores"].items() if place.startswith("src")}
    assert [place for place, rules in sources.items() if "TID251" in rules] == [
        "src/provider_console/adapters/clock.py",
        "src/provider_console/tui/clock.py",
    ]


UNTYPED: Final = {
    "no-untyped-def": "def f(x):\n    return x\n",
    "type-arg": "def f(x: list) -> None: ...\n",
    "no-any-return": "from typing import Any\ndef f(x: Any) -> int:\n    return x\n",
    "unreachable": "def f(x: int) -> int:\n    if isinstance(x, int):\n        return x\n    return 0\n",
    "arg-type": "def f(x: int) -> None: ...\nf('1')\n",
}


@pytest.mark.limit(60)
def test_mypy_is_strict(tmp_path: Path) -> None:
    for code, text in UNTYPED.items():
        (tmp_path / f"{code.replace('-', '_')}.py").write_text(text)
    finished = subprocess.run(
        [BIN / "mypy", "--config-file", ROOT / "pyproject.toml", "--cache-dir", tmp_path / "cache", tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    for code in UNTYPED:
        assert f"[{code}]" in finished.stdout, finished.stdout + finished.stderr
