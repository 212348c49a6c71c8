"""The one interface: its methods, its table of roles, its implementation, its errors, and the commands on it."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

from provider_console.cli.program import COMMANDS, run
from provider_console.console import errors
from provider_console.console.access import ACTIONS
from provider_console.console.console import Console
from provider_console.engine.engine_console import EngineConsole

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = ROOT / "src" / "provider_console"

METHODS: Final = sorted(
    name for name, value in vars(Console).items() if inspect.isfunction(value) and not name.startswith("_")
)


# --- the console -------------------------------------------------------------------------------------------------


def test_every_method_has_its_row_in_the_table_of_roles_and_every_row_its_method() -> None:
    assert sorted(ACTIONS) == METHODS


@pytest.mark.parametrize("name", METHODS)
def test_the_engine_console_has_the_very_signature(name: str) -> None:
    wanted, found = getattr(Console, name), getattr(EngineConsole, name)

    assert inspect.signature(found) == inspect.signature(wanted)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_awaited_or_iterated_as_the_interface_says(name: str) -> None:
    wanted, found = getattr(Console, name), getattr(EngineConsole, name)
    streams = "AsyncIterator" in str(inspect.signature(wanted).return_annotation)

    assert inspect.isasyncgenfunction(found) is streams
    assert inspect.iscoroutinefunction(found) is not streams


@pytest.mark.limit(60)
def test_mypy_takes_the_engine_console_for_a_console(tmp_path: Path) -> None:
    program = tmp_path / "conforms.py"
    program.write_text(
        "from provider_console.console.console import Console\n"
        "from provider_console.engine.engine_console import EngineConsole\n"
        "def given(engine: EngineConsole) -> Console:\n    return engine\n"
        "def taken(engine: EngineConsole) -> None:\n    needed: Console = 4711\n"
    )
    finished = subprocess.run(
        [Path(sys.executable).with_name("mypy"), "--config-file", ROOT / "pyproject.toml", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    complaints = [line for line in finished.stdout.splitlines() if "error:" in line]
    assert len(complaints) == 1, finished.stdout
    assert "conforms.py:6:" in complaints[0], "the line that is wrong on purpose, and no other"


def _changing() -> Iterator[str]:
    for name in METHODS:
        if name.split("_")[0] in {
            "set",
            "adopt",
            "replace",
            "restore",
            "delete",
            "test",
            "execute",
            "cancel",
            "clear",
            "issue",
            "renew",
            "revoke",
            "rotate",
        }:
            yield name


@pytest.mark.parametrize("name", sorted(_changing()))
def test_what_changes_or_executes_is_audited(name: str) -> None:
    assert ACTIONS[name].audited


# --- errors ------------------------------------------------------------------------------------------------------


def _errors() -> list[type[errors.ConsoleError]]:
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.ConsoleError) and value is not errors.ConsoleError
    ]


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [error.code for error in _errors()]

    assert len(codes) == len(set(codes))
    assert all("code" in vars(error) for error in _errors())
    assert all(code.replace("_", "").isalpha() and code == code.lower() for code in codes)


# --- commands ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_module_and_an_example_that_can_be_read(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module: Any = import_module(f"provider_console.cli.{name}")
    seen: list[Any] = []

    async def remember(arguments: Any, _output: Any) -> int:
        seen.append(arguments)
        return 0

    monkeypatch.setattr(module, "COMMAND", module.COMMAND._replace(run=remember))
    program, *words = shlex.split(module.COMMAND.example.partition("<")[0])

    assert (program, words[0]) == ("provider-console", name)
    assert run(words) == 0, capsys.readouterr().err
    assert len(seen) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_its_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0

    shown = capsys.readouterr().out
    example = import_module(f"provider_console.cli.{name}").COMMAND.example
    assert example in shown
    assert "--json" in shown


def _actions() -> list[tuple[str, str]]:
    """Every command and action of one."""
    found = []
    for name in COMMANDS:
        parser = argparse.ArgumentParser()
        import_module(f"provider_console.cli.{name}").COMMAND.arguments(parser)
        for part in parser._actions:
            if isinstance(part, argparse._SubParsersAction):
                found += [(name, action) for action in part.choices]
    return found


@pytest.mark.parametrize(("name", "action"), _actions(), ids=" ".join)
def test_every_action_explains_itself_with_an_example_that_can_be_read(
    name: str, action: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module: Any = import_module(f"provider_console.cli.{name}")

    async def nothing(_arguments: Any, _output: Any) -> int:
        return 0

    monkeypatch.setattr(module, "COMMAND", module.COMMAND._replace(run=nothing))
    assert run([name, action, "--help"]) == 0
    said, _, example = capsys.readouterr().out.partition("example:\n  ")
    program, *words = shlex.split(example.partition("<")[0])

    assert re.search(r"\n\n[A-Z].*\.\n", said), said
    assert (program, *words[:2]) == ("provider-console", name, action)
    assert run(words) == 0, capsys.readouterr().err


def test_every_module_with_a_command_is_in_the_table() -> None:
    with_command = {
        path.stem
        for path in (SOURCES / "cli").glob("*.py")
        if any(
            isinstance(node, ast.Assign | ast.AnnAssign)
            and "COMMAND" in ast.unparse(node).partition("=")[0].split(":")[0]
            for node in ast.parse(path.read_text()).body
        )
    }

    assert with_command - {"program"} == set(COMMANDS)


def test_a_line_of_help_is_one_line() -> None:
    assert all("\n" not in line and len(line) <= 80 and not line.endswith(".") for line in COMMANDS.values())


# --- proportions -------------------------------------------------------------------------------------------------


def _long() -> list[str]:
    """Files over 400 lines and functions over 60: where to ask whether this is two things."""
    found = []
    for path in sorted([*SOURCES.rglob("*.py"), *(ROOT / "plugins").glob("*/src/**/*.py")]):
        text = path.read_text()
        place = path.relative_to(ROOT)
        if (lines := len(text.splitlines())) > 400:
            found.append(f"{place}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > 60:
                    found.append(f"{place}:{node.lineno}: {node.name} has {length} lines")
    return found


def test_long_files_and_functions_are_reported(record_property: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found = _long()
    record_property("long", "\n".join(found))
    with capsys.disabled():
        sys.stdout.write("".join(f"\n  is this two things? {line}" for line in found))
