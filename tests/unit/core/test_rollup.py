from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from provider_console.core.ports import AttemptRow
from provider_console.core.rollup import Cell, cell_of, merged

DISTRIBUTIONS: dict[str, Callable[[random.Random], float]] = {
    "uniform": lambda rng: rng.uniform(5.0, 3_000.0),
    "exponential": lambda rng: 1.0 + rng.expovariate(1 / 400.0),
    "log-normal": lambda rng: rng.lognormvariate(6.0, 1.2),
    "heavy tail": lambda rng: 80.0 * rng.paretovariate(1.3),
    "two humps": lambda rng: rng.gauss(120.0, 6.0) if rng.random() < 0.8 else rng.gauss(9_000.0, 400.0),
    "all alike": lambda rng: 812.5 + rng.random() / 1000,
}


def attempt(duration_ms: float = 250.0, **more: object) -> AttemptRow:
    given = {
        "execution_id": "E1",
        "provider": "a",
        "kind": "chat",
        "category": "ai",
        "attempt": 1,
        "at": 100.0,
        "timeout_ms": 15_000.0,
        "delay_before_ms": 0.0,
        "ok": True,
        "absorbed": False,
        "counted": 0.0,
    }
    return AttemptRow(duration_ms=duration_ms, **(given | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_percentiles_of_merged_rollups_are_within_3_2_percent_of_exact(name: str, seed: int) -> None:
    rng = random.Random(seed)
    samples = [max(1.0, DISTRIBUTIONS[name](rng)) for _ in range(5_000)]
    minutes = [merged(cell_of(attempt(ms)) for ms in samples[start::40]) for start in range(40)]

    found = merged(minutes).quantiles_s((0.5, 0.95, 0.99))

    ordered = sorted(samples)
    exact = [ordered[math.ceil(share * len(ordered)) - 1] / 1000 for share in (0.5, 0.95, 0.99)]
    assert found == pytest.approx(exact, rel=0.032)


def test_there_is_no_percentile_of_nothing() -> None:
    assert Cell().quantiles_s((0.5, 0.99)) == [None, None]


def test_a_stream_counts_until_its_first_content_and_a_failure_as_time_lost() -> None:
    stream = cell_of(attempt(9_000.0, first_content_ms=120.0))
    failure = cell_of(attempt(500.0, ok=False, error_class="timeout", delay_before_ms=1_000.0, attempt=2, first=False))

    assert (stream.latency_us, stream.lost_us, stream.visits, stream.executions) == (120_000, 0, 1, 1)
    assert (failure.latency_us, failure.lost_us, failure.visits, failure.executions) == (0, 1_500_000, 0, 0)
    assert failure.failed == {"timeout": 1}
