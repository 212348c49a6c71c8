"""The first thing that anybody runs: a translation and a chat that fall back, on sandbox providers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.e2e.home import PROGRAM, Home, clean_stderr

# Each of these tests starts several processes, and a busy machine takes its time for that.
pytestmark = pytest.mark.limit(60)

ROOT = Path(__file__).parents[2]


def test_make_run_opens_the_demo_in_a_terminal_and_is_headless_without_one() -> None:
    planned = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "run"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    in_terminal, _, without = planned.stdout.splitlines()[-1].partition("; else ")
    assert "-t 0" in in_terminal
    assert "-t 1" in in_terminal
    assert in_terminal.endswith("provider-console demo")
    assert without.endswith("provider-console demo --headless; fi")


def test_the_demo_tells_a_translation_and_a_chat_that_each_fell_back(home: Home) -> None:
    finished = home.run("demo", "--headless", "--json")

    assert finished.code == 0, finished
    clean_stderr(finished)
    reports = finished.json()
    assert [(report["operation"], report["status"]) for report in reports] == [("translate", "ok"), ("chat", "ok")]
    failures = []
    for report in reports:
        failed = [attempt for attempt in report["attempts"] if attempt["status"] == "error"]
        assert failed
        assert all(attempt["absorbed"] for attempt in failed)
        assert any(attempt["delayBeforeMs"] > 0 for attempt in failed)
        assert report["provider"] == report["attempts"][-1]["provider"] != failed[0]["provider"]
        assert [left["provider"] for left in report["left"]] == [failed[0]["provider"]]
        failures.append({attempt["errorClass"] for attempt in failed})
    assert failures == [{"server_error"}, {"rate_limited"}]
    assert reports[0]["result"]["text"] == "La casa es roja."
    assert reports[1]["result"]["text"]


def test_the_demo_in_words_names_delays_reasons_and_who_answered(home: Home) -> None:
    finished = home.run("demo", "--headless", "--quiet")

    assert (finished.code, clean_stderr(finished)) == (0, [])
    for words in ("server_error 503", "rate_limited 429", "after 0.", "left: ", "La casa es roja."):
        assert words in finished.out, words
    assert finished.out.count("answered by ") == 2


def test_the_demo_touches_no_home_and_needs_no_key(home: Home) -> None:
    before = {name: value for name, value in home.environ.items() if name not in ("PRIMARY_KEY",)}

    ended = subprocess.run(
        [str(PROGRAM), "demo", "--headless"], env=before, capture_output=True, timeout=60, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert not home.path.exists()
