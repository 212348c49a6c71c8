"""A primary that fails and a real Apertium behind it: who is asked, how often, after which delays, and the records."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tests.e2e.home import KEY, Finished, Home, apertium, clean_stderr, deepl, translation

from provider_console import open_console
from provider_console.sandbox import DeepLSandbox, Fault, Server, serve_in_thread

pytestmark = [pytest.mark.counterpart("apertium"), pytest.mark.limit(60)]

HOUSE = ("execute", "translate", "--from", "en", "--to", "es", "--text", "The house is red.", "--json")
UNAVAILABLE = Fault("status", status=503)


@pytest.fixture
def deepl_down(home: Home, deepl_server: Server, apertium: str) -> Server:
    """DeepL as `primary`, answering 503, and Apertium as `fallback`."""
    deepl_server.faults.set(UNAVAILABLE, on="work")
    configure(home, deepl_server, apertium)
    return deepl_server


def configure(home: Home, primary: Server, fallback: str, **engine: object) -> None:
    providers = {"primary": deepl(primary.base_url, tier="primary"), "fallback": apertium(fallback)}
    home.configure(translation(providers, **({"engine": engine} if engine else {})))


def fell_back_after_five(home: Home, wire: Server, finished: Finished, *, base_ms: float, max_ms: float) -> None:
    assert finished.code == 0, finished
    clean_stderr(finished)
    report = finished.json()
    assert report["result"]["text"] == "La casa es roja."
    assert report["provider"] == "fallback"
    story = [(a["provider"], a["attempt"], a["errorClass"], a["httpStatus"]) for a in report["attempts"]]
    assert story == [*(("primary", n, "server_error", 503) for n in range(1, 6)), ("fallback", 1, None, None)]
    assert report["left"] == [{"provider": "primary", "reason": "attempts exhausted"}]
    delays = [attempt["delayBeforeMs"] for attempt in report["attempts"]]
    ceilings = [0.0, *(min(max_ms, base_ms * 2**n) for n in range(4)), 0.0]
    assert all(0 <= delay <= ceiling for delay, ceiling in zip(delays, ceilings, strict=True)), delays
    sent = [seen for seen in wire.requests if seen.path == "/v2/translate"]
    assert [seen.status for seen in sent] == [503] * 5
    # What the report says was waited was really waited, as the other side saw it.
    gaps = [(after.at_s - before.at_s) * 1000 for before, after in pairwise(sent)]
    assert all(gap >= delay - 1 for gap, delay in zip(gaps, delays[1:5], strict=True)), (gaps, delays)
    rows = home.attempts()
    assert [(r["provider"], r["attempt"], r["error_class"], r["http_status"], r["ok"]) for r in rows] == [
        *(("primary", n, "server_error", 503, 0) for n in range(1, 6)),
        ("fallback", 1, None, None, 1),
    ]
    assert [round(row["delay_before_ms"]) for row in rows] == [round(delay) for delay in delays]
    assert [attempt["absorbed"] for attempt in report["attempts"]] == [True] * 5 + [False]
    assert {row["execution_id"] for row in rows} == {report["executionId"]}


def test_a_503_is_tried_five_times_with_the_usual_delays_and_then_apertium_translates(
    home: Home, deepl_down: Server
) -> None:
    finished = home.run(*HOUSE)

    fell_back_after_five(home, deepl_down, finished, base_ms=1_000, max_ms=10_000)


def test_short_delays_change_nothing_else(home: Home, deepl_down: Server, apertium: str) -> None:
    configure(home, deepl_down, apertium, base_delay=20, max_delay=100)

    finished = home.run(*HOUSE)

    fell_back_after_five(home, deepl_down, finished, base_ms=20, max_ms=100)


def test_the_answer_alone_is_on_stdout_without_json(home: Home, deepl_down: Server, apertium: str) -> None:
    configure(home, deepl_down, apertium, base_delay=1)

    finished = home.run(*HOUSE[:-1], "--quiet")

    assert (finished.code, finished.out, clean_stderr(finished)) == (0, "La casa es roja.\n", [])


async def test_an_empty_budget_ends_the_attempts_early(home: Home, deepl_down: Server, apertium: str) -> None:
    # Rate limits never open the breaker, so only the budget can end them before the fifth attempt.
    deepl_down.faults.set(Fault("status", status=429), on="work")
    configure(home, deepl_down, apertium, base_delay=1)
    stories: list[tuple[int, str]] = []

    async with open_console(home.situation, background=False) as console:
        operation = await console.operation("translate", {"text": "The house is red.", "from": "en", "to": "es"})
        while len(stories) < 40 and (not stories or stories[-1][1] != "budget"):
            report = await console.execute(operation)
            assert report.result is not None
            assert report.result["text"] == "La casa es roja."
            tried = [attempt for attempt in report.attempts if attempt.provider == "primary"]
            stories.append((len(tried), report.left[0].reason))

    *before, (attempts, reason) = stories
    assert before
    assert set(before) == {(5, "attempts exhausted")}
    assert (attempts < 5, reason) == (True, "budget")
    recorded = [row for row in home.attempts() if row["provider"] == "primary"]
    assert len(recorded) == deepl_down.count("/v2/translate") == 5 * len(before) + attempts


async def test_an_open_breaker_ends_the_attempts_early_and_then_saves_them(
    home: Home, deepl_down: Server, apertium: str
) -> None:
    configure(home, deepl_down, apertium, base_delay=1)
    async with open_console(home.situation, background=False) as console:
        operation = await console.operation("translate", {"text": "The house is red.", "from": "en", "to": "es"})
        reports = [await console.execute(operation) for _ in range(3)]

    tried = [len([a for a in report.attempts if a.provider == "primary"]) for report in reports]
    assert tried == [5, 1, 0]
    assert [report.provider for report in reports] == ["fallback"] * 3
    assert [left.reason for left in reports[1].left] == ["breaker"]
    assert [out.provider for out in reports[2].excluded if "breaker" in out.reason] == ["primary"]
    assert deepl_down.count("/v2/translate") == 6


def test_the_deadline_ends_the_attempts_early_and_leaves_time_for_apertium(
    home: Home, deepl_down: Server, apertium: str
) -> None:
    # Delays of up to ten minutes: one that fits twice before a deadline of three seconds is not to be expected.
    configure(home, deepl_down, apertium, base_delay=600_000, max_delay=3_600_000)

    finished = home.run(*HOUSE, "--deadline", "3")

    assert finished.code == 0, finished
    report = finished.json()
    tried = [attempt for attempt in report["attempts"] if attempt["provider"] == "primary"]
    assert 1 <= len(tried) < 5
    assert report["left"] == [{"provider": "primary", "reason": "deadline"}]
    assert (report["provider"], report["result"]["text"]) == ("fallback", "La casa es roja.")
    assert deepl_down.count("/v2/translate") == len(tried)


def test_a_manual_check_is_on_record(home: Home, deepl_down: Server) -> None:
    finished = home.run("check", "--json")

    assert finished.code == 0, finished
    clean_stderr(finished)
    told = {check["provider"]: check for check in finished.json()}
    rows = {row["provider"]: row for row in home.checks()}
    assert set(told) == set(rows) == {"primary", "fallback"}
    assert all(row["passed"] == 1 and row["manual"] == 1 and row["state"] == "healthy" for row in rows.values())
    assert {name: check["rung"] for name, check in told.items()} == {n: row["rung"] for n, row in rows.items()}


def test_two_providers_that_fail_are_both_named_and_the_exit_code_is_three(
    home: Home, deepl_down: Server, apertium: str
) -> None:
    with serve_in_thread(DeepLSandbox(key=KEY)) as second:
        second.faults.set(Fault("status", status=456), on="work")
        providers = {"primary": deepl(deepl_down.base_url), "second": deepl(second.base_url, tier="secondary")}
        home.configure(translation(providers, engine={"base_delay": 1}))

        finished = home.run(*HOUSE)

    assert finished.code == 3, finished
    report = finished.json()
    assert (report["status"], report["result"]) == ("failed", None)
    assert {a["provider"]: a["errorClass"] for a in report["attempts"]} == {
        "primary": "server_error",
        "second": "quota",
    }
    assert report["hint"]
    assert "translate failed" in clean_stderr(finished)[-1]


def test_a_failure_that_was_absorbed_is_recorded_so_however_long_the_fallback_took(
    home: Home, deepl_down: Server, apertium: str
) -> None:
    # Rows go out after a second; the second attempt comes later than that.
    deepl_down.faults.set(Fault("status", status=503, retry_after="2"), on="work")
    configure(home, deepl_down, apertium, max_retries=2)

    finished = home.run(*HOUSE)

    assert finished.code == 0, finished
    assert [(row["provider"], row["absorbed"]) for row in home.attempts()] == [
        ("primary", 1),
        ("primary", 1),
        ("fallback", 0),
    ]
