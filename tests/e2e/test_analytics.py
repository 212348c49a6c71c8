"""`analytics` on a console that has seen something: the table says what the console's own call says."""

from __future__ import annotations

import csv
import io
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.home import Home, clean_stderr, deepl, translation
from textual.widgets import Input

from provider_console import open_console
from provider_console.adapters.clock import SystemClock
from provider_console.adapters.sqlite import SqliteUsage
from provider_console.core.ports.usage import AttemptRow, CheckRow
from provider_console.testing.workflow import Stage
from provider_console.tui.app import ConsoleApp
from provider_console.tui.clock import WallClock
from provider_console.tui.link import Preview
from provider_console.tui.themes import load_themes

pytestmark = pytest.mark.limit(60)


def attempt(provider: str, number: int, at: float, **more: Any) -> AttemptRow:
    given: dict[str, Any] = {
        "kind": "translate",
        "category": "translation",
        "attempt": 1,
        "duration_ms": 200.0 + number,
        "timeout_ms": 15_000.0,
        "delay_before_ms": 0.0,
        "ok": True,
        "absorbed": False,
        "counted": 0.0,
        "cost": 0.5,
    }
    return AttemptRow(execution_id=f"{provider}{number}", provider=provider, at=at, **(given | more))


@pytest.fixture
async def seen(home: Home) -> Home:
    """Two providers with requests of this hour and the one before, failures, and an outage."""
    server = "http://127.0.0.1:9"
    home.configure(translation({"primary": deepl(server), "spare": deepl(server)}))
    now = time.time()
    failed = {"ok": False, "error_class": "timeout", "cost": None}
    usage = SqliteUsage(home.situation.places.console_db, clock=SystemClock())
    await usage.write(
        [
            *(attempt("primary", n, now - 60.0 - n) for n in range(90)),
            *(attempt("primary", 100 + n, now - 300.0, absorbed=n < 7, **failed) for n in range(10)),
            *(attempt("spare", n, now - 120.0, duration_ms=900.0) for n in range(5)),
            *(attempt("spare", 10 + n, now - 5_400.0, duration_ms=700.0) for n in range(3)),
            CheckRow(provider="spare", at=now - 900.0, state="unhealthy", passed=False, message="refused"),
            CheckRow(provider="spare", at=now - 870.0, state="unhealthy", passed=False),
            CheckRow(provider="spare", at=now - 840.0, state="healthy", passed=True),
        ]
    )
    await usage.close()
    return home


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


async def test_the_table_is_what_the_json_says(seen: Home) -> None:
    shown, said = seen.run("analytics", "--since", "1h"), seen.run("analytics", "--since", "1h", "--json")

    assert (shown.code, said.code) == (0, 0), (shown, said)
    clean_stderr(shown)
    view = said.json()
    lines = [cells(line) for line in shown.out.splitlines()]
    for one in (*view["providers"], {"name": "all 2", "figures": view["total"]}):
        row = next(line for line in lines if line[0] == one["name"])
        figures = one["figures"]
        assert row[1:10] == [
            f"{figures['totalRequests']:,}",
            f"{figures['successRate']:.1f}",
            *(f"{figures[name] / 1000:.2f}" for name in ("p50", "p95", "p99")),
            f"{figures['attemptsPerExecution']:.2f}",
            f"{figures['absorbedFailures']:,}",
            f"{figures['reachedCaller']:,}",
            f"{figures['cost']:.2f}",
        ]
    assert (view["total"]["totalRequests"], view["total"]["absorbedFailures"], view["total"]["reachedCaller"]) == (
        105,
        7,
        3,
    )
    assert ["timeout", "10", "3", "primary 10"] in lines


async def test_a_provider_has_its_trend_and_its_outages(seen: Home) -> None:
    shown = seen.run("analytics", "spare", "--since", "1h")

    assert shown.code == 0, shown
    lines = [cells(line) for line in shown.out.splitlines()]
    assert ["spare", "3", "2", "1", "1 m 00 s"] in lines
    assert any(line[1:2] == ["spare"] and line[-1] == "refused" for line in lines)
    assert "FROM (UTC)" in shown.out


async def test_a_comparison_stands_side_by_side_with_the_period_before(seen: Home) -> None:
    shown = seen.run("analytics", "--since", "1h", "--compare", "primary,spare")

    assert shown.code == 0, shown
    rows = {line[0]: line[1:] for line in map(cells, shown.out.splitlines()) if line}
    assert rows["primary"] == ["before", "spare", "before"]
    assert rows["REQUESTS"] == ["100", "–", "5", "3"]
    assert rows["P50 S"][2:] == ["0.90", "0.70"]


async def test_an_export_holds_every_row_of_the_view(seen: Home) -> None:
    exported, said = (seen.run("analytics", "--since", "1h", "--export", kind) for kind in ("csv", "json"))

    rows = list(csv.DictReader(io.StringIO(exported.out)))
    view = said.json()
    assert [row["totalRequests"] for row in rows if row["of"] == "period"] == ["100", "5", "105"]
    assert [row["totalRequests"] for row in rows if (row["provider"], row["of"]) == ("spare", "before")] == ["3"]
    steps = [int(row["totalRequests"]) for row in rows if (row["provider"], row["of"]) == ("all", "step")]
    assert steps == [point["totalRequests"] for point in view["trend"]]
    assert sum(steps) == 105


def test_a_console_that_has_seen_nothing_says_so_and_shows_no_zeros(home: Home) -> None:
    home.configure(translation({"primary": deepl("http://127.0.0.1:9")}))

    shown, outages = home.run("analytics"), home.run("analytics", "--outages")

    assert (shown.code, outages.code) == (0, 0)
    assert "no request in this period" in shown.out
    assert "no health check in this period" in outages.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nobody",), "unknown provider 'nobody'"),
        (("--since", "soon"), "since takes a span"),
        (("--since", "7d", "--step", "1m"), "take a step of 1h or more"),
        (("--compare", "primary"), "two providers or more"),
        (("--window", "5m", "--since", "1h"), "not allowed with argument"),
        (("--outages", "--export", "csv"), "goes with a provider and a period only"),
    ],
)
def test_what_cannot_be_had_is_a_sentence_and_code_2(home: Home, arguments: tuple[str, ...], words: str) -> None:
    home.configure(translation({"primary": deepl("http://127.0.0.1:9")}))

    refused = home.run("analytics", *arguments)

    assert refused.code == 2, refused
    assert words in refused.err
    assert not refused.out


async def test_the_panel_shows_what_the_json_says(seen: Home, tmp_path: Path) -> None:
    said = seen.run("analytics", "--since", "24h", "--json").json()
    exported = seen.run("analytics", "--since", "24h", "--export", "csv").out
    app = ConsoleApp(
        opener=partial(open_console, seen.situation, background=False),
        preview=Preview(),
        clock=WallClock(),
        themes=load_themes([]),
    )
    async with app.run_test(size=(120, 40)) as pilot:
        stage = Stage(pilot)
        await pilot.press("3")
        assert await stage.until(lambda: "All 2" in stage.text), stage.text
        classes = " ".join(stage.text.split())
        shown = {row[1]: row[2:] for line in stage.text.splitlines() if len(row := line.strip("▌ ").split()) > 8}
        await pilot.press("E")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = str(tmp_path / "past.csv")
        await pilot.press("enter")
        assert await stage.until((tmp_path / "past.csv").exists)

    for one in (*said["providers"], {"name": "2", "figures": said["total"]}):
        figures = one["figures"]
        row = [cell for cell in shown[one["name"]] if not set(cell) <= set("●━╌↑↓=×%")]
        assert row[:2] == [f"{figures['totalRequests']:,}", f"{figures['successRate']:.1f}"]
        assert f"{figures['p95'] / 1000:.2f}" in row
        assert f"{figures['attemptsPerExecution']:.2f}" in row
        assert str(figures["absorbedFailures"]) in row
        assert row[-1] == f"{figures['cost']:.2f}"
    assert said["total"]["errorClasses"] == {"timeout": 10}
    assert "10 failed requests · 7 absorbed, 3 reached the caller" in classes
    # The moments differ by the seconds between the two; the figures do not.
    told = [list(csv.reader(io.StringIO(text))) for text in ((tmp_path / "past.csv").read_text(), exported)]
    assert [[*row[:2], *row[3:]] for row in told[0]] == [[*row[:2], *row[3:]] for row in told[1]]
