"""What the pages say of commands, exit codes, error classes, hooks, reports and states, against the program."""

from __future__ import annotations

import argparse
import doctest
import re
import shlex
import typing
from collections.abc import Iterator
from importlib import import_module

import pytest
from tests.documentation.pages import PAGES, ROOT, blocks, codes, name, rows, text

from provider_console.cli import exits
from provider_console.cli.command import common_options
from provider_console.cli.program import COMMANDS
from provider_console.console.views import AttemptView, ExecutionReport, ExecutionStatus, HealthState, PlanEntry
from provider_console.core import breaker
from provider_console.core.alerts import QUANTITIES, SHIPPED
from provider_console.core.classify import RULES
from provider_console.engine import caller, fallback
from provider_console.remote.address import address_of
from provider_console.sandbox import KINDS, NAMES
from provider_console.sdk import hooks
from provider_console.sdk.operation import OperationKind

FALLBACK = "docs/fallback.md"
OPERATIONS = "docs/operations.md"
CODES = {exits.DONE, exits.FAILED, exits.USAGE, exits.ALL_FAILED, exits.ACCESS, exits.CONFIGURATION, exits.INTERRUPTED}

# --- commands --------------------------------------------------------------------------------------------------------


def command_lines() -> Iterator[tuple[str, str]]:
    """Every command line of the program in the pages, and where it stands."""
    for block in blocks("console", "sh"):
        for number, line in enumerate(block.text.splitlines(), block.line):
            yield from ((f"{name(block.page)}:{number}", call) for call in _calls(line.removeprefix("$ ")))
    for page in PAGES:
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
            for code in codes(line):
                if code.startswith("provider-console ") and code.split()[1].isalpha():
                    yield f"{name(page)}:{number}", code.removeprefix("provider-console ").replace("\\|", "|")


def _calls(line: str) -> Iterator[str]:
    match = re.match(r"\s*(?:[A-Z_]+=\S+ )*(?:uv run |\S*/)?provider-console (.+)", line)
    if match is not None:
        yield re.split(r" [<>|] ", match[1])[0]


def parse(words: list[str]) -> argparse.Namespace:
    """What the program makes of a command line, without running it."""
    command, *rest = words
    parser = argparse.ArgumentParser(parents=[common_options()])
    import_module(f"provider_console.cli.{command}").COMMAND.arguments(parser)
    return parser.parse_args(rest)


@pytest.mark.parametrize(
    ("where", "line"), [pytest.param(*one, id=f"{one[0]}-{one[1][:40]}") for one in command_lines()]
)
def test_every_command_line_shown_parses(where: str, line: str):
    words = shlex.split(line)
    if words in (["--help"], ["--version"]):
        return
    if words[0] == "--connect":
        assert address_of(words[1])
        return
    # Words in capitals stand for something.
    words = [{"REVISION": "1", "KIND": "translate", "ID": "deepl"}.get(word, word) for word in words]
    assert words[0] in COMMANDS, where
    try:
        parse(words)
    except SystemExit as end:
        pytest.fail(f"{where}: provider-console {line} is refused ({end.code})")


def test_the_readme_lists_every_command_with_its_own_words():
    shown = {codes(cell)[0].split()[1]: words for cell, words in rows("README.md", "command")}
    assert list(shown) == list(COMMANDS)
    for command, line in COMMANDS.items():
        assert line.split()[0] in shown[command], f"{command}: {line}"


def test_the_changelog_names_every_command():
    assert set(COMMANDS) <= set(codes(text("CHANGELOG.md").replace("\n", " ")))


def test_the_exit_codes_are_those_of_the_program():
    assert {int(code) for code, _ in rows(OPERATIONS, "code")} == CODES
    sentence = re.search(r"Exit codes: (.*?)\.\n", text("README.md"), re.DOTALL)
    assert sentence is not None
    assert {int(number) for number in re.findall(r"\b\d+\b", sentence[1])} == CODES


# --- fallback --------------------------------------------------------------------------------------------------------


def test_the_table_of_error_classes_is_the_rule_of_each():
    again = {None: "yes", 0: "no", 1: "once"}
    known = {}
    for error_class, rule in RULES.items():
        known[error_class.value] = [again[rule.retries], rule.jitter, f"{rule.weight:g}", rule.breaker]
    assert {codes(row[0])[0]: row[2:] for row in rows(FALLBACK, "class")} == known


@pytest.mark.parametrize(
    ("header", "view"),
    [("field", ExecutionReport), ("field of plan", PlanEntry), ("field of attempts", AttemptView)],
)
def test_every_field_of_a_report_is_explained_and_no_other(header: str, view: type):
    shown = [field for cell, _ in rows(FALLBACK, header) for field in codes(cell)]
    assert sorted(shown) == sorted(view.__struct_encode_fields__)


def test_every_status_of_an_execution_is_named():
    words = next(words for cell, words in rows(FALLBACK, "field") if codes(cell) == ["status"])
    assert codes(words) == list(typing.get_args(ExecutionStatus))


def test_every_reason_that_the_engine_gives_for_leaving_a_provider_is_explained():
    source = "".join(
        (ROOT / f"src/provider_console/engine/{name}.py").read_text("utf-8") for name in ("caller", "fallback")
    )
    given = set(re.findall(r'leave\([^)]*?"([a-z ]+)"\)', source)) | set(re.findall(r'return "([a-z ]+)"', source))
    given |= {
        caller.DEADLINE,
        fallback.NO_RETRY,
        breaker.NEEDS_KEY,
        breaker.QUOTA_USED,
        breaker.BREAKER_OPEN,
        breaker.COOLING,
        breaker.SUSPENDED,
        breaker.PERMIT_TAKEN,
    }
    assert {codes(cell)[0] for cell, _ in rows(FALLBACK, "reason")} == given


def test_the_states_are_those_of_a_provider_in_their_order():
    assert [codes(cell)[0] for cell, _ in rows(FALLBACK, "state")] == [state.value for state in HealthState]


@pytest.mark.parametrize("page", [page for page in PAGES if ">>> " in page.read_text("utf-8")], ids=name)
def test_the_numbers_shown_are_those_of_the_program(page):
    failures, tried = doctest.testfile(str(page), module_relative=False)
    assert tried
    assert not failures


# --- alerts ----------------------------------------------------------------------------------------------------------


def test_the_quantities_and_the_shipped_rules_are_those_of_the_program():
    shown = {codes(cell)[0]: (scope, words, codes(words)) for cell, scope, words in rows("docs/alerts.md", "quantity")}
    assert list(shown) == list(QUANTITIES)
    for known, quantity in QUANTITIES.items():
        scope, words, values = shown[known]
        assert (scope, tuple(values)) == (quantity.scope, quantity.words)
        assert words.startswith(quantity.meaning)
    assert [(codes(cell)[0], codes(when)[0]) for cell, when in rows("docs/alerts.md", "rule")] == [
        (rule.name, rule.when) for rule in SHIPPED
    ]


# --- plugins and sandbox ---------------------------------------------------------------------------------------------


def test_the_hooks_are_those_of_the_sdk_with_their_arguments():
    known = {
        hook: [argument for argument in function.__annotations__ if argument != "return"]
        for hook, function in vars(hooks).items()
        if hook.startswith("provider_console_")
    }
    assert {codes(hook)[0]: codes(arguments) for hook, arguments, _ in rows("docs/plugins.md", "hook")} == known


def test_the_methods_of_a_kind_are_explained():
    shown = {method for cell, _ in rows("docs/plugins.md", "method") for method in codes(cell)}
    assert shown == {method for method, value in vars(OperationKind).items() if callable(value) and method[0] != "_"}


def test_the_kinds_of_fault_and_the_servers_are_those_of_the_sandbox():
    page = text(OPERATIONS)
    between = page.partition("<!-- kinds -->")[2].partition("<!-- end of kinds -->")[0]
    assert tuple(codes(between.replace("\n", " "))) == KINDS
    assert ", ".join(NAMES) in page.replace("\n", " ")


# --- make ------------------------------------------------------------------------------------------------------------


def test_the_make_targets_are_those_of_the_makefile():
    targets = set(re.findall(r"^([a-z]+):.*##", text("Makefile"), re.MULTILINE)) - {"help"}
    assert {codes(cell)[0].removeprefix("make ") for cell, _ in rows("CONTRIBUTING.md", "target")} == targets
    called = {word for page in PAGES for word in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text("utf-8"), re.M)}
    assert called <= targets
