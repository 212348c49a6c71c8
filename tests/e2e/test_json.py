"""Every command with --json: one JSON value on stdout, nothing beside it, and the exit code that it is due."""

from __future__ import annotations

import json
import re

import pytest
from tests.e2e.home import Home, clean_stderr, deepl, translation

from provider_console.cli.program import COMMANDS
from provider_console.sandbox import Fault, Server

# Each of these tests starts several processes, and a busy machine takes its time for that.
pytestmark = pytest.mark.limit(60)

TO_SPANISH = ("execute", "translate", "--from", "en", "--to", "es", "--text", "Good morning.")

DONE: dict[tuple[str, ...], int] = {
    ("demo", "--headless"): 0,
    ("providers",): 0,
    ("providers", "--include-inactive", "--sort", "name"): 0,
    ("providers", "disable", "primary"): 0,
    ("providers", "enable", "primary"): 0,
    TO_SPANISH: 0,
    (*TO_SPANISH, "--explain"): 0,
    (*TO_SPANISH, "--dry-run"): 0,
    (*TO_SPANISH, "--stream"): 0,
    ("health",): 0,
    ("check",): 0,
    ("check", "primary"): 0,
    ("coverage",): 0,
    ("analytics",): 0,
    ("analytics", "primary", "--window", "5m"): 0,
    ("analytics", "--since", "7d", "--export", "json"): 0,
    ("analytics", "primary", "--outages"): 0,
    ("alerts",): 0,
    ("alerts", "list", "--open"): 0,
    ("alerts", "rules"): 0,
    ("config", "show"): 0,
    ("config", "show", "--origin"): 0,
    ("config", "get", "engine"): 0,
    ("config", "get", "engine.max_retries"): 0,
    ("config", "set", "engine.max_retries", "3"): 0,
    ("config", "set", "engine.max_retries", "--unset"): 0,
    ("config", "validate"): 0,
    ("config", "history"): 0,
    ("config", "restore", "1"): 0,
    ("secrets", "list"): 0,
    ("secrets", "test", "PRIMARY_KEY"): 0,
    ("secrets", "backend"): 4,
    ("cache", "clear"): 0,
    ("token", "list"): 0,
    ("audit",): 0,
    ("audit", "list", "--since", "1h", "--limit", "5"): 0,
    ("audit", "verify"): 0,
    ("plugins",): 0,
    ("plugins", "list"): 0,
    ("plugins", "check", "translation"): 0,
    ("plugins", "disable", "system_secrets"): 0,
    ("plugins", "enable", "system_secrets"): 0,
    ("doctor",): 0,
}
"""Commands that give data, and their exit codes where one provider works and there is no keyring."""

ENDLESS = {"sandbox", "serve"}
"""Commands that run until Ctrl-C."""

LATER = {"themes"}
"""Named in the product's face; each is tried here once it is there."""


@pytest.fixture
def served(home: Home, deepl_server: Server) -> Home:
    home.configure(translation({"primary": deepl(deepl_server.base_url)}))
    return home


def test_every_command_is_tried_here() -> None:
    tried = {arguments[0] for arguments in DONE} | ENDLESS

    assert sorted(set(COMMANDS) - tried - LATER) == []


@pytest.mark.parametrize("arguments", DONE, ids=" ".join)
def test_a_command_gives_one_json_value(served: Home, arguments: tuple[str, ...]) -> None:
    finished = served.run(*arguments, "--json")

    assert finished.code == DONE[arguments], finished
    clean_stderr(finished)
    assert isinstance(json.loads(finished.out), dict | list)
    assert not re.search(r'"[a-z]+_[a-z_]+": ', without_texts(finished.out)), "names in JSON are camelCase"


def without_texts(told: str) -> str:
    """JSON without the values that are somebody else's words, such as settings' own tables."""
    return re.sub(
        r'"(value|default|config|errorClasses|budget|provenance)": (\{.*?\}|".*?"|\[.*?\])', "", told, flags=re.S
    )


@pytest.mark.parametrize("place", ["before", "behind"])
def test_json_may_stand_before_the_command_or_behind_it(served: Home, place: str) -> None:
    words = ("config", "get", "engine.max_retries")

    finished = served.run("--json", *words) if place == "before" else served.run(*words, "--json")

    assert finished.code == 0, finished
    assert finished.json()["value"] == 5


def test_a_failed_execution_gives_its_report_as_json(served: Home, deepl_server: Server) -> None:
    served.run("config", "set", "engine.base_delay", "1")
    deepl_server.faults.set(Fault("status", status=503), on="work")

    finished = served.run(*TO_SPANISH, "--json")

    assert finished.code == 3, finished
    report = finished.json()
    assert (report["status"], len(report["attempts"])) == ("failed", 5)
    assert "translate failed" in clean_stderr(finished)[-1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("check", "nobody"), 2),
        (("config", "set", "engine.max_retries", "500"), 2),
        (("config", "restore", "99"), 2),
        (("secrets", "set", "OTHER_KEY"), 4),
        (("secrets", "delete", "OTHER_KEY"), 4),
        (("secrets", "test", "OTHER_KEY"), 2),
        (("audit", "--since", "yesterday"), 2),
        (("audit", "--limit", "many"), 2),
        (("providers", "enable"), 2),
        (("cache",), 2),
        (("sandbox", "--port-base", "0"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_refused_command_leaves_stdout_empty(served: Home, arguments: tuple[str, ...], code: int) -> None:
    finished = served.run(*arguments, "--json", stdin="a value")

    assert (finished.code, finished.out) == (code, ""), finished
    assert clean_stderr(finished)


def test_the_sandbox_gives_its_addresses_as_json_and_ends_with_ctrl_c(home: Home) -> None:
    finished = home.interrupt("sandbox", "--json", "--port-base", "28760", once=lambda running: "}\n" in running.out)

    assert finished.code == 130, finished
    assert sorted(finished.json()["servers"]) == ["catalogue", "deepl", "libretranslate", "ollama", "openai"]


def test_a_role_can_be_lowered_and_then_may_not_change_settings(served: Home) -> None:
    finished = served.run("config", "set", "engine.max_retries", "3", "--role", "admin", "--json")

    assert (finished.code, finished.out) == (4, ""), finished
    assert served.run("config", "get", "engine.max_retries", "--role", "admin", "--json").json()["value"] == 5


def test_somebody_in_neither_list_is_refused(served: Home) -> None:
    served.configure({"access": {"super_admins": ["nobody-here"]}, "dynamic_ai": {"discover_local": False}})

    finished = served.run("providers", "--json")

    assert (finished.code, finished.out) == (4, ""), finished
    assert clean_stderr(finished)


def test_without_a_command_every_command_is_listed(home: Home) -> None:
    finished = home.run("--help")

    assert finished.code == 0
    assert [name for name in COMMANDS if not re.search(rf"^  {name} ", finished.out, flags=re.M)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example(home: Home, name: str) -> None:
    finished = home.run(name, "--help")

    assert finished.code == 0
    assert f"provider-console {name}" in finished.out.partition("example:")[2]
