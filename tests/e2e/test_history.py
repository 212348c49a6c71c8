"""The figures of the past against SQL over the rows they were made from."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from provider_console.adapters.clock import SystemClock
from provider_console.adapters.sqlite import SqliteUsage
from provider_console.bootstrap import Situation, open_console
from provider_console.core.ports.usage import AttemptRow

SQL = """
SELECT count(*), 100.0 * sum(ok) / count(*), avg(CASE WHEN ok THEN duration_ms END),
  1.0 * count(*) / count(DISTINCT execution_id), sum(NOT ok AND absorbed), sum(NOT ok AND NOT absorbed), sum(cost)
FROM provider_usage_analytics WHERE provider = ? AND at >= ?
"""
ERRORS = """
SELECT error_class, count(*) FROM provider_usage_analytics WHERE provider = ? AND at >= ? AND NOT ok GROUP BY 1
"""


def rows(now: float, count: int) -> list[AttemptRow]:
    """Executions of two providers over two days, some of them with several attempts."""
    rng, made = random.Random(7), list[AttemptRow]()
    for number in range(count):
        at, name = now - rng.uniform(60.0, 2 * 86_400.0), rng.choice(["deepl", "apertium"])
        failures, good = rng.choice([0, 0, 0, 1, 2]), rng.random() < 0.9
        for attempt in range(1, failures + 2):
            ok = good and attempt == failures + 1
            made.append(
                AttemptRow(
                    execution_id=f"E{number}",
                    provider=name,
                    kind="translate",
                    category="translation",
                    attempt=attempt,
                    at=at + attempt,
                    duration_ms=round(rng.lognormvariate(5.5, 0.8), 1),
                    timeout_ms=15_000.0,
                    delay_before_ms=0.0,
                    ok=ok,
                    absorbed=good and not ok,
                    counted=0.0 if ok else 1.0,
                    error_class=None if ok else rng.choice(["timeout", "server_error"]),
                    units={"characters": 100.0},
                    cost=0.0023 if ok else None,
                    first=attempt == 1,
                )
            )
    return made


async def test_a_comparison_of_two_providers_agrees_with_sql_over_the_raw_rows(tmp_path: Path) -> None:
    clock = SystemClock()
    async with open_console(Situation(home=tmp_path, environ={}), background=False) as console:
        path = Situation(home=tmp_path, environ={}).places.console_db
        usage = SqliteUsage(path, clock=clock)
        await usage.write(rows(clock.wall(), 2_000))
        await usage.close()

        view = await console.history(providers=["deepl", "apertium"], since="1d")
        wall = _wall(view.since)

    assert [one.provider for one in view.providers] == ["deepl", "apertium"]
    with closing(sqlite3.connect(path)) as connection:
        for one in view.providers:
            figures = one.figures
            assert figures is not None
            wanted = connection.execute(SQL, (one.provider, wall)).fetchone()
            assert [
                figures.total_requests,
                figures.success_rate,
                figures.average_response_time,
                figures.attempts_per_execution,
                figures.absorbed_failures,
                figures.reached_caller,
                figures.cost,
            ] == [pytest.approx(value, rel=1e-3, abs=0.01) for value in wanted]
            assert figures.error_classes == dict(connection.execute(ERRORS, (one.provider, wall)))
            ordered = sorted(
                ms
                for (ms,) in connection.execute(
                    "SELECT duration_ms FROM provider_usage_analytics WHERE provider = ? AND at >= ? AND ok",
                    (one.provider, wall),
                )
            )
            exact = [ordered[round(share * len(ordered) + 0.499) - 1] for share in (0.5, 0.95, 0.99)]
            assert [figures.p50, figures.p95, figures.p99] == pytest.approx(exact, rel=0.033)


def _wall(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
