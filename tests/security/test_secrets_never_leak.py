"""Twelve secrets, every way to lose one: no byte on the disk, on stdout, on stderr or in a log holds any of them.

Standard output has what was seen of the console: every view, the answers of the HTTP API, pictures of the terminal.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import pytest
from tests.security.leak_scenario import NAMES, canaries, spellings

from provider_console.adapters.redaction import Redactor
from provider_console.core.classify import classify
from provider_console.sdk import ProviderError, Secret

SCENARIO: Final = Path(__file__).with_name("leak_scenario.py")
ROOT: Final = Path(__file__).parents[2]


class Left(NamedTuple):
    """What a run of the scenario has left."""

    home: Path
    out: bytes
    err: bytes

    def places(self) -> dict[str, bytes]:
        """Every place where a secret could be, by name."""
        files = {str(path.relative_to(self.home)): path.read_bytes() for path in self.home.rglob("*") if path.is_file()}
        return {"stdout": self.out, "stderr": self.err, **files}


def found_in(content: bytes) -> list[str]:
    """The names of the secrets that some spelling in it gives away."""
    return [name for name, value in canaries().items() if any(form.encode() in content for form in spellings(value))]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """One run for all tests here."""
    home = tmp_path_factory.mktemp("leaks") / "home"
    finished = subprocess.run(
        [sys.executable, SCENARIO, home],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home.parent),
            "PROVIDER_CONSOLE_HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        },
        capture_output=True,
        timeout=400,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr.decode()[-4000:]
    return Left(home, finished.stdout, finished.stderr)


@pytest.mark.limit(420)
def test_every_secret_was_sent_so_that_there_was_something_to_lose(left: Left) -> None:
    assert f"SENT {' '.join(NAMES)}".encode() in left.out


@pytest.mark.parametrize("place", ["stdout", "stderr", "console.db", "audit.db", "config.toml", "log", "anything else"])
def test_no_secret_is_left_in(place: str, left: Left) -> None:
    places = left.places()
    known = ["stdout", "stderr", "console.db", "audit.db", "config.toml"]
    if place == "log":
        mine = {name: content for name, content in places.items() if name.endswith(".log")}
        assert mine, sorted(places)
    elif place == "anything else":
        mine = {name: content for name, content in places.items() if name not in known}
    else:
        mine = {name: content for name, content in places.items() if name.startswith(place)}
        assert mine, sorted(places)

    assert {name: found_in(content) for name, content in mine.items() if found_in(content)} == {}


def test_what_was_done_is_on_record(left: Left) -> None:
    places = left.places()

    for trace in (b"set_secret", b"execute", b"test_secret"):
        assert any(trace in content for name, content in places.items() if name.startswith("audit.db"))
    assert b"***" in left.out, "the server repeated the keys, and something took them out"
    assert NAMES[1].encode() in left.out.partition(b"<svg")[2], "the terminal showed what was done with one"
    assert left.out.count(b"<svg") > 15
    assert left.out.count(b"event: HealthChecked") > 0, "events were heard"


@pytest.mark.parametrize("name", NAMES)
def test_the_search_finds_each_secret_in_each_spelling(name: str) -> None:
    value = canaries()[name]
    raw = value.encode()

    for hidden in (
        raw,
        base64.b64encode(raw),
        base64.urlsafe_b64encode(b"u:" + raw),
        quote(value).encode(),
        quote(value, safe="").encode(),
        raw.hex().encode(),
    ):
        assert name in found_in(b"before " + hidden + b" after")


@pytest.mark.parametrize("before", [0, 30, 50, 60])
def test_a_providers_code_is_looked_through_before_it_is_cut(before: int) -> None:
    redactor = Redactor()
    redactor.add(Secret("canary-4711-value"))

    failure = classify(ProviderError("no", status=401, code="x" * before + "canary-4711-value"), safe=redactor.redact)

    assert "canary" not in str(failure.code)


@pytest.mark.parametrize("before", [0, 270, 290, 298])
def test_a_message_is_looked_through_before_it_is_cut(before: int) -> None:
    redactor = Redactor()
    redactor.add(Secret("canary-4711-value"))

    failure = classify(ProviderError("x" * before + "canary-4711-value", status=401), safe=redactor.redact)

    assert "ca" not in failure.message
