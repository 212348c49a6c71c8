"""A provider that was found: where its requests and its credential would go is said before they go there."""

from __future__ import annotations

import os
import subprocess

import pytest
from tests.e2e.home import PROGRAM, TIMEOUT_S, Home, clean_stderr, translation

# Each of these tests starts several processes, and a busy machine takes its time for that.
pytestmark = pytest.mark.limit(60)

KEY = {"DEEPL_AUTH_KEY": "e2e-0000/3333:fx"}
MINE = {"mine": {"driver": "deepl", "credential": "DEEPL_AUTH_KEY", "base_url": "https://deepl.example"}}


@pytest.fixture
def finder(home: Home) -> Home:
    """A console that finds `deepl` by a well-known key, which `mine` has at another address."""
    home.environ |= KEY
    home.configure(translation(MINE))
    return home


def answered(home: Home, answer: str) -> tuple[int, str, str]:
    """`providers enable deepl` on a terminal where this is typed."""
    terminal, stdin = os.openpty()
    try:
        os.write(terminal, answer.encode())
        ended = subprocess.run(
            [str(PROGRAM), "providers", "enable", "deepl"],
            env=home.environ,
            stdin=stdin,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            text=True,
        )
    finally:
        os.close(terminal)
        os.close(stdin)
    return ended.returncode, ended.stdout, ended.stderr


def adopted(home: Home) -> bool:
    return "[translation.providers.deepl]" in (home.path / "config.toml").read_text("utf-8")


def test_where_nobody_can_be_asked_adoption_needs_a_yes(finder: Home) -> None:
    finished = finder.run("providers", "enable", "deepl")

    assert (finished.code, finished.out) == (2, ""), finished
    (said,) = clean_stderr(finished)
    assert "with the credential DEEPL_AUTH_KEY; DEEPL_AUTH_KEY is also the key of mine at https://deepl.example" in said
    assert said.endswith("; --yes adopts it")
    assert not adopted(finder)


def test_with_a_yes_it_is_adopted_and_still_said_where_its_key_goes(finder: Home) -> None:
    finished = finder.run("providers", "enable", "deepl", "--yes")

    assert finished.code == 0, finished
    assert "DEEPL_AUTH_KEY is also the key of mine at https://deepl.example" in finished.err
    assert adopted(finder)


@pytest.mark.parametrize(("answer", "code", "taken"), [("y\n", 0, True), ("n\n", 1, False), ("\n", 1, False)])
def test_on_a_terminal_the_person_is_asked_and_no_is_the_default(
    finder: Home, answer: str, code: int, taken: bool
) -> None:
    ended, _, said = answered(finder, answer)

    assert ended == code, said
    assert "is also the key of mine" in said
    assert "adopt? [y/N]" in said
    assert ("nothing was adopted" in said) is not taken
    assert adopted(finder) is taken
